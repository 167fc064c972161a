package hostport

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// FromNetwork takes a frame that the network accepted for the host. super says
// that rules copied or redirected it here, so that it may be for others (spec 04
// §15.5).
func (p *Port) FromNetwork(at clock.Instant, src, dst identity.MAC, etherType uint16, payload []byte, super bool, out Output) {
	if !p.up {
		return
	}
	if src == 0 || src == p.mac || src.Multicast() {
		p.drop(DropSource)
		return
	}
	ours := dst == p.mac || dst == identity.Broadcast || dst.Multicast() && p.joined(dst)
	if !ours {
		if super && p.cfg.Capture != nil {
			p.cfg.Capture(src, dst, etherType, payload)
		}
		if !super || !p.set.Inspect {
			p.drop(DropNotForUs)
			return
		}
	}
	switch etherType {
	case ether.TypeIPv4:
		p.fromNetwork4(at.Mono, src, dst, payload, out)
	case ether.TypeIPv6:
		p.fromNetwork6(at, src, dst, payload, ours, out)
	case ether.TypeARP:
		if ours {
			p.fromARP(at, src, payload, out)
		}
	default:
		p.dropType(etherType)
	}
}

func (p *Port) fromNetwork4(now clock.Mono, src, dst identity.MAC, payload []byte, out Output) {
	ip, err := ether.ParseIPv4(payload)
	if err != nil {
		p.drop(DropMalformed)
		return
	}
	if len(ip) > p.set.MTU && !p.large4(now, src, ip, out) {
		return
	}
	from := ip.Src()
	if !p.confirmKnown(now, src, from, p.place(binary.BigEndian.Uint32(ip[12:]))) {
		if p.isOwn(from) || from.IsMulticast() || p.isBroadcast(from) || ip[12] == 127 {
			p.drop(DropSource)
			return
		}
		p.confirmBy(now, src, from, out)
	}
	if ip[16] == 127 || ip.Dst().IsUnspecified() {
		p.drop(DropDestination)
		return
	}
	if to := ip.Dst(); dst.Multicast() && !to.IsMulticast() && !p.isBroadcast(to) {
		p.drop(DropLinkBroadcast)
		return
	}
	out.ToHost(ip)
}

func (p *Port) fromNetwork6(at clock.Instant, src, dst identity.MAC, payload []byte, ours bool, out Output) {
	ip, err := ether.ParseIPv6(payload)
	if err != nil {
		p.drop(DropMalformed)
		return
	}
	if len(ip) > p.set.MTU && !p.large6(at.Mono, src, ip, out) {
		return
	}
	if proto, m, ok := ip.Upper(); ok && proto == ether.ProtoICMPv6 && len(m) > 0 {
		switch kind := m[0]; {
		case kind == ether.TypeNeighborSolicitation, kind == ether.TypeNeighborAdvertisement:
			if ours {
				p.fromNeighbor(at, src, ip, out)
			}
			return
		case kind == ether.TypeRouterSolicitation, kind == ether.TypeRedirect,
			kind == ether.TypeRouterAdvertisement && !p.set.RouterAdvertisements:
			p.drop(DropRouterDiscovery)
			return
		}
	}
	from := ip.Src()
	if !p.confirmKnown(at.Mono, src, from, p.place(binary.BigEndian.Uint32(ip[20:]))) {
		if p.isOwn(from) || from.IsMulticast() || from.IsUnspecified() || from.IsLoopback() || from.Is4In6() {
			p.drop(DropSource)
			return
		}
		p.confirmBy(at.Mono, src, from, out)
	}
	to := ip.Dst()
	if to.IsUnspecified() || to.IsLoopback() || to.Is4In6() {
		p.drop(DropDestination)
		return
	}
	if dst.Multicast() && !to.IsMulticast() {
		p.drop(DropLinkBroadcast)
		return
	}
	out.ToHost(ip)
}

// confirmKnown confirms the sender if it is a neighbour that we send to, which
// also shows that its address is a good one.
func (p *Port) confirmKnown(now clock.Mono, src identity.MAC, from netip.Addr, known *knownHop) bool {
	if known.generation != p.generation || known.dst != from {
		return false
	}
	n := known.neighbor
	if n == nil || n.state != resolved || n.mac != src || n.ip != from {
		return false
	}
	n.confirmed = now
	return true
}

// confirmBy confirms the sender if it is a neighbour: what it sends from its own
// address shows that it is there.
func (p *Port) confirmBy(now clock.Mono, src identity.MAC, from netip.Addr, out Output) {
	n := p.neighbors[from]
	if n != nil && n.mac == src && n.state != incomplete && n.state != failed {
		p.confirm(now, n, out)
	}
}
