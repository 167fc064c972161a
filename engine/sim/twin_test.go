package sim_test

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/wire"
)

// twinWarned reports whether a node warns of a twin.
func twinWarned(n *sim.Node) bool {
	warned := false
	for _, e := range n.Events {
		if e.Peer == addressOf(n) {
			switch e.Kind {
			case node.EventTwin:
				warned = true
			case node.EventTwinGone:
				warned = false
			}
		}
	}
	return warned
}

// Scenario: disk cloned, both machines on. Both warn within minutes, behind the
// same NAT or far from each other; everybody else does not notice; when one of
// them is given another identity, the warning goes.
func TestClonedDisk(t *testing.T) {
	for name, near := range map[string]bool{"far": false, "behind one NAT": true} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				natA := noNAT
				if near {
					natA = sim.Cone
				}
				l := newLAN(t, 620, wan, natA, noNAT).up()
				l.w.Run(120 * sec)
				if twinWarned(l.a) || twinWarned(l.b) {
					t.Fatal("a warning without a twin")
				}
				third, st := l.add("D", 41, "5.0.41.1")
				third.Join(l.nwid)
				copied := l.twinOf(near)
				copied.Start(l.planet)
				copied.Join(l.nwid)
				took, ok := l.w.Until(600*sec, sec, func() bool { return twinWarned(l.a) && twinWarned(copied) })
				if !ok {
					t.Fatalf("after ten minutes: the first warns %v, the copy %v", twinWarned(l.a), twinWarned(copied))
				}
				t.Logf("both warn after %d s", took/sec)
				if twinWarned(l.b) || twinWarned(l.r) || twinWarned(third) {
					t.Error("somebody else warns")
				}
				if got := l.count(st, l.b, 20, 200*ms, 56); got != 20 {
					t.Errorf("%d of 20 pings between two others", got)
				}
				l.talk(l.sa, l.b, 10*sec)
				copied.Stop()
				l.w.Run(3000 * sec)
				if twinWarned(l.a) {
					t.Error("the first still warns fifty minutes after the copy was switched off")
				}
				if got := l.count(l.sa, l.b, 20, 200*ms, 56); got != 20 {
					t.Errorf("%d of 20 pings after the copy was switched off", got)
				}
				return l.w
			})
		})
	}
}

// twinOf makes a copy of A's disk.
func (l *lan) twinOf(near bool) *sim.Node {
	if near {
		return l.w.NewNode("A2", l.a.Secret, ip("192.168.11.3"), l.a.NAT())
	}
	return l.w.NewNode("A2", l.a.Secret, ip("5.0.44.1"), nil)
}

// No restart, move, loss of packets or replay makes a node think that it has a
// twin.
func TestNoFalseTwin(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 621, sim.Link{Delay: 10 * ms, Jitter: 5 * ms, Loss: 500, Duplicate: 200, Reorder: 200}, sim.Symmetric, noNAT).up()
		var calls [][]byte
		l.w.Watch = func(_, _ netip.AddrPort, data []byte) bool {
			if wire.Classify(data) == wire.KindFragment && wire.Fragment(data).Destination() == addressOf(l.b) {
				if p := wire.Packet(wire.Fragment(data).Payload()); wire.Classify(p) == wire.KindPacket && p.Source() == addressOf(l.b) {
					calls = append(calls, slices.Clone(data))
				}
			}
			// A root of the reference that relays a whole packet from a node to itself
			// waits for itself for ever.
			if wire.Classify(data) == wire.KindPacket && wire.Packet(data).Source() == wire.Packet(data).Destination() {
				t.Errorf("a packet of %v to itself", wire.Packet(data).Source())
			}
			return true
		}
		for i := range 6 {
			l.w.Run(100 * sec)
			l.restart(sec, l.a)
			l.b.Move(ip("5.0.12.9"), nil)
			l.w.Run(50 * sec)
			l.b.Move(ip("5.0.12.1"), nil)
			if i == 2 {
				l.r.Stop()
				l.w.Run(60 * sec)
				l.r.Start(nil)
			}
		}
		l.w.Run(300 * sec)
		l.restart(sec, l.b)
		if len(calls) < 5 {
			t.Errorf("only %d calls of B to itself were recorded", len(calls))
		}
		replayer := l.w.NewStranger(ipPort("5.0.66.1:4444"))
		for _, data := range slices.Clone(calls) {
			replayer.Forge(l.r.Root().Endpoints[0], l.b.Root().Endpoints[0], data)
			l.w.Run(15 * sec)
		}
		l.w.Run(600 * sec)
		for _, n := range []*sim.Node{l.a, l.b, l.c} {
			if twinWarned(n) {
				t.Errorf("%s warns of a twin", n.Name)
			}
		}
		return l.w
	})
}
