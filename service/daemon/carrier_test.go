package daemon

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/service/tcprelay"
)

// fakeSockets notes what is sent by UDP.
type fakeSockets struct {
	mu   sync.Mutex
	sent []string
}

func (f *fakeSockets) Run(ctx context.Context, _ func([]vl1.Datagram)) error {
	<-ctx.Done()
	return nil
}

func (f *fakeSockets) Send(batch []vl1.Datagram) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range batch {
		f.sent = append(f.sent, string(batch[i].Data))
	}
	return nil
}

func (f *fakeSockets) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.sent
	f.sent = nil
	return all
}

// relayRig is a carrier on a clock of its own, with a relay that is the far end
// of a pipe.
type relayRig struct {
	*carrier
	t     *testing.T
	udp   fakeSockets
	got   []string // from the relay, for the core
	dials atomic.Int32
	deny  atomic.Bool // the relay cannot be reached
	heard clock.Mono  // when UDP was last heard

	mu    sync.Mutex // guards what follows
	relay []string   // what came to the relay
	conn  net.Conn   // the relay's end
	told  []bool
}

var (
	relayAt = netip.MustParseAddrPort("44.0.0.9:443")
	rootAt  = netip.MustParseAddrPort("44.0.0.1:9993")
)

// newRelayRig makes one; it must be in a bubble.
func newRelayRig(t *testing.T, s relaySettings) *relayRig {
	t.Helper()
	r := &relayRig{t: t, heard: clock.Never}
	begun := time.Now()
	now := func() clock.Instant { return clock.Instant{Mono: clock.Hour + clock.Mono(time.Since(begun))} }
	r.carrier = newCarrier(&r.udp, 0, quiet())
	core := node.New(node.Config{Secret: secret(t, 0), Trust: trust.New(100), Random: random, Log: quiet()}, now())
	var owner sync.Mutex
	r.do = func(f func(*node.Core, clock.Instant, *node.Outbox)) {
		owner.Lock()
		defer owner.Unlock()
		f(core, now(), new(node.Outbox))
	}
	r.view = func(f func(*node.Core, clock.Instant)) {
		owner.Lock()
		defer owner.Unlock()
		f(core, now())
		r.mu.Lock()
		heard := r.heard
		r.mu.Unlock()
		r.carrier.mu.Lock()
		defer r.carrier.mu.Unlock()
		r.engage.Heard(heard) // in place of the core, which hears nobody here
	}
	r.carrier.told = func(active bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.told = append(r.told, active)
	}
	r.dial = func(ctx context.Context, _, address string) (net.Conn, error) {
		r.dials.Add(1)
		if r.deny.Load() || address != relayAt.String() {
			return nil, errors.New("no route")
		}
		ours, theirs := net.Pipe()
		r.mu.Lock()
		r.conn = theirs
		r.mu.Unlock()
		go r.serve(theirs)
		return ours, nil
	}
	r.configure(s)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		_ = r.Run(ctx, func(batch []vl1.Datagram) {
			for i := range batch {
				if batch[i].Socket != vl1.RelaySocket {
					t.Errorf("from the relay with socket %d", batch[i].Socket)
				}
				r.got = append(r.got, string(batch[i].Data))
			}
		})
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	synctest.Wait()
	return r
}

// serve is the relay.
func (r *relayRig) serve(c net.Conn) {
	in := tcprelay.NewReader(c)
	for {
		m, err := in.Next()
		if err != nil {
			return
		}
		if m.Kind == tcprelay.Packet {
			r.mu.Lock()
			r.relay = append(r.relay, string(m.Datagram))
			r.mu.Unlock()
		}
	}
}

// hears sets when UDP was last heard: now.
func (r *relayRig) hears() {
	var at clock.Mono
	r.view(func(_ *node.Core, i clock.Instant) { at = i.Mono })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = at
}

// text is a datagram that tells what it is.
func text(s string, by vl1.SocketID) vl1.Datagram {
	return vl1.Datagram{Data: []byte(s + "                "), Remote: rootAt, Socket: by}
}

// calls is what a node does that looks for its roots, for some seconds.
func (r *relayRig) calls(seconds int) {
	for range seconds {
		_ = r.Send([]vl1.Datagram{text("call", vl1.AnySocket)})
		time.Sleep(time.Second)
		synctest.Wait()
	}
}

func (r *relayRig) is(want bool) {
	r.t.Helper()
	if got := r.open.Load(); got != want {
		r.t.Errorf("relay in use: %v, want %v (told %v)", got, want, r.told)
	}
}

