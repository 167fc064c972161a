package hostport

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// announcement is the search for other holders of a new address.
type announcement struct {
	ip   netip.Addr
	sent int
	due  clock.Mono
	// slow probes are far apart.
	slow bool
}

const (
	announceCount    = 3
	announceInterval = clock.Second
)

// announceNew starts the search for every address that was not there before and
// stops it for those that are gone. One that follows from our own address on the
// network is nobody else's.
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
		if !had(o.Addr()) && !p.ownByDesign(o) {
			p.announcing = append(p.announcing, announcement{ip: o.Addr(), due: now})
		}
	}
}

// announce sends the probes that are due.
func (p *Port) announce(now clock.Mono, out Output) {
	kept := p.announcing[:0]
	for _, a := range p.announcing {
		if now >= a.due {
			p.probe(a.ip, out)
			a.sent++
			a.due = now + announceInterval
			if a.slow {
				a.due = now + checkAgain
			}
		}
		if a.sent < announceCount {
			kept = append(kept, a)
		}
	}
	p.announcing = kept
}

// probeAgain has one more probe sent for an address that another claims, and one
// after that, in case that it gets lost.
func (p *Port) probeAgain(now clock.Mono, ip netip.Addr) {
	for i := range p.announcing {
		if p.announcing[i].ip == ip {
			return
		}
	}
	p.announcing = append(p.announcing, announcement{ip: ip, sent: announceCount - 2, due: now + checkAgain, slow: true})
}

// probe asks for the holder of an address in nobody's name: another holder answers.
func (p *Port) probe(ip netip.Addr, out Output) {
	if ip.Is6() {
		p.buf = ether.AppendDuplicateSearch(p.buf[:0], ip)
		out.ToNetwork(p.mac, ether.MulticastMAC(ether.SolicitedNode(ip)), ether.TypeIPv6, p.buf)
		return
	}
	p.buf = ether.ARP{
		Op: ether.ARPRequest, SenderMAC: p.mac, SenderIP: netip.AddrFrom4([4]byte{}), TargetIP: ip,
	}.Append(p.buf[:0])
	out.ToNetwork(p.mac, identity.Broadcast, ether.TypeARP, p.buf)
}

// ownByDesign reports whether an address of ours follows from our own address on
// the network: link-local, 6PLANE or RFC4193.
func (p *Port) ownByDesign(o netip.Prefix) bool {
	if m, ok := ether.LinkLocalMAC(o.Addr()); ok && m == p.mac {
		return true
	}
	who, ok := identity.DerivedMember(p.cfg.Network, o, o.Addr())
	return ok && who == p.self
}
