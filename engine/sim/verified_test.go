package sim_test

import (
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/trust"
	"orrery/engine/vl2"
)

// verifiedOnly are settings of a network for verified peers.
func verifiedOnly() netconf.Settings {
	s := netconf.DefaultSettings()
	s.VerifiedOnly = true
	return s
}

// only makes a joined network one for verified peers, or not.
func (l *lan) only(n *sim.Node, on bool) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		s, _ := c.Network(l.nwid)
		s.Settings.VerifiedOnly = on
		c.SetSettings(at, l.nwid, s.Settings, out)
	})
}

// turnedAway lists whom a node's network does not carry frames of.
func (l *lan) turnedAway(n *sim.Node) (list []identity.Address) {
	s, _ := n.Core.Network(l.nwid)
	for _, m := range s.TurnedAway {
		list = append(list, m.Peer)
	}
	return list
}

// Scenario: among the members of a private network one is verified and one is
// not. The network is for verified peers: the one notices nothing, the other gets
// not a frame by any way, and the user sees who it is. A change of mind, in either
// direction, works from the next packet on.
func TestVerifiedAmongMembers(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 640, wan, noNAT, sim.Cone)
		d, sd := l.add("D", 5, "5.0.14.1")
		l.online()
		l.network(isPrivate + v4Pool + `,` + v6Modes)
		for _, n := range []*sim.Node{l.a, l.b, d} { // all three are let in
			l.member(n, `{"authorized":true}`)
		}
		pin(t, l.a, l.b.Identity(), trust.Verified)
		l.a.JoinAs(l.nwid, verifiedOnly())
		l.joined(l.b, d)
		l.ready(5*sec, l.a)
		l.talk(l.sa, l.b, 5*sec)
		for range 5 {
			l.ping(l.sa, d, true, 56)
			l.ping(sd, l.a, true, 56)
			l.ping(l.sa, d, false, 56) // without asking anybody for the MAC
			l.ping(sd, l.a, false, 56)
		}
		if sd.Received != 0 || frames(d) != 0 {
			t.Errorf("D's host got %d packets, D %d frames", sd.Received, frames(d))
		}
		if got := l.turnedAway(l.a); !slices.Equal(got, []identity.Address{addressOf(d)}) {
			t.Errorf("A turned away %v", got)
		}
		if s, _ := l.a.Core.Network(l.nwid); s.DroppedUnverified == 0 || len(s.TurnedAway) == 1 && (s.TurnedAway[0].From == 0 || s.TurnedAway[0].To == 0) {
			t.Errorf("%d dropped, %+v", s.DroppedUnverified, s.TurnedAway)
		}
		if got := l.count(l.sa, l.b, 20, 50*ms, 56); got != 20 {
			t.Errorf("%d of 20 pings with the verified member", got)
		}
		pin(t, l.a, d.Identity(), trust.Verified)
		if took := l.talk(l.sa, d, 3*sec); took > 2*sec {
			t.Errorf("%d ms until a member that was verified was reached", took/ms)
		}
		if got := l.turnedAway(l.a); len(got) != 0 {
			t.Errorf("still turned away: %v", got)
		}
		for _, state := range []trust.State{trust.Seen, trust.Blocked} {
			pin(t, l.a, l.b.Identity(), state)
			ra, rb := l.sa.Received, l.sb.Received
			for range 5 {
				l.ping(l.sa, l.b, true, 56)
				l.ping(l.sb, l.a, true, 56)
			}
			if l.sa.Received != ra || l.sb.Received != rb {
				t.Errorf("%s: %d and %d packets", state, l.sa.Received-ra, l.sb.Received-rb)
			}
			// Of whom the user blocked nothing is expected.
			if away := l.turnedAway(l.a); slices.Contains(away, addressOf(l.b)) != (state == trust.Seen) {
				t.Errorf("%s: turned away %v", state, away)
			}
			pin(t, l.a, l.b.Identity(), trust.Verified)
			l.talk(l.sb, l.a, 5*sec)
		}
		// Without the setting everybody is welcome again.
		pin(t, l.a, d.Identity(), trust.Seen)
		if l.ping(l.sa, d, true, 56) {
			t.Error("a packet to one that is no longer verified was answered")
		}
		l.only(l.a, false)
		l.talk(l.sa, d, 3*sec)
		return l.w
	})
}

