package sim_test

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/trust"
	"orrery/engine/vl1"
)

// reason is why a node does not reach another directly.
func (l *lan) reason(from, to *sim.Node) vl1.Reason {
	p, ok := from.Core.Peer(l.w.Now().Mono, addressOf(to))
	if !ok {
		return vl1.ReasonUnknown
	}
	return p.Reason
}

// chat keeps A talking to B, at one ping a second.
func (l *lan) chat(seconds int) {
	l.t.Helper()
	l.count(l.sa, l.b, seconds, sec, 56)
}

// wantReason checks the reason on one side.
func (l *lan) wantReason(from, to *sim.Node, want vl1.Reason) {
	l.t.Helper()
	if got := l.reason(from, to); got != want {
		l.t.Errorf("%s reaches %s: reason %q, want %q", from.Name, to.Name, got, want)
	}
}

// told lists what a node told about a peer's reach, in order.
func told(n *sim.Node, peer *sim.Node) []vl1.Reason {
	var rs []vl1.Reason
	for _, e := range n.Events {
		if e.Kind == node.EventReach && e.Peer == addressOf(peer) {
			rs = append(rs, e.Reason)
		}
	}
	return rs
}

// Nothing is looked for before there is traffic. A peer that goes direct then
// has no reason, and is told of once.
func TestReasonDirectAndIdle(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 600, wan, sim.Cone, sim.Cone)
		l.online()
		l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Ask(at, addressOf(l.b), out) })
		l.w.Run(sec)
		l.wantReason(l.a, l.b, vl1.ReasonIdle)
		l.up()
		l.chat(10)
		l.wantReason(l.a, l.b, vl1.ReasonNone)
		if got := told(l.a, l.b); len(got) != 1 || got[0] != vl1.ReasonNone {
			t.Errorf("told: %v, want once that the peer is direct", got)
		}
		return l.w
	})
}

// Both sides behind NATs that vary ports: relayed, with that reason on both
// sides, without loss; direct once one of them is on another network.
func TestReasonBothVaryPorts(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 601, wan, sim.Symmetric, sim.Symmetric).up()
		l.talk(l.sa, l.b, 3*sec)
		l.chat(5)
		if r := l.reason(l.a, l.b); r != vl1.ReasonWaiting && r != vl1.ReasonNotTried && r != vl1.ReasonPortsVary {
			t.Errorf("after five seconds the reason is %q", r)
		}
		if got := l.count(l.sa, l.b, 60, sec, 56); got != 60 {
			t.Errorf("%d of 60 pings through the root were answered", got)
		}
		l.wantReason(l.a, l.b, vl1.ReasonPortsVary)
		l.wantReason(l.b, l.a, vl1.ReasonPortsVary)
		if p, _ := l.a.Core.Peer(l.w.Now().Mono, addressOf(l.b)); p.Relay != addressOf(l.r) {
			t.Errorf("relayed by %s, want the root", p.Relay)
		}
		l.b.Move(ip("5.0.77.1"), nil)
		if took, ok := l.directly(60 * sec); !ok {
			t.Errorf("not direct %d ms after one side moved to an open network", took/ms)
		}
		l.chat(8)
		l.wantReason(l.a, l.b, vl1.ReasonNone)
		rs := told(l.a, l.b)
		if n := len(rs); n < 2 || n > 6 || rs[n-1] != vl1.ReasonNone || !slices.Contains(rs[max(0, n-3):n-1], vl1.ReasonPortsVary) {
			t.Errorf("told: %v", rs)
		}
		return l.w
	})
}

// A firewall between two hosts that vary no ports.
func TestReasonFirewalled(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 602, wan, noNAT, noNAT)
		l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		l.chat(40)
		l.wantReason(l.a, l.b, vl1.ReasonFirewalled)
		l.wantReason(l.b, l.a, vl1.ReasonFirewalled)
		l.w.Watch = nil
		l.chat(60)
		l.wantReason(l.a, l.b, vl1.ReasonNone)
		return l.w
	})
}

// A wall that comes up later: the path is lost first, then firewalled.
func TestReasonPathLost(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 603, wan, noNAT, noNAT).up()
		if _, ok := l.directly(5 * sec); !ok {
			t.Fatal("not direct within 5 s")
		}
		l.chat(3)
		l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
		l.chat(8)
		l.wantReason(l.a, l.b, vl1.ReasonLost)
		l.chat(60)
		l.wantReason(l.a, l.b, vl1.ReasonFirewalled)
		return l.w
	})
}

