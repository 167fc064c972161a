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
	// Symmetric takes a new random external port for each destination, and admits
	// answers from that destination only.
	Symmetric
	// AddressCone is a cone that admits any port of an address written to.
	AddressCone
	// Sequential is Symmetric, but takes one port after the other.
	Sequential
)

// symmetric reports whether mappings are for one destination.
func (k NATKind) symmetric() bool { return k == Symmetric || k == Sequential }

// NAT is a gateway between a private network and the internet, or another NAT's
// private network.
type NAT struct {
	world    *World
	kind     NATKind
	external netip.Addr
	// outer is the NAT that this one is behind, nil if none.
	outer *NAT
	// Timeout is how long a mapping lives unused.
	Timeout clock.Mono
	// Hairpin lets hosts behind it reach each other by the external address.
	Hairpin bool
	// Shift makes a cone choose ports of its own instead of the internal ones.
	Shift bool
	// Tracks makes a gateway remember who knocked in vain: what goes back there
	// within half a minute leaves by another port, as with Linux where the
	// gateway lets in what is for itself.
	Tracks bool
	// Stride is the distance of the ports that a sequential NAT takes, 1 if 0.
	Stride int
	lan    map[netip.Addr]receiver
	out    map[flow]*mapping
	in     map[uint16]*mapping
	static map[uint16]netip.AddrPort
	knocks map[knock]clock.Mono
	next   uint16
	// rebooted gateways do not choose the same external ports again.
	rebooted bool
}

// knock is who came in vain, and to which port.
type knock struct {
	from netip.AddrPort
	port uint16
}

// knockFor is how long a gateway that tracks knows who knocked.
const knockFor = 30 * clock.Second

// flow is what a mapping is kept for; remote is zero for cones.
type flow struct{ local, remote netip.AddrPort }

type mapping struct {
	flow
	port uint16
	used clock.Mono
	// sent has the destinations written to, when last.
	sent map[netip.AddrPort]clock.Mono
	// static mappings were made by hand: they admit anybody, for ever.
	static bool
}

// NewNAT puts a gateway on the internet at an external address.
func (w *World) NewNAT(kind NATKind, external netip.Addr) *NAT {
	n := w.newNAT(kind, external)
	w.hosts[external] = n
	return n
}

// NewNATBehind puts a gateway at an address in the private network of another.
func (w *World) NewNATBehind(outer *NAT, kind NATKind, external netip.Addr) *NAT {
	n := w.newNAT(kind, external)
	n.outer = outer
	outer.lan[external] = n
	return n
}

func (w *World) newNAT(kind NATKind, external netip.Addr) *NAT {
	return &NAT{
		world: w, kind: kind, external: external, Timeout: 60 * clock.Second,
		lan: make(map[netip.Addr]receiver), out: make(map[flow]*mapping), in: make(map[uint16]*mapping),
		static: make(map[uint16]netip.AddrPort), knocks: make(map[knock]clock.Mono), next: 30000,
	}
}

// Forget drops every mapping that was not made by hand, as a reboot does.
func (n *NAT) Forget() {
	clear(n.out)
	clear(n.in)
	for port, local := range n.static {
		n.Forward(port, local)
	}
	n.rebooted = true
}

// Forward maps an external port to a host by hand.
func (n *NAT) Forward(port uint16, local netip.AddrPort) {
	n.static[port] = local
	m := &mapping{flow: flow{local: local}, port: port, static: true, sent: make(map[netip.AddrPort]clock.Mono)}
	n.in[port] = m
	if !n.kind.symmetric() {
		n.out[m.flow] = m
	}
}

// Mappings counts the mappings that have not timed out.
func (n *NAT) Mappings() int {
	count := 0
	for _, m := range n.in {
		if n.holds(m) {
			count++
		}
	}
	return count
}

func (n *NAT) holds(m *mapping) bool {
	return m != nil && (m.static || n.world.now-m.used <= n.Timeout)
}

