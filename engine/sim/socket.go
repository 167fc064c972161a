package sim

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/vl1"
)

// socket is a UDP socket of a node.
type socket struct {
	id   vl1.SocketID
	port uint16
}

// openSockets gives a node that starts its primary socket.
func (n *Node) openSockets() {
	n.sockets, n.lastSocket = []socket{{1, Port}}, max(n.lastSocket, 1)
	n.burst = nil
}

// OpenSocket opens one more socket and tells the core.
func (n *Node) OpenSocket(port uint16) vl1.SocketID {
	n.lastSocket++
	n.sockets = append(n.sockets, socket{n.lastSocket, port})
	n.tellSockets()
	return n.lastSocket
}

// CloseSocket closes a socket and tells the core.
func (n *Node) CloseSocket(id vl1.SocketID) {
	n.sockets = slices.DeleteFunc(n.sockets, func(s socket) bool { return s.id == id })
	n.tellSockets()
}

// Sockets lists the open sockets.
func (n *Node) Sockets() (ids []vl1.SocketID) {
	for _, s := range n.sockets {
		ids = append(ids, s.id)
	}
	return ids
}

func (n *Node) tellSockets() {
	ids := n.Sockets()
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetSockets(at, ids, out) })
	n.tellAddress()
}

// rotate gives the node another secondary port, as the core asked.
func (n *Node) rotate() {
	n.Rotations++
	if len(n.sockets) > 1 {
		n.sockets = slices.Delete(n.sockets, 1, 2)
	}
	n.OpenSocket(uint16(20000 + n.world.rng.Uint64N(40000)))
}

// dispatch sends one datagram from each socket that it is meant for.
func (n *Node) dispatch(d *vl1.Datagram) {
	ttl := 64
	if d.TTL != 0 {
		ttl = int(d.TTL)
	}
	from, ok := n.source(d.Remote.Addr())
	if !ok || n.MaxDatagram > 0 && len(d.Data) > n.MaxDatagram {
		n.world.Lost++
		return
	}
	send := func(s socket) {
		n.Sent++
		if n.nat != nil && from == n.addr {
			n.nat.send(netip.AddrPortFrom(from, s.port), d.Remote, d.Data, ttl)
		} else {
			n.world.transmit(netip.AddrPortFrom(from, s.port), d.Remote, d.Data, ttl)
		}
	}
	for _, s := range n.sockets {
		if d.Socket == vl1.AnySocket || d.Socket == s.id {
			send(s)
		}
	}
	for _, s := range n.burst {
		if d.Socket == s.id { // never AnySocket
			send(s)
		}
	}
}

// source is the address from which the node reaches another, false if it has
// none of its family.
func (n *Node) source(to netip.Addr) (netip.Addr, bool) {
	for _, a := range [2]netip.Addr{n.addr, n.also} {
		if a.IsValid() && a.Is4() == to.Is4() {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// socketAt is the socket with a port, 0 if none.
func (n *Node) socketAt(port uint16) vl1.SocketID {
	for _, list := range [2][]socket{n.sockets, n.burst} {
		for _, s := range list {
			if s.port == port {
				return s.id
			}
		}
	}
	return 0
}
