package hostport

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// Route is a destination reached over this network: through the gateway Via, or
// on the link if Via is invalid.
type Route struct {
	Prefix netip.Prefix
	Via    netip.Addr
	Metric uint16
}

// Settings is how a port is set up. The port keeps the slices. The zero value
// takes it down, which is for networks without configuration and for devices
// that failed.
type Settings struct {
	// Assigned are the controller's addresses that are applied to the device, in
	// the configuration's order; the prefix length is that of the subnet.
	Assigned []netip.Prefix
	// Added are the device's other addresses: link-local ones, and what the user
	// added.
	Added []netip.Prefix
	// Routes are the managed routes that are applied, in order.
	Routes []Route
	// HostRoutes are the routes of the host that go through the device, whoever made
	// them. One with a gateway outranks a managed one with the same prefix.
	HostRoutes []Route
	// MTU is the device's in bytes: the network's, or less if the user wants that.
	MTU int
	// NetworkMTU is that of the network, up to which packets of others are taken.
	// Who sends a larger one than the device's MTU is told, if it can be. Below MTU
	// it counts as MTU.
	NetworkMTU int
	// NDPEmulation is flag 0x04 of the configuration.
	NDPEmulation bool
	// AskLinkLocal has link-local neighbours asked for, although their MACs follow
	// from their addresses: on a network without multicast others than us cannot
	// ask, and know us only by our question.
	AskLinkLocal bool
	// RouterAdvertisements lets router discovery pass.
	RouterAdvertisements bool
	// SendReports lets the host's IGMP and MLD reports pass to the network.
	SendReports bool
	// Inspect gives the host the packets that rules copied here for others.
	Inspect bool
}

// Configure applies settings. New addresses are probed for other holders
// from the next [Port.Tick], which is then due. Any change of addresses forgets
// the neighbours with the packets that wait for them. Addresses and routes
// beyond the limits are ignored.
func (p *Port) Configure(at clock.Instant, s Settings) {
	before := p.own
	p.set, p.up = s, s.MTU > 0
	p.set.MTU = min(s.MTU, MaxMTU)
	p.set.NetworkMTU = max(p.set.MTU, min(s.NetworkMTU, MaxMTU))
	p.own, p.broadcasts = nil, nil
	if p.up {
		p.addOwn(s.Assigned)
		p.addOwn(s.Added)
	}
	p.setRoutes()
	p.generation++
	moved := !slices.Equal(before, p.own)
	if moved {
		p.forgetNeighbors()
		p.announceNew(at.Mono, before)
		p.conflicts = slices.DeleteFunc(p.conflicts, func(c Conflict) bool { return !p.isOwn(c.IP) })
	}
	switch {
	case !p.up:
		p.snooped, p.listed, p.hasList = nil, nil, false
		p.snoopDue, p.queryDue = idle, idle
	case !p.hasList && (moved || p.queryDue == idle):
		p.queryDue = at.Mono
	}
	p.updateGroups()
}

func (p *Port) addOwn(prefixes []netip.Prefix) {
	for _, pfx := range prefixes {
		if !pfx.IsValid() || pfx.Addr().IsMulticast() || pfx.Addr().IsUnspecified() || p.isOwn(pfx.Addr()) || len(p.own) == MaxAddresses {
			continue
		}
		p.own = append(p.own, pfx)
		if pfx.Addr().Is4() && pfx.Bits() <= 30 {
			p.broadcasts = append(p.broadcasts, wire.BroadcastOf(pfx))
		}
	}
}
