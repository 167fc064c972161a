package node

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
)

// BurstReady takes the short-lived sockets that [vl1.Outbox.Burst] asked for,
// by the ID of the request.
func (c *Core) BurstReady(at clock.Instant, id uint64, sockets []vl1.SocketID, out *Outbox) {
	c.begin(at, out)
	c.wire.BurstReady(at, id, sockets)
	c.end()
}

// NAT tells what is known of the NAT in front of us.
func (c *Core) NAT(at clock.Instant) vl1.NATInfo { return c.wire.NAT(at.Mono) }

// Traversal tells how the search for a direct way to a relayed peer stands.
func (c *Core) Traversal(at clock.Instant, a identity.Address) vl1.TraversalInfo {
	return c.wire.Traversal(at.Mono, a)
}
