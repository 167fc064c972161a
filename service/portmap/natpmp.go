package portmap

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	natpmplib "github.com/jackpal/go-nat-pmp"
)

// natpmpPatience bounds an exchange. The library cannot be interrupted, so it
// also bounds how long we may have to wait for it at exit.
const natpmpPatience = 2 * time.Second

// natpmp makes mappings by NAT-PMP.
type natpmp struct {
	patience time.Duration
	calls    sync.WaitGroup
}

func (n *natpmp) forget() {}

// wait waits for exchanges that were given up.
func (n *natpmp) wait() { n.calls.Wait() }

// exchange calls the library, and no longer than the context goes on.
func exchange[T any](ctx context.Context, n *natpmp, w want, f func(*natpmplib.Client) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	c := natpmplib.NewClientWithLocalAndTimeout(w.gateway.AsSlice(), w.local.AsSlice(), n.patience)
	done := make(chan result, 1)
	n.calls.Go(func() {
		v, err := f(c)
		done <- result{v, err}
	})
	var none T
	select {
	case r := <-done:
		return r.value, natpmpError(r.err)
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// natpmpError sorts the library's errors, which have no types, by their words.
func natpmpError(err error) error {
	switch {
	case err == nil:
		return nil
	case closedPort(err):
		return unanswered("nothing listens at the gateway's port %d", portControl)
	case strings.HasPrefix(err.Error(), "Timed out"):
		return unanswered("no answer")
	case strings.HasPrefix(err.Error(), "Non-zero result code 3"):
		return &problem{code: NoExternal, text: noExternal}
	}
	if words, ok := strings.CutPrefix(err.Error(), "Non-zero result code "); ok {
		return refused("the gateway refuses: result %s", words)
	}
	var sys syscall.Errno
	if errors.As(err, &sys) {
		return unanswered("cannot talk to the gateway: %v", sys)
	}
	return misbehaves("the gateway's answer is not understood: %v", err)
}

func (n *natpmp) address(ctx context.Context, w want) (grant, error) {
	a, err := exchange(ctx, n, w, (*natpmplib.Client).GetExternalAddress)
	if err != nil {
		return grant{}, err
	}
	return grant{external: netip.AddrPortFrom(netip.AddrFrom4(a.ExternalIPAddress), 0), epoch: a.SecondsSinceStartOfEpoc, hasEpoch: true}, nil
}

func (n *natpmp) ask(ctx context.Context, w want, ok func(netip.Addr) error) (grant, error) {
	a, err := n.address(ctx, w)
	if err != nil {
		return grant{}, err
	}
	if err := ok(a.external.Addr()); err != nil {
		return a, err
	}
	m, err := exchange(ctx, n, w, func(c *natpmplib.Client) (*natpmplib.AddPortMappingResult, error) {
		return c.AddPortMapping("udp", int(w.port), int(w.hintPort()), int(askLife/time.Second))
	})
	if err != nil {
		return a, err
	}
	if m.InternalPort != w.port {
		return a, misbehaves("the gateway says that it has mapped port %d, not %d", m.InternalPort, w.port)
	}
	if m.PortMappingLifetimeInSeconds == 0 {
		return a, refused("the gateway maps for no time at all")
	}
	return grant{
		external: netip.AddrPortFrom(a.external.Addr(), m.MappedExternalPort),
		life:     time.Duration(m.PortMappingLifetimeInSeconds) * time.Second,
		epoch:    m.SecondsSinceStartOfEpoc, hasEpoch: true,
	}, nil
}

func (n *natpmp) check(ctx context.Context, w want, _ grant) (grant, error) { return n.address(ctx, w) }

// release deletes all mappings of the port (RFC 6886 §3.4).
func (n *natpmp) release(ctx context.Context, w want, _ grant) error {
	_, err := exchange(ctx, n, w, func(c *natpmplib.Client) (*natpmplib.AddPortMappingResult, error) {
		return c.AddPortMapping("udp", int(w.port), 0, 0)
	})
	return err
}
