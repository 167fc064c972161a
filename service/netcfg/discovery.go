package netcfg

import (
	"net/netip"
	"slices"
)

// discoveryMetric is the metric of an interface that others are to be looked for
// on first. Systems give real ones 5 at the least.
const discoveryMetric = 1

// discoveryRoutes lead to everybody: where a program names no interface, the
// route decides, and without one of their own they leave by the default route.
var discoveryRoutes = [2]netip.Prefix{netip.MustParsePrefix("255.255.255.255/32"), netip.MustParsePrefix("224.0.0.0/4")}

// discovery plans that broadcasts and multicast leave by the interface. Windows
// has routes for them on every interface, of which the lowest metric wins; it also
// decides which of its own addresses a program is told first. IPv6 has no
// broadcast, and its groups are sent to by naming an interface.
func (b *planner) discovery() {
	if b.p.ranks {
		b.add(Item{Kind: KindMetric, Value: discoveryMetric})
	}
	if !b.p.routed || !slices.ContainsFunc(b.own, func(a netip.Prefix) bool { return a.Addr().Is4() }) {
		return
	}
	for _, to := range discoveryRoutes {
		// No two networks may have the same route, or the second is refused.
		b.add(Item{Kind: KindRoute, Prefix: to, Metric: b.want.index})
	}
}
