package sim_test

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/sim"
)

// An idle node keeps every way to every root open, in both address families:
// no NAT on the way is left without a packet for more than twenty seconds. With
// traffic the best root hears us every five seconds or so; a root costs few
// HELLOs.
func TestRootPathsAreKept(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 340, wan, sim.Cone, noNAT)
		l.dual()
		l.a.Also(ip("2a00:9::a"))
		l.w.Run(30 * sec)
		last, most := map[bool]clock.Mono{}, map[bool]clock.Mono{}
		lastAny, mostAny := clock.Mono(0), clock.Mono(0)
		watch := func(from, to netip.AddrPort, _ []byte) bool {
			if v4 := to == ipPort("5.0.0.1:9993"); v4 && from.Addr() == ip("5.0.11.1") || from.Addr() == ip("2a00:9::a") && to == ipPort("[2a00::1]:9993") {
				if at, ok := last[v4]; ok {
					most[v4] = max(most[v4], l.w.Now().Mono-at)
				}
				last[v4] = l.w.Now().Mono
				mostAny = max(mostAny, l.w.Now().Mono-lastAny)
				lastAny = l.w.Now().Mono
			}
			return true
		}
		l.w.Watch = watch
		hellos := counter(l.a, "out.HELLO")
		l.w.Run(20 * clock.Minute)
		for _, v4 := range []bool{true, false} {
			if most[v4] == 0 || most[v4] > 20*sec {
				t.Errorf("IPv4 %v: silent for up to %d ms", v4, most[v4]/ms)
			}
		}
		if n := counter(l.a, "out.HELLO") - hellos; n > 20 {
			t.Errorf("%d HELLOs in twenty idle minutes", n)
		}
		p, _ := l.a.Core.Peer(l.w.Now().Mono, addressOf(l.r))
		families := map[bool]bool{}
		for _, x := range p.Paths {
			if !x.Expired && !x.Silent {
				families[x.Remote.Addr().Is4()] = true
			}
		}
		if len(families) != 2 {
			t.Errorf("the root is reached at %+v", p.Paths)
		}
		// Traffic: whoever wants to reach us after our gateway's reboot waits less.
		l.up()
		l.count(l.sa, l.b, 10, sec, 56)
		mostAny = 0
		l.count(l.sa, l.b, 60, sec, 56)
		if mostAny == 0 || mostAny > 6*sec {
			t.Errorf("with traffic the best root was left without a word for %d ms", mostAny/ms)
		}
		return l.w
	})
}
