package node

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// withheld is what the settings let through, and the system does not have
// nevertheless: it does not fit into the machine.
type withheld struct {
	addresses, targets []netip.Prefix
}

// Withhold tells which managed addresses, as the configuration has them, and
// which targets of routes, masked, are not in force on the system though the
// settings let them through: it has networks of its own there. Until told
// otherwise the network has no such addresses and routes for us, and physical
// paths may lead where they are.
func (c *Core) Withhold(at clock.Instant, nwid identity.NetworkID, addresses, targets []netip.Prefix, out *Outbox) {
	c.begin(at, out)
	defer c.end()
	p, nw := c.ports[nwid], c.vl2.Network(nwid)
	if p == nil || nw == nil || slices.Equal(p.withheld.addresses, addresses) && slices.Equal(p.withheld.targets, targets) {
		return
	}
	p.withheld = withheld{slices.Clone(addresses), slices.Clone(targets)}
	p.configure(c, at, nw)
	c.reckonInside()
}
