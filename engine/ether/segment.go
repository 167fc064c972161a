package ether

import "encoding/binary"

const (
	tcpHeaderLen = 20
	tcpSYN       = 0x02
	// Options of TCP (RFC 9293 §3.2).
	tcpEnd        = 0
	tcpNothing    = 1
	tcpMaxSegment = 2
	tcpMaxSegLen  = 4
)

// ClampSegment lowers the maximum segment size in the packet of a TCP segment
// that opens a connection, SYN or SYN with ACK, to what packets of mtu bytes have
// room for (RFC 6691), with the checksum, and reports whether it did. A smaller
// one stays, and so does every packet without the option.
func ClampSegment(etherType uint16, packet []byte, mtu int) bool {
	at, checksum, overhead := segmentOption(etherType, packet)
	if at == 0 || mtu <= overhead {
		return false
	}
	have := binary.BigEndian.Uint16(packet[at:])
	if int(have) <= mtu-overhead {
		return false
	}
	want := uint16(mtu - overhead)
	binary.BigEndian.PutUint16(packet[at:], want)
	if (at-checksum)%2 != 0 { // then its bytes count in the other places
		have, want = have<<8|have>>8, want<<8|want>>8
	}
	sum := binary.BigEndian.Uint16(packet[checksum:])
	binary.BigEndian.PutUint16(packet[checksum:], UpdateChecksum(sum, have, want))
	return true
}

// segmentOption finds the maximum segment size in the packet of a SYN. At is the
// offset of its two bytes in the packet, 0 if there is none, checksum that of the
// TCP checksum, overhead what a packet's size is above that of its segment.
func segmentOption(etherType uint16, packet []byte) (at, checksum, overhead int) {
	var tcp int
	switch etherType {
	case TypeIPv4:
		p, err := ParseIPv4(packet)
		if err != nil || p.Protocol() != ProtoTCP || !p.FirstFragment() {
			return 0, 0, 0
		}
		packet, tcp, overhead = p, p.HeaderLen(), ipv4HeaderLen+tcpHeaderLen
	case TypeIPv6:
		p, err := ParseIPv6(packet)
		if err != nil {
			return 0, 0, 0
		}
		proto, start, ok := UpperIPv6(p)
		if !ok || proto != ProtoTCP {
			return 0, 0, 0
		}
		packet, tcp, overhead = p, start, ipv6HeaderLen+tcpHeaderLen
	default:
		return 0, 0, 0
	}
	segment := packet[tcp:]
	if len(segment) < tcpHeaderLen || segment[13]&tcpSYN == 0 {
		return 0, 0, 0
	}
	end := int(segment[12]>>4) * 4
	if end < tcpHeaderLen || end > len(segment) {
		return 0, 0, 0
	}
	if i := maxSegmentIn(segment[tcpHeaderLen:end]); i > 0 {
		return tcp + tcpHeaderLen + i, tcp + 16, overhead
	}
	return 0, 0, 0
}

// maxSegmentIn returns where in a list of options the value of the maximum
// segment size is, 0 if it is not there.
func maxSegmentIn(options []byte) int {
	for i := 0; i+1 < len(options); {
		size := int(options[i+1])
		switch kind := options[i]; {
		case kind == tcpEnd:
			return 0
		case kind == tcpNothing:
			size = 1
		case size < 2 || i+size > len(options):
			return 0
		case kind == tcpMaxSegment && size == tcpMaxSegLen:
			return i + 2
		}
		i += size
	}
	return 0
}

// OpensTCP reports cheaply whether a packet may open a TCP connection: what
// [ClampSegment] changes is always among those.
func OpensTCP(etherType uint16, packet []byte) bool {
	switch {
	case etherType == TypeIPv4 && len(packet) >= ipv4HeaderLen+tcpHeaderLen && packet[9] == ProtoTCP:
		at := int(packet[0]&0x0f)*4 + 13
		return at < len(packet) && packet[at]&tcpSYN != 0
	case etherType == TypeIPv6 && len(packet) >= ipv6HeaderLen+tcpHeaderLen:
		switch packet[6] {
		case ProtoTCP:
			return packet[ipv6HeaderLen+13]&tcpSYN != 0
		case ProtoHopByHop, ProtoRouting, ProtoDestination, ProtoMobility:
			return true
		}
	}
	return false
}
