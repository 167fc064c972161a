package sim

import (
	"net/netip"

	"orrery/engine/clock"
)

// NATKind is how a gateway maps and filters UDP.
type NATKind int8

const (
	// Cone keeps one external port for an internal one, whatever the
	// destination, and admits answers from addresses and ports written to.
	Cone NATKind = iota
	// FullCone admits anybody on a mapped port.
	FullCone
	// Symmetric takes a new random external port for each destination.
	Symmetric
)

// NAT is a gateway between a private network and the internet.
type NAT struct {
	world    *World
	kind     NATKind
	external netip.Addr
	// Timeout is how long a mapping lives unused.
	Timeout clock.Mono
	// Hairpin lets hosts behind it reach each other by the external address.
	Hairpin bool
	lan     map[netip.Addr]receiver
	out     map[flow]*mapping
	in      map[uint16]*mapping
	next    uint16
	// rebooted gateways do not choose the same external ports again.
	rebooted bool
}

// flow is what a mapping is kept for; remote is zero for cones.
type flow struct{ local, remote netip.AddrPort }

type mapping struct {
	flow
	port uint16
	used clock.Mono
	// sent has the destinations written to, when last.
	sent map[netip.AddrPort]clock.Mono
}

// NewNAT puts a gateway on the internet at an external address.
func (w *World) NewNAT(kind NATKind, external netip.Addr) *NAT {
	n := &NAT{
		world: w, kind: kind, external: external, Timeout: 60 * clock.Second,
		lan: make(map[netip.Addr]receiver), out: make(map[flow]*mapping), in: make(map[uint16]*mapping), next: 30000,
	}
	w.hosts[external] = n
	return n
}

// Forget drops every mapping, as a reboot does.
func (n *NAT) Forget() {
	clear(n.out)
	clear(n.in)
	n.rebooted = true
}

// send carries a datagram from the private network outwards, or to a neighbour.
func (n *NAT) send(from, to netip.AddrPort, data []byte, ttl int) {
	w := n.world
	if r := n.lan[to.Addr()]; r != nil {
		body := append([]byte(nil), data...)
		w.After(clock.Millisecond/5, func() { r.receive(w, from, to, body, ttl) })
		return
	}
	if to.Addr().IsPrivate() || to.Addr() == n.external && !n.Hairpin {
		w.Lost++
		return
	}
	f := flow{local: from}
	if n.kind == Symmetric {
		f.remote = to
	}
	m := n.out[f]
	if m == nil || w.now-m.used > n.Timeout {
		if m != nil {
			delete(n.in, m.port)
		}
		m = &mapping{flow: f, port: n.pick(from), sent: make(map[netip.AddrPort]clock.Mono)}
		n.out[f], n.in[m.port] = m, m
	}
	m.used = w.now
	m.sent[to] = w.now
	w.transmit(netip.AddrPortFrom(n.external, m.port), to, data, ttl-1)
}

// pick chooses an external port: the internal one for a cone, if free.
func (n *NAT) pick(from netip.AddrPort) uint16 {
	p := from.Port()
	if n.kind == Symmetric || n.rebooted {
		p = uint16(20000 + n.world.rng.Uint64N(40000))
	}
	for n.in[p] != nil {
		p = n.next
		n.next++
	}
	return p
}

// receive filters what comes from the internet.
func (n *NAT) receive(w *World, from, to netip.AddrPort, data []byte, ttl int) {
	m := n.in[to.Port()]
	if m == nil || w.now-m.used > n.Timeout {
		w.Lost++
		return
	}
	if last, ok := m.sent[from]; n.kind != FullCone && (!ok || w.now-last > n.Timeout) {
		w.Lost++
		return
	}
	m.used = w.now
	if r := n.lan[m.local.Addr()]; r != nil && ttl > 1 {
		r.receive(w, from, m.local, data, ttl-1)
		return
	}
	w.Lost++
}

// NAT is the gateway that the node is behind, nil if none.
func (n *Node) NAT() *NAT { return n.nat }