// send carries a datagram from the private network outwards, or to a neighbour.
func (n *NAT) send(from, to netip.AddrPort, data []byte, ttl int) {
	w := n.world
	if r := n.lan[to.Addr()]; r != nil {
		body := append([]byte(nil), data...)
		w.After(clock.Millisecond/5, func() { r.receive(w, from, to, body, ttl) })
		return
	}
	if (to.Addr().IsPrivate() || wide.Contains(to.Addr())) && n.outer == nil || to.Addr() == n.external && !n.Hairpin || ttl <= 1 {
		w.Lost++
		return
	}
	m := n.mappingFor(from, to)
	m.used = w.now
	m.sent[to] = w.now
	source := netip.AddrPortFrom(n.external, m.port)
	switch {
	case to.Addr() == n.external:
		body := append([]byte(nil), data...)
		w.After(clock.Millisecond/5, func() { n.receive(w, source, to, body, ttl-1) })
	case n.outer != nil:
		n.outer.send(source, to, data, ttl-1)
	default:
		w.transmit(source, to, data, ttl-1)
	}
}

// wide is the range that carriers use between their NAT and their customers'.
var wide = netip.MustParsePrefix("100.64.0.0/10")

// mappingFor finds or makes the mapping by which a datagram leaves. An answer
// to who came in by a port that was mapped by hand leaves by that port.
func (n *NAT) mappingFor(from, to netip.AddrPort) *mapping {
	f := flow{local: from, remote: to}
	if m := n.out[f]; m != nil && m.static && n.world.now-m.sent[to] <= n.Timeout {
		return m
	}
	if !n.kind.symmetric() {
		f.remote = netip.AddrPort{}
	}
	m := n.out[f]
	if m == nil || !n.holds(m) || m.static && f.remote.IsValid() {
		if m != nil && !m.static {
			delete(n.in, m.port)
		}
		m = &mapping{flow: f, port: n.pick(from), sent: make(map[netip.AddrPort]clock.Mono)}
		n.out[f], n.in[m.port] = m, m
	}
	if last, ok := n.knocks[knock{to, m.port}]; ok && !m.static && n.world.now-last <= knockFor {
		return n.aside(from, to)
	}
	return m
}

// aside finds or makes a mapping for one destination.
func (n *NAT) aside(from, to netip.AddrPort) *mapping {
	f := flow{local: from, remote: to}
	m := n.out[f]
	if m == nil || !n.holds(m) {
		m = &mapping{flow: f, port: n.next, sent: make(map[netip.AddrPort]clock.Mono)}
		for n.in[m.port] != nil {
			n.next++
			m.port = max(n.next, lowestPort)
		}
		n.out[f], n.in[m.port] = m, m
	}
	return m
}

// pick chooses an external port: the internal one for a cone, if free.
func (n *NAT) pick(from netip.AddrPort) uint16 {
	p := from.Port()
	switch {
	case n.kind == Sequential:
		n.next += uint16(max(n.Stride, 1))
		p = n.next
	case n.kind == Symmetric || n.rebooted || n.Shift:
		p = uint16(lowestPort + n.world.rng.Uint64N(65536-lowestPort))
	}
	for n.in[p] != nil {
		n.next++
		p = max(n.next, lowestPort)
	}
	return p
}

// lowestPort is the first that gateways take.
const lowestPort = 1024

// receive filters what comes from outside.
func (n *NAT) receive(w *World, from, to netip.AddrPort, data []byte, ttl int) {
	m := n.in[to.Port()]
	if !n.holds(m) || !n.admits(m, from) || ttl <= 1 {
		if n.Tracks {
			n.knocks[knock{from, to.Port()}] = w.now
		}
		w.Lost++
		return
	}
	if m.static {
		// Answers leave by this port.
		m.sent[from] = w.now
		n.out[flow{m.local, from}] = m
	}
	m.used = w.now
	if r := n.lan[m.local.Addr()]; r != nil {
		r.receive(w, from, m.local, data, ttl-1)
		return
	}
	w.Lost++
}

// admits reports whether a mapping lets datagrams of a source in.
func (n *NAT) admits(m *mapping, from netip.AddrPort) bool {
	if m.static || n.kind == FullCone {
		return true
	}
	if n.kind != AddressCone {
		last, ok := m.sent[from]
		return ok && n.world.now-last <= n.Timeout
	}
	for a, last := range m.sent {
		if a.Addr() == from.Addr() && n.world.now-last <= n.Timeout {
			return true
		}
	}
	return false
}

// NAT is the gateway that the node is behind, nil if none.
func (n *Node) NAT() *NAT { return n.nat }
