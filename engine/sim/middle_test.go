package sim_test

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/trust"
	"orrery/engine/wire"
	"orrery/engine/world"
)

// frames counts what a node got on the virtual wire that is meant for networks.
func frames(n *sim.Node) uint64 {
	return counter(n, "in.FRAME") + counter(n, "in.EXT_FRAME") + counter(n, "in.MULTICAST_FRAME") + counter(n, "in.NETWORK_CREDENTIALS")
}

// middle is a scene in which a malicious root puts E, who has ground another key
// for B's address, in B's place: it answers WHOIS with E's identity, relays to E,
// and keeps B from everybody. A, which never met B, starts in it. B has A's
// address, as from a contact card, and comes to say HELLO when told.
func middle(t *testing.T, seed uint64, prepare func(l *lan)) (l *lan, evil *sim.Node, arrive func()) {
	t.Helper()
	l = newLAN(t, seed, wan, noNAT, noNAT)
	l.a.Stop()
	l.a.Wipe()
	if _, ok := l.w.Until(3*sec, 10*ms, func() bool { return l.b.Core.Online() && l.c.Core.Online() }); !ok {
		t.Fatal("not online")
	}
	l.network(isPublic + v4Pool + `,` + v6Modes)
	l.joined(l.b)
	l.b.Stop()
	l.r.Stop()
	evil, _ = l.clone(l.b, "5.0.66.1")
	l.restartClean(l.r)
	l.w.Watch = func(from, to netip.AddrPort, _ []byte) bool {
		b, r, c := ip("5.0.12.1"), ip("5.0.0.1"), ip("5.0.0.2")
		return !(from.Addr() == b && (to.Addr() == r || to.Addr() == c) || to.Addr() == b && (from.Addr() == r || from.Addr() == c))
	}
	evil.Start(l.planet)
	l.w.Run(5 * sec)
	if id, _ := l.r.Core.Identity(addressOf(l.b)); id != evil.Identity() {
		t.Fatal("the root does not have the attacker's identity")
	}
	l.a.Start(l.planet)
	prepare(l)
	l.joined(l.a)
	return l, evil, func() {
		r := wire.PeerRecord{Identity: l.a.Identity(), Protocol: 12, Major: 1, Minor: 14, Paths: l.a.Root().Endpoints}
		l.b.Cache(addressOf(l.a), r.Append(nil))
		l.b.Start(nil)
	}
}

// Scenario: the root in the middle, without a pin. A is deceived, as nobody could
// tell; it is noticed as soon as the true key shows up: the user is told, the key
// seen first stays until the user decides, and then nothing more goes to E.
func TestRootInTheMiddleIsNoticed(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, evil, arrive := middle(t, 630, func(*lan) {})
		there, _ := l.b.Address(l.nwid, false)
		send := func() {
			for range 10 {
				l.sa.Ping(l.nwid, there, 56)
				l.w.Run(sec)
			}
		}
		send()
		if frames(evil) == 0 {
			t.Fatal("the attack does not work: E got nothing")
		}
		if events(l.a, node.EventConflict, addressOf(l.b)) != 0 {
			t.Error("an alert before the true key was seen")
		}
		arrive()
		took, ok := l.w.Until(10*sec, 10*ms, func() bool { return events(l.a, node.EventConflict, addressOf(l.b)) > 0 })
		if !ok {
			t.Fatal("the true key was not noticed")
		}
		t.Logf("noticed %d ms after B came", took/ms)
		refused(t, l.a, evil.Identity(), l.b.Identity(), trust.FromHello)
		if l.sb.Received != 0 {
			t.Errorf("B's host got %d packets before the user decided", l.sb.Received)
		}
		// The user compares safety numbers and takes the true key.
		l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			if err := c.ChangeTrust(at, out, func(table *trust.Table) error {
				if err := table.Forget(addressOf(l.b)); err != nil {
					return err
				}
				return table.Set(at.Wall, l.b.Identity(), trust.Verified, "safety number")
			}); err != nil {
				t.Fatal(err)
			}
		})
		got := frames(evil)
		l.restart(sec, l.b)
		send()
		if now := frames(evil); now != got {
			t.Errorf("E got %d frames after it was found out", now-got)
		}
		if l.sb.Received == 0 {
			t.Error("B gets nothing although its key was verified")
		}
		return l.w
	})
}

// Scenario: the root in the middle, with a pin. E never gets one frame, the user
// is told, and B is talked to as soon as it comes, without the root.
func TestRootInTheMiddleAndAPin(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, evil, arrive := middle(t, 631, func(l *lan) { pin(t, l.a, l.b.Identity(), trust.Verified) })
		there, _ := l.b.Address(l.nwid, false)
		for range 15 {
			l.sa.Ping(l.nwid, there, 56)
			l.w.Run(sec)
		}
		refused(t, l.a, l.b.Identity(), evil.Identity(), trust.FromWhois)
		arrive()
		var asked []uint16
		for range 15 {
			asked = append(asked, l.sa.Ping(l.nwid, there, 56))
			l.w.Run(sec)
		}
		answered := 0
		for _, seq := range asked {
			if _, ok := l.sa.Took(seq); ok {
				answered++
			}
		}
		if answered < 12 || l.sb.Received == 0 {
			t.Errorf("%d of 15 packets to the true peer were answered, it got %d", answered, l.sb.Received)
		}
		if n := frames(evil); n != 0 {
			t.Errorf("E got %d frames", n)
		}
		return l.w
	})
}

