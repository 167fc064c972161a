package ether

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"orrery/engine/identity"
)

// HeaderLen is the size of an Ethernet header in bytes.
const HeaderLen = 14

// Ethertypes.
const (
	TypeIPv4 uint16 = 0x0800
	TypeARP  uint16 = 0x0806
	TypeIPv6 uint16 = 0x86dd
	// Those of VLAN tags. Two bytes of a tag follow, of which the lower 12 bits are
	// the VLAN, 0 for none, and then another ethertype.
	TypeVLAN        uint16 = 0x8100
	TypeServiceVLAN uint16 = 0x88a8
)

var (
	// ErrTruncated is returned for bytes that end before what they announce.
	ErrTruncated = errors.New("truncated")
	// ErrFormat is returned for fields that contradict the protocol.
	ErrFormat = errors.New("malformed")
	// ErrChecksum is returned for a message with a wrong checksum.
	ErrChecksum = errors.New("wrong checksum")
	// ErrKind is returned for a message of another kind than the one asked for.
	ErrKind = errors.New("another kind of message")
)

// Frame is a parsed Ethernet frame. Payload is a view.
type Frame struct {
	Dst, Src identity.MAC
	Type     uint16
	Payload  []byte
}

// ParseFrame reads an Ethernet II frame without its check sequence. VLAN tags
// are not looked into. The error is ErrTruncated.
func ParseFrame(b []byte) (Frame, error) {
	if len(b) < HeaderLen {
		return Frame{}, ErrTruncated
	}
	return Frame{
		Dst: identity.MACFrom(b), Src: identity.MACFrom(b[6:]),
		Type: binary.BigEndian.Uint16(b[12:]), Payload: b[HeaderLen:],
	}, nil
}

// AppendHeader appends the 14 bytes of an Ethernet header.
func AppendHeader(b []byte, dst, src identity.MAC, etherType uint16) []byte {
	b = dst.Append(b)
	b = src.Append(b)
	return binary.BigEndian.AppendUint16(b, etherType)
}

// AllNodes is the group MAC of ff02::1.
const AllNodes identity.MAC = 0x333300000001

// AllSystems is the group MAC of 224.0.0.1.
const AllSystems identity.MAC = 0x01005e000001

// MulticastMAC is the group MAC to which packets for a multicast address are
// sent: 01:00:5e and the low 23 bits for IPv4, 33:33 and the low 32 bits for
// IPv6.
func MulticastMAC(ip netip.Addr) identity.MAC {
	if ip.Is4() {
		b := ip.As4()
		return 0x01005e000000 | identity.MAC(binary.BigEndian.Uint32(b[:])&0x7fffff)
	}
	b := ip.As16()
	return 0x333300000000 | identity.MAC(binary.BigEndian.Uint32(b[12:]))
}

// LinkLocalMAC is the MAC from which an IPv6 link-local address follows, if it
// follows from one of those that are assigned locally, as networks' are (spec 04
// §1.3).
func LinkLocalMAC(ip netip.Addr) (m identity.MAC, ok bool) {
	if !ip.IsLinkLocalUnicast() || !ip.Is6() {
		return 0, false
	}
	b := ip.As16()
	m = identity.MAC(b[8]|2)<<40 | identity.MAC(b[9])<<32 | identity.MAC(b[10])<<24 |
		identity.MAC(b[13])<<16 | identity.MAC(b[14])<<8 | identity.MAC(b[15])
	return m, identity.LinkLocal(m) == ip
}
