package hostport

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// unicast sends a packet of the host to its next hop, or keeps it until that is
// resolved (spec 04 §15.3).
func (p *Port) unicast(now clock.Mono, packet []byte, src, dst netip.Addr, known *knownHop, out Output) {
	hop := p.nextHop(dst)
	if mac, ok := p.derived(hop); ok {
		*known = knownHop{dst: dst, mac: mac, generation: p.generation}
		p.transmit(mac, packet, out)
		return
	}
	n := p.resolve(now, hop, src, packet, out)
	if n == nil {
		return
	}
	*known = knownHop{dst: dst, neighbor: n, generation: p.generation}
	p.transmit(n.mac, packet, out)
}

// resolve returns the neighbour if its MAC may be used. Otherwise it has kept or
// dropped the packet and does what the neighbour's state asks for.
func (p *Port) resolve(now clock.Mono, ip, src netip.Addr, packet []byte, out Output) *neighbor {
	n := p.neighbors[ip]
	if n == nil {
		if p.inOurs(ip) {
			p.drop(DropUnresolved)
			p.refuse(now, packet, out)
			return nil
		}
		if p.waiting >= MaxIncomplete {
			p.drop(DropQueueFull)
			return nil
		}
		if !p.querySource(ip, src).IsValid() {
			p.drop(DropNoSource)
			return nil
		}
		n = p.newNeighbor(now, ip)
		n.source = src
		p.ask(now, n, packet, out)
		return nil
	}
	n.used = now
	switch n.state {
	case resolved:
		age := now - n.confirmed
		if age > deletedAfter {
			p.again(now, n, src, packet, out)
			return nil
		}
		if age > reachableFor {
			n.source = src
			p.enter(now, n, probing, now+queryInterval)
			p.query(now, n, out)
		}
		return n
	case probing, renewing:
		return n
	case incomplete:
		p.enqueue(n, packet)
		return nil
	}
	if now-n.started >= failedFor {
		p.again(now, n, src, packet, out)
		return nil
	}
	p.drop(DropUnresolved)
	if now-n.asked >= queryInterval {
		p.query(now, n, out)
	}
	return nil
}

// again resolves an entry that has lost its value as if there were none.
func (p *Port) again(now clock.Mono, n *neighbor, src netip.Addr, packet []byte, out Output) {
	if p.waiting >= MaxIncomplete {
		p.drop(DropQueueFull)
		return
	}
	if !p.querySource(n.ip, src).IsValid() {
		p.drop(DropNoSource)
		return
	}
	n.source = src
	p.ask(now, n, packet, out)
}

// ask starts to resolve a neighbour for a packet.
func (p *Port) ask(now clock.Mono, n *neighbor, packet []byte, out Output) {
	p.enter(now, n, incomplete, now+queryInterval)
	p.enqueue(n, packet)
	p.query(now, n, out)
}

// tickNeighbors takes the steps that are due and finds the next.
func (p *Port) tickNeighbors(now clock.Mono, out Output) {
	for _, n := range p.order {
		if now >= n.due {
			p.step(now, n, out)
		}
	}
	p.neighborDue = idle
	for _, n := range p.order {
		p.neighborDue = min(p.neighborDue, n.due)
	}
}

// step repeats a query or gives up on the present way of asking.
func (p *Port) step(now clock.Mono, n *neighbor, out Output) {
	spent := now - n.started
	switch {
	case n.state == probing && spent >= probeFor:
		p.enter(now, n, renewing, now+queryInterval)
		p.query(now, n, out)
	case (n.state == incomplete || n.state == renewing) && spent >= resolveFor:
		p.fail(now, n, out)
	default:
		n.due = n.started + (spent/queryInterval+1)*queryInterval
		p.query(now, n, out)
	}
}

// fail gives up on a neighbour and tells the host for the first packet that
// waited.
func (p *Port) fail(now clock.Mono, n *neighbor, out Output) {
	p.enter(now, n, failed, idle)
	for first := true; len(n.queue) > 0; first = false {
		packet := p.dequeue(n)
		p.drop(DropUnresolved)
		if first {
			p.refuse(now, packet, out)
		}
	}
	n.queue = nil
}

