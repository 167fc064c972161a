package sim_test

import (
	"testing"

	"orrery/engine/sim"
)

// While a node measures its NAT, a root hears it from other ports too, and does
// not take one of those for the way to it: what it relays goes on arriving.
func TestMeasuringKeepsTheRootsPath(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		l := newLAN(t, 940+seed, wan, sim.Symmetric, sim.Symmetric).up()
		l.talk(l.sa, l.b, 3*sec)
		if got := l.count(l.sa, l.b, 60, 250*ms, 56); got != 60 {
			t.Errorf("seed %d: %d of 60 pings were answered", seed, got)
		}
	}
}