// One side has only IPv4, the other only IPv6; the root has both.
func TestReasonNoCommonFamily(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 604, wan, noNAT, noNAT)
		six, stack := twoFamilies(l)
		l.up()
		l.joined(six)
		l.b, l.sb = six, stack
		l.talk(l.sa, six, 5*sec)
		l.chat(40)
		l.wantReason(l.a, six, vl1.ReasonNoFamily)
		l.wantReason(six, l.a, vl1.ReasonNoFamily)
		return l.w
	})
}

// twoFamilies gives root and controller IPv6 as well, and adds a node that has
// nothing else.
func twoFamilies(l *lan) (*sim.Node, *sim.Stack) {
	l.r.Also(ip("2a00:5::1"))
	l.c.Also(ip("2a00:5::2"))
	l.planet = l.w.Planet(sim.Epoch+1, l.r)
	for _, n := range []*sim.Node{l.r, l.c, l.a, l.b} {
		n.AddWorld(l.planet)
	}
	return l.add("S", 40, "2a00:5:77::1")
}

// Settings that forbid where the peer is.
func TestReasonPolicy(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 605, wan, noNAT, noNAT)
		l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			c.SetPhysical(at, vl1.Settings{Physical: []vl1.Physical{{Prefix: netip.MustParsePrefix("5.0.12.0/24"), Blacklist: true}}}, out)
		})
		l.up()
		l.talk(l.sa, l.b, 5*sec)
		l.chat(20)
		l.wantReason(l.a, l.b, vl1.ReasonPolicy)
		return l.w
	})
}

// A root that relays and never introduces, as a malicious one may, and keeps what
// the peers say of their addresses too.
func TestReasonNoAddress(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 606, wan, noNAT, noNAT)
		root := l.r.Root().Endpoints[0]
		// The length of a RENDEZVOUS, and of a push of one IPv4 address.
		l.w.Watch = func(from, _ netip.AddrPort, data []byte) bool { return from != root || len(data) != 41 }
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		l.chat(5)
		l.wantReason(l.a, l.b, vl1.ReasonNotTried)
		l.chat(40)
		l.wantReason(l.a, l.b, vl1.ReasonNoAddress)
		return l.w
	})
}

// A peer that the user blocked, one that is switched off, a root that is, and no
// root at all.
func TestReasonSilence(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 607, wan, noNAT, noNAT)
		l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		l.b.Stop()
		l.chat(40)
		l.wantReason(l.a, l.b, vl1.ReasonSilent)
		if p, _ := l.a.Core.Peer(l.w.Now().Mono, addressOf(l.r)); p.Reason != vl1.ReasonNone {
			t.Errorf("the root: %q", p.Reason)
		}
		l.r.Stop()
		l.chat(100)
		l.wantReason(l.a, l.r, vl1.ReasonRootSilent)
		l.wantReason(l.a, l.b, vl1.ReasonNoRoot)
		l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			if err := c.ChangeTrust(at, out, func(t *trust.Table) error {
				return t.Set(at.Wall, l.b.Identity(), trust.Blocked, "the user said so")
			}); err != nil {
				t.Fatal(err)
			}
		})
		l.wantReason(l.a, l.b, vl1.ReasonBlocked)
		return l.w
	})
}

// One side's NAT varies ports, and a firewall keeps the search for them from
// finding any: each side says which of the two it is. In low-bandwidth mode that
// is why.
func TestReasonOneVariesPorts(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 608, wan, sim.Symmetric, sim.Cone)
		l.wall(ip("5.0.11.1"), ip("5.0.12.1"))
		l.up()
		l.talk(l.sa, l.b, 3*sec)
		l.chat(90)
		l.wantReason(l.a, l.b, vl1.ReasonPortsVaryHere)
		l.wantReason(l.b, l.a, vl1.ReasonPortsVaryThere)
		l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			c.SetPhysical(at, vl1.Settings{LowBandwidth: true}, out)
		})
		l.chat(2)
		l.wantReason(l.a, l.b, vl1.ReasonLowBandwidth)
		return l.w
	})
}

// An address that no root knows, and that turns up later.
func TestReasonUnknown(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 609, wan, noNAT, noNAT)
		l.online()
		late := l.w.NewNode("L", l.w.NewSecret(41), ip("5.0.41.1"), nil)
		ask := func(n int) {
			for range n {
				l.a.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Ask(at, addressOf(late), out) })
				l.w.Run(sec)
			}
		}
		ask(10)
		if got := l.a.Core.Unknown(); len(got) != 1 || got[0] != addressOf(late) {
			t.Errorf("unknown: %v", got)
		}
		late.Start(l.planet)
		ask(5)
		if got := l.a.Core.Unknown(); len(got) != 0 {
			t.Errorf("still unknown: %v", got)
		}
		return l.w
	})
}
