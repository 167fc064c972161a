package sim_test

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/sim"
)

// back is within what time traffic must flow again after the network is back.
const back = 3 * sec

// dual gives the root and other nodes IPv6 addresses too, and everybody a planet
// that names the root's.
func (l *lan) dual(nodes ...*sim.Node) {
	l.r.Also(ip("2a00::1"))
	for i, n := range nodes {
		n.Also(netip.AddrFrom16([16]byte{0x2a, 0, 0, 1, 15: byte(i + 1)}))
	}
	both := l.w.Planet(sim.Epoch+1, l.r)
	for _, n := range []*sim.Node{l.r, l.c, l.a, l.b} {
		n.AddWorld(both)
	}
	l.planet = both
	l.w.Run(5 * sec)
}

// answering reports whether a node has a direct path to another on which that
// one answers.
func (l *lan) answering(from, to *sim.Node) bool {
	p, _ := from.Core.Peer(from.Now().Mono, addressOf(to))
	for _, x := range p.Paths {
		if !x.Expired && !x.Silent {
			return true
		}
	}
	return false
}

// settled waits for such paths, both ways, while A speaks.
func (l *lan) settled(within clock.Mono) bool {
	l.t.Helper()
	for start := l.w.Now().Mono; l.w.Now().Mono-start < within; {
		if l.answering(l.a, l.b) && l.answering(l.b, l.a) {
			return true
		}
		l.ping(l.sa, l.b, true, 56)
	}
	return false
}

// A machine comes to another network: whoever speaks first, traffic is back
// within three seconds, and direct soon.
func TestRoamToAnotherAddress(t *testing.T) {
	for name, first := range map[string]bool{"the one that moved speaks": true, "the other one speaks": false} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 300, wan, sim.Cone, sim.Cone).up()
				l.directly(5 * sec)
				l.talk(l.sa, l.b, 3*sec)
				for i, to := range []string{"5.0.77.1", "5.0.78.1", "5.0.79.1"} {
					l.a.Roam(ip("192.168.77.7"), l.w.NewNAT(sim.Cone, ip(to)))
					took := clock.Mono(0)
					if first {
						took = l.talk(l.sa, l.b, back)
					} else {
						took = l.talk(l.sb, l.a, back)
					}
					t.Logf("move %d: %d ms", i, took/ms)
					if took, ok := l.directly(5 * sec); !ok {
						t.Errorf("no direct path %d ms after traffic was back", took/ms)
					}
					l.w.Run(20 * sec)
				}
				if got := l.a.Core.Surface(l.a.Now()); len(got) != 1 || got[0].Addr() != ip("5.0.79.1") {
					t.Errorf("A believes that it is seen at %v", got)
				}
				return l.w
			})
		})
	}
}

// From IPv4 to a network with IPv6 only and back, towards a peer that has both,
// and towards one that has IPv4 only, which the root then relays to.
func TestRoamToAnotherFamily(t *testing.T) {
	for name, both := range map[string]bool{"peer has both families": true, "peer has IPv4 only": false} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 301, wan, sim.Cone, noNAT)
				l.dual(l.c)
				if both {
					l.b.Also(ip("2a00:2::b"))
				}
				l.up()
				l.talk(l.sa, l.b, 3*sec)
				l.directly(5 * sec)
				for range 2 {
					l.a.Roam(ip("2a00:9::a"), nil)
					t.Logf("IPv6: A to B %d ms", l.talk(l.sa, l.b, back)/ms)
					t.Logf("IPv6: B to A %d ms", l.talk(l.sb, l.a, back)/ms)
					direct := l.settled(5 * sec)
					if direct != both {
						t.Errorf("direct by IPv6: %v", direct)
					}
					l.w.Run(30 * sec)
					l.a.Roam(ip("192.168.11.9"), l.w.NewNAT(sim.Cone, ip("5.0.11.9")))
					t.Logf("IPv4: B to A %d ms", l.talk(l.sb, l.a, back)/ms)
					t.Logf("IPv4: A to B %d ms", l.talk(l.sa, l.b, back)/ms)
					if !l.settled(5 * sec) {
						t.Error("not direct by IPv4")
					}
					l.w.Run(30 * sec)
				}
				return l.w
			})
		})
	}
}

