package sim_test

import (
	"errors"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl1"
	"orrery/engine/world"
)

// twoRoots is the scene with a second root, which everybody knows.
func twoRoots(t *testing.T, seed uint64, natA, natB sim.NATKind) (*lan, *sim.Node) {
	l := newLAN(t, seed, wan, natA, natB)
	r2 := l.w.NewNode("R2", l.w.NewSecret(30), ip("5.0.0.3"), nil)
	l.planet = l.w.Planet(sim.Epoch+1, l.r, r2)
	r2.Start(l.planet)
	for _, n := range []*sim.Node{l.r, l.c, l.a, l.b} {
		n.AddWorld(l.planet)
	}
	return l, r2
}

// root describes a root as a node sees it.
func (l *lan) root(at, of *sim.Node) vl1.RootInfo {
	for _, r := range at.Core.Roots(l.w.Now().Mono) {
		if r.Identity == of.Identity() {
			return r
		}
	}
	return vl1.RootInfo{}
}

// Of two roots the quicker one relays; one that becomes slow is left for the
// other, and taken again.
func TestSlowRootIsLeft(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, r2 := twoRoots(t, 920, sim.Symmetric, sim.Symmetric)
		for i, slow := range []*sim.Node{r2, l.r, r2} {
			fast := l.r
			if slow == l.r {
				fast = r2
			}
			l.w.Slow(slow.Root().Endpoints[0].Addr(), 300*ms)
			l.w.Slow(fast.Root().Endpoints[0].Addr(), 0)
			if i == 0 {
				l.up()
			}
			l.talk(l.sa, l.b, 5*sec)
			took, ok := l.w.Until(10*clock.Minute, sec, func() bool {
				l.sa.Ping(l.nwid, mustAddress(l, l.b), 56)
				return l.root(l.a, fast).Best && l.root(l.b, fast).Best
			})
			if !ok {
				t.Fatalf("%s is slow and still used after %d s", slow.Name, took/sec)
			}
			t.Logf("%s became slow: %s is used %d s later", slow.Name, fast.Name, took/sec)
			before := counter(slow, "relayed")
			if got := l.count(l.sa, l.b, 20, sec, 56); got != 20 {
				t.Errorf("%d of 20 pings were answered", got)
			}
			if n := counter(slow, "relayed") - before; n > 4 {
				t.Errorf("%s is slow and relayed %d packets", slow.Name, n)
			}
		}
		return l.w
	})
}

func mustAddress(l *lan, n *sim.Node) netip.Addr {
	a, ok := n.Address(l.nwid, true)
	if !ok {
		l.t.Fatalf("%s has no address", n.Name)
	}
	return a
}

// With all roots dead, members that reach each other directly go on for hours;
// everybody is online again within seconds of a root's return.
func TestAllRootsDead(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, r2 := twoRoots(t, 921, sim.Cone, noNAT)
		l.up()
		if _, ok := l.directly(10 * sec); !ok {
			t.Fatal("not direct within 10 s")
		}
		l.r.Stop()
		r2.Stop()
		if got := l.count(l.sa, l.b, 30*60, 4*sec, 56); got < 30*60-2 {
			t.Errorf("%d of %d pings were answered in two hours without a root", got, 30*60)
		}
		if l.a.Core.Online() {
			t.Error("online without a root")
		}
		r2.Start(nil)
		took, ok := l.w.Until(20*sec, 100*ms, func() bool { return l.a.Core.Online() && l.b.Core.Online() && l.c.Core.Online() })
		if !ok || took > 5*sec {
			t.Errorf("online %v, %d ms after a root came back", ok, took/ms)
		}
		// Others can be found again.
		d, sd := l.add("D", 40, "5.0.40.1")
		l.joined(d)
		l.talk(sd, l.b, 5*sec)
		return l.w
	})
}

