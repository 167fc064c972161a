package rule

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/identity"
)

// Bits of an entry's first byte, above the six of the type.
const (
	bitNot   = 0x80
	bitOr    = 0x40
	bitsType = 0x3f
)

// maxEncoded is the size of the longest entry, an integer range.
const maxEncoded = 2 + 19

// operandLen is the length of each type's known operand in bytes. Types without
// an entry carry none.
var operandLen = [typeCount]uint8{
	ActionTee: 14, ActionWatch: 14, ActionRedirect: 14,
	MatchSourceAddress: 5, MatchDestinationAddress: 5,
	MatchVLANID: 2, MatchVLANPCP: 1, MatchVLANDEI: 1,
	MatchSourceMAC: 6, MatchDestinationMAC: 6,
	MatchIPv4Source: 5, MatchIPv4Destination: 5, MatchIPv6Source: 17, MatchIPv6Destination: 17,
	MatchIPTOS: 3, MatchIPProtocol: 1, MatchEtherType: 2, MatchICMP: 3,
	MatchSourcePort: 4, MatchDestinationPort: 4, MatchCharacteristics: 8, MatchFrameSize: 4, MatchRandom: 4,
	MatchTagsDifference: 8, MatchTagsAnd: 8, MatchTagsOr: 8, MatchTagsXor: 8, MatchTagsEqual: 8,
	MatchTagSender: 8, MatchTagReceiver: 8, MatchIntegerRange: 19,
}

// Parse reads up to limit entries from b and stops at the limit or at the end
// of b (spec 04 §9). n is where the next entry would begin; it may lie beyond
// len(b), because an entry's stated length need not be backed by data. The
// error is ErrTruncated. Parse allocates for the rules only.
func Parse(b []byte, limit int) (rules []Rule, n int, err error) {
	if limit <= 0 || len(b) == 0 {
		return nil, 0, nil
	}
	rules = make([]Rule, 0, min(limit, len(b)/2+1))
	for len(rules) < limit && n < len(b) {
		if n+2 > len(b) {
			return nil, n, ErrTruncated
		}
		r := Rule{Type: Type(b[n] & bitsType), Not: b[n]&bitNot != 0, Or: b[n]&bitOr != 0}
		// A stated length shorter than the known operand makes it overlap the
		// next entry. Both ends of a link decode the same rules, so this is kept.
		if size := int(operandLen[r.Type]); size > 0 {
			if n+2+size > len(b) {
				return nil, n, ErrTruncated
			}
			r.decode(b[n+2 : n+2+size])
		}
		rules = append(rules, r)
		n += 2 + int(b[n+1])
	}
	return rules, n, nil
}

// decode takes the operand p, which is exactly as long as the type's.
func (r *Rule) decode(p []byte) {
	switch r.Type {
	case ActionTee, ActionWatch, ActionRedirect:
		r.Address = identity.Address(binary.BigEndian.Uint64(p))
		r.Flags = binary.BigEndian.Uint32(p[8:])
		r.Length = binary.BigEndian.Uint16(p[12:])
	case MatchSourceAddress, MatchDestinationAddress:
		r.Address = identity.AddressFrom(p)
	case MatchVLANID, MatchEtherType:
		r.Value = uint32(binary.BigEndian.Uint16(p))
	case MatchVLANPCP, MatchVLANDEI, MatchIPProtocol:
		r.Value = uint32(p[0])
	case MatchSourceMAC, MatchDestinationMAC:
		r.MAC = identity.MACFrom(p)
	case MatchIPv4Source, MatchIPv4Destination:
		r.IP, r.Bits = netip.AddrFrom4([4]byte(p)), p[4]
	case MatchIPv6Source, MatchIPv6Destination:
		r.IP, r.Bits = netip.AddrFrom16([16]byte(p)), p[16]
	case MatchIPTOS:
		r.Mask, r.Start, r.End = uint64(p[0]), uint64(p[1]), uint64(p[2])
	case MatchICMP:
		r.Value, r.Code, r.Flags = uint32(p[0]), p[1], uint32(p[2])
	case MatchSourcePort, MatchDestinationPort, MatchFrameSize:
		r.Start, r.End = uint64(binary.BigEndian.Uint16(p)), uint64(binary.BigEndian.Uint16(p[2:]))
	case MatchCharacteristics:
		r.Mask = binary.BigEndian.Uint64(p)
	case MatchRandom:
		r.Value = binary.BigEndian.Uint32(p)
	case MatchIntegerRange:
		r.Start, r.End = binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:])
		r.End = r.Start + r.span()
		r.Index, r.Flags = binary.BigEndian.Uint16(p[16:]), uint32(p[18])
	default: // the seven tag matches
		r.Tag, r.Value = binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])
	}
}