// refuse tells the host that a packet of its cannot be delivered, unless it is
// told too often.
func (p *Port) refuse(now clock.Mono, packet []byte, out Output) {
	if p.isQuestion(packet) || !p.errorRate.allow(now, maxErrors) {
		return
	}
	if packet[0]>>4 == 4 {
		p.buf = ether.AppendHostUnreachable(p.buf[:0], ether.IPv4(packet))
	} else {
		p.buf = ether.AppendAddressUnreachable(p.buf[:0], ether.IPv6(packet))
	}
	if len(p.buf) > 0 {
		out.ToHost(p.buf)
	}
}

// query asks for a neighbour: the group, or the known MAC when probing.
func (p *Port) query(now clock.Mono, n *neighbor, out Output) {
	n.asked = now
	src := p.querySource(n.ip, n.source)
	if !src.IsValid() {
		return
	}
	if n.ip.Is4() {
		dst := identity.Broadcast
		if n.state == probing {
			dst = n.mac
		}
		p.buf = ether.ARP{Op: ether.ARPRequest, SenderMAC: p.mac, SenderIP: src, TargetIP: n.ip}.Append(p.buf[:0])
		out.ToNetwork(p.mac, dst, ether.TypeARP, p.buf)
		return
	}
	to := ether.SolicitedNode(n.ip)
	dst := ether.MulticastMAC(to)
	if n.state == probing {
		to, dst = n.ip, n.mac
	}
	p.buf = ether.AppendSolicitation(p.buf[:0], src, to, n.ip, p.mac)
	out.ToNetwork(p.mac, dst, ether.TypeIPv6, p.buf)
}

// querySource is the address of ours to ask for ip with: one in its subnet, else
// the source of the packet if that is ours, else the first of the family.
func (p *Port) querySource(ip, packet netip.Addr) netip.Addr {
	var first, fallback netip.Addr
	packetOwn := false
	linkLocal := ip.Is6() && ip.IsLinkLocalUnicast()
	for _, o := range p.own {
		a := o.Addr()
		if a.Is4() != ip.Is4() {
			continue
		}
		if a.Is6() && a.IsLinkLocalUnicast() != linkLocal {
			if !fallback.IsValid() {
				fallback = a
			}
			continue
		}
		if o.Contains(ip) || linkLocal {
			return a
		}
		packetOwn = packetOwn || a == packet
		if !first.IsValid() {
			first = a
		}
	}
	switch {
	case packetOwn:
		return packet
	case first.IsValid():
		return first
	}
	return fallback
}

// derived is the MAC of an IPv6 neighbour whose address contains it, or contains
// the member's address from which it follows (spec 04 §13.2, §15.3).
func (p *Port) derived(ip netip.Addr) (identity.MAC, bool) {
	if !ip.Is6() {
		return 0, false
	}
	if ip.IsLinkLocalUnicast() {
		m, ok := ether.LinkLocalMAC(ip)
		return m, ok && !p.set.AskLinkLocal && m.InNetwork(p.cfg.Network) && m != p.mac && !m.Address(p.cfg.Network).Reserved()
	}
	if !p.set.NDPEmulation {
		return 0, false
	}
	for _, own := range p.set.Assigned {
		if who, ok := identity.DerivedMember(p.cfg.Network, own, ip); ok {
			return identity.MACOf(p.cfg.Network, who), who != 0 && who != p.self
		}
	}
	return 0, false
}

// inOurs reports whether an address is in the part of a computed prefix that is
// ours alone, as all of our /80 of 6PLANE is. Nobody else can have it, so there is
// nobody to ask.
func (p *Port) inOurs(ip netip.Addr) bool {
	if !ip.Is6() || !p.set.NDPEmulation {
		return false
	}
	for _, own := range p.set.Assigned {
		if who, ok := identity.DerivedMember(p.cfg.Network, own, ip); ok {
			return who == p.self
		}
	}
	return false
}
