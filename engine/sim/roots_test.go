package sim_test

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/sim"
	"orrery/engine/vl1"
)

// A new revision of the planet spreads from a root to everybody, by HELLO, and
// is there after a restart; nobody else can spread one.
func TestPlanetUpdateSpreads(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 900, wan, noNAT, sim.Cone)
		l.online()
		r2 := l.w.NewNode("R2", l.w.NewSecret(30), ip("5.0.0.3"), nil)
		newer := l.w.Planet(sim.Epoch+7, l.r, r2)
		r2.Start(newer)
		// A leaf that has it first, by hand, does not spread it.
		l.c.AddWorld(newer)
		l.network(isPublic + v4Pool)
		l.joined(l.a, l.b)
		l.w.Run(2 * clock.Minute)
		if p := l.a.Core.Planet(); p.Timestamp != sim.Epoch {
			t.Error("a leaf spread a planet")
		}
		l.r.AddWorld(newer)
		all := func() bool {
			return l.a.Core.Planet().Timestamp == sim.Epoch+7 && l.b.Core.Planet().Timestamp == sim.Epoch+7
		}
		took, ok := l.w.Until(20*sec, sec, all)
		if !ok {
			t.Fatalf("the planet did not spread in %d ms", took/ms)
		}
		t.Logf("a new planet is everywhere after %d s", took/sec)
		l.restart(sec, l.a)
		if p := l.a.Core.Planet(); p.Timestamp != sim.Epoch+7 || len(p.Roots) != 2 {
			t.Error("the new planet was lost in a restart")
		}
		l.r.Stop()
		l.w.Run(20 * sec)
		if !l.a.Core.Online() || !l.b.Core.Online() {
			t.Error("the new root does not serve")
		}
		return l.w
	})
}

// The root of a moon serves those who loaded the moon as the planet's does: it
// is found at start, relays, answers WHOIS, and takes over when the planet's
// root dies. A new revision of the moon comes by HELLO.
func TestMoon(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 901, wan, sim.Symmetric, sim.Symmetric)
		m := l.w.NewNode("M", l.w.NewSecret(31), ip("5.0.0.4"), nil)
		moon := l.w.Moon(sim.Epoch, m)
		m.Start(l.planet)
		m.AddWorld(moon)
		l.a.AddWorld(moon)
		l.b.AddWorld(moon)
		l.c.AddWorld(moon)
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		role := func(n *sim.Node) vl1.Role {
			p, _ := n.Core.Peer(l.w.Now().Mono, addressOf(m))
			return p.Role
		}
		if role(l.a) != vl1.MoonRoot {
			t.Errorf("the moon's root is role %v at A", role(l.a))
		}
		l.r.Stop()
		l.talk(l.sa, l.b, 5*sec)
		if got := l.count(l.sa, l.b, 60, sec, 56); got < 58 {
			t.Errorf("%d of 60 pings were answered by way of the moon", got)
		}
		if counter(m, "relayed") == 0 || !l.a.Core.Online() {
			t.Errorf("the moon's root does not serve: it relayed %d, A is online: %v", counter(m, "relayed"), l.a.Core.Online())
		}
		l.restart(sec, l.a)
		if len(l.a.Core.Moons()) != 1 {
			t.Fatal("the moon was lost in a restart")
		}
		l.talk(l.sa, l.b, 5*sec)
		m.AddWorld(l.w.Moon(sim.Epoch+1, m))
		took, ok := l.w.Until(20*sec, sec, func() bool { return l.b.Core.Moons()[0].Timestamp == sim.Epoch+1 })
		if !ok {
			t.Errorf("a new revision of the moon did not come in %d ms", took/ms)
		}
		return l.w
	})
}

// Roots relay and look up for each other: A reaches one of them only, B the other.
func TestTwoRootsRelay(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 902, wan, sim.Symmetric, sim.Symmetric)
		r2 := l.w.NewNode("R2", l.w.NewSecret(30), ip("5.0.0.3"), nil)
		both := l.w.Planet(sim.Epoch+1, l.r, r2)
		r2.Start(both)
		for _, n := range []*sim.Node{l.r, l.c, l.a, l.b} {
			n.AddWorld(both)
		}
		l.w.Watch = func(from, to netip.AddrPort, _ []byte) bool {
			between := func(a, b string) bool {
				return from.Addr() == ip(a) && to.Addr() == ip(b) || from.Addr() == ip(b) && to.Addr() == ip(a)
			}
			return !between("5.0.11.1", "5.0.0.3") && !between("5.0.12.1", "5.0.0.1") && !between("5.0.11.1", "5.0.12.1")
		}
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		if got := l.count(l.sa, l.b, 60, sec, 1400); got != 60 {
			t.Errorf("%d of 60 pings were answered", got)
		}
		return l.w
	})
}
