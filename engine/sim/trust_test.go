package sim_test

import (
	"errors"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// clone starts an attacker's node that has another key for the address of a
// node, as one gets by grinding keys. Its hash is valid: only pins help.
func (l *lan) clone(of *sim.Node, addr string) (*sim.Node, *sim.Stack) {
	n := l.w.NewNode("E", l.w.NewClone(90, addressOf(of)), ip(addr), nil)
	return n, sim.NewStack(n)
}

// pin records an identity with a node, as the user does.
func pin(t *testing.T, n *sim.Node, id identity.Identity, s trust.State) {
	t.Helper()
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		if err := c.ChangeTrust(at, out, func(table *trust.Table) error { return table.Set(at.Wall, id, s, "by hand") }); err != nil {
			t.Fatal(err)
		}
	})
}

// refused checks that a node kept the true identity of an address and recorded
// and told the conflict.
func refused(t *testing.T, n *sim.Node, kept, evil identity.Identity, from trust.Source) {
	t.Helper()
	if id, known := n.Core.Identity(kept.Address); known && id != kept {
		t.Errorf("%s has the attacker's identity", n.Name)
	}
	r, ok := n.Trust.Get(kept.Address)
	switch {
	case !ok || r.Identity != kept:
		t.Errorf("%s lost the record of the true identity: %+v", n.Name, r)
	case r.Conflict == nil || *r.Conflict != evil:
		t.Errorf("%s recorded no conflict", n.Name)
	case r.ConflictFrom != from:
		t.Errorf("%s says that the conflict came from %q, want %q", n.Name, r.ConflictFrom, from)
	}
	if events(n, node.EventConflict, kept.Address) == 0 {
		t.Errorf("%s raised no alert", n.Name)
	}
}

// Entry WHOIS. A malicious root answers with the key of an attacker: a peer that
// was pinned before first contact never gets a frame encrypted for the attacker,
// and the user hears of it.
func TestMaliciousRootAndPinnedPeer(t *testing.T) {
	for _, state := range []trust.State{trust.Verified, trust.Seen} {
		t.Run(string(state), func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 600, wan, noNAT, noNAT)
				// The root only ever knew the attacker: B is not there.
				l.b.Stop()
				l.r.Stop()
				evil, stack := l.clone(l.b, "5.0.66.1")
				l.restartClean(l.r)
				evil.Start(l.planet)
				l.w.Run(5 * sec)
				if id, _ := l.r.Core.Identity(addressOf(l.b)); id != evil.Identity() {
					t.Fatal("the root does not have the attacker's identity")
				}
				l.network(isPublic + v4Pool + `,` + v6Modes)
				l.joined(l.a, evil)
				pin(t, l.a, l.b.Identity(), state)
				for range 20 {
					l.ping(l.sa, evil, true, 56)
					l.ping(l.sa, evil, false, 56)
				}
				if stack.Received != 0 || counter(evil, "in.FRAME")+counter(evil, "in.MULTICAST_FRAME") != 0 {
					t.Errorf("the attacker got %d packets: %v", stack.Received, evil.Core.Counters())
				}
				refused(t, l.a, l.b.Identity(), evil.Identity(), trust.FromWhois)
				return l.w
			})
		})
	}
}

// Entry HELLO. An attacker with another key for B's address talks to A, which
// has seen B: it is told of the collision and gets nothing else; B and A go on.
func TestCloneSaysHello(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 601, wan, noNAT, noNAT).up()
		l.talk(l.sa, l.b, 3*sec)
		evil, _ := l.clone(l.b, "5.0.66.1")
		// A as its root, so that it says HELLO to A.
		evil.Start(l.w.Planet(sim.Epoch, l.a))
		l.w.Run(10 * sec)
		if evil.Core.Online() {
			t.Error("A answered the clone")
		}
		refused(t, l.a, l.b.Identity(), evil.Identity(), trust.FromHello)
		if events(evil, node.EventCollision, addressOf(l.a)) != 1 {
			t.Errorf("the clone heard of its collision %d times", events(evil, node.EventCollision, addressOf(l.a)))
		}
		if got := l.count(l.sa, l.b, 10, 100*ms, 56); got != 10 {
			t.Errorf("%d of 10 pings between A and B were answered", got)
		}
		return l.w
	})
}

