package node

import (
	"orrery/engine/clock"
	"orrery/engine/vl1"
)

// SetSockets tells which UDP sockets are open, ascending; see
// [vl1.Wire.SetSockets].
func (c *Core) SetSockets(at clock.Instant, ids []vl1.SocketID, out *Outbox) {
	c.begin(at, out)
	c.wire.SetSockets(at, ids)
	c.end()
}

// Resume tells that the machine woke up or came to another network: paths are
// proved anew and configurations fetched, since what the credentials in them
// certify may have run out meanwhile.
func (c *Core) Resume(at clock.Instant, out *Outbox) {
	c.begin(at, out)
	c.wire.Resume(at)
	c.vl2.Resume(at)
	c.end()
}

// SetLink tells whether the machine has an address to send from. Without one
// the core is quiet; one that comes back is a [Core.Resume].
func (c *Core) SetLink(at clock.Instant, up bool, out *Outbox) {
	c.begin(at, out)
	if up && c.wire.LinkDown() {
		c.wire.SetLink(at, true)
		c.vl2.Resume(at)
	} else {
		c.wire.SetLink(at, up)
	}
	c.end()
}

// SetPhysical puts the administrator's settings of physical networks and single
// peers into force; see [vl1.Wire.SetPhysical].
func (c *Core) SetPhysical(at clock.Instant, s vl1.Settings, out *Outbox) {
	c.begin(at, out)
	c.wire.SetPhysical(at, s)
	c.vl2.SetLowBandwidth(s.LowBandwidth)
	c.end()
}

// SetStrict chooses whether members' credentials are judged more strictly than by
// the reference; see [vl2.Switch.SetStrict].
func (c *Core) SetStrict(on bool) { c.vl2.SetStrict(on) }
