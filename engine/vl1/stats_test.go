package vl1

import (
	"testing"

	"orrery/engine/clock"
)

// Round trips are counted in classes; what cannot be one is not.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	net, root, a, _ := trio(t)
	way := a.peers[root.self.Address].direct(net.now.Mono)
	before := a.stats.RoundTrips
	for _, ms := range []clock.Mono{0, 1, 2, 3, 1000, 1001, 60000} {
		a.measured(way, ms*clock.Millisecond)
	}
	a.measured(way, -1)
	a.measured(way, 61*clock.Second)
	want, got := before, a.Stats().RoundTrips
	want.Counts[0] += 2
	want.Counts[1] += 2
	want.Counts[len(want.Counts)-2]++
	want.Counts[len(want.Counts)-1] += 2
	want.Sum += 62007 * clock.Millisecond
	if got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if before.Counts[0] == 0 {
		t.Error("nothing was measured while the root was found")
	}
}