// A laptop sleeps eight hours and wakes up on a network of another family: with
// a monotonic clock that stood still, and with one that ran on. On a private
// network its membership has run out meanwhile.
func TestSleepForANight(t *testing.T) {
	for name, ranOn := range map[string]bool{"clock stood still": false, "clock ran on": true} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 302, wan, sim.Cone, sim.Cone)
				l.dual(l.c)
				l.online()
				l.network(isPrivate + v4Pool)
				l.member(l.a, `{"authorized":true}`)
				l.member(l.b, `{"authorized":true}`)
				l.joined(l.a, l.b)
				l.talk(l.sa, l.b, 3*sec)
				l.directly(5 * sec)
				l.w.Run(10 * sec)
				l.a.Suspend()
				l.w.Run(8 * clock.Hour)
				l.a.WakeAt(ip("2a00:9::a"), nil, ranOn)
				t.Logf("A to B %d ms after waking", l.talk(l.sa, l.b, back)/ms)
				t.Logf("B to A %d ms later", l.talk(l.sb, l.a, back)/ms)
				l.a.Suspend()
				l.w.Run(clock.Hour)
				l.a.WakeAt(ip("192.168.11.3"), l.w.NewNAT(sim.Cone, ip("5.0.11.3")), ranOn)
				t.Logf("B to A %d ms after waking", l.talk(l.sb, l.a, back)/ms)
				if !l.settled(10 * sec) {
					t.Error("no direct path ten seconds after traffic was back")
				}
				return l.w
			})
		})
	}
}

// The root is away when a laptop wakes up at another address: traffic is there
// within three seconds of the root's return.
func TestWakeWhileTheRootIsAway(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 303, wan, sim.Cone, sim.Cone).up()
		l.directly(5 * sec)
		l.a.Suspend()
		l.r.Stop()
		l.w.Run(clock.Hour)
		l.a.WakeAt(ip("192.168.33.3"), l.w.NewNAT(sim.Cone, ip("5.0.33.1")), false)
		if got := l.count(l.sa, l.b, 25, sec, 56); got != 0 {
			t.Errorf("%d pings were answered without a root, through two NATs", got)
		}
		l.r.Start(nil)
		t.Logf("A to B %d ms after the root's return", l.talk(l.sa, l.b, back+sec)/ms)
		t.Logf("B to A %d ms later", l.talk(l.sb, l.a, back)/ms)
		return l.w
	})
}

// Both peers move at the same time.
func TestBothRoam(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 304, wan, sim.Cone, sim.Cone).up()
		l.directly(5 * sec)
		for i := range byte(3) {
			l.a.Roam(ip("192.168.11.3"), l.w.NewNAT(sim.Cone, netip.AddrFrom4([4]byte{5, 0, 61, i + 1})))
			l.b.Roam(ip("192.168.12.3"), l.w.NewNAT(sim.Cone, netip.AddrFrom4([4]byte{5, 0, 62, i + 1})))
			t.Logf("%d ms", l.talk(l.sa, l.b, back)/ms)
			if took, ok := l.directly(5 * sec); !ok {
				t.Errorf("no direct path %d ms after traffic was back", took/ms)
			}
			l.w.Run(10 * sec)
		}
		return l.w
	})
}

// A gateway that reboots while only the other side speaks: it is reached again
// as soon as we say the next thing to a root, within eight seconds.
func TestNATRebootWhileSilent(t *testing.T) {
	for _, kind := range []sim.NATKind{sim.Cone, sim.FullCone, sim.Symmetric} {
		t.Run(natNames[kind], func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 305, wan, kind, sim.FullCone).up()
				l.talk(l.sa, l.b, 3*sec)
				l.directly(5 * sec)
				for i := range 5 {
					l.w.Run(20*sec + clock.Mono(i)*1100*ms)
					l.a.NAT().Forget()
					t.Logf("B to A %d ms after the reboot", l.talk(l.sb, l.a, 8*sec)/ms)
				}
				return l.w
			})
		})
	}
}

// A socket that closes takes its paths along, and the peers are reached by the
// others at once.
func TestSocketsComeAndGo(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 306, wan, noNAT, noNAT).up()
		l.directly(5 * sec)
		second := l.a.OpenSocket(20001)
		l.w.Run(sec)
		l.a.CloseSocket(1)
		if l.direct(l.a, l.b) {
			t.Error("a path on a closed socket")
		}
		t.Logf("%d ms", l.talk(l.sa, l.b, 2*sec)/ms)
		l.directly(5 * sec)
		p, _ := l.a.Core.Peer(l.a.Now().Mono, addressOf(l.b))
		for _, x := range p.Paths {
			if x.Socket != second {
				t.Errorf("a path on socket %d", x.Socket)
			}
		}
		return l.w
	})
}

