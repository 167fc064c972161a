package sim_test

import (
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/sim"
)

// restart kills nodes, leaves them dead for a while, and starts them again.
func (l *lan) restart(dead clock.Mono, nodes ...*sim.Node) {
	for _, n := range nodes {
		n.Stop()
	}
	l.w.Run(dead)
	for _, n := range nodes {
		n.Start(nil)
	}
}

// Whoever of the four is killed, and for however long it is away: once it is
// back, there is traffic within 5 s, both ways.
func TestKilledAndRestarted(t *testing.T) {
	for name, who := range map[string]func(l *lan) []*sim.Node{
		"root":             func(l *lan) []*sim.Node { return []*sim.Node{l.r} },
		"controller":       func(l *lan) []*sim.Node { return []*sim.Node{l.c} },
		"leaf":             func(l *lan) []*sim.Node { return []*sim.Node{l.b} },
		"both leaves":      func(l *lan) []*sim.Node { return []*sim.Node{l.a, l.b} },
		"root and leaf":    func(l *lan) []*sim.Node { return []*sim.Node{l.r, l.a} },
		"everybody":        func(l *lan) []*sim.Node { return []*sim.Node{l.a, l.b, l.c, l.r} },
		"all but the root": func(l *lan) []*sim.Node { return []*sim.Node{l.a, l.b, l.c} },
	} {
		for _, nat := range []sim.NATKind{noNAT, sim.Cone, sim.Symmetric} {
			t.Run(name+", "+natNames[nat], func(t *testing.T) {
				scenario(t, func(t *testing.T) *sim.World {
					l := newLAN(t, 200+uint64(nat+1), wan, nat, nat).up()
					l.talk(l.sa, l.b, 3*sec)
					l.directly(5 * sec)
					for _, dead := range []clock.Mono{100 * ms, 7 * sec, 100 * sec, 20 * clock.Minute} {
						l.restart(dead, who(l)...)
						there := l.talk(l.sa, l.b, 5*sec)
						back := l.talk(l.sb, l.a, 5*sec)
						if t.Failed() {
							t.Logf("dead for %d ms: B reached after %d ms, A %d ms later", dead/ms, there/ms, back/ms)
							return l.w
						}
						l.w.Run(20 * sec)
					}
					return l.w
				})
			})
		}
	}
}

// With the root dead, peers that know each other go on; those that do not
// cannot meet, until it is back.
func TestTrafficWithoutTheRoot(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 210, wan, sim.Cone, sim.Cone).up()
		if _, ok := l.directly(5 * sec); !ok {
			t.Fatal("not direct within 5 s")
		}
		l.r.Stop()
		if got := l.count(l.sa, l.b, 200, sec, 56); got != 200 {
			t.Errorf("%d of 200 pings were answered without the root", got)
		}
		if l.a.Core.Online() {
			t.Error("A says that it is online without a root")
		}
		d, sd := l.add("D", 30, "5.0.30.1")
		d.Join(l.nwid)
		l.w.Run(10 * sec)
		l.r.Start(nil)
		l.ready(10*sec, d)
		l.talk(sd, l.a, 5*sec)
		if !l.a.Core.Online() {
			t.Error("A is not online though the root is back")
		}
		if n := len(slices.DeleteFunc(slices.Clone(l.a.Events), func(e node.Event) bool { return e.Kind != node.EventOffline })); n != 1 {
			t.Errorf("A went offline %d times", n)
		}
		return l.w
	})
}

// A controller that restarts has its networks and members from the store: a
// member keeps its address and stays authorised, a stranger stays out.
func TestControllerKeepsItsRecords(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 211, wan, noNAT, noNAT)
		l.online()
		l.network(isPrivate + v4Pool)
		l.member(l.a, `{"authorized":true}`)
		l.joined(l.a)
		l.b.Join(l.nwid)
		before, _ := l.a.Address(l.nwid, true)
		l.restart(sec, l.c)
		l.w.Run(2 * clock.Minute)
		after, ok := l.a.Address(l.nwid, true)
		if !ok || after != before {
			t.Errorf("A had %v, has %v", before, after)
		}
		if l.status(l.b).String() != "ACCESS_DENIED" {
			t.Errorf("B, never authorised, is %v", l.status(l.b))
		}
		l.member(l.b, `{"authorized":true}`)
		l.ready(10*sec, l.b)
		l.talk(l.sa, l.b, 3*sec)
		return l.w
	})
}

// restartClean starts a stopped node without any memory of peers, when nothing
// is on the way to it any more.
func (l *lan) restartClean(n *sim.Node) {
	l.w.Run(sec)
	n.Wipe()
	n.Start(l.planet)
}
