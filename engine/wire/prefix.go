package wire

import (
	"math/bits"
	"net/netip"
)

// This file has the reference's operations on an address whose port is a prefix
// length, as assignments, routes and physical subnets are carried (spec 01
// §5.4).

// PrefixOf returns a as a prefix, not masked. It is invalid if the port is more
// than the address has bits, or a is zero.
func PrefixOf(a netip.AddrPort) netip.Prefix {
	return netip.PrefixFrom(a.Addr().WithZone(""), int(a.Port()))
}

// InetOf returns a prefix in the form that is carried.
func InetOf(p netip.Prefix) netip.AddrPort {
	if !p.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(p.Addr(), uint16(p.Bits()))
}

// Contains reports whether ip is in the network p, as the reference decides it:
// for IPv4 host bits of p do not matter, while an IPv6 network with host bits
// contains nothing. Families never mix. Mask p first if it is the address of an
// interface.
func Contains(p netip.Prefix, ip netip.Addr) bool {
	if p.Addr().Is6() && p != p.Masked() {
		return false
	}
	return p.Contains(ip)
}

// IsNetwork reports whether p is a network and not a host's address: its length
// is neither 0 nor full, and all host bits are zero.
func IsNetwork(p netip.Prefix) bool {
	return p.IsValid() && p.Bits() > 0 && p.Bits() < p.Addr().BitLen() && p == p.Masked()
}

// Netmask returns the mask of p as an address, or the zero Addr if p is invalid.
func Netmask(p netip.Prefix) netip.Addr {
	if !p.IsValid() {
		return netip.Addr{}
	}
	if p.Addr().Is4() {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), p.Bits()).Masked().Addr()
	}
	var ones [16]byte
	for i := range ones {
		ones[i] = 0xff
	}
	return netip.PrefixFrom(netip.AddrFrom16(ones), p.Bits()).Masked().Addr()
}

// BroadcastOf returns the last address of an IPv4 network, or the zero Addr, for
// only IPv4 has broadcast.
func BroadcastOf(p netip.Prefix) netip.Addr {
	if !p.IsValid() || !p.Addr().Is4() {
		return netip.Addr{}
	}
	b, m := p.Addr().As4(), Netmask(p).As4()
	for i := range b {
		b[i] |= ^m[i]
	}
	return netip.AddrFrom4(b)
}

// MatchingBits is the number of equal leading bits, 0 across families.
func MatchingBits(a, b netip.Addr) int {
	if a.BitLen() != b.BitLen() || !a.IsValid() {
		return 0
	}
	x, y := a.As16(), b.As16()
	n := 0
	for i := range x {
		d := x[i] ^ y[i]
		n += bits.LeadingZeros8(d)
		if d != 0 {
			break
		}
	}
	return n - (128 - a.BitLen())
}