// Append appends the binary forms of rules, one after the other.
func Append(dst []byte, rules []Rule) []byte {
	for i := range rules {
		dst = rules[i].Append(dst)
	}
	return dst
}

// Append appends the binary form of r: type byte, length, operand. Types
// without a known operand get length 0.
func (r *Rule) Append(dst []byte) []byte {
	t := r.Type & bitsType
	head := byte(t)
	if r.Not {
		head |= bitNot
	}
	if r.Or {
		head |= bitOr
	}
	dst = append(dst, head, operandLen[t])
	be := binary.BigEndian
	switch t {
	case ActionTee, ActionWatch, ActionRedirect:
		dst = be.AppendUint64(dst, uint64(r.Address))
		dst = be.AppendUint32(dst, r.Flags)
		dst = be.AppendUint16(dst, r.Length)
	case MatchSourceAddress, MatchDestinationAddress:
		dst = r.Address.Append(dst)
	case MatchVLANID, MatchEtherType:
		dst = be.AppendUint16(dst, uint16(r.Value))
	case MatchVLANPCP, MatchVLANDEI, MatchIPProtocol:
		dst = append(dst, byte(r.Value))
	case MatchSourceMAC, MatchDestinationMAC:
		dst = r.MAC.Append(dst)
	case MatchIPv4Source, MatchIPv4Destination:
		ip := as4(r.IP)
		dst = append(append(dst, ip[:]...), r.Bits)
	case MatchIPv6Source, MatchIPv6Destination:
		ip := as16(r.IP)
		dst = append(append(dst, ip[:]...), r.Bits)
	case MatchIPTOS:
		dst = append(dst, byte(r.Mask), byte(r.Start), byte(r.End))
	case MatchICMP:
		dst = append(dst, byte(r.Value), r.Code, byte(r.Flags))
	case MatchSourcePort, MatchDestinationPort, MatchFrameSize:
		dst = be.AppendUint16(dst, uint16(r.Start))
		dst = be.AppendUint16(dst, uint16(r.End))
	case MatchCharacteristics:
		dst = be.AppendUint64(dst, r.Mask)
	case MatchRandom:
		dst = be.AppendUint32(dst, r.Value)
	case MatchIntegerRange:
		dst = be.AppendUint64(dst, r.Start)
		dst = be.AppendUint64(dst, r.Start+r.span())
		dst = be.AppendUint16(dst, r.Index)
		dst = append(dst, byte(r.Flags))
	default:
		if operandLen[t] != 0 { // the seven tag matches
			dst = be.AppendUint32(dst, r.Tag)
			dst = be.AppendUint32(dst, r.Value)
		}
	}
	return dst
}

// as4 is ip as IPv4, zero if it is none.
func as4(ip netip.Addr) [4]byte {
	if ip.Is4() {
		return ip.As4()
	}
	return [4]byte{}
}

// as16 is ip as IPv6, zero if it is none.
func as16(ip netip.Addr) [16]byte {
	if ip.Is6() {
		return ip.As16()
	}
	return [16]byte{}
}
