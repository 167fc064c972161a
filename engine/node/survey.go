package node

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/hostport"
	"orrery/engine/identity"
)

// survey is what the system knows of an IP device beside its addresses.
type survey struct {
	routes []hostport.Route
	groups []netip.Addr
	done   bool
}

// Surveyed tells what the system knows of a network's IP device beside its
// addresses: the routes that lead into it, whoever made them, since the kernel
// does not say with a packet through which gateway it is to go, and the multicast
// groups that programs have joined on it.
func (c *Core) Surveyed(at clock.Instant, nwid identity.NetworkID, routes []hostport.Route, groups []netip.Addr, out *Outbox) {
	c.begin(at, out)
	defer c.end()
	p, nw := c.ports[nwid], c.vl2.Network(nwid)
	if p == nil || nw == nil {
		return
	}
	sameRoutes, sameGroups := slices.Equal(p.survey.routes, routes), slices.Equal(p.survey.groups, groups)
	if p.survey.done && sameRoutes && sameGroups {
		return
	}
	p.survey = survey{slices.Clone(routes), slices.Clone(groups), true}
	if p.ip == nil {
		return
	}
	if !sameRoutes {
		p.configure(c, at, nw)
	}
	p.ip.SetHostGroups(p.survey.groups)
	p.follow(c, at, nw)
}
