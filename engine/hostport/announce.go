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
	if !ip.Is4() {
		return
	}
	for i := range p.announcing {
		if p.announcing[i].ip == ip {
			return
		}
	}
	p.announcing = append(p.announcing, announcement{ip: ip, sent: announceCount - 2, due: now + checkAgain, slow: true})
}
