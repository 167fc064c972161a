package vl2

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/ether"
	"orrery/engine/identity"
)

// groupOf is the group to which a frame with multicast destination dst is sent.
// An ARP request for an IPv4 address goes only to those who announced that they
// hold it; resolution reports that case (spec 04 §13.1).
func groupOf(dst identity.MAC, etherType uint16, payload []byte) (g identity.MulticastGroup, resolution bool) {
	g.MAC = dst
	// Byte 7 alone is the operation: byte 6 and the hardware type are not looked
	// at, because both ends must choose the same group.
	if dst == identity.Broadcast && etherType == ether.TypeARP && len(payload) >= ether.ARPLen &&
		payload[2] == 0x08 && payload[3] == 0x00 && payload[4] == 6 && payload[5] == 4 && payload[7] == 1 {
		g.ADI = binary.BigEndian.Uint32(payload[24:])
		return g, true
	}
	return g, false
}

// solicited returns the member whose address a neighbour solicitation asks for,
// when that address is computed from the member's, with the address asked for and
// our own in the same prefix. addresses are those assigned to us, in configuration
// order; the first with a matching prefix decides (spec 04 §13.2).
func solicited(nwid identity.NetworkID, self identity.Address, addresses []netip.Prefix, etherType uint16, payload []byte) (who identity.Address, target, ours netip.Addr) {
	if etherType != ether.TypeIPv6 || len(payload) < 64 || payload[6] != ether.ProtoICMPv6 || payload[40] != ether.TypeNeighborSolicitation {
		return 0, netip.Addr{}, netip.Addr{}
	}
	target = netip.AddrFrom16([16]byte(payload[48:64]))
	for _, own := range addresses {
		if who, ok := identity.DerivedMember(nwid, own, target); ok {
			if who == self {
				who = 0
			}
			return who, target, own.Addr()
		}
	}
	return 0, netip.Addr{}, netip.Addr{}
}
