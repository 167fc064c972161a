package hostport

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// FromHost takes a packet that the host sent into the device (spec 04 §15.2).
func (p *Port) FromHost(at clock.Instant, packet []byte, out Output) {
	if !p.up {
		return
	}
	if len(packet) > 0 && packet[0]>>4 == 6 {
		p.fromHost6(at, packet, out)
		return
	}
	ip, err := ether.ParseIPv4(packet)
	if err != nil {
		p.drop(DropMalformed)
		return
	}
	if len(ip) > p.set.MTU {
		p.tooBig4(at.Mono, ip, out)
		return
	}
	if ip.Protocol() == ether.ProtoIGMP && !p.reported4(at.Mono, ip) {
		return
	}
	dst := ip.Dst()
	known := p.place(binary.BigEndian.Uint32(ip[16:]))
	if p.sendKnown(at.Mono, ip, dst, known, out) {
		return
	}
	switch first := ip[16]; {
	case p.isOwn(dst):
		out.ToHost(ip)
	case p.isBroadcast(dst):
		out.ToNetwork(p.mac, identity.Broadcast, ether.TypeIPv4, ip)
	case dst.IsMulticast():
		out.ToNetwork(p.mac, ether.MulticastMAC(dst), ether.TypeIPv4, ip)
	case dst.IsUnspecified(), first == 127, first >= 240:
		p.drop(DropDestination)
	default:
		p.unicast(at.Mono, ip, ip.Src(), dst, known, out)
	}
}

func (p *Port) fromHost6(at clock.Instant, packet []byte, out Output) {
	ip, err := ether.ParseIPv6(packet)
	if err != nil {
		p.drop(DropMalformed)
		return
	}
	if len(ip) > p.set.MTU {
		p.tooBig6(at.Mono, ip, out)
		return
	}
	if proto, m, ok := ip.Upper(); ok && proto == ether.ProtoICMPv6 && len(m) > 0 && !p.discovered(at.Mono, ip, m[0], out) {
		return
	}
	dst := ip.Dst()
	known := p.place(binary.BigEndian.Uint32(ip[36:]))
	if p.sendKnown(at.Mono, ip, dst, known, out) {
		return
	}
	switch {
	case p.isOwn(dst):
		out.ToHost(ip)
	case dst.IsMulticast():
		out.ToNetwork(p.mac, ether.MulticastMAC(dst), ether.TypeIPv6, ip)
	case dst.IsUnspecified(), dst.IsLoopback():
		p.drop(DropDestination)
	default:
		p.unicast(at.Mono, ip, ip.Src(), dst, known, out)
	}
}

// sendKnown sends a packet whose next hop was found before and is known to be
// reachable. This is the way of nearly all packets.
func (p *Port) sendKnown(now clock.Mono, packet []byte, dst netip.Addr, known *knownHop, out Output) bool {
	if known.generation != p.generation || known.dst != dst {
		return false
	}
	mac := known.mac
	if n := known.neighbor; n != nil {
		if !n.reachable(now) {
			return false
		}
		n.used, mac = now, n.mac
	}
	p.transmit(mac, packet, out)
	return true
}

// transmit sends an IP packet to a neighbour. A question of the host about that
// neighbour is answered instead.
func (p *Port) transmit(mac identity.MAC, packet []byte, out Output) {
	etherType := ether.TypeIPv4
	if packet[0]>>4 == 6 {
		etherType = ether.TypeIPv6
		if p.isQuestion(packet) {
			p.answerHost(mac, packet, out)
			return
		}
	}
	out.ToNetwork(p.mac, mac, etherType, packet)
}

// isBroadcast reports whether the address means every host of a subnet.
func (p *Port) isBroadcast(ip netip.Addr) bool {
	if ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return true
	}
	for _, b := range p.broadcasts {
		if b == ip {
			return true
		}
	}
	return false
}

// discovered handles what a host says about groups, routers and neighbours. It
// reports whether the packet goes on: a kernel leaves the link-layer options out
// on a device without link layer, so its neighbour discovery never does.
func (p *Port) discovered(now clock.Mono, ip ether.IPv6, kind uint8, out Output) bool {
	pass := true
	switch kind {
	case ether.TypeMLDReport, ether.TypeMLDDone, ether.TypeMLD2Report:
		pass = p.reported6(now, ip)
	case ether.TypeRouterSolicitation, ether.TypeRouterAdvertisement:
		pass = p.set.RouterAdvertisements
	case ether.TypeNeighborSolicitation:
		p.asked(now, ip, out)
		return false
	case ether.TypeNeighborAdvertisement, ether.TypeRedirect:
		pass = false
	}
	if !pass {
		p.drop(DropHostDiscovery)
	}
	return pass
}

// asked resolves the neighbour that the host solicits and answers it. Searches
// for duplicates of the host's own addresses are not answered.
func (p *Port) asked(now clock.Mono, ip ether.IPv6, out Output) {
	q, err := ether.ParseNeighbor(ip)
	if err != nil || q.Src.IsUnspecified() || p.isOwn(q.Target) {
		p.drop(DropHostDiscovery)
		return
	}
	if mac, ok := p.derived(q.Target); ok {
		p.answerHost(mac, ip, out)
	} else if n := p.resolve(now, q.Target, q.Src, ip, out); n != nil {
		p.answerHost(n.mac, ip, out)
	}
}

// isQuestion reports whether a packet of the host is a neighbour solicitation.
// It looks only where [Port.asked] let one pass.
func (p *Port) isQuestion(packet []byte) bool {
	if packet[0]>>4 != 6 {
		return false
	}
	proto, m, ok := ether.IPv6(packet).Upper()
	return ok && proto == ether.ProtoICMPv6 && len(m) > 0 && m[0] == ether.TypeNeighborSolicitation
}

// answerHost tells the host the MAC that it asked for.
func (p *Port) answerHost(mac identity.MAC, question []byte, out Output) {
	q, err := ether.ParseNeighbor(ether.IPv6(question))
	if err != nil {
		return
	}
	p.buf = ether.AppendAdvertisement(p.buf[:0], q.Target, q.Src, q.Target, mac, ether.NeighborSolicited|ether.NeighborOverride)
	out.ToHost(p.buf)
}

func (p *Port) tooBig4(now clock.Mono, ip ether.IPv4, out Output) {
	p.drop(DropTooBig)
	if ip.DontFragment() && p.tooBigRate.allow(now, maxErrors) {
		p.buf = ether.AppendFragmentationNeeded(p.buf[:0], ip, p.set.MTU)
		if len(p.buf) > 0 {
			out.ToHost(p.buf)
		}
	}
}

func (p *Port) tooBig6(now clock.Mono, ip ether.IPv6, out Output) {
	p.drop(DropTooBig)
	if p.tooBigRate.allow(now, maxErrors) {
		p.buf = ether.AppendPacketTooBig(p.buf[:0], ip, p.set.MTU)
		if len(p.buf) > 0 {
			out.ToHost(p.buf)
		}
	}
}
