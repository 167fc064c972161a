package sim

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/vl1"
)

// firstBurstPort is the first port of short-lived sockets.
const firstBurstPort = 49152

// openBurst gives the core the short-lived sockets that it asked for, a
// millisecond later, and as many as [Node.MaxBurst] allows.
func (n *Node) openBurst(b vl1.Burst) {
	w, boot := n.world, n.boot
	w.After(clock.Millisecond, func() {
		if n.boot != boot || n.down {
			return
		}
		count := b.Count
		if n.MaxBurst > 0 {
			count = min(count, n.MaxBurst)
		}
		var ids []vl1.SocketID
		for range count {
			n.lastSocket++
			n.burstPort++
			port := firstBurstPort + n.burstPort%(65535-firstBurstPort)
			n.burst = append(n.burst, socket{n.lastSocket, port})
			ids = append(ids, n.lastSocket)
		}
		n.BurstPeak = max(n.BurstPeak, len(n.burst))
		n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.BurstReady(at, b.ID, ids, out) })
	})
}

// closeBurst closes short-lived sockets.
func (n *Node) closeBurst(ids []vl1.SocketID) {
	n.burst = slices.DeleteFunc(n.burst, func(s socket) bool { return slices.Contains(ids, s.id) })
}

// BurstSockets counts the short-lived sockets that are open.
func (n *Node) BurstSockets() int { return len(n.burst) }
