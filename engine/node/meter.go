package node

import (
	"orrery/engine/clock"
	"orrery/engine/hostport"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/vl2"
)

// NetworkMeter has what was counted of one network since it was joined.
type NetworkMeter struct {
	ID     identity.NetworkID
	Status vl2.Status
	// Groups are subscribed multicast groups, Members peers that have proved
	// membership.
	Groups, Members int
	// Unverified are members that a network for verified peers turns away.
	Unverified int
	// Received frames came from the network to the host, Sent ones the other way.
	Received, Sent uint64
	// Drops are frames that went no further, by reason.
	Drops [vl2.DropReasonCount]uint64
	// Oversize frames were longer than the Ethernet device takes, Strays for
	// another host though we are no bridge.
	Oversize, Strays uint64
	// PortDrops are packets that an IP device's port stopped, by reason.
	PortDrops [hostport.DropReasonCount]uint64
	// Clamped counts TCP connections, each direction by itself, whose segments were
	// made smaller than their end asked for.
	Clamped uint64
	// Multicasts is what was counted of multicast and broadcasts.
	Multicasts vl2.MulticastCount
	// LastConfig is when a configuration was last taken from the controller.
	LastConfig clock.Mono
}

// NetworkMeters has the counters of all networks, by ID.
func (c *Core) NetworkMeters() []NetworkMeter {
	ms := make([]NetworkMeter, 0, len(c.sorted))
	for _, p := range c.sorted {
		nw := c.vl2.Network(p.nwid)
		if nw == nil {
			continue
		}
		m := NetworkMeter{
			ID: p.nwid, Status: nw.Status(), Groups: len(nw.Groups()), Members: len(nw.Members()), Unverified: len(nw.TurnedAway()),
			Received: p.received, Sent: p.sent, LastConfig: nw.LastConfig(), Oversize: p.oversize, Strays: p.strays,
		}
		for r := range m.Drops {
			m.Drops[r] = nw.Drops(vl2.DropReason(r))
		}
		m.Clamped, m.Multicasts = nw.Clamped(), nw.Multicasts()
		for r := range m.PortDrops {
			if p.ip != nil {
				m.PortDrops[r] = p.ip.Drops(hostport.DropReason(r))
			}
		}
		ms = append(ms, m)
	}
	return ms
}

// Stats returns the wire's packet counters.
func (c *Core) Stats() vl1.Stats { return c.wire.Stats() }

// Unknown lists the addresses that are wanted and whose identity no root tells.
func (c *Core) Unknown() []identity.Address { return c.wire.Unknown() }
