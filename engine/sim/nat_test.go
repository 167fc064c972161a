package sim_test

import (
	"fmt"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/sim"
)

var natNames = map[sim.NATKind]string{
	noNAT: "public", sim.Cone: "cone", sim.FullCone: "full cone", sim.AddressCone: "address cone", sim.Symmetric: "symmetric",
	sim.Sequential: "sequential",
}

// Every pair of NATs: those that rendezvous is enough for are direct within
// 5 s, those that need guessing within 30 s, and the others, where both take
// unpredictable ports, talk through the root without loss.
func TestTraversal(t *testing.T) {
	kinds := []sim.NATKind{noNAT, sim.FullCone, sim.AddressCone, sim.Cone, sim.Symmetric, sim.Sequential}
	varies := func(k sim.NATKind) bool { return k == sim.Symmetric || k == sim.Sequential }
	for _, a := range kinds {
		for _, b := range kinds {
			t.Run(fmt.Sprintf("%s to %s", natNames[a], natNames[b]), func(t *testing.T) {
				scenario(t, func(t *testing.T) *sim.World {
					l := newLAN(t, 100+uint64(a+1)*10+uint64(b+1), wan, a, b).up()
					l.talk(l.sa, l.b, 3*sec)
					hopeless := varies(a) && varies(b) && (a == sim.Symmetric || b == sim.Symmetric)
					limit := 5 * sec
					if varies(a) && (varies(b) || b == sim.Cone) || varies(b) && a == sim.Cone {
						limit = 30 * sec
					}
					took, ok := l.directly(limit)
					if ok == hopeless {
						t.Errorf("direct: %v after %d ms", ok, took/ms)
					}
					if got := l.count(l.sa, l.b, 40, 250*ms, 56); got != 40 {
						t.Errorf("%d of 40 pings were answered", got)
					}
					if got := l.count(l.sb, l.a, 40, 250*ms, 1400); got != 40 {
						t.Errorf("%d of 40 pings back were answered", got)
					}
					return l.w
				})
			})
		}
	}
}

// A direct way between NATs survives silence while the peers are active, and
// comes back after it.
func TestTraversalAfterSilence(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 140, wan, sim.Cone, sim.Cone).up()
		if _, ok := l.directly(5 * sec); !ok {
			t.Fatal("not direct within 5 s")
		}
		// Heartbeats hold the mappings for some minutes after the last frame.
		l.w.Run(5 * clock.Minute)
		if !l.direct(l.a, l.b) || !l.ping(l.sa, l.b, true, 56) {
			t.Error("the way was lost during five minutes of silence")
		}
		l.w.Run(30 * clock.Minute)
		l.talk(l.sa, l.b, 3*sec)
		if took, ok := l.directly(5 * sec); !ok {
			t.Errorf("no direct path %d ms after half an hour of silence", took/ms)
		}
		return l.w
	})
}

// A gateway that reboots forgets its mappings and chooses others: traffic is
// back within 5 s, a direct path soon.
func TestNATReboot(t *testing.T) {
	for _, kind := range []sim.NATKind{sim.Cone, sim.FullCone, sim.Symmetric} {
		t.Run(natNames[kind], func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 150+uint64(kind), wan, kind, sim.FullCone).up()
				l.talk(l.sa, l.b, 3*sec)
				l.directly(5 * sec)
				for range 3 {
					l.a.NAT().Forget()
					took := l.talk(l.sa, l.b, 5*sec)
					t.Logf("A reaches B %d ms after its gateway's reboot", took/ms)
					if took, ok := l.directly(30 * sec); !ok {
						t.Errorf("no direct path %d ms after the reboot", took/ms)
					}
					l.w.Run(20 * sec)
				}
				// Now only B speaks: A must notice by itself, at its next heartbeat.
				l.a.NAT().Forget()
				took := l.talk(l.sb, l.a, 25*sec)
				t.Logf("B reaches A %d ms after the reboot of A's gateway", took/ms)
				return l.w
			})
		})
	}
}

// A laptop that changes networks is reached again within 5 s.
func TestMovingNode(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 160, wan, sim.Cone, sim.Cone).up()
		if _, ok := l.directly(5 * sec); !ok {
			t.Fatal("not direct within 5 s")
		}
		l.a.Move(ip("192.168.77.7"), l.w.NewNAT(sim.Cone, ip("5.0.77.1")))
		took := l.talk(l.sa, l.b, 5*sec)
		t.Logf("A reaches B %d ms after it moved", took/ms)
		if took, ok := l.directly(5 * sec); !ok {
			t.Errorf("no direct path %d ms after traffic was back", took/ms)
		}
		l.a.Move(ip("5.0.78.1"), nil)
		l.talk(l.sa, l.b, 5*sec)
		if took, ok := l.directly(5 * sec); !ok {
			t.Errorf("no direct path %d ms after traffic was back", took/ms)
		}
		l.w.Run(10 * sec)
		if got := l.count(l.sb, l.a, 10, 200*ms, 56); got != 10 {
			t.Errorf("%d of 10 pings to the moved node were answered", got)
		}
		return l.w
	})
}

// Half an hour of talk between two cone NATs loses nothing.
func TestLongTalkBetweenNATs(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 170, wan, sim.Cone, sim.Cone).up()
		l.talk(l.sa, l.b, 3*sec)
		if got := l.count(l.sa, l.b, 900, 2*sec, 56); got != 900 {
			t.Errorf("%d of 900 pings were answered in half an hour", got)
		}
		return l.w
	})
}