// A node whose address is taken, at its root: it learns that, once, and the
// holder of the address does not notice.
func TestIdentityCollision(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 602, wan, noNAT, noNAT).up()
		late, _ := l.clone(l.a, "5.0.66.1")
		late.Start(l.planet)
		l.talk(l.sa, l.b, 3*sec)
		l.w.Run(30 * sec)
		if events(late, node.EventCollision, addressOf(l.r)) != 1 {
			t.Errorf("%d collision events", events(late, node.EventCollision, addressOf(l.r)))
		}
		if events(l.a, node.EventCollision, addressOf(l.r)) != 0 {
			t.Error("the holder of the address was told of a collision")
		}
		if late.Core.Online() {
			t.Error("the late comer is online")
		}
		refused(t, l.r, l.a.Identity(), late.Identity(), trust.FromHello)
		if got := l.count(l.sb, l.a, 10, 100*ms, 56); got != 10 {
			t.Errorf("%d of 10 pings to the holder were answered", got)
		}
		return l.w
	})
}

// Entry planet. A world whose root has another key than the one pinned for its
// address is refused as a whole, though its signature is right, at start and as
// an update.
func TestPlanetWithAnotherKeyForAPinnedRoot(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 603, wan, noNAT, noNAT)
		l.online()
		evil, _ := l.clone(l.r, "5.0.66.1")
		bad := l.w.Planet(sim.Epoch+5, evil)
		offer := func(n *sim.Node) error {
			var err error
			n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { err = c.AddWorld(at, bad, out) })
			return err
		}
		if err := offer(l.a); !errors.Is(err, vl1.ErrWorldPinned) {
			t.Errorf("the update: %v", err)
		}
		refused(t, l.a, l.r.Identity(), evil.Identity(), trust.FromWorld)
		if p := l.a.Core.Planet(); p.Timestamp != sim.Epoch || !l.a.Core.Online() {
			t.Errorf("planet of %d, online %v", p.Timestamp, l.a.Core.Online())
		}
		// A peer by that address, met as a leaf, is pinned as well.
		fresh := l.w.NewNode("F", l.w.NewSecret(40), ip("5.0.40.1"), nil)
		fresh.Trust = trust.New(10)
		if err := fresh.Trust.Set(sim.Epoch, l.r.Identity(), trust.Verified, "contact card"); err != nil {
			t.Fatal(err)
		}
		fresh.Start(nil)
		if err := offer(fresh); !errors.Is(err, vl1.ErrWorldPinned) {
			t.Errorf("the first planet: %v", err)
		}
		if len(fresh.Core.Peers(0)) != 0 {
			t.Error("a refused planet made peers")
		}
		return l.w
	})
}

// Entry cache. A stored peer with another key than the pinned one is not used
// and deleted; so is a record under another's name.
func TestCacheWithAnotherKey(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 604, wan, noNAT, noNAT).up()
		l.talk(l.sa, l.b, 3*sec)
		l.w.Run(15 * sec)
		evil, _ := l.clone(l.b, "5.0.66.1")
		evil.Start(nil)
		l.a.Stop()
		r := wire.PeerRecord{Identity: evil.Identity(), Protocol: 12, Major: 1, Minor: 14, Paths: evil.Root().Endpoints}
		l.a.Cache(addressOf(l.b), r.Append(nil))
		l.a.Start(nil)
		l.talk(l.sa, l.b, 5*sec)
		refused(t, l.a, l.b.Identity(), evil.Identity(), trust.FromCache)
		if counter(evil, "in.HELLO") != 0 {
			t.Error("A said HELLO to the address in a false record")
		}

		l.a.Stop()
		r.Identity = l.c.Identity()
		l.a.Cache(addressOf(l.b), r.Append(nil))
		l.a.Start(nil)
		l.talk(l.sa, l.b, 5*sec)
		l.a.Stop()
		l.a.Cache(addressOf(l.b), []byte("damaged"))
		l.a.Start(nil)
		l.talk(l.sa, l.b, 5*sec)
		return l.w
	})
}

// Controller replies. A network whose controller was pinned by an invite takes
// no configuration from another that a malicious root puts in its place.
func TestPinnedController(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 605, wan, noNAT, noNAT)
		l.online()
		l.c.Stop()
		l.r.Stop()
		l.restartClean(l.r)
		evil, _ := l.clone(l.c, "5.0.66.1")
		evil.Serve()
		evil.Start(l.planet)
		l.w.Run(5 * sec)
		good := l.c
		l.c = evil
		l.network(isPublic + v4Pool)
		pin(t, l.a, good.Identity(), trust.Verified)
		l.a.Join(l.nwid)
		l.b.Join(l.nwid)
		l.w.Run(30 * sec)
		if s, _ := l.a.Core.Network(l.nwid); s.Config != nil {
			t.Error("A took a configuration from a false controller")
		}
		refused(t, l.a, good.Identity(), evil.Identity(), trust.FromWhois)
		// B had no pin: it is deceived, and the safety number would show it.
		if r, _ := l.b.Trust.Get(addressOf(good)); r.Identity != evil.Identity() {
			t.Errorf("B recorded %v", r.Identity.Address)
		}
		if identity.SafetyNumber(l.b.Identity(), good.Identity()) == identity.SafetyNumber(l.b.Identity(), evil.Identity()) {
			t.Error("the safety numbers of two keys are equal")
		}
		return l.w
	})
}

