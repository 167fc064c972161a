package sim_test

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/sim"
)

// A first HELLO costs the root a validation, as work, once for each stranger;
// the root itself is known from the planet.
func TestIdentitiesAreValidatedAsWork(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 2, wan, noNAT, noNAT)
		l.online()
		if l.r.Validated != 3 {
			t.Errorf("the root validated %d identities, want those of C, A and B", l.r.Validated)
		}
		if l.a.Validated != 0 {
			t.Errorf("a leaf validated %d identities on going online", l.a.Validated)
		}
		l.w.Run(10 * clock.Minute)
		if l.r.Validated != 3 || l.a.Validated != 0 {
			t.Errorf("after ten minutes %d and %d identities were validated", l.r.Validated, l.a.Validated)
		}
		return l.w
	})
}

// A forged identity, whose hash does not give its address, is never learnt.
func TestForgedIdentityIsNotLearnt(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 3, wan, noNAT, noNAT)
		l.online()
		forged := l.w.NewNode("F", l.w.NewClone(50, 0xabcdef0123), ip("5.0.50.1"), nil)
		l.w.Distrust(forged.Identity())
		forged.Start(l.planet)
		l.w.Run(20 * sec)
		if _, known := l.r.Core.Identity(addressOf(forged)); known || forged.Core.Online() {
			t.Error("the root learnt an identity that its address does not belong to")
		}
		if l.r.Validated < 4 {
			t.Error("the forged identity was never validated")
		}
		return l.w
	})
}

// HELLO and OK teach version, path and outer address, within a second.
func TestHelloTeachesVersionPathAndAddress(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 4, wan, sim.Cone, noNAT)
		l.online()
		l.w.Run(sec)
		for _, n := range []*sim.Node{l.a, l.b} {
			p, ok := n.Core.Peer(l.w.Now().Mono, addressOf(l.r))
			if !ok || p.Protocol != 12 || len(p.Paths) != 1 || p.LatencyMs < 18 || p.LatencyMs > 26 {
				t.Errorf("the root at %s: %+v", n.Name, p)
			}
		}
		if got := l.a.Core.Surface(l.w.Now()); len(got) != 1 || got[0] != ipPort("5.0.11.1:9993") {
			t.Errorf("A behind a NAT is seen at %v", got)
		}
		p, ok := l.r.Core.Peer(l.w.Now().Mono, addressOf(l.a))
		if !ok || len(p.Paths) != 1 || p.Paths[0].Remote != ipPort("5.0.11.1:9993") {
			t.Errorf("A at the root: %+v", p)
		}
		return l.w
	})
}

// WHOIS finds a peer by its address; for one that nobody knows the asking ends.
func TestWhoisFindsPeers(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 5, wan, noNAT, noNAT)
		l.online()
		ask := func(n *sim.Node) {
			l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Ask(at, addressOf(n), out) })
		}
		ask(l.b)
		took, ok := l.w.Until(sec, 5*ms, func() bool { _, known := l.a.Core.Identity(addressOf(l.b)); return known })
		if !ok || took > 100*ms {
			t.Errorf("B was found: %v, after %d ms", ok, took/ms)
		}
		if l.a.Validated != 1 {
			t.Errorf("A validated %d identities, want B's", l.a.Validated)
		}
		absent := l.w.NewNode("X", l.w.NewSecret(99), ip("5.0.99.1"), nil)
		ask(absent)
		l.w.Run(30 * sec)
		sent := counter(l.a, "out.WHOIS")
		if sent == 0 {
			t.Error("no WHOIS was sent")
		}
		l.w.Run(clock.Minute)
		if now := counter(l.a, "out.WHOIS"); now != sent {
			t.Errorf("A still asks for an address that nobody knows: %d WHOIS, then %d", sent, now)
		}
		return l.w
	})
}

// Peers that cannot reach each other talk through the root, for as long as it
// takes, and go direct once they can.
func TestRelayThroughTheRoot(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 6, wan, noNAT, noNAT)
		l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		if got := l.count(l.sa, l.b, 60, sec, 56); got != 60 {
			t.Errorf("%d of 60 pings through the root were answered", got)
		}
		if l.direct(l.a, l.b) || l.direct(l.b, l.a) {
			t.Error("a direct path through a wall")
		}
		if counter(l.r, "relayed") < 120 {
			t.Errorf("the root relayed %d packets", counter(l.r, "relayed"))
		}
		l.w.Watch = nil
		if took, ok := l.directly(60 * sec); !ok {
			t.Error("no direct path a minute after the wall fell")
		} else {
			t.Logf("direct %d ms after the wall fell", took/ms)
		}
		relayed := counter(l.r, "relayed")
		if got := l.count(l.sa, l.b, 10, 100*ms, 56); got != 10 {
			t.Errorf("%d of 10 direct pings were answered", got)
		}
		// What a node sends to itself, to notice a twin, goes that way too.
		if now := counter(l.r, "relayed"); now > relayed+2 {
			t.Error("direct pings went through the root")
		}
		return l.w
	})
}

