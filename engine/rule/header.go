package rule

import (
	"encoding/binary"

	"orrery/engine/ether"
)

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

// read fills h from the frame unless it was, and returns the kind. It is short
// enough to be inlined, for every match on IP fields begins with it.
func (h *header) read(in *Input) kind {
	if h.kind == unread {
		h.parse(in)
	}
	return h.kind
}

// parse fills h. Neither version nibble nor lengths inside the packet are examined
// (spec 04 §10.3).
func (h *header) parse(in *Input) {
	f := in.Frame
	switch {
	case in.EtherType == ether.TypeIPv4 && len(f) >= 20:
		h.kind, h.proto, h.upper = ipv4, f[9], int(f[0]&0x0f)*4
	case in.EtherType == ether.TypeIPv6 && len(f) >= 40:
		var ok bool
		if h.proto, h.upper, ok = ether.UpperIPv6(f); ok {
			h.kind = ipv6
		} else {
			h.kind = brokenIPv6
		}
	default:
		h.kind = notIP
	}
}

// hasPorts reports whether the upper protocol begins with two ports of which at
// least one byte more than both is present.
func (h *header) hasPorts(f []byte) bool {
	switch h.proto {
	case ether.ProtoTCP, ether.ProtoUDP, ether.ProtoSCTP, ether.ProtoUDPLite:
		return len(f) > h.upper+4
	}
	return false
}

// port is the 16-bit number at offset in the upper header; see hasPorts.
func (h *header) port(f []byte, offset int) uint16 {
	return binary.BigEndian.Uint16(f[h.upper+offset:])
}
