package host

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
)

func TestTwoMembersTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root, a, b, nwid := trio(t)
		pass(2 * time.Second)
		if e := a.told(); !slices.Contains(e, node.Event{Kind: node.EventOnline}) {
			t.Fatalf("events of a: %v", e)
		}
		a.join(nwid)
		b.join(nwid)
		pass(3 * time.Second)
		from, to := a.address(nwid), b.address(nwid)
		for _, size := range []int{60, 1400, 2800} {
			p := packet(from, to, size)
			a.system.last(t).Inject(p)
			pass(2 * time.Second)
			if got := received(b.system.last(t)); len(got) != 1 || !bytes.Equal(got[0], p) {
				t.Errorf("of a packet of %d bytes, b has got %d packets", size, len(got))
			}
		}
		if _, _, joined := a.disk.network(nwid); !joined {
			t.Error("the network is not stored")
		}
		for _, p := range []*person{root, a, b} {
			if err := p.stop(); err != nil {
				t.Error(err)
			}
		}
		if len(a.disk.peers) == 0 || len(a.disk.trust) == 0 || len(a.disk.planet) == 0 {
			t.Errorf("stored at the end: %d peers, %d bytes of trust records, %d of the planet", len(a.disk.peers), len(a.disk.trust), len(a.disk.planet))
		}
		if !a.system.last(t).isClosed() {
			t.Error("the device is still open")
		}
	})
}

// TestStartStop leaves finding goroutines to the bubble.
func TestStartStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wires{}
		planet := planetOf(t, secret(t, 0), "10.9.0.1:9993")
		nwid := planetNetwork
		for i := range 50 {
			d := newDisk()
			p := start(t, w, 1, "10.9.0.2:9993", d, planet)
			p.join(nwid)
			if i%2 == 0 { // also while everything is still beginning
				pass(100 * time.Millisecond)
			}
			if err := p.stop(); err != nil {
				t.Fatal(err)
			}
			if _, _, joined := d.network(nwid); !joined {
				t.Fatal("the network is not stored")
			}
			for _, port := range p.system.all() {
				if !port.isClosed() {
					t.Fatal("a device is still open")
				}
			}
			if err := p.Sync(context.Background()); !errors.Is(err, ErrStopped) {
				t.Fatalf("Sync after the end: %v", err)
			}
			if err := p.DoDurably(context.Background(), func(*node.Core, clock.Instant, *node.Outbox) {}); err != nil {
				t.Fatalf("nothing to store after the end: %v", err)
			}
			p.join(nwid + 1) // is not answered for, but must not block or panic
		}
	})
}

const planetNetwork identity.NetworkID = 0x1122334455000001

func TestSocketsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &wires{}, 1, "10.9.0.2:9993", newDisk(), nil)
		broken := errors.New("the card was pulled")
		p.sockets.fail <- broken
		synctest.Wait()
		if err := p.stop(); !errors.Is(err, broken) {
			t.Errorf("Run: %v", err)
		}
	})
}

// TestTimer checks that a deadline that comes nearer is met, and that an idle
// host does not spin.
func TestTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, _, _ := trio(t)
		pass(time.Minute)
		calls := 0
		begun := a.sockets.sent.Load()
		for range 100 {
			pass(10 * time.Millisecond)
			if n := a.sockets.sent.Load(); n != begun {
				calls++
				begun = n
			}
		}
		if calls > 10 {
			t.Errorf("an idle host has sent %d times in a second", calls)
		}
		before := a.sockets.sent.Load()
		a.join(planetNetwork) // asks its controller, by way of the root
		pass(10 * time.Millisecond)
		if a.sockets.sent.Load() == before {
			t.Error("nothing was sent after joining")
		}
	})
}

func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, &wires{}, 1, "10.9.0.2:9993", newDisk(), nil)
		pass(time.Second)
		if got := p.Time(p.now().Mono); time.Since(got).Abs() > time.Millisecond {
			t.Errorf("now is %v", got)
		}
		if got := p.Time(clock.Never); !got.IsZero() {
			t.Errorf("never is %v", got)
		}
	})
}
