package rule

import "orrery/engine/ether"

// maxNamed bounds how many further ethertypes get a fold. A set that names more
// evaluates frames of the others in full.
const maxNamed = 8

// fold is the part of an evaluation that follows from the ethertype alone,
// worked out once at compile time: either the result, or the rule to go on from
// and whether the set it belongs to still matches. Common rule sets ("drop what
// is not IPv4, ARP or IPv6; accept") thus cost one comparison per frame.
type fold struct {
	etherType uint16
	final     bool
	match     bool
	result    Result
	start     int
}

// foldAll fills the folds of a compiled set.
func (s *Set) foldAll() {
	s.ipv4, s.ipv6, s.arp = s.fold(ether.TypeIPv4), s.fold(ether.TypeIPv6), s.fold(ether.TypeARP)
	crowded := false
	for i := range s.ops {
		if s.ops[i].kind != MatchEtherType {
			continue
		}
		switch e := uint16(s.ops[i].v); {
		case e == ether.TypeIPv4 || e == ether.TypeIPv6 || e == ether.TypeARP || s.hasNamed(e):
		case len(s.named) == maxNamed:
			crowded = true
		default:
			s.named = append(s.named, s.fold(e))
		}
	}
	s.rest = fold{match: true}
	if !crowded {
		s.rest = s.fold(s.unnamed())
	}
}

// hasNamed reports whether e has a fold already.
func (s *Set) hasNamed(e uint16) bool {
	for i := range s.named {
		if s.named[i].etherType == e {
			return true
		}
	}
	return false
}

// unnamed is some ethertype that no rule names, standing for all of them.
func (s *Set) unnamed() uint16 {
	e := uint16(1)
	for s.hasNamed(e) { // at most maxNamed steps; 1 is below the three others
		e++
	}
	return e
}

// lookup finds the fold for frames of ethertype e.
func (s *Set) lookup(e uint16) *fold {
	switch e {
	case ether.TypeIPv4:
		return &s.ipv4
	case ether.TypeIPv6:
		return &s.ipv6
	case ether.TypeARP:
		return &s.arp
	}
	for i := range s.named {
		if s.named[i].etherType == e {
			return &s.named[i]
		}
	}
	return &s.rest
}

// fold evaluates the list as far as the ethertype e decides it.
func (s *Set) fold(e uint16) fold {
	f := fold{etherType: e, match: true}
	for ; f.start < len(s.ops); f.start++ {
		o := &s.ops[f.start]
		if !o.kind.Action() {
			if !f.match && !o.or {
				continue
			}
			m, known := foldMatch(o, e)
			if !known {
				return f
			}
			f.match = combine(f.match, m, o)
			continue
		}
		if o.kind.Forwards() {
			return f // depends on the addresses, matched or not
		}
		if f.match {
			switch o.kind {
			case ActionDrop:
				f.result, f.final = Drop, true
				return f
			case ActionAccept, ActionPriority:
				f.result, f.final = Accept, true
				return f
			case ActionBreak:
				f.result, f.final = NoMatch, true
				return f
			}
		}
		f.match = true
	}
	f.result, f.final = NoMatch, true
	return f
}

// foldMatch is the result of o for every frame of ethertype e, if it is the
// same for all.
func foldMatch(o *op, e uint16) (m outcome, known bool) {
	switch o.kind {
	case MatchEtherType:
		return soft(uint16(o.v) == e), true
	case MatchVLANPCP, MatchVLANDEI:
		return soft(o.v == 0), true
	case MatchIPv4Source, MatchIPv4Destination:
		return never, e != ether.TypeIPv4
	case MatchIPv6Source, MatchIPv6Destination:
		return never, e != ether.TypeIPv6
	case MatchIPTOS, MatchIPProtocol, MatchICMP, MatchSourcePort, MatchDestinationPort:
		return never, e != ether.TypeIPv4 && e != ether.TypeIPv6
	}
	return no, false
}
