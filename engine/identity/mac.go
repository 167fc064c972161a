package identity

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// ErrMAC is returned for text that is not a MAC of six hex bytes.
var ErrMAC = errors.New("not a MAC: want six hex bytes, with or without colons")

// MAC is a 48-bit Ethernet address in the low bits.
type MAC uint64

// Broadcast is the Ethernet broadcast address.
const Broadcast MAC = 0xffffffffffff

// MACOf is the MAC of member a on network n (spec 01 §4.2).
func MACOf(n NetworkID, a Address) MAC {
	return MAC(firstOctet(n))<<40 | MAC(a) ^ reversed(n)
}

// firstOctet is the first octet that all MACs of a network share. 0x52 is
// avoided because virtual machines use it.
func firstOctet(n NetworkID) byte {
	if f := byte(n)&0xfe | 0x02; f != 0x52 {
		return f
	}
	return 0x32
}

// reversed has the network's bytes 6 to 2, least significant first, as the
// low 40 bits that mask an address.
func reversed(n NetworkID) MAC {
	return MAC(byte(n>>8))<<32 | MAC(byte(n>>16))<<24 | MAC(byte(n>>24))<<16 | MAC(byte(n>>32))<<8 | MAC(byte(n>>40))
}

// MACFrom reads a MAC from the first 6 bytes of b.
func MACFrom(b []byte) MAC {
	_ = b[5]
	return MAC(binary.BigEndian.Uint16(b))<<32 | MAC(binary.BigEndian.Uint32(b[2:]))
}

// ParseMAC reads six bytes of two hex digits, separated by colons or not at all.
func ParseMAC(s string) (MAC, error) {
	h := s
	if len(s) == 17 && strings.Count(s, ":") == 5 {
		h = s[0:2] + s[3:5] + s[6:8] + s[9:11] + s[12:14] + s[15:17]
	}
	if len(h) == 12 {
		if v, ok := parseHex(h); ok {
			return MAC(v), nil
		}
	}
	return 0, fmt.Errorf("%w, got %q", ErrMAC, clip(s))
}

// Address is the member of network n that has this MAC, if [MAC.InNetwork].
func (m MAC) Address(n NetworkID) Address { return Address(m&0xffffffffff ^ reversed(n)) }

// InNetwork reports whether the first octet is that of network n's members.
func (m MAC) InNetwork(n NetworkID) bool { return byte(m>>40) == firstOctet(n) }

// Multicast reports whether the group bit is set, as it is for broadcast.
func (m MAC) Multicast() bool { return m>>40&1 != 0 }

// Append appends the 6 bytes of the wire form.
func (m MAC) Append(b []byte) []byte {
	return append(b, byte(m>>40), byte(m>>32), byte(m>>24), byte(m>>16), byte(m>>8), byte(m))
}

// Put writes the wire form into the first 6 bytes of b.
func (m MAC) Put(b []byte) {
	_ = b[5]
	binary.BigEndian.PutUint16(b, uint16(m>>32))
	binary.BigEndian.PutUint32(b[2:], uint32(m))
}

// String returns lower-case hex bytes with colons.
func (m MAC) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", byte(m>>40), byte(m>>32), byte(m>>24), byte(m>>16), byte(m>>8), byte(m))
}

// MulticastGroup is a MAC with additional distinguishing information, which
// makes address resolution a selective multicast (spec 01 §4.3).
type MulticastGroup struct {
	MAC MAC
	ADI uint32
}

// Compare orders groups by MAC, then by ADI (spec 04 §1.4).
func (g MulticastGroup) Compare(other MulticastGroup) int {
	return cmp.Or(cmp.Compare(g.MAC, other.MAC), cmp.Compare(g.ADI, other.ADI))
}

// ResolutionGroup is the group on which the holder of ip is asked for its MAC:
// broadcast with the address as ADI for IPv4, the solicited-node group for IPv6,
// the zero group for the zero address (spec 01 §4.3).
func ResolutionGroup(ip netip.Addr) MulticastGroup {
	if !ip.IsValid() {
		return MulticastGroup{}
	}
	if ip.Is4() {
		b := ip.As4()
		return MulticastGroup{MAC: Broadcast, ADI: binary.BigEndian.Uint32(b[:])}
	}
	b := ip.As16()
	return MulticastGroup{MAC: 0x3333ff000000 | MAC(b[13])<<16 | MAC(b[14])<<8 | MAC(b[15])}
}

// RFC4193 is the private IPv6 address of a on network n, a /88 (spec 01 §4.4).
func RFC4193(n NetworkID, a Address) netip.Prefix {
	b := [16]byte{0: 0xfd, 9: 0x99, 10: 0x93}
	binary.BigEndian.PutUint64(b[1:], uint64(n))
	a.Put(b[11:])
	return netip.PrefixFrom(netip.AddrFrom16(b), 88)
}

// SixPlane is the 6PLANE IPv6 address of a on network n, a /40 (spec 01 §4.4).
func SixPlane(n NetworkID, a Address) netip.Prefix {
	b := [16]byte{0: 0xfc, 15: 1}
	binary.BigEndian.PutUint32(b[1:], uint32(n)^uint32(n>>32))
	a.Put(b[5:])
	return netip.PrefixFrom(netip.AddrFrom16(b), 40)
}

// DerivedMember is the member from whose address ip is derived, if own, one of our
// addresses on network n with the length of its subnet, is derived too and ip has
// the same prefix, that of [RFC4193] or [SixPlane]. It may be a reserved address
// or ours; ok is false for an ip outside of the prefix (spec 04 §13.2).
func DerivedMember(n NetworkID, own netip.Prefix, ip netip.Addr) (a Address, ok bool) {
	if !own.Addr().Is6() || !ip.Is6() {
		return 0, false
	}
	prefix, b := own.Addr().As16(), ip.As16()
	six := SixPlane(n, 0).Addr().As16()
	shared := 0
	switch {
	case own.Bits() == 88 && prefix[0] == 0xfd && prefix[9] == 0x99 && prefix[10] == 0x93:
		shared = 11
	case own.Bits() == 40 && [5]byte(prefix[:5]) == [5]byte(six[:5]):
		shared = 5
	}
	if shared == 0 || string(prefix[:shared]) != string(b[:shared]) {
		return 0, false
	}
	return AddressFrom(b[shared:]), true
}

// LinkLocal is the IPv6 link-local address of a port with MAC m.
func LinkLocal(m MAC) netip.Addr {
	return netip.AddrFrom16([16]byte{
		0: 0xfe, 1: 0x80, 8: byte(m>>40) & 0xfd, 9: byte(m >> 32), 10: byte(m >> 24),
		11: 0xff, 12: 0xfe, 13: byte(m >> 16), 14: byte(m >> 8), 15: byte(m),
	})
}
