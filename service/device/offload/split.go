package offload

import (
	"encoding/binary"

	"orrery/engine/ether"
)

// Splitter cuts what was read from a device into packets. The zero value has
// none.
type Splitter struct {
	packet   []byte
	proto    uint8
	ipLen    int // length of the IP header, 0 if there is nothing to cut
	headers  int // with the transport's
	segment  int // payload of each packet but the last
	at, next int // start of the next payload, number of the packet
}

// Begin takes header and packet. It completes a checksum that was left to us, in
// place, and keeps b until the last packet is out.
func (s *Splitter) Begin(b []byte) error {
	*s = Splitter{}
	if len(b) <= HeaderLen {
		return ErrHeader
	}
	h, p := parseHeader(b), b[HeaderLen:]
	start := int(h.sumStart)
	place := start + int(h.sumPlace)
	if h.kind == kindNone {
		if h.flags&flagNeedsChecksum != 0 {
			if place+2 > len(p) || start > place {
				return ErrHeader
			}
			// The field holds the sum of the pseudo-header.
			sum := ether.Checksum(p[start:])
			if h.sumPlace == udpSum && sum == 0 {
				sum = 0xffff
			}
			binary.BigEndian.PutUint16(p[place:], sum)
		}
		s.packet = p
		return nil
	}
	return s.beginSuper(h, p, start, place)
}

// beginSuper checks a packet that stands for several. The length of headers in h
// is not to be trusted: it may be that of the whole first segment.
func (s *Splitter) beginSuper(h header, p []byte, start, place int) error {
	version, transport := p[0]>>4, udpLen
	switch {
	case version == 4 && h.kind == kindTCP4, version == 6 && h.kind == kindTCP6:
		s.proto = ether.ProtoTCP
		if start+tcpLen > len(p) || h.sumPlace != tcpSum {
			return ErrHeader
		}
		if transport = int(p[start+12]>>4) * 4; transport < tcpLen {
			return ErrHeader
		}
	case (version == 4 || version == 6) && h.kind == kindUDP:
		s.proto = ether.ProtoUDP
		if h.sumPlace != udpSum {
			return ErrHeader
		}
	default:
		return ErrHeader
	}
	least := ip4Len
	if version == 6 {
		least = ip6Len
	}
	s.ipLen, s.headers, s.segment = start, start+transport, int(h.segment)
	if start < least || s.headers >= len(p) || place+2 > s.headers || s.segment == 0 || len(p) > maxPacket+ip6Len {
		*s = Splitter{}
		return ErrHeader
	}
	s.packet, s.at = p, s.headers
	return nil
}

// More reports whether there is another packet.
func (s *Splitter) More() bool { return s.packet != nil }

// Next writes the next packet to dst and returns its length, -1 if dst is too
// short for it; the packet is lost then.
func (s *Splitter) Next(dst []byte) int {
	p := s.packet
	if s.ipLen == 0 {
		s.packet = nil
		if len(p) > len(dst) {
			return -1
		}
		return copy(dst, p)
	}
	from, end := s.at, min(s.at+s.segment, len(p))
	n := s.headers + end - from
	number, last := s.next, end == len(p)
	s.at, s.next = end, s.next+1
	if last {
		s.packet = nil
	}
	if n > len(dst) {
		return -1
	}
	dst = dst[:n]
	copy(dst, p[:s.headers])
	copy(dst[s.headers:], p[from:end])
	if dst[0]>>4 == 4 {
		binary.BigEndian.PutUint16(dst[4:], binary.BigEndian.Uint16(p[4:])+uint16(number))
	}
	setLength(dst, s.ipLen, n)
	t, place := dst[s.ipLen:], udpSum
	if s.proto == ether.ProtoTCP {
		place = tcpSum
		binary.BigEndian.PutUint32(t[4:], binary.BigEndian.Uint32(t[4:])+uint32(from-s.headers))
		if !last {
			t[tcpFlag] &^= tcpFIN | tcpPSH
		}
		if number > 0 {
			t[tcpFlag] &^= tcpCWR
		}
	} else {
		binary.BigEndian.PutUint16(t[4:], uint16(len(t)))
	}
	t[place], t[place+1] = 0, 0
	sum := ether.TransportChecksum(addresses(dst), s.proto, t)
	if s.proto == ether.ProtoUDP && sum == 0 {
		sum = 0xffff // 0 would be "none"
	}
	binary.BigEndian.PutUint16(t[place:], sum)
	return n
}
