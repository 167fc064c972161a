package ether

import (
	"encoding/binary"
	"net/netip"
)

const (
	icmpUnreachable      = 3
	icmpHostUnreachable  = 1
	icmpFragNeeded       = 4
	icmpv6Unreachable    = 1
	icmpv6TooBig         = 2
	icmpv6AddrUnreach    = 3
	icmpHeaderLen        = 8
	icmpMaxLen           = 576  // of an ICMP error with its IP header (RFC 1812 §4.3.2.3)
	icmpv6MaxLen         = 1280 // the least MTU of IPv6 (RFC 4443 §2.4)
	icmpHopLimit         = 64
	icmpRedirect         = 5
	icmpSourceQuench     = 4
	icmpTimeExceeded     = 11
	icmpParameterProblem = 12
)

// AppendFragmentationNeeded appends the ICMP error that tells the sender of p
// which size would have fitted, as if its destination had answered. It appends
// nothing for packets that must not be answered with an error.
func AppendFragmentationNeeded(b []byte, p IPv4, mtu int) []byte {
	return appendError4(b, p, icmpFragNeeded, uint32(min(mtu, 0xffff)))
}

// AppendHostUnreachable appends the ICMP error that the destination of p cannot
// be reached, or nothing for packets that must not be answered with an error.
func AppendHostUnreachable(b []byte, p IPv4) []byte {
	return appendError4(b, p, icmpHostUnreachable, 0)
}

// AppendPacketTooBig is [AppendFragmentationNeeded] for IPv6.
func AppendPacketTooBig(b []byte, p IPv6, mtu int) []byte {
	return appendError6(b, p, icmpv6TooBig, 0, uint32(mtu))
}

// AppendAddressUnreachable is [AppendHostUnreachable] for IPv6.
func AppendAddressUnreachable(b []byte, p IPv6) []byte {
	return appendError6(b, p, icmpv6Unreachable, icmpv6AddrUnreach, 0)
}

// appendError4 appends a destination-unreachable error.
func appendError4(b []byte, p IPv4, code uint8, rest uint32) []byte {
	src, dst := p.Src(), p.Dst()
	if !unicastHost(src) || !unicastHost(dst) || !p.FirstFragment() || isError4(p) {
		return b
	}
	quote := p[:min(len(p), icmpMaxLen-ipv4HeaderLen-icmpHeaderLen)]
	b = appendIPv4(b, dst, src, ProtoICMP, icmpHopLimit, icmpHeaderLen+len(quote), false)
	start := len(b)
	b = append(b, icmpUnreachable, code, 0, 0)
	b = binary.BigEndian.AppendUint32(b, rest)
	b = append(b, quote...)
	binary.BigEndian.PutUint16(b[start+2:], Checksum(b[start:]))
	return b
}

func appendError6(b []byte, p IPv6, kind, code uint8, rest uint32) []byte {
	src, dst := p.Src(), p.Dst()
	if !unicastHost(src) || !unicastHost(dst) || isError6(p) {
		return b
	}
	quote := p[:min(len(p), icmpv6MaxLen-ipv6HeaderLen-icmpHeaderLen)]
	b = appendIPv6(b, dst, src, ProtoICMPv6, icmpHopLimit, icmpHeaderLen+len(quote))
	start := len(b)
	b = append(b, kind, code, 0, 0)
	b = binary.BigEndian.AppendUint32(b, rest)
	b = append(b, quote...)
	return finishICMPv6(b, start, dst, src)
}

// finishICMPv6 stores the checksum of the message that begins at start.
func finishICMPv6(b []byte, start int, src, dst netip.Addr) []byte {
	binary.BigEndian.PutUint16(b[start+2:], Checksum6(src, dst, ProtoICMPv6, b[start:]))
	return b
}

// unicastHost reports whether an error may be sent from or to the address: it
// names one host.
func unicastHost(ip netip.Addr) bool {
	return !ip.IsUnspecified() && !ip.IsMulticast() && !ip.IsLoopback() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// isError4 reports whether the packet is an ICMP error itself, or cannot be
// told to be none.
func isError4(p IPv4) bool {
	if p.Protocol() != ProtoICMP {
		return false
	}
	m := p.Payload()
	if len(m) == 0 {
		return true
	}
	switch m[0] {
	case icmpUnreachable, icmpSourceQuench, icmpRedirect, icmpTimeExceeded, icmpParameterProblem:
		return true
	}
	return false
}

// isError6 is [isError4] for IPv6; redirects are not answered either.
func isError6(p IPv6) bool {
	proto, m, ok := p.Upper()
	if !ok {
		return true
	}
	if proto != ProtoICMPv6 {
		return false
	}
	return len(m) == 0 || m[0] < 128 || m[0] == TypeRedirect
}
