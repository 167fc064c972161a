package ether

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/identity"
)

// ARPLen is the size of an ARP message for IPv4 in bytes.
const ARPLen = 28

// Operations of ARP.
const (
	ARPRequest uint16 = 1
	ARPReply   uint16 = 2
)

// arpHeader is Ethernet, IPv4 and their address lengths.
const arpHeader = "\x00\x01\x08\x00\x06\x04"

// ARP is a message of the address resolution protocol for IPv4 over Ethernet.
type ARP struct {
	Op                   uint16
	SenderMAC, TargetMAC identity.MAC
	SenderIP, TargetIP   netip.Addr
}

// ParseARP reads a message of at least 28 bytes; padding after it is ignored.
// Errors are ErrTruncated, and ErrKind for other hardware, protocols and
// operations.
func ParseARP(b []byte) (ARP, error) {
	if len(b) < ARPLen {
		return ARP{}, ErrTruncated
	}
	op := binary.BigEndian.Uint16(b[6:])
	if string(b[:6]) != arpHeader || op != ARPRequest && op != ARPReply {
		return ARP{}, ErrKind
	}
	return ARP{
		Op:        op,
		SenderMAC: identity.MACFrom(b[8:]), SenderIP: netip.AddrFrom4([4]byte(b[14:18])),
		TargetMAC: identity.MACFrom(b[18:]), TargetIP: netip.AddrFrom4([4]byte(b[24:28])),
	}, nil
}

// Append appends the 28 bytes of the message. The addresses must be IPv4.
func (a ARP) Append(b []byte) []byte {
	b = append(b, arpHeader...)
	b = binary.BigEndian.AppendUint16(b, a.Op)
	sender, target := a.SenderIP.As4(), a.TargetIP.As4()
	b = a.SenderMAC.Append(b)
	b = append(b, sender[:]...)
	b = a.TargetMAC.Append(b)
	return append(b, target[:]...)
}