// The root introduces two peers that talk through it: RENDEZVOUS to both.
func TestRendezvous(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 7, wan, noNAT, noNAT).up()
		if _, ok := l.directly(5 * sec); !ok {
			t.Error("not direct within 5 s")
		}
		// Each was also introduced to the controller.
		if counter(l.r, "out.RENDEZVOUS") < 6 || counter(l.a, "in.RENDEZVOUS") < 2 || counter(l.b, "in.RENDEZVOUS") < 2 {
			t.Errorf("RENDEZVOUS: root sent %d, A got %d, B got %d",
				counter(l.r, "out.RENDEZVOUS"), counter(l.a, "in.RENDEZVOUS"), counter(l.b, "in.RENDEZVOUS"))
		}
		return l.w
	})
}

// Two hosts behind the same NAT, which has no hairpin, find each other by the
// private addresses that they push.
func TestPushDirectPaths(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 8, wan, noNAT, noNAT)
		gateway := l.w.NewNAT(sim.Cone, ip("5.0.15.1"))
		l.a = l.w.NewNode("A2", l.w.NewSecret(20), ip("192.168.1.2"), gateway)
		l.b = l.w.NewNode("B2", l.w.NewSecret(21), ip("192.168.1.3"), gateway)
		l.sa, l.sb = sim.NewStack(l.a), sim.NewStack(l.b)
		l.a.Start(l.planet)
		l.b.Start(l.planet)
		l.up()
		took, ok := l.directly(20 * sec)
		if !ok {
			t.Fatal("no direct path between neighbours")
		}
		t.Logf("direct after %d ms", took/ms)
		p, _ := l.a.Core.Peer(l.w.Now().Mono, addressOf(l.b))
		for _, x := range p.Paths {
			if x.Remote != ipPort("192.168.1.3:9993") {
				t.Errorf("path %v to a neighbour", x.Remote)
			}
		}
		if counter(l.a, "in.PUSH_DIRECT_PATHS")+counter(l.b, "in.PUSH_DIRECT_PATHS") == 0 {
			t.Error("no PUSH_DIRECT_PATHS arrived")
		}
		return l.w
	})
}

// A path that stops working expires; the peers then talk through the root. A
// silent peer leaves memory, and comes back from the cache.
func TestPathsAreLearntAndExpire(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 9, wan, noNAT, noNAT).up()
		if _, ok := l.directly(5 * sec); !ok {
			t.Fatal("not direct within 5 s")
		}
		l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
		took := l.talk(l.sa, l.b, 10*sec)
		t.Logf("through the root %d ms after the path broke", took/ms)
		if got := l.count(l.sa, l.b, 20, sec, 56); got < 18 {
			t.Errorf("%d of 20 pings were answered after the path broke", got)
		}
		l.w.Run(250 * sec)
		if l.direct(l.a, l.b) {
			t.Error("a dead path did not expire in 243 s")
		}
		l.a.Leave(l.nwid)
		l.b.Leave(l.nwid)
		l.w.Run(600 * sec)
		if _, known := l.a.Core.Identity(addressOf(l.b)); known {
			t.Error("a peer that was silent for ten minutes is still in memory")
		}
		if l.a.Cached(addressOf(l.b)) == nil {
			t.Error("a peer was not stored")
		}
		l.w.Watch = nil
		whois := counter(l.a, "out.WHOIS")
		l.joined(l.a, l.b)
		l.talk(l.sa, l.b, 3*sec)
		if now := counter(l.a, "out.WHOIS"); now != whois {
			t.Errorf("A asked the root for a peer that it had stored")
		}
		return l.w
	})
}

// Idle peers with a network in common keep no paths open, roots are kept.
func TestIdleTraffic(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 10, wan, sim.Cone, sim.Cone)
		l.online()
		l.w.Run(10 * sec)
		before := l.a.Sent
		l.w.Run(10 * clock.Minute)
		sent := l.a.Sent - before
		t.Logf("%d datagrams in ten idle minutes", sent)
		if sent < 20 || sent > 60 {
			t.Errorf("an idle node sent %d datagrams in ten minutes, want a heartbeat each 18 s", sent)
		}
		if !l.a.Core.Online() {
			t.Error("offline after ten idle minutes")
		}
		return l.w
	})
}

// With two roots, one of which dies, traffic goes on by the other.
func TestSecondRootTakesOver(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 11, wan, noNAT, noNAT)
		r2 := l.w.NewNode("R2", l.w.NewSecret(30), ip("5.0.0.3"), nil)
		l.planet = l.w.Planet(sim.Epoch+1, l.r, r2)
		r2.Start(l.planet)
		for _, n := range []*sim.Node{l.r, l.c, l.a, l.b} {
			n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
				if err := c.AddWorld(at, l.planet, out); err != nil {
					t.Fatal(err)
				}
			})
		}
		l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		for _, dies := range []*sim.Node{l.r, r2} {
			dies.Stop()
			took := l.talk(l.sa, l.b, 10*sec)
			t.Logf("traffic %d ms after %s died", took/ms, dies.Name)
			if got := l.count(l.sa, l.b, 30, sec, 56); got < 28 {
				t.Errorf("%d of 30 pings were answered with %s down", got, dies.Name)
			}
			dies.Start(nil)
			l.w.Run(15 * sec)
		}
		return l.w
	})
}
