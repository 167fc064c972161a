package netcfg

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"orrery/service/netcfg/verdict"
)

// TestMachineIsReadAnew: what the machine has is read whenever it is asked for,
// however long that takes on a busy machine; but not when there are very many
// routes, for a while.
func TestMachineIsReadAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		reads, routes := 0, 10
		f.look = func(keep func(netip.Prefix) bool) verdict.Machine {
			reads++
			time.Sleep(2 * time.Second) // of the bubble: others have their turn
			for range routes {
				keep(netip.MustParsePrefix("10.0.0.0/8"))
			}
			return verdict.Machine{NoIPv6: reads%2 == 0}
		}
		m := f.open()
		look := func(what string, want int) {
			t.Helper()
			found, _, err := m.Machine(nil, prefixes("10.1.0.0/16"))
			if err != nil || reads != want || found.NoIPv6 != (want%2 == 0) {
				t.Errorf("%s: %d readings, want %d; %+v, %v", what, reads, want, found, err)
			}
		}
		look("few routes", 1)
		look("at once again", 2)
		routes = 2 * plenty
		look("many routes for the first time", 3)
		look("at once again", 3)
		if _, _, err := m.Machine(nil, prefixes("10.2.0.0/16")); err != nil || reads != 4 {
			t.Errorf("for other targets: %d readings, %v", reads, err)
		}
		look("for those again", 5)
		time.Sleep(2 * plenty * perRoute)
		look("after a while", 6)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
}