// Roots that disagree about the planet: the newest revision that the held key
// signed wins; an older one, one without a signature and one of another key are
// refused, and the rest of the answer is good.
func TestRootsThatDisagree(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 922, wan, noNAT, noNAT)
		k0, evil := l.w.SigningKey(0), l.w.SigningKey(9)
		old := l.w.NewNode("old", l.w.NewSecret(30), ip("5.0.0.3"), nil)
		liar := l.w.NewNode("liar", l.w.NewSecret(31), ip("5.0.0.4"), nil)
		bare := l.w.NewNode("bare", l.w.NewSecret(32), ip("5.0.0.5"), nil)
		planet := l.w.Planet(sim.Epoch+10, l.r, old, liar, bare)
		next := l.w.Planet(sim.Epoch+20, l.r, old, liar, bare)
		of := func(revision clock.Wall, signer *world.SigningKey, roots ...*sim.Node) *world.World {
			var rs []world.Root
			for _, n := range roots {
				rs = append(rs, n.Root())
			}
			w, err := world.NewPlanet(sim.PlanetID, revision, rs, k0.Public, signer)
			if err != nil {
				t.Fatal(err)
			}
			return &w
		}
		unsigned := of(sim.Epoch+90, k0, bare)
		unsigned.Signature[5] ^= 1
		for _, n := range []*sim.Node{l.c, l.a, l.b, l.r} {
			n.AddWorld(planet)
		}
		l.r.AddWorld(next)
		old.Start(of(sim.Epoch+5, k0, l.r, old))
		liar.Start(of(sim.Epoch+99, evil, liar))
		bare.Start(unsigned)
		took, ok := l.w.Until(6*clock.Minute, sec, func() bool {
			return l.a.Core.Planet().Timestamp == sim.Epoch+20 && l.b.Core.Planet().Timestamp == sim.Epoch+20
		})
		if !ok {
			t.Fatalf("the newest planet did not come in %d s: %d", took/sec, l.a.Core.Planet().Timestamp-sim.Epoch)
		}
		l.w.Run(10 * clock.Minute)
		if p := l.a.Core.Planet(); p.Timestamp != sim.Epoch+20 || len(p.Roots) != 4 {
			t.Errorf("the planet of a liar was taken: %d", p.Timestamp-sim.Epoch)
		}
		if counter(l.a, "drop.world") < 2 {
			t.Errorf("%d worlds were refused", counter(l.a, "drop.world"))
		}
		for _, r := range []*sim.Node{old, liar, bare} {
			if !l.root(l.a, r).Answers {
				t.Errorf("%s is not used as a root any more", r.Name)
			}
		}
		// The one that is behind learns it from the root that it knows; the liar
		// goes on lying.
		if o, x := old.Core.Planet().Timestamp, liar.Core.Planet().Timestamp; o != sim.Epoch+20 || x != sim.Epoch+99 {
			t.Errorf("the planet that is behind is of %d, the liar's of %d", o-sim.Epoch, x-sim.Epoch)
		}
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		return l.w
	})
}

