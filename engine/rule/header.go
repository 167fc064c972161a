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
	// both are the ports once they have been read.
	havePorts bool
	both      ports
}

// ports are the upper protocol's, -1 for one that no range contains.
type ports struct{ source, destination int32 }

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

// ports returns the ports of a frame that is IP and complete in so far: of the
// protocols that begin with two if at least one byte more than both is present.
// Port 0 of IPv6 counts as none.
func (h *header) ports(in *Input) *ports {
	if !h.havePorts {
		h.readPorts(in.Frame)
	}
	return &h.both
}

// readPorts fills h.both.
func (h *header) readPorts(f []byte) {
	h.havePorts, h.both = true, ports{-1, -1}
	switch h.proto {
	case ether.ProtoTCP, ether.ProtoUDP, ether.ProtoSCTP, ether.ProtoUDPLite:
	default:
		return
	}
	if len(f) <= h.upper+4 {
		return
	}
	h.both = ports{int32(binary.BigEndian.Uint16(f[h.upper:])), int32(binary.BigEndian.Uint16(f[h.upper+2:]))}
	if h.kind == ipv6 {
		if h.both.source == 0 {
			h.both.source = -1
		}
		if h.both.destination == 0 {
			h.both.destination = -1
		}
	}
}
