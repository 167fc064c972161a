package sim_test

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/sim"
)

// An idle leaf is woken when something is due, and not to look whether it is:
// for heartbeats and their answers, cleaning, and calls to itself.
func TestIdleHour(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		w := sim.New(330, wan)
		r := w.NewNode("R", w.NewSecret(0), ip("5.0.0.1"), nil)
		a := w.NewNode("A", w.NewSecret(1), ip("192.168.1.2"), w.NewNAT(sim.Cone, ip("5.0.1.1")))
		planet := w.NewPlanet(r)
		r.Start(planet)
		a.Start(planet)
		w.Run(clock.Minute)
		sent, ticks := a.Sent, a.Ticks
		w.Run(clock.Hour)
		sent, ticks = a.Sent-sent, a.Ticks-ticks
		t.Logf("an idle hour: %d datagrams sent, %d wakes", sent, ticks)
		if sent < 200 || sent > 240 || ticks > 400 {
			t.Errorf("%d datagrams and %d wakes in an idle hour", sent, ticks)
		}
		if !a.Core.Online() {
			t.Error("offline after an idle hour")
		}
		return w
	})
}
