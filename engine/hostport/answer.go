package hostport

import (
	"net/netip"

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

// Conflict is another node that claims an address of ours.
type Conflict struct {
	IP netip.Addr
	// MAC is the last claimant's.
	MAC identity.MAC
	// At is when it was last heard.
	At clock.Instant
	// answered is when we last defended the address.
	answered clock.Mono
}

// Conflicts are the addresses of ours that others claimed since they were
// configured, one entry per address in order of discovery.
func (p *Port) Conflicts() []Conflict { return append([]Conflict(nil), p.conflicts...) }

// defendInterval is the least time between two defences of an address.
const defendInterval = 10 * clock.Second

// conflict records a claim and restates ours to the claimant now and then.
func (p *Port) conflict(at clock.Instant, ip netip.Addr, mac identity.MAC, out Output) {
	var c *Conflict
	for i := range p.conflicts {
		if p.conflicts[i].IP == ip {
			c = &p.conflicts[i]
		}
	}
	if c == nil {
		p.conflicts = append(p.conflicts, Conflict{IP: ip, answered: clock.Never})
		c = &p.conflicts[len(p.conflicts)-1]
	}
	c.MAC, c.At = mac, at
	if at.Mono-c.answered < defendInterval {
		return
	}
	c.answered = at.Mono
	if ip.Is4() {
		p.buf = ether.ARP{Op: ether.ARPReply, SenderMAC: p.mac, SenderIP: ip, TargetMAC: mac, TargetIP: ip}.Append(p.buf[:0])
		out.ToNetwork(p.mac, mac, ether.TypeARP, p.buf)
		return
	}
	p.buf = ether.AppendAdvertisement(p.buf[:0], ip, ether.AllNodesAddr(), ip, p.mac, ether.NeighborOverride)
	out.ToNetwork(p.mac, mac, ether.TypeIPv6, p.buf)
}

// announcement is the search for other holders of a new address.
type announcement struct {
	ip   netip.Addr
	sent int
	due  clock.Mono
}

const (
	announceCount    = 3
	announceInterval = clock.Second
)

// announceNew starts the search for every IPv4 address that was not there
// before and stops it for those that are gone.
func (p *Port) announceNew(now clock.Mono, before []netip.Prefix) {
	kept := p.announcing[:0]
	for _, a := range p.announcing {
		if p.isOwn(a.ip) {
			kept = append(kept, a)
		}
	}
	p.announcing = kept
	had := func(ip netip.Addr) bool {
		for _, b := range before {
			if b.Addr() == ip {
				return true
			}
		}
		return false
	}
	for _, o := range p.own {
		if o.Addr().Is4() && !had(o.Addr()) {
			p.announcing = append(p.announcing, announcement{ip: o.Addr(), due: now})
		}
	}
}

// announce sends the probes that are due: requests for our own address from no
// address, which only another holder answers.
func (p *Port) announce(now clock.Mono, out Output) {
	kept := p.announcing[:0]
	for _, a := range p.announcing {
		if now >= a.due {
			p.buf = ether.ARP{
				Op: ether.ARPRequest, SenderMAC: p.mac, SenderIP: netip.AddrFrom4([4]byte{}), TargetIP: a.ip,
			}.Append(p.buf[:0])
			out.ToNetwork(p.mac, identity.Broadcast, ether.TypeARP, p.buf)
			a.sent++
			a.due = now + announceInterval
		}
		if a.sent < announceCount {
			kept = append(kept, a)
		}
	}
	p.announcing = kept
}
