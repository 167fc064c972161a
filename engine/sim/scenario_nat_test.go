package sim_test

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// remote is the address by which a node reaches another directly, zero if it
// does not.
func remote(l *lan, from, to *sim.Node) netip.AddrPort {
	p, _ := from.Core.Peer(l.w.Now().Mono, addressOf(to))
	for _, x := range p.Paths {
		if x.Preferred && !x.Expired {
			return x.Remote
		}
	}
	return netip.AddrPort{}
}

// rehome puts leaves behind other NATs before they start to talk.
func (l *lan) rehome(a, b *sim.NAT) *lan {
	l.a.Move(ip("192.168.11.2"), a)
	l.b.Move(ip("192.168.11.3"), b)
	return l
}

// Two hosts of one home, whose gateway is behind a carrier's NAT, neither with
// hairpin: they find each other on the LAN.
func TestDoubleNATWithoutHairpin(t *testing.T) {
	for _, kind := range []sim.NATKind{sim.Cone, sim.Symmetric} {
		t.Run(natNames[kind], func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 7400, wan, sim.Cone, sim.Cone)
				home := l.w.NewNATBehind(l.w.NewNAT(kind, ip("5.0.20.1")), sim.Cone, ip("100.64.3.7"))
				l.rehome(home, home)
				l.w.Run(5 * sec)
				l.up()
				l.talk(l.sa, l.b, 5*sec)
				if took, ok := l.directly(10 * sec); !ok {
					t.Fatalf("not direct after %d ms", took/ms)
				}
				if got := l.count(l.sa, l.b, 20, 100*ms, 56); got != 20 {
					t.Errorf("%d of 20 pings were answered", got)
				}
				if x, y := remote(l, l.a, l.b), remote(l, l.b, l.a); x != ipPort("192.168.11.3:9993") || y != ipPort("192.168.11.2:9993") {
					t.Errorf("direct at %v and %v", x, y)
				}
				return l.w
			})
		})
	}
}

// Two homes behind one carrier's NAT without hairpin have no way but the relay
// or, where the carrier lets customers reach each other, its inner network.
func TestCarrierNAT(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 7410, wan, sim.Cone, sim.Cone)
		carrier := l.w.NewNAT(sim.Cone, ip("5.0.20.1"))
		carrier.Hairpin = true
		l.rehome(l.w.NewNATBehind(carrier, sim.Cone, ip("100.64.3.7")), l.w.NewNATBehind(carrier, sim.Cone, ip("100.64.3.8")))
		l.w.Run(5 * sec)
		l.up()
		l.talk(l.sa, l.b, 5*sec)
		if took, ok := l.directly(10 * sec); !ok {
			t.Errorf("not direct after %d ms", took/ms)
		}
		if got := l.count(l.sa, l.b, 20, 100*ms, 56); got != 20 {
			t.Errorf("%d of 20 pings were answered", got)
		}
		return l.w
	})
}

// One side is behind a symmetric NAT, the other has a port that was forwarded
// by hand, behind whatever NAT: direct.
func TestForwardedPort(t *testing.T) {
	for _, kind := range []sim.NATKind{sim.Cone, sim.Symmetric} {
		t.Run(natNames[kind], func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 7420, wan, sim.Symmetric, kind)
				l.b.NAT().Forward(sim.Port, ipPort("192.168.12.2:9993"))
				l.up()
				l.talk(l.sa, l.b, 3*sec)
				if took, ok := l.directly(20 * sec); !ok {
					t.Fatalf("not direct after %d ms", took/ms)
				}
				if got := l.count(l.sa, l.b, 20, 100*ms, 56); got != 20 {
					t.Errorf("%d of 20 pings were answered", got)
				}
				if x := remote(l, l.a, l.b); x != ipPort("5.0.12.1:9993") {
					t.Errorf("direct at %v", x)
				}
				return l.w
			})
		})
	}
}

// Where both NATs take random ports the two stay relayed, without a storm of
// probes, know why, and are direct as soon as one of them changes networks.
func TestBothSymmetricUntilOneMoves(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 7430, wan, sim.Symmetric, sim.Symmetric).up()
		l.talk(l.sa, l.b, 3*sec)
		sent := l.a.Sent
		if took, ok := l.directly(5 * clock.Minute); ok {
			t.Fatalf("direct after %d ms", took/ms)
		}
		if n := l.a.Sent - sent; n > 5000 { // 3000 of them are pings
			t.Errorf("%d datagrams in five minutes", n)
		}
		for _, x := range [2][2]*sim.Node{{l.a, l.b}, {l.b, l.a}} {
			got := x[0].Core.Traversal(l.w.Now(), addressOf(x[1]))
			if got.State != vl1.TraversalHopeless || got.PeerNAT != vl1.NATHard {
				t.Errorf("%s: %v, the other's NAT is %v", x[0].Name, got.State, got.PeerNAT)
			}
		}
		l.a.Move(ip("192.168.77.7"), l.w.NewNAT(sim.Cone, ip("5.0.77.1")))
		l.talk(l.sa, l.b, 5*sec)
		took, ok := l.directly(30 * sec)
		t.Logf("direct %d ms after A came to another network", took/ms)
		if !ok {
			t.Errorf("not direct %d ms after A came to another network", took/ms)
		}
		return l.w
	})
}

// An appointment makes nobody send where no root says that the peer is, however
// often it is repeated, and is none of the applications' business.
func TestAppointmentsAreNoWeapon(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 7440, wan, sim.Cone, sim.Symmetric).up()
		l.talk(l.sa, l.b, 3*sec)
		l.directly(30 * sec)
		l.w.Run(40 * sec)
		victim := ip("5.0.99.1")
		count := make(map[netip.Addr]int)
		l.w.Watch = func(_, to netip.AddrPort, _ []byte) bool {
			count[to.Addr()]++
			return true
		}
		lie := func(from *sim.Node, surface netip.AddrPort, nonce uint64) {
			a := wire.Appointment{Step: wire.AppointmentPropose, NAT: byte(vl1.NATHard), Nonce: nonce, Surface: surface, Sockets: 256}
			from.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
				c.Message(at, addressOf(l.a), wire.AppointmentKind, a.Append(nil), out)
			})
		}
		stranger, _ := l.add("S", 9, "5.0.66.1")
		stranger.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			c.Message(at, addressOf(l.a), 70000, []byte("hello"), out)
		})
		l.w.Run(5 * sec)
		messages := l.a.Messages
		for i := range uint64(600) {
			lie(l.b, netip.AddrPortFrom(victim, 1000), i)                 // a member, about somebody else
			lie(l.b, ipPort("10.1.17.5:9993"), i)                         // about the network itself
			lie(stranger, netip.AddrPortFrom(ip("5.0.66.1"), 1000), i<<8) // nobody that A knows
			l.w.Run(500 * ms)
		}
		if messages != 1 || l.a.Messages != 1 {
			t.Errorf("A's applications got %d messages, then %d", messages, l.a.Messages)
		}
		if n := count[victim]; n != 0 {
			t.Errorf("%d datagrams went to a third party", n)
		}
		if n := count[ip("5.0.66.1")]; n > 300 {
			t.Errorf("%d datagrams went to a stranger", n)
		}
		return l.w
	})
}
