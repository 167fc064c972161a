package sim_test

import (
	"testing"

	"orrery/engine/sim"
)

func TestTwoPeopleTalk(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 1, sim.Link{Delay: ms}, noNAT, noNAT).up()
		if !l.ping(l.sa, l.b, true, 56) {
			t.Error("no answer to the first ping (IPv4)")
		}
		for i := range 10 {
			if !l.ping(l.sa, l.b, true, 56) || !l.ping(l.sb, l.a, true, 56) {
				t.Errorf("ping %d lost", i)
			}
		}
		if !l.ping(l.sa, l.b, false, 56) {
			t.Error("no answer over IPv6")
		}
		if !l.ping(l.sa, l.b, true, 2000) {
			t.Error("no answer to 2000 bytes")
		}
		if !l.direct(l.a, l.b) {
			t.Error("no direct path")
		}
		return l.w
	})
}
