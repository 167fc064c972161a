package rule

import (
	"net/netip"

	"orrery/engine/identity"
)

// Rule is one entry of a rule list: a match, or the action that closes a set of
// matches. Which fields count depends on Type; the others are zero. Rules
// compare with ==.
type Rule struct {
	Type Type
	// Not inverts a match. Or adds it to the set by OR instead of AND. Both are
	// kept but mean nothing on actions.
	Not bool
	Or  bool

	// Address is the member to compare, or the target of a tee, watch or
	// redirect, of which the upper 24 bits go on the wire but mean nothing.
	Address identity.Address
	MAC     identity.MAC
	// IP and Bits are the prefix of the four IP address matches. IP has the
	// family of the type and keeps its host bits; an invalid IP is the zero
	// address. Bits is not limited to the family's width.
	IP   netip.Addr
	Bits uint8

	// Flags is unused by actions; see ICMPCodeSet and LittleEndian.
	Flags uint32
	// Length limits a copy by tee or watch to so many bytes, 0 for no limit.
	Length uint16

	// Value is the VLAN ID, PCP, DEI, IP protocol, ethertype, ICMP type, tag
	// value, or the probability in units of 2^-32.
	Value uint32
	// Tag is the ID of the tag to compare.
	Tag uint32
	// Code is the ICMP code if Flags has ICMPCodeSet.
	Code uint8
	// Mask selects bits of the TOS byte, or characteristics.
	Mask uint64
	// Start and End bound a range of TOS, ports, frame sizes or integers, both
	// inclusive. Of an integer range only the low 32 bits of End - Start count.
	Start uint64
	End   uint64
	// Index is the offset in the frame of an integer range, in bytes.
	Index uint16
}

// Normal returns r as it is after one trip over the wire: fields that its type
// does not carry are cleared and the others cut to their width. A controller
// must sign only such rules, because members verify a capability over the rules
// they decoded and encoded again (spec 04 §7.4).
func (r Rule) Normal() Rule {
	var room [maxEncoded]byte
	p, _, _ := Parse(r.Append(room[:0]), 1)
	return p[0]
}

// span is the width of an integer range: the low 32 bits of End - Start.
func (r *Rule) span() uint64 { return uint64(uint32(r.End - r.Start)) }
