package host

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
)

// withholder is a [Port] that does not apply everything that it is given.
type withholder interface {
	// Withheld tells what of a network's addresses and targets of routes, which
	// the settings let through, is not in force.
	Withheld(nwid identity.NetworkID) (addresses, targets []netip.Prefix)
}

// withhold tells the core what the port has not applied.
func (h *Host) withhold(nwid identity.NetworkID, p *livePort) {
	w, ok := p.Port.(withholder)
	if !ok {
		return
	}
	addresses, targets := w.Withheld(nwid)
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Withhold(at, nwid, addresses, targets, out) })
}
