package rule

import "encoding/binary"

// Set is a compiled rule list. The zero Set matches nothing. It is immutable
// and safe for concurrent use; copies share their memory.
type Set struct {
	ops   []op
	lanes lanes
}

// op is a rule in the form that evaluation wants: operands masked, shifted and
// packed. a to v hold per type:
//
//	tee, watch, redirect  a target (40 bits), v length
//	addresses, MACs       a
//	IPv4 prefix           a address under the mask, v mask
//	IPv6 prefix           a, b address as written; n bits
//	TOS                   n mask, m low, v high
//	ICMP                  n type, m code, v whether the code counts
//	ranges                v first, a last
//	characteristics       a mask
//	tags                  v ID, a value
//	integer range         a, b bounds; v index; n bits; m bytes; little
//	others                v
type op struct {
	kind   Type
	not    bool
	or     bool
	little bool
	n, m   uint8
	v      uint32
	a, b   uint64
}

const addressMask = 1<<40 - 1

// Compile prepares rules for evaluation. It copies what it needs.
func Compile(rules []Rule) Set {
	s := Set{ops: make([]op, len(rules))}
	for i := range rules {
		s.ops[i] = compile(&rules[i])
	}
	s.lay()
	return s
}

// AcceptsAll reports whether the list begins with an ACCEPT without conditions,
// as that of most networks does: every frame may go on, without copies, and
// nothing else of the list counts.
func (s *Set) AcceptsAll() bool { return len(s.ops) > 0 && s.ops[0].kind == ActionAccept }

// Len is the number of rules in the list.
func (s *Set) Len() int { return len(s.ops) }

// compile packs one rule.
func compile(r *Rule) op {
	o := op{kind: r.Type & bitsType, not: r.Not, or: r.Or}
	switch o.kind {
	case ActionTee, ActionWatch, ActionRedirect:
		o.a, o.v = uint64(r.Address)&addressMask, uint32(r.Length)
	case MatchSourceAddress, MatchDestinationAddress:
		o.a = uint64(r.Address) & addressMask
	case MatchVLANID, MatchEtherType:
		o.v = uint32(uint16(r.Value))
	case MatchVLANPCP, MatchVLANDEI, MatchIPProtocol:
		o.v = uint32(uint8(r.Value))
	case MatchSourceMAC, MatchDestinationMAC:
		o.a = uint64(r.MAC)
	case MatchIPv4Source, MatchIPv4Destination:
		ip := as4(r.IP)
		o.v = ^uint32(0) << (32 - min(r.Bits, 32))
		o.a = uint64(binary.BigEndian.Uint32(ip[:]) & o.v)
	case MatchIPv6Source, MatchIPv6Destination:
		ip := as16(r.IP)
		o.a, o.b = binary.BigEndian.Uint64(ip[:]), binary.BigEndian.Uint64(ip[8:])
		o.n = min(r.Bits, 128)
	case MatchIPTOS:
		o.n, o.m, o.v = uint8(r.Mask), uint8(r.Start), uint32(uint8(r.End))
	case MatchICMP:
		o.n, o.m, o.v = uint8(r.Value), r.Code, r.Flags&ICMPCodeSet
	case MatchSourcePort, MatchDestinationPort, MatchFrameSize:
		o.v, o.a = uint32(uint16(r.Start)), uint64(uint16(r.End))
	case MatchCharacteristics:
		o.a = r.Mask
	case MatchRandom:
		o.v = r.Value
	case MatchIntegerRange:
		o.n = uint8(r.Flags&0x3f) + 1
		o.m = (o.n + 7) / 8
		o.little = r.Flags&LittleEndian != 0
		o.v, o.a, o.b = uint32(r.Index), r.Start, r.Start+r.span()
	default:
		o.v, o.a = r.Tag, uint64(r.Value)
	}
	return o
}