// A planet that changes while everybody runs: a root that it no longer names
// becomes an ordinary peer, a node that it names becomes a root and serves at
// once, and ceases to serve when the next revision drops it. The state file is
// what a restart finds.
func TestPlanetChangesWhileRunning(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, r2 := twoRoots(t, 923, sim.Symmetric, sim.Symmetric)
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		// Only C becomes the root. R tells A and B; it is none itself.
		next := l.w.Planet(sim.Epoch+20, l.c)
		for _, n := range []*sim.Node{l.r, r2, l.c} {
			n.AddWorld(next)
		}
		if !l.c.Core.Online() {
			t.Error("a root is not online")
		}
		all := func() bool {
			return l.a.Core.Planet().Timestamp == sim.Epoch+20 && l.b.Core.Planet().Timestamp == sim.Epoch+20
		}
		if took, ok := l.w.Until(5*clock.Minute, sec, all); !ok {
			t.Fatalf("the planet did not come in %d s", took/sec)
		}
		if got := l.a.Core.Roots(l.w.Now().Mono); len(got) != 1 || got[0].Identity != l.c.Identity() {
			t.Errorf("the roots are %+v", got)
		}
		p, ok := l.a.Core.Peer(l.w.Now().Mono, addressOf(l.r))
		if !ok || p.Role != vl1.Leaf {
			t.Errorf("the former root: %v, %+v", ok, p.Role)
		}
		l.r.Stop()
		r2.Stop()
		l.talk(l.sa, l.b, 10*sec)
		relayed := counter(l.c, "relayed")
		if got := l.count(l.sa, l.b, 30, sec, 56); got < 29 || counter(l.c, "relayed") < relayed+50 {
			t.Errorf("%d of 30 pings, %d relayed by the new root", got, counter(l.c, "relayed")-relayed)
		}
		l.restart(sec, l.a)
		l.talk(l.sa, l.b, 10*sec)
		// C stops being one: it relays for nobody that it has no network with.
		r2.Start(nil)
		last := l.w.Planet(sim.Epoch+30, r2)
		for _, n := range []*sim.Node{r2, l.c} {
			n.AddWorld(last)
		}
		l.w.Run(5 * clock.Minute)
		if l.a.Core.Planet().Timestamp != sim.Epoch+30 {
			t.Fatal("the last planet did not come")
		}
		l.talk(l.sa, l.b, 10*sec)
		relayed = counter(l.c, "relayed")
		if got := l.count(l.sa, l.b, 20, sec, 56); got < 19 || counter(l.c, "relayed") != relayed {
			t.Errorf("%d of 20 pings, %d relayed by the former root", got, counter(l.c, "relayed")-relayed)
		}
		return l.w
	})
}

// A root that moves is reached where the new revision says, and nowhere else.
func TestRootMoves(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, r2 := twoRoots(t, 924, noNAT, noNAT)
		l.online()
		l.w.Run(sec)
		l.r.Move(ip("5.0.0.9"), nil)
		l.w.Run(2 * clock.Minute)
		if l.root(l.a, l.r).Answers {
			t.Error("a root is used at an address that its planet does not name")
		}
		r2.AddWorld(l.w.Planet(sim.Epoch+20, l.r, r2))
		l.r.AddWorld(l.w.Planet(sim.Epoch+20, l.r, r2))
		took, ok := l.w.Until(5*clock.Minute, sec, func() bool { return l.root(l.a, l.r).Answers && l.root(l.b, l.r).Answers })
		if !ok {
			t.Fatalf("the root that moved is not reached after %d s", took/sec)
		}
		t.Logf("reached at the new address %d s after the revision", took/sec)
		return l.w
	})
}

