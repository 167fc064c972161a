package vl1

import (
	"net/netip"

	"orrery/engine/armor"
)

// On physical networks that the administrator declares trusted, packets travel
// without encryption and MAC, marked with an ID that both ends have configured
// (spec 03 §5.9). Whoever can send from an address there can speak for anybody.

// trusts reports whether a packet with such an ID is taken from an address. ID
// 0 is none.
func (s *settings) trusts(id uint64, ip netip.Addr) bool {
	if id == 0 {
		return false
	}
	for i := range s.physical {
		if x := &s.physical[i]; x.TrustedPathID == id && x.Prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// suiteBy is how packets to a peer are armoured on a path of owner. A relay is
// never sent unarmoured packets for others, who would drop them.
func (p *Peer) suiteBy(owner *Peer, via *path) armor.Suite {
	if owner == p && via.rule != nil && via.rule.TrustedPathID != 0 {
		return armor.TrustedPath
	}
	return p.suite()
}