// Scenario: the same 40-bit address with a different key is presented to a node
// that pinned the first, at every place where identities enter that a moon, a
// planet or their updates open. It is rejected and shown. (HELLO, WHOIS, cache,
// controllers and changes at run time have scenarios of their own.)
func TestAnotherKeyForAPinnedAddress(t *testing.T) {
	for name, present := range map[string]func(l *lan, evil *sim.Node){
		"HELLO of a stranger": func(l *lan, evil *sim.Node) {
			evil.Start(l.w.Planet(sim.Epoch, l.a)) // A as its root: it says HELLO there
		},
		"OK(HELLO) with a planet": func(l *lan, evil *sim.Node) {
			l.r.AddWorld(l.w.Planet(sim.Epoch+9, l.r, evil))
		},
		"OK(HELLO) with a moon's update": func(l *lan, evil *sim.Node) {
			l.a.AddWorld(l.w.Moon(sim.Epoch, l.r))
			l.r.AddWorld(l.w.Moon(sim.Epoch, l.r))
			l.w.Run(sec)
			l.r.AddWorld(l.w.Moon(sim.Epoch+9, l.r, evil))
		},
		"a moon": func(l *lan, evil *sim.Node) { l.offer(l.a, l.w.Moon(sim.Epoch, l.c, evil)) },
		"a planet": func(l *lan, evil *sim.Node) {
			l.offer(l.a, l.w.Planet(sim.Epoch+9, l.r, evil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 632, wan, noNAT, noNAT)
				l.online()
				pin(t, l.a, l.b.Identity(), trust.Verified)
				// The root never heard of B, and believes what it is given.
				l.b.Stop()
				l.r.Stop()
				l.restartClean(l.r)
				evil, _ := l.clone(l.b, "5.0.66.1")
				present(l, evil)
				_, ok := l.w.Until(300*sec, sec, func() bool { return events(l.a, node.EventConflict, addressOf(l.b)) > 0 })
				if !ok {
					t.Fatal("nothing was shown")
				}
				from := trust.FromWorld
				if name == "HELLO of a stranger" {
					from = trust.FromHello
				}
				refused(t, l.a, l.b.Identity(), evil.Identity(), from)
				if p := l.a.Core.Planet(); p.Timestamp != sim.Epoch {
					t.Error("the planet was taken")
				}
				if id, known := l.a.Core.Identity(addressOf(l.b)); known && id != l.b.Identity() {
					t.Error("A has the other key")
				}
				return l.w
			})
		})
	}
}

// offer gives a node a world that it may refuse.
func (l *lan) offer(n *sim.Node, w *world.World) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { _ = c.AddWorld(at, w, out) })
}

// Scenario: one of two roots lies about a pinned peer. The other is asked too, and
// the peer is known within seconds.
func TestSecondRootIsAsked(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 633, wan, noNAT, noNAT)
		for _, n := range []*sim.Node{l.a, l.b, l.c, l.r} {
			n.Stop()
			n.Wipe()
		}
		honest := l.w.NewNode("S", l.w.NewSecret(50), ip("5.0.0.3"), nil)
		planet := l.w.Planet(sim.Epoch+1, l.r, honest)
		evil, _ := l.clone(l.b, "5.0.66.1")
		l.w.Watch = func(from, to netip.AddrPort, _ []byte) bool {
			cut := func(x, y string) bool {
				return from.Addr() == ip(x) && to.Addr() == ip(y) || from.Addr() == ip(y) && to.Addr() == ip(x)
			}
			// Nor do the roots ask each other.
			return !cut("5.0.12.1", "5.0.0.1") && !cut("5.0.66.1", "5.0.0.3") && !cut("5.0.0.1", "5.0.0.3")
		}
		for _, n := range []*sim.Node{l.r, honest, evil, l.b, l.a} {
			n.Start(planet)
		}
		l.w.Run(5 * sec)
		pin(t, l.a, l.b.Identity(), trust.Verified)
		told := false
		for range 4 { // whichever root is asked first
			l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
				c.Message(at, addressOf(l.b), 1<<20, []byte("hello"), out)
			})
			_, told = l.w.Until(5*sec, 100*ms, func() bool { id, ok := l.a.Core.Identity(addressOf(l.b)); return ok && id == l.b.Identity() })
			if told {
				break
			}
		}
		if !told {
			t.Error("the true peer is not known")
		}
		if evil.Messages != 0 {
			t.Errorf("the attacker got %d messages", evil.Messages)
		}
		return l.w
	})
}