// What a node must refuse to be told, by name.
func TestWorldsRefused(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 925, wan, noNAT, noNAT)
		l.online()
		k1 := l.w.SigningKey(1)
		held := l.a.Core.Planet()
		other := *l.w.Planet(sim.Epoch+5, l.r)
		other.ID++
		l.w.SigningKey(0).Sign(&other)
		self := l.w.NewClone(60, addressOf(l.a)).Identity
		foreign, err := world.NewPlanet(sim.PlanetID, sim.Epoch+5, []world.Root{l.r.Root()}, k1.Public, k1)
		if err != nil {
			t.Fatal(err)
		}
		twice := *l.w.Planet(sim.Epoch+5, l.r)
		twice.Roots = append(twice.Roots, world.Root{Identity: l.w.NewClone(61, addressOf(l.c)).Identity}, l.c.Root())
		l.w.SigningKey(0).Sign(&twice)
		for name, c := range map[string]struct {
			w   *world.World
			err error
		}{
			"the same revision":       {l.w.Planet(sim.Epoch, l.r), world.ErrOlder},
			"an older one":            {l.w.Planet(sim.Epoch-1, l.r), world.ErrOlder},
			"another planet":          {&other, world.ErrOther},
			"signed by another key":   {&foreign, world.ErrSignature},
			"our address elsewhere":   {l.w.PlanetOf(sim.Epoch+5, world.Root{Identity: self}), vl1.ErrWorldSelf},
			"an address of two roots": {&twice, vl1.ErrWorldPinned},
			"nothing":                 {&world.World{}, vl1.ErrWorldKind},
		} {
			if err := l.a.TryWorld(c.w); !errors.Is(err, c.err) {
				t.Errorf("%s: %v, want %v", name, err, c.err)
			}
		}
		if p := l.a.Core.Planet(); p.Signature != held.Signature || len(l.a.Core.Moons()) != 0 || !l.a.Core.Online() {
			t.Error("something was changed by what was refused")
		}
		// The user may choose another planet; a root may not.
		l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			if err := c.UseWorld(at, &foreign, nil, out); err != nil {
				t.Error(err)
			}
		})
		if p := l.a.Core.Planet(); p.UpdateKey != k1.Public {
			t.Error("the planet that the user chose is not used")
		}
		return l.w
	})
}

// A node without a planet takes none from the roots of its moon.
func TestNoPlanetFromAMoon(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 926, wan, noNAT, noNAT)
		m := l.moonRoot(31, "5.0.0.4")
		m.AddWorld(l.w.Moon(sim.Epoch, m))
		d := l.w.NewNode("D", l.w.NewSecret(40), ip("5.0.40.1"), nil)
		d.Start(nil)
		d.AddWorld(l.w.Moon(sim.Epoch-1, m))
		l.w.Run(2 * clock.Minute)
		if p := d.Core.Planet(); !p.Empty() || !d.Core.Online() || d.Core.Moons()[0].Timestamp != sim.Epoch {
			t.Errorf("planet %x, online %v, moon of %d", p.ID, d.Core.Online(), d.Core.Moons()[0].Timestamp-sim.Epoch)
		}
		return l.w
	})
}

// The planet's roots are unreachable for a day and the own moon is alive:
// everything works, also for somebody new, and can be told (users' scenario 7).
func TestMoonAloneForADay(t *testing.T) {
	t.Parallel() // once: a day is long
	func() {
		l := newLAN(t, 927, wan, sim.Symmetric, sim.Cone)
		m := l.moonRoot(31, "5.0.0.4")
		moon := l.w.Moon(sim.Epoch, m)
		m.AddWorld(moon)
		for _, n := range []*sim.Node{l.a, l.b, l.c} {
			n.AddWorld(moon)
		}
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		l.r.Stop()
		worst := clock.Mono(0)
		for range 24 {
			l.w.Run(clock.Hour)
			worst = max(worst, l.talk(l.sa, l.b, 5*sec))
			if !l.a.Core.Online() || !l.b.Core.Online() {
				t.Error("offline although the moon serves")
			}
		}
		t.Logf("after an hour of silence, traffic within %d ms", worst/ms)
		planet, mine := l.root(l.a, l.r), l.root(l.a, m)
		if planet.Answers || !planet.Planet || l.w.Now().Mono-planet.LastAnswer < 23*clock.Hour || !mine.Answers || !mine.Best || len(mine.Moons) != 1 {
			t.Errorf("the planet's root %+v, the moon's %+v", planet, mine)
		}
		// A newcomer, and a restart, without the planet.
		d, sd := l.add("D", 40, "5.0.40.1")
		d.AddWorld(moon)
		l.joined(d)
		l.talk(sd, l.a, 5*sec)
		l.restart(sec, l.b)
		l.talk(l.sa, l.b, 5*sec)
		l.r.Start(nil)
		took, ok := l.w.Until(20*sec, 100*ms, func() bool { return l.root(l.a, l.r).Answers })
		if !ok || took > 5*sec {
			t.Errorf("the planet's root is known to be back: %v, after %d ms", ok, took/ms)
		}
	}()
}

