package ether

import (
	"net/netip"

	"orrery/engine/identity"
)

// Types of ICMPv6 messages that a link needs to tell apart.
const (
	TypeMLDQuery              uint8 = 130
	TypeMLDReport             uint8 = 131
	TypeMLDDone               uint8 = 132
	TypeRouterSolicitation    uint8 = 133
	TypeRouterAdvertisement   uint8 = 134
	TypeNeighborSolicitation  uint8 = 135
	TypeNeighborAdvertisement uint8 = 136
	TypeRedirect              uint8 = 137
	TypeMLD2Report            uint8 = 143
)

// Flags of a neighbour advertisement.
const (
	NeighborRouter    uint8 = 0x80
	NeighborSolicited uint8 = 0x40
	NeighborOverride  uint8 = 0x20
)

const (
	neighborLen  = 24 // of a message without options
	optionSource = 1
	optionTarget = 2
	ndpHopLimit  = 255
	optionMACLen = 8
)

// AllNodesAddr is ff02::1.
func AllNodesAddr() netip.Addr { return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 1}) }

// SolicitedNode is the multicast address on which the holder of ip is solicited.
func SolicitedNode(ip netip.Addr) netip.Addr {
	b := ip.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

// Neighbor is a neighbour solicitation or advertisement (RFC 4861 §4.3, §4.4).
type Neighbor struct {
	// Type is TypeNeighborSolicitation or TypeNeighborAdvertisement.
	Type uint8
	// Flags are those of an advertisement.
	Flags            uint8
	Src, Dst, Target netip.Addr
	// LinkLayer is the MAC in the option that goes with the type, and
	// HasLinkLayer whether there is one.
	LinkLayer    identity.MAC
	HasLinkLayer bool
}

// ParseNeighbor reads a solicitation or advertisement. Every check of RFC 4861
// §7.1 is made: hop limit, code, length, checksum, target, options, and for
// solicitations from the unspecified address destination and lack of an option.
// Errors are ErrKind for any other packet, ErrTruncated, ErrChecksum and
// ErrFormat.
func ParseNeighbor(p IPv6) (Neighbor, error) {
	proto, m, ok := p.Upper()
	if !ok || proto != ProtoICMPv6 || len(m) == 0 || m[0] != TypeNeighborSolicitation && m[0] != TypeNeighborAdvertisement {
		return Neighbor{}, ErrKind
	}
	if len(m) < neighborLen {
		return Neighbor{}, ErrTruncated
	}
	n := Neighbor{Type: m[0], Src: p.Src(), Dst: p.Dst(), Target: netip.AddrFrom16([16]byte(m[8:24]))}
	if p.HopLimit() != ndpHopLimit || m[1] != 0 || n.Target.IsMulticast() {
		return Neighbor{}, ErrFormat
	}
	if Checksum6(n.Src, n.Dst, ProtoICMPv6, m) != 0 {
		return Neighbor{}, ErrChecksum
	}
	option := uint8(optionSource)
	if n.Type == TypeNeighborAdvertisement {
		n.Flags, option = m[4], optionTarget
		if n.Flags&NeighborSolicited != 0 && n.Dst.IsMulticast() {
			return Neighbor{}, ErrFormat
		}
	}
	if !n.options(m[neighborLen:], option) {
		return Neighbor{}, ErrFormat
	}
	if n.Type == TypeNeighborSolicitation && n.Src.IsUnspecified() && (n.HasLinkLayer || n.Dst != SolicitedNode(n.Target)) {
		return Neighbor{}, ErrFormat
	}
	return n, nil
}

// options looks for the link-layer option of the given type and reports whether
// the list is well formed.
func (n *Neighbor) options(b []byte, want uint8) bool {
	for len(b) > 0 {
		if len(b) < optionMACLen {
			return false
		}
		size := 8 * int(b[1])
		if size == 0 || size > len(b) {
			return false
		}
		if b[0] == want && size == optionMACLen && !n.HasLinkLayer {
			n.LinkLayer, n.HasLinkLayer = identity.MACFrom(b[2:]), true
		}
		b = b[size:]
	}
	return true
}

// AppendSolicitation appends the 72 bytes of the IPv6 packet that asks dst for
// the MAC of target, with the asker's own MAC.
func AppendSolicitation(b []byte, src, dst, target netip.Addr, own identity.MAC) []byte {
	return appendNeighbor(b, TypeNeighborSolicitation, 0, src, dst, target, optionSource, own)
}

// AppendDuplicateSearch appends the 64 bytes of the IPv6 packet that asks whether
// somebody has target already: from nowhere and without a MAC, so that it is
// answered to all.
func AppendDuplicateSearch(b []byte, target netip.Addr) []byte {
	to := SolicitedNode(target)
	b = appendIPv6(b, netip.IPv6Unspecified(), to, ProtoICMPv6, ndpHopLimit, neighborLen)
	start := len(b)
	t := target.As16()
	b = append(b, TypeNeighborSolicitation, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, t[:]...)
	return finishICMPv6(b, start, netip.IPv6Unspecified(), to)
}

// AppendAdvertisement appends the 72 bytes of the IPv6 packet that tells dst
// that holder has the address target.
func AppendAdvertisement(b []byte, src, dst, target netip.Addr, holder identity.MAC, flags uint8) []byte {
	return appendNeighbor(b, TypeNeighborAdvertisement, flags, src, dst, target, optionTarget, holder)
}

func appendNeighbor(b []byte, kind, flags uint8, src, dst, target netip.Addr, option uint8, m identity.MAC) []byte {
	b = appendIPv6(b, src, dst, ProtoICMPv6, ndpHopLimit, neighborLen+optionMACLen)
	start := len(b)
	t := target.As16()
	b = append(b, kind, 0, 0, 0, flags, 0, 0, 0)
	b = append(b, t[:]...)
	b = append(b, option, 1)
	b = m.Append(b)
	return finishICMPv6(b, start, src, dst)
}