// Scenario: a malicious root has put E, with another key for B's address, in B's
// place before A met either. A's network is for verified peers, and A verified B
// by its contact card: E gets no frame, not even a certificate, and is told to the
// user; B is talked to as soon as it comes.
func TestVerifiedOnlyAndALyingRoot(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, evil, arrive := middle(t, 641, func(l *lan) { pin(t, l.a, l.b.Identity(), trust.Verified) })
		l.only(l.a, true)
		evil.Join(l.nwid) // under B's address: the controller knows B's key, and refuses
		there, _ := l.b.Address(l.nwid, false)
		for range 10 {
			l.sa.Ping(l.nwid, there, 56)
			l.w.Run(sec)
		}
		if n := frames(evil); n != 0 || l.sa.Received != 0 {
			t.Errorf("E got %d frames, A's host %d", n, l.sa.Received)
		}
		refused(t, l.a, l.b.Identity(), evil.Identity(), trust.FromWhois)
		arrive()
		if _, ok := l.w.Until(20*sec, sec, func() bool { l.sa.Ping(l.nwid, there, 56); return l.sb.Received > 0 }); !ok {
			t.Error("B was not reached")
		}
		if n := frames(evil); n != 0 {
			t.Errorf("E got %d frames", n)
		}
		return l.w
	})
}

// Scenario: the same root, and nobody was verified: A takes E for B at first
// contact. On a network for verified peers that helps E nothing.
func TestVerifiedOnlyWithoutAPin(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, evil, _ := middle(t, 642, func(*lan) {})
		l.only(l.a, true)
		there, _ := l.b.Address(l.nwid, false)
		for range 10 {
			l.sa.Ping(l.nwid, there, 56)
			l.w.Run(sec)
		}
		if n := frames(evil); n != 0 || l.sa.Received != 0 {
			t.Errorf("E got %d frames, A's host %d", n, l.sa.Received)
		}
		if got := l.turnedAway(l.a); !slices.Contains(got, addressOf(l.b)) {
			t.Errorf("turned away %v", got)
		}
		return l.w
	})
}

// Scenario: a malicious root has put E in the controller's place. Who joins by the
// bare ID gets E's network. Who joins by an invite has the controller's key before
// the first contact: E's configuration is never taken, nor is E asked for one, the
// user hears of it, and the network is there as soon as the true controller can be
// reached.
func TestInviteAndALyingRoot(t *testing.T) {
	for name, invited := range map[string]bool{"by ID": false, "by invite": true} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 643, wan, noNAT, noNAT)
				l.online()
				l.network(isPublic + v4Pool)
				l.a.Stop()
				l.a.Wipe()
				l.b.Stop()
				l.c.Stop()
				l.r.Stop()
				evil, _ := l.clone(l.c, "5.0.66.1")
				evil.Serve()
				l.restartClean(l.r)
				evil.Start(l.planet)
				evil.Control(func(c *controller.Controller, at clock.Instant) error {
					_, err := c.PutNetwork(at, l.nwid, []byte(`{"name":"trap",`+isPublic+v4Pool+`}`))
					return err
				})
				l.w.Run(5 * sec)
				l.a.Start(l.planet)
				if invited {
					pin(t, l.a, l.c.Identity(), trust.Verified)
				}
				l.a.JoinAs(l.nwid, verifiedOnly())
				l.w.Run(30 * sec)
				if !invited {
					if s, _ := l.a.Core.Network(l.nwid); s.Config == nil || s.Config.Name != "trap" {
						t.Fatal("the attack does not work")
					}
					return l.w
				}
				if s, _ := l.a.Core.Network(l.nwid); s.Config != nil || s.Status != vl2.StatusRequestingConfiguration {
					t.Errorf("%v: %+v", s.Status, s.Config)
				}
				if n := counter(evil, "in.NETWORK_CONFIG_REQUEST"); n != 0 {
					t.Errorf("E was asked %d times", n)
				}
				refused(t, l.a, l.c.Identity(), evil.Identity(), trust.FromWhois)
				evil.Stop()
				l.restartClean(l.r)
				l.c.Start(l.planet)
				l.ready(30*sec, l.a)
				if s, _ := l.a.Core.Network(l.nwid); s.Config.Name != "lab" {
					t.Errorf("the network is called %q", s.Config.Name)
				}
				return l.w
			})
		})
	}
}
