package sim_test

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/hostport"
	"orrery/engine/node"
	"orrery/engine/sim"
)

// survey tells a node what its system has on the network's device.
func (l *lan) survey(n *sim.Node, routes []hostport.Route, groups ...netip.Addr) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Surveyed(at, l.nwid, routes, groups, out) })
}

// A route that the user adds to the device by hand, through another member, is
// followed as an Ethernet device would have it, until it is gone.
func TestRoutesOfTheSystem(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 340, wan, noNAT, noNAT).up()
		l.talk(l.sa, l.b, 3*sec)
		router, _ := l.b.Address(l.nwid, true)
		router6, _ := l.b.Address(l.nwid, false)
		reaches := func(to string) bool {
			seq := l.sa.Ping(l.nwid, ip(to), 56)
			l.w.Run(2 * sec)
			_, ok := l.sa.Took(seq)
			return ok
		}
		if reaches("172.16.1.1") || reaches("2001:db8::1") {
			t.Fatal("there is a route already")
		}
		l.w.Run(10 * sec)
		l.survey(l.a, []hostport.Route{
			{Prefix: netip.MustParsePrefix("172.16.0.0/12"), Via: router},
			{Prefix: netip.MustParsePrefix("2001:db8::/32"), Via: router6},
			{Prefix: netip.MustParsePrefix("10.1.17.240/28"), Via: router}, // out of our own subnet
		})
		for _, to := range []string{"172.16.1.1", "2001:db8::1", "10.1.17.241"} {
			if !reaches(to) {
				t.Errorf("%s is not reached through the router", to)
			}
		}
		l.survey(l.a, nil)
		l.w.Run(10 * sec)
		for _, to := range []string{"172.16.1.1", "2001:db8::1", "10.1.17.241"} {
			if reaches(to) {
				t.Errorf("%s is reached without a route", to)
			}
		}
		return l.w
	})
}

// Groups that programs have joined on the device, as the system lists them,
// reach it, and no longer once they have been left.
func TestGroupsOfTheSystem(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 341, wan, noNAT, noNAT).up()
		l.talk(l.sa, l.b, 3*sec)
		l.w.Run(5 * sec)
		answered := func() bool {
			seq := l.sb.Ping(l.nwid, ip("239.1.2.3"), 56)
			l.w.Run(2 * sec)
			_, ok := l.sb.Took(seq)
			return ok
		}
		if answered() {
			t.Error("a group that nobody joined answers")
		}
		l.w.Run(6 * sec)
		l.survey(l.a, nil, ip("239.1.2.3"), ip("224.0.0.251"))
		l.w.Run(sec)
		if !answered() {
			t.Error("a joined group does not answer")
		}
		l.survey(l.a, nil, ip("224.0.0.251"))
		l.w.Run(6 * sec)
		if answered() {
			t.Error("a group that was left answers")
		}
		return l.w
	})
}
