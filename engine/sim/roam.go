package sim

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/vl1"
)

// Now reads the node's clocks: the calendar may be wrong, and monotonic time
// stands still while the machine sleeps.
func (n *Node) Now() clock.Instant {
	now := n.world.Now()
	return clock.Instant{Mono: now.Mono - n.slept, Wall: now.Wall + n.skew}
}

// Step sets the node's calendar by so many milliseconds forth or back.
func (n *Node) Step(d clock.Wall) { n.skew += d }

// Also gives the node a public address of the other family beside its own; the
// zero address takes it away.
func (n *Node) Also(addr netip.Addr) {
	n.detach()
	n.also = addr
	n.attach()
	n.tellAddress()
}

// Roam is [Node.Move] on a machine that notices: the core is told to resume.
func (n *Node) Roam(addr netip.Addr, nat *NAT) {
	n.Move(addr, nat)
	n.Resume()
}

// Resume tells the core that the machine woke up or changed networks.
func (n *Node) Resume() {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Resume(at, out) })
}

// Unplug takes the network away, and the core is told.
func (n *Node) Unplug() {
	n.detach()
	n.addr, n.also, n.nat = netip.Addr{}, netip.Addr{}, nil
	n.tellAddress()
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetLink(at, false, out) })
}

// Plug gives an unplugged node an address, and the core is told.
func (n *Node) Plug(addr netip.Addr, nat *NAT) {
	n.Move(addr, nat)
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetLink(at, true, out) })
}

// Suspend puts the machine to sleep: nothing runs, nothing is received.
func (n *Node) Suspend() {
	n.asleep = true
	n.sleptAt = n.world.now
	n.timerID++
	n.wake = clock.Never
}

// WakeAt wakes the machine up at an address. Its monotonic clock stood still
// meanwhile, as on Linux, or ran on, as on Windows. Then the core is told to
// resume.
func (n *Node) WakeAt(addr netip.Addr, nat *NAT, ranOn bool) {
	n.asleep = false
	if !ranOn {
		n.slept += n.world.now - n.sleptAt
	}
	n.Roam(addr, nat)
}

// Configure replaces what the administrator says of physical networks.
func (n *Node) Configure(physical ...vl1.Physical) { n.SetPhysical(vl1.Settings{Physical: physical}) }

// SetPhysical replaces all that the administrator says.
func (n *Node) SetPhysical(s vl1.Settings) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetPhysical(at, s, out) })
}
