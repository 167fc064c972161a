package rule

import (
	"net/netip"
	"slices"

	"orrery/engine/identity"
)

// Tag is one tag's ID and value.
type Tag struct {
	ID    uint32
	Value uint32
}

// Side is what is known of one end of a link: its tags, and the addresses that
// certificates say are its own. A Side is immutable once evaluated with.
type Side struct {
	// Tags is in ascending order of ID.
	Tags []Tag
	IPs  []netip.Addr
	MACs []identity.MAC
}

// Tag returns the value of the tag with this ID.
func (s *Side) Tag(id uint32) (value uint32, ok bool) {
	if s == nil {
		return 0, false
	}
	lo, hi := 0, len(s.Tags)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		switch t := s.Tags[mid]; {
		case t.ID == id:
			return t.Value, true
		case t.ID < id:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0, false
}

// ownsIP reports whether a certificate names ip.
func (s *Side) ownsIP(ip netip.Addr) bool { return slices.Contains(s.IPs, ip) }

// ownsMAC reports whether a certificate names m.
func (s *Side) ownsMAC(m identity.MAC) bool { return slices.Contains(s.MACs, m) }

// Local is what the evaluator needs of this node and the network's
// configuration. It is immutable once evaluated with.
type Local struct {
	// Side has our own tags and certificates, whose age does not count.
	Side
	Self identity.Address
	// UnsupportedMatch is what matches of unknown type yield (config flag 0x08).
	UnsupportedMatch bool
	// SixPlane and RFC4193 are our derived prefixes on this network, /40 and /88,
	// masked, if NDP emulation is on and they are assigned to us; else zero. IPv6
	// sources inside them count as authenticated (spec 04 §10.3).
	SixPlane netip.Prefix
	RFC4193  netip.Prefix
	// StrictDerived demands that a derived source also embeds its sender's
	// address, which the reference does not (spec 04 §17.2).
	StrictDerived bool
}

// Source gives random numbers to [MatchRandom], which takes the low 32 bits.
type Source interface {
	Uint64() uint64
}

// Input is one frame and the link that it crosses. Evaluation reads it only.
type Input struct {
	Inbound bool
	// Source and Destination are the members at the two ends; outbound, Source
	// is ourselves and Destination may be 0 (the first pass of a multicast).
	Source         identity.Address
	Destination    identity.Address
	SourceMAC      identity.MAC
	DestinationMAC identity.MAC
	EtherType      uint16
	VLAN           uint16
	// Frame is the payload after the ethertype.
	Frame []byte
	// Local is never nil.
	Local *Local
	// Remote has what is usable of the other side's credentials, nil if it has
	// never shown any.
	Remote *Side
	// Random may be nil; then 0 is drawn.
	Random Source
}

// Result is what a rule list makes of a frame.
type Result uint8

// Results of an evaluation, spec 04 §10.1.
const (
	NoMatch Result = iota
	Drop
	Redirect
	Accept
	// SuperAccept also bypasses the receiver's checks of MACs and bridging.
	SuperAccept
)

// String returns the name used in the specification.
func (r Result) String() string {
	switch r {
	case Drop:
		return "DROP"
	case Redirect:
		return "REDIRECT"
	case Accept:
		return "ACCEPT"
	case SuperAccept:
		return "SUPER_ACCEPT"
	}
	return "NO_MATCH"
}

// Verdict is the outcome of evaluating one [Set].
type Verdict struct {
	Result Result
	// Watch says that the copy is for a WATCH, not a TEE.
	Watch bool
	// CopyTo is who gets a copy of the first CopyLength bytes, 0 for nobody.
	CopyTo     identity.Address
	CopyLength int
	// Destination is the new destination after Redirect.
	Destination identity.Address
}
