package portmap

import (
	"testing"
	"time"
)

// TestOneMappingPerPort is a bad week with one gateway, by each method: it
// grants other lifetimes than it is asked for, refuses to delete, reboots, and
// our node is killed and started again and again. Whatever happens, the gateway
// never has more than one mapping for our port, and the port is mapped whenever
// the gateway lets it be.
func TestOneMappingPerPort(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sw switches
		p  patient
	}{
		"PCP":           {switches{pcp: true}, patient{long, short, short}},
		"NAT-PMP":       {switches{natpmp: true}, patient{long, long, short}},
		"UPnP":          {switches{upnp: upnpSwitches{on: true}}, patient{short, short, long}},
		"UPnP for ever": {switches{upnp: upnpSwitches{on: true, onlyPermanent: true}}, patient{short, short, long}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newManual()
			g := newGateway(t, clock, c.sw)
			one := func(what string) {
				t.Helper()
				if got := g.table(); len(got) != 1 {
					t.Errorf("%s: mapped %v", what, got)
				}
			}
			g.set(func(sw *switches) { sw.keepDeleted = true })
			for life := range 3 {
				r := runAt(t, g, c.p)
				r.code(Mapped, -1)
				one("at the start")
				// Granted are two minutes, then a year, then what is asked for.
				for _, grants := range []uint32{120, 365 * 24 * 3600, 0} {
					g.set(func(sw *switches) { sw.life = grants })
					for range 4 {
						if s := r.code(Mapped, -1); s.Next > checkEvery {
							t.Errorf("waits %v with a grant of %d s", s.Next, grants)
						}
						one("after a renewal")
					}
				}
				// It reboots between two looks, and maps to other ports from then on.
				clock.advance(time.Minute)
				g.reboot()
				g.set(func(sw *switches) { sw.shift = uint16(life) })
				r.code(Mapped, -1)
				one("after a reboot")
				r.stop() // it does not delete: as if we were killed
				one("after the end")
			}
			// At last it deletes.
			g.set(func(sw *switches) { sw.keepDeleted = false })
			r := runAt(t, g, c.p)
			r.code(Mapped, -1)
			one("after all")
			r.stop()
			g.expect(t, nil)
		})
	}
}
