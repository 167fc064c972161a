package vl2

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/identity"
)

// Ethertypes that this package looks at.
const (
	etherTypeARP  = 0x0806
	etherTypeIPv6 = 0x86dd
)

// groupOf is the group to which a frame with multicast destination dst is sent.
// An ARP request for an IPv4 address goes only to those who announced that they
// hold it; resolution reports that case (spec 04 §13.1).
func groupOf(dst identity.MAC, etherType uint16, payload []byte) (g identity.MulticastGroup, resolution bool) {
	g.MAC = dst
	// Byte 7 alone is the operation: byte 6 and the hardware type are not looked
	// at, because both ends must choose the same group.
	if dst == identity.Broadcast && etherType == etherTypeARP && len(payload) >= 28 &&
		payload[2] == 0x08 && payload[3] == 0x00 && payload[4] == 6 && payload[5] == 4 && payload[7] == 1 {
		g.ADI = binary.BigEndian.Uint32(payload[24:])
		return g, true
	}
	return g, false
}

// advertisementLen is the size of an emulated neighbour advertisement.
const advertisementLen = 72

// solicited returns the member whose address a neighbour solicitation asks for,
// when that address is computed from the member's, and our own address in the
// same prefix. addresses are those assigned to us, in configuration order; the
// first with a matching prefix decides (spec 04 §13.2).
func solicited(nwid identity.NetworkID, self identity.Address, addresses []netip.Prefix, etherType uint16, payload []byte) (who identity.Address, ours netip.Addr) {
	if etherType != etherTypeIPv6 || len(payload) < 64 || payload[6] != 58 || payload[40] != 135 {
		return 0, netip.Addr{}
	}
	target := payload[48:64]
	for _, p := range addresses {
		if !p.Addr().Is6() {
			continue
		}
		a := p.Addr().As16()
		var prefix, at int
		switch {
		case p.Bits() == 88 && a[0] == 0xfd && a[9] == 0x99 && a[10] == 0x93:
			prefix, at = 11, 11
		case p.Bits() == 40 && sixPlanePrefix(nwid) == [5]byte(a[:5]):
			prefix, at = 5, 5
		default:
			continue
		}
		if string(target[:prefix]) != string(a[:prefix]) {
			continue
		}
		if who = identity.AddressFrom(target[at:]); who == self {
			who = 0
		}
		return who, p.Addr()
	}
	return 0, netip.Addr{}
}

// sixPlanePrefix is the /40 that a network's 6PLANE addresses share.
func sixPlanePrefix(nwid identity.NetworkID) (b [5]byte) {
	b[0] = 0xfc
	binary.BigEndian.PutUint32(b[1:], uint32(nwid)^uint32(nwid>>32))
	return b
}

// appendAdvertisement appends the IPv6 packet with which the holder of target,
// at link-layer address holder, would have answered a solicitation. It is
// addressed to our own address in the prefix, not to the solicitation's source,
// as every member of the network does it (spec 04 §13.2).
func appendAdvertisement(b []byte, target []byte, to netip.Addr, holder identity.MAC) []byte {
	start := len(b)
	dst := to.As16()
	b = append(b, 0x60, 0, 0, 0, 0, 32, 58, 255)
	b = append(b, target[:16]...)
	b = append(b, dst[:]...)
	b = append(b, 136, 0, 0, 0, 0x60, 0, 0, 0)
	b = append(b, target[:16]...)
	b = append(b, 2, 1)
	b = holder.Append(b)
	binary.BigEndian.PutUint16(b[start+42:], icmpv6Checksum(b[start:]))
	return b
}

// icmpv6Checksum is the checksum of the ICMPv6 message of an even number of
// bytes that follows a 40-byte IPv6 header, its own field being zero (RFC 4443 §2.3).
func icmpv6Checksum(packet []byte) uint16 {
	sum := uint32(len(packet)-40) + 58
	for i := 8; i+1 < len(packet); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
