package hostport

import (
	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// fromARP answers and learns from ARP (spec 04 §15.6).
func (p *Port) fromARP(at clock.Instant, src identity.MAC, payload []byte, out Output) {
	a, err := ether.ParseARP(payload)
	if err != nil || !p.speaksFor(src, a.SenderMAC) {
		p.drop(DropDiscovery)
		return
	}
	if p.isOwn(a.SenderIP) {
		if a.SenderMAC != p.mac {
			p.conflict(at, a.SenderIP, a.SenderMAC, out)
		}
		return
	}
	now := at.Mono
	if a.Op == ether.ARPRequest && p.isOwn(a.TargetIP) {
		if !p.mayAnswer(now, src) {
			p.drop(DropRate)
			return
		}
		p.buf = ether.ARP{
			Op: ether.ARPReply, SenderMAC: p.mac, SenderIP: a.TargetIP, TargetMAC: a.SenderMAC, TargetIP: a.SenderIP,
		}.Append(p.buf[:0])
		out.ToNetwork(p.mac, a.SenderMAC, ether.TypeARP, p.buf)
		if src == a.SenderMAC && !a.SenderIP.IsUnspecified() && p.onLink(a.SenderIP) {
			p.learn(now, a.SenderIP, a.SenderMAC, out)
			return
		}
	}
	if n := p.neighbors[a.SenderIP]; n != nil {
		p.update(now, n, a.SenderMAC, true, out)
	}
}

// fromNeighbor answers and learns from neighbour discovery (spec 04 §15.6).
func (p *Port) fromNeighbor(at clock.Instant, src identity.MAC, ip ether.IPv6, out Output) {
	m, err := ether.ParseNeighbor(ip)
	mac := src
	if m.HasLinkLayer {
		mac = m.LinkLayer
	}
	if err != nil || !p.speaksFor(src, mac) {
		p.drop(DropDiscovery)
		return
	}
	who, replace := m.Src, true
	if m.Type == ether.TypeNeighborAdvertisement {
		who, replace = m.Target, m.Flags&ether.NeighborOverride != 0
	}
	if p.isOwn(who) {
		if mac != p.mac {
			p.conflict(at, who, mac, out)
		}
		return
	}
	now := at.Mono
	if m.Type == ether.TypeNeighborSolicitation && p.isOwn(m.Target) {
		if !p.mayAnswer(now, src) {
			p.drop(DropRate)
			return
		}
		p.advertise(m, mac, out)
		if src == mac && !who.IsUnspecified() && p.onLink(who) {
			p.learn(now, who, mac, out)
			return
		}
	}
	if n := p.neighbors[who]; n != nil {
		p.update(now, n, mac, replace, out)
	}
}

// advertise answers a solicitation for an address of ours; one from the
// unspecified address looks for duplicates and is answered to all.
func (p *Port) advertise(q ether.Neighbor, mac identity.MAC, out Output) {
	to, flags := q.Src, ether.NeighborSolicited|ether.NeighborOverride
	if to.IsUnspecified() {
		to, mac, flags = ether.AllNodesAddr(), ether.AllNodes, ether.NeighborOverride
	}
	p.buf = ether.AppendAdvertisement(p.buf[:0], q.Target, to, q.Target, p.mac, flags)
	out.ToNetwork(p.mac, mac, ether.TypeIPv6, p.buf)
}

// speaksFor reports whether a frame from src may state the MAC mac: its own, or
// as a bridge that of a host behind it.
func (p *Port) speaksFor(src, mac identity.MAC) bool {
	if mac.Multicast() || mac == 0 {
		return false
	}
	return src == mac || p.cfg.Bridged != nil && p.cfg.Bridged(src)
}
