package node

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/hostport"
	"orrery/engine/identity"
)

// maxClaims bounds the claims that an Ethernet device's port remembers, one for
// each address of ours.
const maxClaims = hostport.MaxAddresses

// watchClaims notes on an Ethernet device who else claims an address of ours: the
// system answers ARP there and tells nobody.
func (p *port) watchClaims(at clock.Instant, src identity.MAC, etherType uint16, payload []byte) {
	var ip netip.Addr
	switch {
	case etherType == ether.TypeARP:
		a, err := ether.ParseARP(payload)
		if err != nil || a.SenderMAC != src {
			return
		}
		ip = a.SenderIP
	case etherType == ether.TypeIPv6 && len(payload) >= 64 && payload[6] == ether.ProtoICMPv6 && payload[40] == ether.TypeNeighborAdvertisement:
		packet, err := ether.ParseIPv6(payload)
		if err != nil {
			return
		}
		n, err := ether.ParseNeighbor(packet)
		if err != nil {
			return
		}
		ip = n.Target
	default:
		return
	}
	if src == p.mac || !slices.ContainsFunc(p.addresses, func(o netip.Prefix) bool { return o.Addr() == ip }) {
		return
	}
	claim := hostport.Conflict{IP: ip, MAC: src, At: at}
	if i := slices.IndexFunc(p.claims, func(c hostport.Conflict) bool { return c.IP == ip }); i >= 0 {
		p.claims[i] = claim
	} else if len(p.claims) < maxClaims {
		p.claims = append(p.claims, claim)
	}
}

// conflicts are the addresses of ours that others claimed lately.
func (p *port) conflicts(now clock.Mono) []hostport.Conflict {
	list := p.claims
	if p.ip != nil {
		list = p.ip.Conflicts()
	}
	return slices.DeleteFunc(slices.Clone(list), func(c hostport.Conflict) bool {
		return now-c.At.Mono > hostport.ConflictKept ||
			!slices.ContainsFunc(p.addresses, func(o netip.Prefix) bool { return o.Addr() == c.IP })
	})
}