// With the planet's root stopped, the moon's root serves all that a root does,
// to nodes that never met: WHOIS, relaying, introduction, and gathering members
// of networks that it did not join.
func TestMoonServes(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 928, wan, noNAT, noNAT)
		m := l.moonRoot(31, "5.0.0.4")
		moon := l.w.Moon(sim.Epoch, m)
		m.AddWorld(moon)
		l.online()
		l.r.Stop()
		for _, n := range []*sim.Node{l.a, l.b, l.c} {
			n.AddWorld(moon)
		}
		l.w.Run(2 * sec)
		l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
		l.network(isPublic + v4Pool)
		l.joined(l.a, l.b)
		// The first ping needs ARP, and so the moon's answer to MULTICAST_GATHER.
		l.talk(l.sa, l.b, 5*sec)
		if counter(m, "in.WHOIS") == 0 || counter(m, "in.MULTICAST_GATHER")+counter(m, "in.MULTICAST_LIKE") == 0 || counter(m, "relayed") == 0 {
			t.Errorf("the moon's root got %d WHOIS, %d gathers, relayed %d", counter(m, "in.WHOIS"), counter(m, "in.MULTICAST_GATHER"), counter(m, "relayed"))
		}
		if _, joined := m.Core.Network(l.nwid); joined {
			t.Error("the moon's root joined the network")
		}
		if got := l.count(l.sa, l.b, 20, sec, 1400); got != 20 {
			t.Errorf("%d of 20 pings were relayed", got)
		}
		l.w.Watch = nil
		if took, ok := l.directly(60 * sec); !ok || counter(m, "out.RENDEZVOUS") == 0 {
			t.Errorf("direct: %v after %d ms, %d RENDEZVOUS", ok, took/ms, counter(m, "out.RENDEZVOUS"))
		}
		return l.w
	})
}

// The root of a moon asks the planet for what it does not know: somebody who
// reaches the moon's root only finds one who knows the planet's only.
func TestMoonAsksThePlanet(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 929, wan, noNAT, noNAT)
		m := l.moonRoot(31, "5.0.0.4")
		moon := l.w.Moon(sim.Epoch, m)
		m.AddWorld(moon)
		l.online()
		l.a.AddWorld(moon)
		l.w.Watch = allBetween("5.0.11.1", "5.0.0.1")
		l.restart(sec, l.a)
		l.w.Run(2 * clock.Minute)
		if !l.root(l.a, m).Best {
			t.Fatal("A does not use the moon's root")
		}
		l.network(isPublic + v4Pool)
		l.joined(l.b)
		l.a.Join(l.nwid)
		l.ready(10*sec, l.a)
		l.talk(l.sa, l.b, 5*sec)
		// The controller's identity is found through both, though C never met M.
		if counter(m, "out.WHOIS") == 0 {
			t.Error("the moon's root asked nobody")
		}
		return l.w
	})
}

// Roots that do not know an address do not ask each other about it in circles.
func TestWhoisDoesNotCircle(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, r2 := twoRoots(t, 930, noNAT, noNAT)
		l.w.Slow(ip("5.0.0.1"), 400*ms) // longer than the gate of 500 ms, there and back
		l.online2(3 * sec)
		l.w.Run(5 * sec)
		nobody := l.w.NewNode("X", l.w.NewSecret(99), ip("5.0.99.1"), nil)
		l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Ask(at, addressOf(nobody), out) })
		l.w.Run(30 * sec)
		sent := counter(l.r, "out.WHOIS") + counter(r2, "out.WHOIS")
		if sent > 6 {
			t.Errorf("the roots asked each other %d times", sent)
		}
		l.w.Run(clock.Minute)
		if again := counter(l.r, "out.WHOIS") + counter(r2, "out.WHOIS"); again != sent {
			t.Errorf("they still ask: %d, then %d", sent, again)
		}
		return l.w
	})
}

