package ether

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// Checksum is the Internet checksum of b (RFC 1071), ready to be stored. Over
// bytes that include a correct checksum it is 0.
func Checksum(b []byte) uint16 { return ^fold(sum(b, 0)) }

// Checksum6 is the checksum of the upper message b of protocol proto between two
// IPv6 addresses, with their pseudo-header (RFC 8200 §8.1).
func Checksum6(src, dst netip.Addr, proto uint8, b []byte) uint16 {
	s, d := src.As16(), dst.As16()
	acc := uint64(len(b)) + uint64(proto)
	acc = sum(s[:], acc)
	acc = sum(d[:], acc)
	return ^fold(sum(b, acc))
}

// TransportChecksum is the checksum of the message b of protocol proto, with the
// pseudo-header for addrs: source and destination, IPv4 or IPv6, one after the
// other. Over a message that includes a correct checksum it is 0.
func TransportChecksum(addrs []byte, proto uint8, b []byte) uint16 {
	return ^fold(sum(b, sum(addrs, uint64(len(b))+uint64(proto))))
}

// PseudoHeader is the sum, not complemented, of the pseudo-header of
// [TransportChecksum] for a message of n bytes.
func PseudoHeader(addrs []byte, proto uint8, n int) uint16 {
	return fold(sum(addrs, uint64(n)+uint64(proto)))
}

// sum adds b as 64-bit words with end-around carry. Sums of words of any width
// that is a multiple of 16 bits fold to the same 16 bits.
func sum(b []byte, acc uint64) uint64 {
	var carry uint64
	for ; len(b) >= 8; b = b[8:] {
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(b), 0)
		acc += carry
	}
	if len(b) > 0 {
		var tail [8]byte
		copy(tail[:], b)
		acc, carry = bits.Add64(acc, binary.BigEndian.Uint64(tail[:]), 0)
		acc += carry
	}
	return acc
}

func fold(acc uint64) uint16 {
	acc = acc>>32 + acc&0xffffffff
	acc = acc>>16 + acc&0xffff
	acc = acc>>16 + acc&0xffff
	acc = acc>>16 + acc&0xffff
	return uint16(acc)
}

// UpdateChecksum is the Internet checksum sum after a word that it covers
// changed from old to now (RFC 1624). The word must be at an even distance from
// where the checksum's coverage begins.
func UpdateChecksum(sum, old, now uint16) uint16 {
	return ^fold(uint64(^sum) + uint64(^old) + uint64(now))
}