// A router blocks our port after an hour, both ways and silently: the core asks
// for another one, and there is traffic without anybody's doing.
func TestBlockedPortIsLeft(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 307, wan, noNAT, noNAT).up()
		l.directly(5 * sec)
		l.w.Run(clock.Hour)
		blocked := map[netip.AddrPort]bool{ipPort("5.0.11.1:9993"): true}
		l.w.Watch = func(from, to netip.AddrPort, _ []byte) bool { return !blocked[from] && !blocked[to] }
		took := l.talk(l.sa, l.b, 200*sec)
		t.Logf("traffic %d ms after the block", took/ms)
		if l.a.Rotations != 1 || len(l.a.Sockets()) != 2 {
			t.Errorf("%d rotations, sockets %v", l.a.Rotations, l.a.Sockets())
		}
		l.talk(l.sb, l.a, 2*sec)
		if took, ok := l.directly(20 * sec); !ok {
			t.Errorf("no direct path %d ms later", took/ms)
		}
		l.w.Run(clock.Hour)
		if l.a.Rotations != 1 {
			t.Errorf("%d rotations an hour later", l.a.Rotations)
		}
		// All is blocked: one port each ten minutes, not more.
		l.w.Watch = func(from, to netip.AddrPort, _ []byte) bool {
			return from.Addr() != ip("5.0.11.1") && to.Addr() != ip("5.0.11.1")
		}
		l.w.Run(clock.Hour)
		if n := l.a.Rotations - 1; n < 5 || n > 7 {
			t.Errorf("%d rotations in an hour without any root", n)
		}
		return l.w
	})
}

// The calendar steps by a year, back and forth, or stands at 1970 when the
// machine starts: the wire and the networks work on.
func TestCalendarSteps(t *testing.T) {
	const year = 365 * 24 * 3600 * 1000
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 308, wan, sim.Cone, noNAT)
		l.online()
		l.network(isPrivate + v4Pool)
		l.member(l.a, `{"authorized":true}`)
		l.member(l.b, `{"authorized":true}`)
		l.joined(l.a, l.b)
		l.talk(l.sa, l.b, 3*sec)
		for _, step := range []clock.Wall{year, -2 * year, year, -sim.Epoch, sim.Epoch} {
			l.a.Step(step)
			if got := l.count(l.sa, l.b, 30, 10*sec, 56); got != 30 {
				t.Errorf("after a step of %d ms %d of 30 pings were answered", step, got)
			}
			l.a.Resume()
			if got := l.count(l.sb, l.a, 30, 10*sec, 56); got != 30 {
				t.Errorf("after a step of %d ms and a resume %d of 30 pings back were answered", step, got)
			}
		}
		l.a.Stop()
		l.a.Step(-sim.Epoch)
		l.a.Start(nil)
		l.talk(l.sa, l.b, 5*sec)
		if got := l.count(l.sb, l.a, 30, 10*sec, 56); got != 30 {
			t.Errorf("started in 1970: %d of 30 pings were answered", got)
		}
		l.a.Step(sim.Epoch)
		if got := l.count(l.sa, l.b, 30, 10*sec, 56); got != 30 {
			t.Errorf("the clock was set: %d of 30 pings were answered", got)
		}
		return l.w
	})
}

// A week without network costs next to nothing, known or not, and then all is
// back within three seconds.
func TestWeekWithoutNetwork(t *testing.T) {
	const week = 7 * 24 * clock.Hour
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 309, wan, sim.Cone, noNAT).up()
		l.directly(5 * sec)
		l.a.Unplug()
		for _, n := range []*sim.Node{l.r, l.c, l.b} {
			n.Stop()
		}
		sent, ticks := l.a.Sent, l.a.Ticks
		l.w.Run(clock.Minute)
		before := l.a.Core.Sizes()
		for range 24 * 7 {
			for range 4 {
				l.sa.Ping(l.nwid, ip("10.1.17.99"), 56)
			}
			l.w.Run(week / (24 * 7))
		}
		if n := l.a.Sent - sent; n != 0 {
			t.Errorf("%d datagrams were sent without a network", n)
		}
		if n := l.a.Ticks - ticks; n > 10000 {
			t.Errorf("%d timer calls in a week without a network", n)
		} else {
			t.Logf("%d timer calls in a week without a network", n)
		}
		if after := l.a.Core.Sizes(); after.Paths > before.Paths || after.Queued+after.Held+after.Asked > 0 || after.Peers > before.Peers {
			t.Errorf("sizes were %+v, are %+v", before, after)
		}
		if l.a.Core.Online() {
			t.Error("online without a network")
		}
		for _, n := range []*sim.Node{l.r, l.c, l.b} {
			n.Start(nil)
		}
		l.w.Run(clock.Minute)
		l.a.Plug(ip("192.168.44.4"), l.w.NewNAT(sim.Cone, ip("5.0.44.1")))
		t.Logf("A to B %d ms after the link's return", l.talk(l.sa, l.b, back)/ms)
		t.Logf("B to A %d ms later", l.talk(l.sb, l.a, back)/ms)
		return l.w
	})
}