// TestCarrier has UDP silent, then a relay, then UDP back.
func TestCarrier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRelayRig(t, relaySettings{allowed: true, relay: relayAt})
		r.calls(60)
		if r.is(false); r.dials.Load() != 0 {
			t.Error("the relay was called in the first minute")
		}
		r.calls(5)
		r.is(true)
		r.udp.took()
		_ = r.Send([]vl1.Datagram{text("a", 1), text("b", vl1.RelaySocket), text("c", 2), text("d", vl1.RelaySocket), text("e", vl1.AnySocket)})
		synctest.Wait()
		if got := r.udp.took(); !slices.Equal(trim(got), []string{"a", "c", "e"}) {
			t.Errorf("by UDP: %q", got)
		}
		if !slices.Equal(trim(r.relay), []string{"b", "d"}) {
			t.Errorf("by the relay: %q", r.relay)
		}
		if _, err := r.conn.Write(tcprelay.AppendPacket(nil, rootAt, text("answer", 0).Data)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !slices.Equal(trim(r.got), []string{"answer"}) {
			t.Errorf("to the core: %q", r.got)
		}
		// Woken up where UDP is blocked as well: the relay is called anew at once.
		before := r.dials.Load()
		r.moved()
		r.calls(3)
		if r.is(true); r.dials.Load() != before+1 {
			t.Errorf("%d calls of the relay", r.dials.Load()-before)
		}
		r.hears()
		time.Sleep(2 * closeEvery)
		synctest.Wait()
		r.is(false)
		r.calls(58)
		r.is(false)
		r.calls(6)
		r.is(true)
		// Woken up where UDP works: it gets time, and the relay is not called.
		r.hears()
		time.Sleep(2 * closeEvery)
		r.moved()
		before = r.dials.Load()
		r.calls(59)
		if r.is(false); r.dials.Load() != before {
			t.Error("the relay was called within a minute of waking up")
		}
		if !slices.Equal(r.told, []bool{true, false, true, false, true, false}) {
			t.Errorf("told %v", r.told)
		}
	})
}

// TestCarrierBacksOff has a relay that cannot be reached: it is called ever less
// often, one call at a time.
func TestCarrierBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRelayRig(t, relaySettings{allowed: true, relay: relayAt})
		r.deny.Store(true)
		r.calls(660) // ten minutes of trying
		if n := r.dials.Load(); n < 4 || n > 12 {
			t.Errorf("%d calls in ten minutes", n)
		}
		r.is(false)
		// Another relay in the settings is tried at once.
		before := r.dials.Load()
		r.configure(relaySettings{allowed: true, relay: netip.MustParseAddrPort("44.0.0.10:443")})
		synctest.Wait()
		r.calls(2)
		if n := r.dials.Load(); n == before {
			t.Error("the new relay was not tried")
		}
		// And none, if that is what they say.
		r.configure(relaySettings{relay: relayAt})
		synctest.Wait()
		before = r.dials.Load()
		r.calls(120)
		if n := r.dials.Load(); n != before {
			t.Error("a relay was called that is not allowed")
		}
	})
}

// TestCarrierForced sends nothing by UDP, and nothing at all without a relay.
func TestCarrierForced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRelayRig(t, relaySettings{allowed: true, forced: true, relay: relayAt})
		r.calls(2)
		r.is(true)
		_ = r.Send([]vl1.Datagram{text("a", 1), text("b", vl1.RelaySocket)})
		synctest.Wait()
		if got := r.udp.took(); len(got) > 0 {
			t.Errorf("by UDP: %q", got)
		}
		if !slices.Equal(trim(r.relay), []string{"b"}) {
			t.Errorf("by the relay: %q", r.relay)
		}
		r.hears()
		r.calls(5)
		r.is(true)
		r.configure(relaySettings{forced: true, relay: relayAt})
		synctest.Wait()
		r.is(false)
		_ = r.Send([]vl1.Datagram{text("a", 1), text("b", vl1.RelaySocket)})
		r.calls(3)
		if got := r.udp.took(); len(got) > 0 || len(r.relay) != 1 {
			t.Errorf("by UDP: %q, by the relay: %q", got, r.relay)
		}
	})
}

// trim takes the padding off.
func trim(all []string) (short []string) {
	for _, s := range all {
		for len(s) > 0 && s[len(s)-1] == ' ' {
			s = s[:len(s)-1]
		}
		short = append(short, s)
	}
	return short
}

// TestCarrierCostsNothing sends as usual: without a relay in use there is no
// allocation, and nobody is called.
func TestCarrierCostsNothing(t *testing.T) {
	c := newCarrier(nopSockets{}, 0, quiet())
	c.client.Store(tcprelay.NewClient(tcprelay.ClientConfig{Relay: relayAt, Log: quiet()}))
	c.view = func(func(*node.Core, clock.Instant)) { t.Error("the core was asked") }
	c.looked.Store(int64(time.Since(c.started) + time.Hour))
	batch := []vl1.Datagram{text("a", 1), text("b", 2)}
	if n := testing.AllocsPerRun(1000, func() { _ = c.Send(batch) }); n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
}

type nopSockets struct{}

func (nopSockets) Run(context.Context, func([]vl1.Datagram)) error { return nil }
func (nopSockets) Send([]vl1.Datagram) error                       { return nil }

func BenchmarkCarrier(b *testing.B) {
	c := newCarrier(nopSockets{}, 0, quiet())
	c.client.Store(tcprelay.NewClient(tcprelay.ClientConfig{Relay: relayAt, Log: quiet()}))
	c.view = func(f func(*node.Core, clock.Instant)) {}
	batch := []vl1.Datagram{text("a", 1)}
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Send(batch)
	}
}
