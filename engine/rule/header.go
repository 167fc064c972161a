package rule

import "encoding/binary"

// header is where the upper protocol of an IP frame begins, worked out once per
// evaluation when the first match asks for it.
type header struct {
	kind  kind
	proto uint8
	// upper is the offset of the upper protocol's header, possibly past the end.
	upper int
}

type kind uint8

const (
	unread kind = iota
	notIP
	ipv4
	ipv6
	// brokenIPv6 has extension headers that run past the end of the frame.
	brokenIPv6
)

// Protocol numbers that the evaluator knows.
const (
	protoICMP    = 1
	protoTCP     = 6
	protoUDP     = 17
	protoICMPv6  = 58
	protoSCTP    = 132
	protoUDPLite = 136
)

// read fills h from the frame. Neither version nibble nor lengths inside the
// packet are examined (spec 04 §10.3).
func (h *header) read(in *Input) kind {
	if h.kind != unread {
		return h.kind
	}
	f := in.Frame
	switch {
	case in.EtherType == etherIPv4 && len(f) >= 20:
		h.kind, h.proto, h.upper = ipv4, f[9], int(f[0]&0x0f)*4
	case in.EtherType == etherIPv6 && len(f) >= 40:
		h.readIPv6(f)
	default:
		h.kind = notIP
	}
	return h.kind
}

// readIPv6 skips hop-by-hop, routing, destination and mobility headers. Other
// extension headers count as the upper protocol.
func (h *header) readIPv6(f []byte) {
	pos, proto := 40, f[6]
	for proto == 0 || proto == 43 || proto == 60 || proto == 135 {
		if pos+8 > len(f) {
			h.kind = brokenIPv6
			return
		}
		proto = f[pos]
		pos += 8 + 8*int(f[pos+1])
		if pos > len(f) {
			h.kind = brokenIPv6
			return
		}
	}
	h.kind, h.proto, h.upper = ipv6, proto, pos
}

// hasPorts reports whether the upper protocol begins with two ports of which at
// least one byte more than both is present.
func (h *header) hasPorts(f []byte) bool {
	switch h.proto {
	case protoTCP, protoUDP, protoSCTP, protoUDPLite:
		return len(f) > h.upper+4
	}
	return false
}

// port is the 16-bit number at offset in the upper header; see hasPorts.
func (h *header) port(f []byte, offset int) uint16 {
	return binary.BigEndian.Uint16(f[h.upper+offset:])
}