// online2 waits longer than online.
func (l *lan) online2(within clock.Mono) {
	l.t.Helper()
	if _, ok := l.w.Until(within, 10*ms, func() bool { return l.a.Core.Online() && l.b.Core.Online() && l.c.Core.Online() }); !ok {
		l.t.Fatal("not online")
	}
}

// A root that is a controller too serves networks while it stops being a root.
func TestRootIsController(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 931, wan, noNAT, noNAT)
		both := l.w.Planet(sim.Epoch+3, l.r, l.c)
		for _, n := range []*sim.Node{l.r, l.c, l.a, l.b} {
			n.AddWorld(both)
		}
		l.up()
		only := l.w.Planet(sim.Epoch+4, l.r)
		l.r.AddWorld(only)
		l.c.AddWorld(only)
		l.w.Run(5 * clock.Minute)
		l.c.Control(func(c *controller.Controller, at clock.Instant) error {
			_, err := c.PutNetwork(at, l.nwid, []byte(`{"mtu":1500}`))
			return err
		})
		if took, ok := l.w.Until(2*clock.Minute, sec, func() bool {
			s, _ := l.a.Core.Network(l.nwid)
			return s.Config != nil && s.Config.MTU == 1500
		}); !ok {
			t.Errorf("a change did not come in %d s", took/sec)
		}
		return l.w
	})
}

// A root dies at the moment when two strangers join a network: the other root
// finds controller and peer for them within seconds.
func TestJoinWhileARootDies(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		for i, dies := range []int{0, 1} {
			l, r2 := twoRoots(t, 932+uint64(i), sim.Symmetric, sim.Symmetric)
			l.online()
			l.w.Run(40 * sec)
			roots := []*sim.Node{l.r, r2}
			l.network(isPublic + v4Pool)
			roots[dies].Stop()
			start := l.w.Now().Mono
			for _, n := range []*sim.Node{l.a, l.b} {
				n.Join(l.nwid)
			}
			l.ready(20*sec, l.a, l.b)
			took := l.w.Now().Mono - start
			t.Logf("%s died: joined after %d ms", roots[dies].Name, took/ms)
			if took > 6*sec {
				t.Errorf("joining took %d ms", took/ms)
			}
			l.talk(l.sa, l.b, 5*sec)
			if i == 1 {
				return l.w
			}
		}
		return nil
	})
}

// A root with many addresses of which one works is found: each attempt draws
// one at random, of each family.
func TestRootWithManyAddresses(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 940, wan, noNAT, noNAT)
		root := l.r.Root()
		for i := range 7 {
			root.Endpoints = append(root.Endpoints, netip.AddrPortFrom(netip.AddrFrom4([4]byte{5, 9, 9, byte(i + 1)}), sim.Port))
		}
		d := l.w.NewNode("D", l.w.NewSecret(40), ip("5.0.40.1"), nil)
		tried := make(map[netip.Addr]int)
		l.w.Watch = func(from, to netip.AddrPort, _ []byte) bool {
			if from.Addr() == ip("5.0.40.1") {
				tried[to.Addr()]++
			}
			return true
		}
		d.Start(l.w.PlanetOf(sim.Epoch, root))
		took, ok := l.w.Until(2*clock.Minute, 100*ms, d.Core.Online)
		if !ok {
			t.Fatal("the root was not found")
		}
		t.Logf("online after %d ms, %d addresses tried", took/ms, len(tried))
		if took > 10*sec {
			t.Errorf("it took %d ms to find the address that works", took/ms)
		}
		l.w.Run(clock.Minute)
		for a, n := range tried {
			if a != root.Endpoints[0].Addr() && n > 30 {
				t.Errorf("%v was tried %d times", a, n)
			}
		}
		return l.w
	})
}
