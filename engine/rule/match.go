package rule

import (
	"encoding/binary"

	"orrery/engine/ether"
	"orrery/engine/identity"
)

// match evaluates one match against the frame (spec 04 §10.3).
func (o *op) match(in *Input, h *header, superAccept bool, skipDrop *bool) outcome {
	switch o.kind {
	case MatchSourceAddress:
		return soft(o.a == uint64(in.Source))
	case MatchDestinationAddress:
		return soft(o.a == uint64(in.Destination))
	case MatchVLANID:
		return soft(o.v == uint32(in.VLAN))
	case MatchVLANPCP, MatchVLANDEI:
		return soft(o.v == 0)
	case MatchSourceMAC:
		return soft(identity.MAC(o.a) == in.SourceMAC)
	case MatchDestinationMAC:
		return soft(identity.MAC(o.a) == in.DestinationMAC)
	case MatchEtherType:
		return soft(o.v == uint32(in.EtherType))
	case MatchFrameSize:
		return soft(len(in.Frame) >= int(o.v) && len(in.Frame) <= int(o.a))
	case MatchRandom:
		return soft(in.random() <= o.v)
	case MatchIntegerRange:
		n := o.integer(in.Frame)
		return soft(n >= o.a && n <= o.b)
	case MatchCharacteristics:
		return soft(characteristics(in, h, o.a) != 0)
	case MatchTagsDifference, MatchTagsAnd, MatchTagsOr, MatchTagsXor, MatchTagsEqual:
		return o.matchTags(in, superAccept, skipDrop)
	case MatchTagSender, MatchTagReceiver:
		return o.matchTag(in, superAccept, skipDrop)
	case MatchIPv4Source, MatchIPv4Destination, MatchIPv6Source, MatchIPv6Destination,
		MatchIPTOS, MatchIPProtocol, MatchICMP, MatchSourcePort, MatchDestinationPort:
		return o.matchIP(in, h)
	}
	return soft(in.Local.UnsupportedMatch)
}

// random draws the number that MatchRandom compares.
func (in *Input) random() uint32 {
	if in.Random == nil {
		return 0
	}
	return uint32(in.Random.Uint64())
}

// matchIP evaluates the matches that look into IP headers. Other frames and too
// short ones never match.
func (o *op) matchIP(in *Input, h *header) outcome {
	f := in.Frame
	k := h.read(in)
	if k == notIP {
		return never
	}
	switch o.kind {
	case MatchIPv4Source:
		return o.prefix4(k, f, 12)
	case MatchIPv4Destination:
		return o.prefix4(k, f, 16)
	case MatchIPv6Source:
		return o.prefix6(k, f, 8)
	case MatchIPv6Destination:
		return o.prefix6(k, f, 24)
	case MatchIPTOS:
		tos := f[1]
		if k != ipv4 {
			tos = f[0]<<4 | f[1]>>4
		}
		tos &= o.n
		return soft(tos >= o.m && uint32(tos) <= o.v)
	}
	if k == brokenIPv6 {
		return never
	}
	switch o.kind {
	case MatchIPProtocol:
		return soft(o.v == uint32(h.proto))
	case MatchICMP:
		return o.icmp(h, f)
	}
	p := h.ports(in).source
	if o.kind == MatchDestinationPort {
		p = h.ports(in).destination
	}
	return soft(p >= int32(o.v) && p <= int32(o.a))
}

// prefix4 compares the IPv4 address at offset.
func (o *op) prefix4(k kind, f []byte, offset int) outcome {
	if k != ipv4 {
		return never
	}
	return soft(uint64(binary.BigEndian.Uint32(f[offset:])&o.v) == o.a)
}

// prefix6 compares the IPv6 address at offset. The operand is not masked, so
// one with host bits set matches nothing.
func (o *op) prefix6(k kind, f []byte, offset int) outcome {
	if k == ipv4 {
		return never
	}
	high, low := ^uint64(0), ^uint64(0)
	if o.n <= 64 {
		high, low = high<<(64-o.n), 0
	} else {
		low <<= 128 - o.n
	}
	return soft(binary.BigEndian.Uint64(f[offset:])&high == o.a && binary.BigEndian.Uint64(f[offset+8:])&low == o.b)
}

// icmp compares type and, if asked, code.
func (o *op) icmp(h *header, f []byte) outcome {
	want := ether.ProtoICMP
	if h.kind == ipv6 {
		want = ether.ProtoICMPv6
	}
	if h.proto != want || len(f) < h.upper+2 || f[h.upper] != o.n {
		return never
	}
	if o.v == 0 {
		return always
	}
	return soft(f[h.upper+1] == o.m)
}

// integer reads the number that an integer range compares: 0 past the end of
// the frame. A big-endian number sits at the end of the 8 bytes at the index;
// of a little-endian one the high bits are kept.
func (o *op) integer(f []byte) (n uint64) {
	size, at := int(o.m), int(o.v)
	if !o.little {
		at += 8 - size
	}
	if at+size > len(f) {
		return 0
	}
	for i, b := range f[at : at+size] {
		if o.little {
			n |= uint64(b) << (8 * (8 - size + i))
		} else {
			n = n<<8 | uint64(b)
		}
	}
	if o.little {
		return n >> (64 - o.n)
	}
	return n & (^uint64(0) >> (64 - o.n))
}

// matchTags compares our tag with the other side's. While the other side's is
// unknown we are lenient outbound: the other end filters inbound, and it knows.
func (o *op) matchTags(in *Input, superAccept bool, skipDrop *bool) outcome {
	l, ok := in.Local.Tag(o.v)
	if !ok {
		return never
	}
	r, ok := in.Remote.Tag(o.v)
	if !ok {
		if in.Inbound && !superAccept {
			return never
		}
		*skipDrop = true
		return always
	}
	want := uint32(o.a)
	switch o.kind {
	case MatchTagsDifference:
		return soft(max(l, r)-min(l, r) <= want)
	case MatchTagsAnd:
		return soft(l&r == want)
	case MatchTagsOr:
		return soft(l|r == want)
	case MatchTagsXor:
		return soft(l^r == want)
	}
	return soft(l == want && r == want)
}

// matchTag compares the sender's or the receiver's tag.
func (o *op) matchTag(in *Input, superAccept bool, skipDrop *bool) outcome {
	if superAccept {
		*skipDrop = true
		return always
	}
	if (o.kind == MatchTagSender) == in.Inbound {
		r, ok := in.Remote.Tag(o.v)
		switch {
		case ok:
			return soft(r == uint32(o.a))
		case o.kind == MatchTagSender:
			return never
		}
		*skipDrop = true
		return always
	}
	l, ok := in.Local.Tag(o.v)
	if !ok {
		return never
	}
	return soft(l == uint32(o.a))
}
