package sim_test

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/sim"
)

func TestConeToSymmetric(t *testing.T) {
	for seed := range uint64(3) {
		l := newLAN(t, 7000+seed, wan, sim.Cone, sim.Symmetric).up()
		l.talk(l.sa, l.b, 3*sec)
		t.Log(l.a.Core.NAT(l.w.Now()), l.b.Core.NAT(l.w.Now()))
		took, ok := l.directly(30 * sec)
		t.Log(took/clock.Millisecond, ok, l.a.BurstSockets(), l.b.BurstSockets(), l.b.BurstPeak)
		l.w.Run(10 * sec)
		t.Log(took/clock.Millisecond, ok, l.a.BurstSockets(), l.b.BurstSockets(), l.b.BurstPeak)
	}
}
