package sim_test

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl2"
)

// private is the scene with both leaves on a private network, and traffic
// between them.
func (l *lan) private() *lan {
	l.t.Helper()
	l.online()
	l.network(isPrivate + v4Pool)
	l.member(l.a, `{"authorized":true}`)
	l.member(l.b, `{"authorized":true}`)
	l.a.Join(l.nwid)
	l.b.Join(l.nwid)
	l.ready(20*sec, l.a, l.b)
	l.talk(l.sa, l.b, 10*sec)
	return l
}

// cut waits until there is no answer any more, in either direction, and reports
// how long that took.
func (l *lan) cut(within clock.Mono) clock.Mono {
	l.t.Helper()
	start := l.w.Now().Mono
	for l.w.Now().Mono-start < within {
		if there, back := l.ping(l.sa, l.b, true, 56), l.ping(l.sb, l.a, true, 56); !there && !back {
			return l.w.Now().Mono - start - 2*sec // when the first of the two was sent
		}
	}
	l.t.Errorf("there is traffic after %d ms", within/ms)
	return within
}

// While the controller is away, its last configuration holds: for a week (with
// -long; else for a day), for
// members that restart, and with nobody asking it more than twice a minute. When
// it is back its changes are there within half a minute, also if the calendar was
// set back meanwhile.
func TestControllerAwayForAWeek(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 4101, wan, noNAT, sim.Cone).private()
		l.c.Stop()
		days := 1
		if *long {
			days = 7
		}
		for day := range days {
			l.w.Run(24*clock.Hour - 20*sec)
			l.talk(l.sa, l.b, 5*sec)
			l.talk(l.sb, l.a, 5*sec)
			s, _ := l.a.Core.Network(l.nwid)
			if s.Status != vl2.StatusOK || s.Silent == clock.Never || l.w.Now().Mono-s.Silent < clock.Mono(day)*24*clock.Hour {
				t.Errorf("day %d: %v, silent since %v", day, s.Status, s.Silent)
			}
			if day == days/2 {
				l.restart(sec, l.b)
				l.talk(l.sa, l.b, 10*sec)
				l.talk(l.sb, l.a, 5*sec)
			}
		}
		l.c.Step(-3600_000)
		l.c.Start(nil)
		l.put(`{"name":"changed"}`)
		renamed := func() bool {
			for _, n := range []*sim.Node{l.a, l.b} {
				if s, _ := n.Core.Network(l.nwid); s.Config.Name != "changed" || s.Silent != clock.Never {
					return false
				}
			}
			return true
		}
		if took, ok := l.w.Until(35*sec, 100*ms, renamed); !ok {
			t.Errorf("the members do not follow %d ms after the controller's return", took/ms)
		}
		l.talk(l.sa, l.b, 5*sec)
		return l.w
	})
}

// A controller that moves to another address, or to behind a NAT, is found there
// by its members; what it changes reaches them within seconds.
func TestControllerMoves(t *testing.T) {
	for name, where := range map[string]struct {
		addr string
		nat  sim.NATKind
	}{"another address": {"5.0.99.2", noNAT}, "behind a NAT": {"192.168.3.2", sim.Cone}, "behind a symmetric NAT": {"192.168.3.2", sim.Symmetric}} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 4102, wan, noNAT, sim.Cone).private()
				var nat *sim.NAT
				if where.nat >= 0 {
					nat = l.w.NewNAT(where.nat, ip("5.0.98.1"))
				}
				l.c.Roam(ip(where.addr), nat)
				l.w.Run(90 * sec)
				for _, n := range []*sim.Node{l.a, l.b} {
					if s, _ := n.Core.Network(l.nwid); s.Silent != clock.Never || l.w.Now().Mono-s.Refreshed > 75*sec {
						t.Errorf("%s: refreshed %d s ago", n.Name, (l.w.Now().Mono-s.Refreshed)/sec)
					}
				}
				l.member(l.b, `{"authorized":false}`)
				l.cut(5 * sec)
				l.member(l.b, `{"authorized":true}`)
				l.talk(l.sa, l.b, 10*sec)
				return l.w
			})
		})
	}
}

// An expelled member is cut off within 5 s, in both directions, though the ways
// are bad: what tells the others is repeated. It is back when it is admitted.
func TestExpelled(t *testing.T) {
	for name, link := range map[string]sim.Link{"good": wan, "lossy": {Delay: 40 * ms, Jitter: 30 * ms, Loss: 2000}} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 6103, link, sim.Cone, sim.Symmetric).private()
				for range 3 {
					l.member(l.b, `{"authorized":false}`)
					if took := l.cut(6 * sec); took > 5*sec {
						t.Errorf("cut after %d ms", took/ms)
					}
					// What tells B itself may get lost: then it learns of it when it asks.
					if _, ok := l.w.Until(70*sec, sec, func() bool { return l.status(l.b) == vl2.StatusAccessDenied }); !ok {
						t.Errorf("B is %v", l.status(l.b))
					}
					l.member(l.b, `{"authorized":true}`)
					l.talk(l.sa, l.b, 40*sec)
				}
				return l.w
			})
		})
	}
}

// Membership goes with the key and not with the address: who has another key for
// a member's address gets neither a configuration nor a word with the members,
// even while the member is away and nobody has met it.
func TestMembershipIsOfTheKey(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 4104, wan, noNAT, noNAT).private()
		l.b.Stop()
		evil, se := l.clone(l.b, "5.0.66.1")
		evil.Start(l.planet)
		evil.Join(l.nwid)
		l.w.Run(60 * sec)
		if s, _ := evil.Core.Network(l.nwid); s.Config != nil {
			t.Error("the clone has a configuration")
		}
		fresh, sf := l.add("F", 5, "5.0.21.1")
		l.member(fresh, `{"authorized":true}`)
		l.joined(fresh)
		if addr, ok := fresh.Address(l.nwid, true); ok {
			se.Ping(l.nwid, addr, 56)
		}
		l.w.Run(5 * sec)
		evil.Stop()
		l.b.Start(nil)
		l.talk(l.sa, l.b, 20*sec)
		l.talk(sf, l.b, 30*sec)
		return l.w
	})
}

// A join token goes along with the first request, and with one at once when the
// user gives it later; a wrong one admits nobody.
func TestJoinToken(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 4105, wan, noNAT, sim.Cone)
		l.online()
		l.network(isPrivate + v4Pool + `,"authTokens":{"open sesame":0}`)
		with := netconf.DefaultSettings()
		with.Token = "open sesame"
		l.a.JoinAs(l.nwid, with)
		l.ready(sec, l.a)
		with.Token = "open, please"
		l.b.JoinAs(l.nwid, with)
		l.w.Run(10 * sec)
		if l.status(l.b) != vl2.StatusAccessDenied {
			t.Errorf("with a wrong token B is %v", l.status(l.b))
		}
		with.Token = "open sesame"
		l.b.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetSettings(at, l.nwid, with, out) })
		l.ready(8*sec, l.b) // controllers answer one question a second
		l.talk(l.sa, l.b, 3*sec)
		return l.w
	})
}
