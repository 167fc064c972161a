package portmap

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// portControl is where gateways listen for PCP and NAT-PMP.
const portControl = 5351

// pcpPatience is how long an answer is waited for after each sending.
var pcpPatience = []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}

// pcp makes mappings by the Port Control Protocol.
type pcp struct {
	dial     dialer
	nonce    nonce
	patience []time.Duration
}

func (p *pcp) forget() {}

func (p *pcp) ask(ctx context.Context, w want, _ func(netip.Addr) error) (grant, error) {
	r, err := p.exchange(ctx, w, pcpMapRequest(w.local, p.nonce, w.port, suggestion(w), uint32(askLife/time.Second)))
	if err != nil {
		return grant{}, err
	}
	if r.life == 0 {
		return grant{}, refused("the gateway maps for no time at all")
	}
	return grant{external: r.external, life: r.life, epoch: r.epoch, hasEpoch: true}, nil
}

// suggestion is the external address and port to ask for.
func suggestion(w want) netip.AddrPort {
	a := w.hint.Addr()
	if !a.Is4() {
		a = netip.IPv4Unspecified()
	}
	return netip.AddrPortFrom(a, w.hintPort())
}

// check announces nothing: the answer tells the gateway's epoch.
func (p *pcp) check(ctx context.Context, w want, _ grant) (grant, error) {
	r, err := p.exchange(ctx, w, pcpRequest(opAnnounce, 0, w.local))
	if err != nil {
		return grant{}, err
	}
	return grant{epoch: r.epoch, hasEpoch: true}, nil
}

func (p *pcp) release(ctx context.Context, w want, _ grant) error {
	_, err := p.exchange(ctx, w, pcpMapRequest(w.local, p.nonce, w.port, netip.AddrPort{}, 0))
	return err
}

// exchange sends a request until it is answered or patience ends. Whatever is
// not the answer is ignored.
func (p *pcp) exchange(ctx context.Context, w want, request []byte) (pcpResponse, error) {
	c, err := p.dial.udp(ctx, w.local, netip.AddrPortFrom(w.gateway, portControl))
	if err != nil {
		return pcpResponse{}, unanswered("cannot send to the gateway: %v", err)
	}
	defer func() { _ = c.Close() }()
	// Closing is what ends a read when the context does.
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	buf := make([]byte, pcpMaxLen+1)
	ignored := 0
	for _, patience := range p.patience {
		if _, err := c.Write(request); err != nil {
			return pcpResponse{}, sendError(ctx, err)
		}
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return pcpResponse{}, sendError(ctx, err)
		}
		for {
			n, err := c.Read(buf)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				if tooLong(err) {
					ignored++
					continue
				}
				return pcpResponse{}, sendError(ctx, err)
			}
			r, err := p.match(buf[:n], request[1], w.port)
			if errors.Is(err, errOther) || errors.Is(err, errNotPCP) || errors.Is(err, errShortPCP) {
				ignored++
				continue
			}
			return r, err
		}
	}
	if ignored > 0 {
		return pcpResponse{}, misbehaves("the gateway answers something else than it was asked (%d times)", ignored)
	}
	return pcpResponse{}, unanswered("no answer")
}

// match reads a datagram from the gateway and says whether it answers a request
// with operation op.
func (p *pcp) match(b []byte, op byte, port uint16) (pcpResponse, error) {
	r, err := parsePCP(b)
	switch {
	case err != nil:
		return r, err
	case r.version != pcpVersion:
		return r, refused("the gateway has another version (%d)", r.version)
	case r.op != op, op == opMap && !r.answers(p.nonce, port):
		return r, errOther
	case r.result == pcpUnsuppOp && op == opAnnounce:
		return r, nil // its header has the epoch
	case r.result == pcpUnsuppVers:
		return r, refused("the gateway supports another version only")
	case r.result == pcpNoExternal:
		return r, &problem{code: NoExternal, text: noExternal, pause: min(r.life, time.Minute)}
	case r.result != pcpSuccess:
		return r, &problem{code: Refused, text: "the gateway refuses: " + r.result.String(), pause: r.life}
	}
	return r, nil
}

// sendError explains an error of a socket.
func sendError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if closedPort(err) {
		return unanswered("nothing listens at the gateway's port %d", portControl)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return unanswered("cannot talk to the gateway: %v", err)
}
