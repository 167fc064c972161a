package ether

import (
	"encoding/binary"
	"net/netip"
)

// Numbers of upper protocols and extension headers.
const (
	ProtoHopByHop    uint8 = 0
	ProtoICMP        uint8 = 1
	ProtoIGMP        uint8 = 2
	ProtoTCP         uint8 = 6
	ProtoUDP         uint8 = 17
	ProtoRouting     uint8 = 43
	ProtoICMPv6      uint8 = 58
	ProtoDestination uint8 = 60
	ProtoSCTP        uint8 = 132
	ProtoMobility    uint8 = 135
	ProtoUDPLite     uint8 = 136
)

const (
	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
)

// IPv4 is a whole IPv4 packet, trimmed to its length. Get one from [ParseIPv4].
type IPv4 []byte

// ParseIPv4 checks version and lengths and trims b to the packet's total length.
// The header checksum is not checked. Errors are ErrTruncated and ErrFormat
// (spec 04 §15.2).
func ParseIPv4(b []byte) (IPv4, error) {
	if len(b) < ipv4HeaderLen {
		return nil, ErrTruncated
	}
	header, total := int(b[0]&0x0f)*4, int(binary.BigEndian.Uint16(b[2:]))
	if b[0]>>4 != 4 || header < ipv4HeaderLen || total < header {
		return nil, ErrFormat
	}
	if total > len(b) {
		return nil, ErrTruncated
	}
	return IPv4(b[:total]), nil
}

// HeaderLen is the length of the header with options in bytes.
func (p IPv4) HeaderLen() int { return int(p[0]&0x0f) * 4 }

// Src is the source address.
func (p IPv4) Src() netip.Addr { return netip.AddrFrom4([4]byte(p[12:16])) }

// Dst is the destination address.
func (p IPv4) Dst() netip.Addr { return netip.AddrFrom4([4]byte(p[16:20])) }

// Protocol is the number of the upper protocol.
func (p IPv4) Protocol() uint8 { return p[9] }

// DontFragment reports whether the sender forbids fragmentation.
func (p IPv4) DontFragment() bool { return p[6]&0x40 != 0 }

// FirstFragment reports whether the payload starts with the upper header: the
// packet is whole or a first fragment.
func (p IPv4) FirstFragment() bool { return binary.BigEndian.Uint16(p[6:])&0x1fff == 0 }

// Payload is what follows the header.
func (p IPv4) Payload() []byte { return p[p.HeaderLen():] }

// IPv6 is a whole IPv6 packet, trimmed to its length. Get one from [ParseIPv6].
type IPv6 []byte

// ParseIPv6 checks version and length and trims b to the packet's length.
// Errors are ErrTruncated and ErrFormat (spec 04 §15.2).
func ParseIPv6(b []byte) (IPv6, error) {
	if len(b) < ipv6HeaderLen {
		return nil, ErrTruncated
	}
	if b[0]>>4 != 6 {
		return nil, ErrFormat
	}
	total := ipv6HeaderLen + int(binary.BigEndian.Uint16(b[4:]))
	if total > len(b) {
		return nil, ErrTruncated
	}
	return IPv6(b[:total]), nil
}

// Src is the source address.
func (p IPv6) Src() netip.Addr { return netip.AddrFrom16([16]byte(p[8:24])) }

// Dst is the destination address.
func (p IPv6) Dst() netip.Addr { return netip.AddrFrom16([16]byte(p[24:40])) }

// HopLimit is the hop limit.
func (p IPv6) HopLimit() uint8 { return p[7] }

// Upper is [UpperIPv6] with the bytes that follow in place of the offset.
func (p IPv6) Upper() (proto uint8, payload []byte, ok bool) {
	proto, at, ok := UpperIPv6(p)
	if !ok {
		return 0, nil, false
	}
	return proto, p[at:], true
}

// UpperIPv6 walks over the hop-by-hop, routing, destination and mobility headers
// of an IPv6 packet of at least 40 bytes, of which nothing else is looked at, and
// returns the protocol that follows them and its offset. A fragment header and any
// other counts as the upper protocol. ok is false when a header runs past the end
// (spec 04 §10.3).
func UpperIPv6(p []byte) (proto uint8, at int, ok bool) {
	proto, at = p[6], ipv6HeaderLen
	for proto == ProtoHopByHop || proto == ProtoRouting || proto == ProtoDestination || proto == ProtoMobility {
		if at+8 > len(p) {
			return 0, 0, false
		}
		proto = p[at]
		at += 8 + 8*int(p[at+1])
		if at > len(p) {
			return 0, 0, false
		}
	}
	return proto, at, true
}

// appendIPv4 appends a header without identification for payload bytes to come,
// with an IGMP router alert option if alert is set.
func appendIPv4(b []byte, src, dst netip.Addr, proto, ttl uint8, payload int, alert bool) []byte {
	start := len(b)
	header := ipv4HeaderLen
	if alert {
		header += 4
	}
	b = append(b, 0x40|byte(header/4), 0)
	b = binary.BigEndian.AppendUint16(b, uint16(header+payload))
	b = append(b, 0, 0, 0, 0, ttl, proto, 0, 0)
	s, d := src.As4(), dst.As4()
	b = append(b, s[:]...)
	b = append(b, d[:]...)
	if alert {
		b = append(b, 0x94, 4, 0, 0)
	}
	binary.BigEndian.PutUint16(b[start+10:], Checksum(b[start:]))
	return b
}

// appendIPv6 appends a header for payload bytes to come.
func appendIPv6(b []byte, src, dst netip.Addr, next, hopLimit uint8, payload int) []byte {
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(payload))
	b = append(b, next, hopLimit)
	s, d := src.As16(), dst.As16()
	b = append(b, s[:]...)
	return append(b, d[:]...)
}
