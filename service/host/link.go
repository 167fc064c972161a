package host

import (
	"maps"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/vl1"
)

// SetSockets tells the core which regular sockets are open; see
// [node.Core.SetSockets].
func (h *Host) SetSockets(ids []vl1.SocketID) {
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetSockets(at, ids, out) })
}

// Resume tells the core that the machine woke up or came to another network.
func (h *Host) Resume() {
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Resume(at, out) })
}

// SetLink tells the core whether there is any network; see [node.Core.SetLink].
func (h *Host) SetLink(up bool) {
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetLink(at, up, out) })
}

// Recheck has addresses, routes and DNS of all networks compared with what they
// should be, and repaired.
func (h *Host) Recheck() {
	h.networks.mu.Lock()
	ids := slices.Sorted(maps.Keys(h.networks.ports))
	h.networks.mu.Unlock()
	for _, nwid := range ids {
		h.networks.touch(nwid)
	}
}