// What was pinned stays pinned over a restart, and the settled conflict of an
// address lets its holder go on.
func TestPinsSurviveRestart(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 606, wan, noNAT, noNAT).up()
		l.talk(l.sa, l.b, 3*sec)
		pin(t, l.a, l.b.Identity(), trust.Verified)
		l.restart(sec, l.a)
		l.a.Cache(addressOf(l.b), nil)
		if !l.a.Trust.Verified(l.b.Identity()) {
			t.Fatal("the pin was lost in a restart")
		}
		l.b.Stop()
		l.r.Stop()
		l.restartClean(l.r)
		evil, stack := l.clone(l.b, "5.0.66.1")
		evil.Start(l.planet)
		l.w.Run(5 * sec)
		evil.Join(l.nwid)
		l.w.Run(5 * sec)
		for range 10 {
			l.ping(l.sa, evil, true, 56)
		}
		if stack.Received != 0 {
			t.Errorf("the attacker got %d packets", stack.Received)
		}
		return l.w
	})
}

// A user that finds that a recorded key is the wrong one forgets it: at once the
// old key is out and the true one, when it comes, is taken.
func TestForgottenPeerMayReturnWithAnotherKey(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 607, wan, noNAT, noNAT).up()
		l.talk(l.sa, l.b, 3*sec)
		fresh := l.w.NewClone(91, addressOf(l.b)).Identity
		l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			err := c.ChangeTrust(at, out, func(table *trust.Table) error {
				if err := table.Forget(addressOf(l.b)); err != nil {
					return err
				}
				return table.Set(at.Wall, fresh, trust.Verified, "new safety number")
			})
			if err != nil {
				t.Fatal(err)
			}
		})
		if id, known := l.a.Core.Identity(addressOf(l.b)); known && id == l.b.Identity() {
			t.Error("a peer that violates the pin is still in memory")
		}
		before := l.sb.Received
		for range 10 {
			l.ping(l.sa, l.b, true, 56)
			l.ping(l.sb, l.a, true, 56)
		}
		if l.sb.Received != before {
			t.Errorf("the old key got %d packets", l.sb.Received-before)
		}
		refused(t, l.a, fresh, l.b.Identity(), trust.FromWhois)
		return l.w
	})
}

// Blocked peers are silent both ways from the moment on, until they are
// unblocked.
func TestBlocked(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 608, wan, noNAT, sim.Cone).up()
		l.talk(l.sa, l.b, 3*sec)
		pin(t, l.a, l.b.Identity(), trust.Blocked)
		ra, rb := l.sa.Received, l.sb.Received
		for range 20 {
			l.ping(l.sa, l.b, true, 56)
			l.ping(l.sb, l.a, true, 56)
		}
		if l.sa.Received != ra || l.sb.Received != rb {
			t.Errorf("%d and %d packets to and from a blocked peer", l.sb.Received-rb, l.sa.Received-ra)
		}
		pin(t, l.a, l.b.Identity(), trust.Verified)
		l.talk(l.sa, l.b, 5*sec)
		return l.w
	})
}

// A network for verified peers only carries frames of nobody else.
func TestVerifiedOnly(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 609, wan, noNAT, noNAT)
		l.online()
		l.network(isPublic + v4Pool)
		s := netconf.DefaultSettings()
		s.VerifiedOnly = true
		l.a.JoinAs(l.nwid, s)
		l.joined(l.b)
		l.ready(3*sec, l.a)
		for range 10 {
			l.ping(l.sa, l.b, true, 56)
			l.ping(l.sb, l.a, true, 56)
		}
		if l.sa.Received != 0 || l.sb.Received != 0 {
			t.Errorf("%d and %d packets of a peer that was not verified", l.sa.Received, l.sb.Received)
		}
		pin(t, l.a, l.b.Identity(), trust.Verified)
		l.talk(l.sa, l.b, 5*sec)
		l.talk(l.sb, l.a, 5*sec)
		return l.w
	})
}
