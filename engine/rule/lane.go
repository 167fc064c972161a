package rule

import "orrery/engine/ether"

// A Set is compiled into lanes, one for each class of frames that one look at
// the frame tells apart: by ethertype, and for IP by the upper protocol. In its
// lane a rule that the class decides is gone, and of what is left each test
// knows where to go on, whichever way it turns out: behind a match that failed
// lies the next set, not the rest of its own. So a frame pays for the questions
// that concern it, and "drop what is not IPv4, ARP or IPv6; accept" asks none.
//
// The state of an evaluation besides the frame is the place in the list and
// whether the set matches so far, hence at most two nodes for each rule.

// node is a test or an action that is left, and where to go on.
type node struct {
	do step
	// not inverts the outcome of a test, unless it is a hard one.
	not bool
	// rule is the index of the rule that this comes from.
	rule uint16
	// yes and no are the nodes behind a test; behind an action it is yes.
	yes, no uint16
	// lo and hi bound what the short tests compare, both inclusive.
	lo, hi uint32
}

// step says what a node does.
type step uint8

const (
	// The ends.
	endNoMatch step = iota
	endDrop
	endAccept
	// dropUnlessSkipped and acceptAs depend on what happened on the way.
	dropUnlessSkipped
	acceptAs
	// forward is a tee, watch or redirect that applies, passForward one that
	// does not.
	forward
	passForward
	// The tests that most rules are made of, and all others.
	testProtocol
	testSourcePort
	testDestinationPort
	testSourceIPv4
	testDestinationIPv4
	testRule
)

// Every Set begins with the ends, at the indices of their steps.
const firstNode = uint16(endAccept) + 1

// class is what is known of the frames of a lane.
type class struct {
	// etherType is that of all of them. In the lane of what no other lane is
	// for it means nothing.
	etherType uint16
	rest      bool
	// ip is ipv4 or ipv6 for frames that are complete in so far, else notIP.
	ip kind
	// proto is the upper protocol; 0 means neither TCP nor UDP.
	proto uint8
}

// lane is where frames of a class begin.
type lane struct {
	etherType uint16 // of a named lane
	entry     uint16
}

// ipLanes are the entries for frames of one IP version.
type ipLanes struct{ tcp, udp, other uint16 }

// maxNamed bounds how many further ethertypes get a lane. Others share one.
const maxNamed = 8

// lanes is the compiled form of a list. It has none, and ready is false, if
// the list is longer than any that a network can have.
type lanes struct {
	ready      bool
	nodes      []node
	ipv4, ipv6 ipLanes
	arp, rest  uint16
	named      []lane
}

// lookup finds where the frame begins. It is not ok for one that claims to be IP
// and is too short for it.
func (l *lanes) lookup(in *Input, h *header) (entry uint16, ok bool) {
	if !l.ready {
		return 0, false
	}
	switch in.EtherType {
	case ether.TypeIPv4:
		if h.read(in) != ipv4 {
			return 0, false
		}
		return l.ipv4.of(h.proto), true
	case ether.TypeIPv6:
		if h.read(in) != ipv6 {
			return 0, false
		}
		return l.ipv6.of(h.proto), true
	case ether.TypeARP:
		return l.arp, true
	}
	for i := range l.named {
		if l.named[i].etherType == in.EtherType {
			return l.named[i].entry, true
		}
	}
	return l.rest, true
}

// of is the entry for an upper protocol.
func (l *ipLanes) of(proto uint8) uint16 {
	switch proto {
	case ether.ProtoTCP:
		return l.tcp
	case ether.ProtoUDP:
		return l.udp
	}
	return l.other
}

// lay compiles all lanes of a list.
func (s *Set) lay() {
	if len(s.ops) > MaxRules {
		return
	}
	l := &s.lanes
	l.nodes = []node{{do: endNoMatch}, {do: endDrop}, {do: endAccept}}
	b := builder{set: s}
	for i := range s.ops {
		k := s.ops[i].kind
		b.forwards = b.forwards || k.Forwards()
		b.skips = b.skips || k.tag()
		e := uint16(s.ops[i].v)
		if k != MatchEtherType || e == ether.TypeIPv4 || e == ether.TypeIPv6 || e == ether.TypeARP || l.hasNamed(e) {
			continue
		}
		if len(l.named) < maxNamed {
			l.named = append(l.named, lane{etherType: e})
		}
	}
	for i := range l.named {
		l.named[i].entry = b.lane(class{etherType: l.named[i].etherType, ip: notIP})
	}
	for _, v := range []struct {
		etherType uint16
		ip        kind
		to        *ipLanes
	}{{ether.TypeIPv4, ipv4, &l.ipv4}, {ether.TypeIPv6, ipv6, &l.ipv6}} {
		v.to.tcp = b.lane(class{etherType: v.etherType, ip: v.ip, proto: ether.ProtoTCP})
		v.to.udp = b.lane(class{etherType: v.etherType, ip: v.ip, proto: ether.ProtoUDP})
		v.to.other = b.lane(class{etherType: v.etherType, ip: v.ip})
	}
	l.arp = b.lane(class{etherType: ether.TypeARP, ip: notIP})
	l.rest = b.lane(class{rest: true, ip: notIP})
	l.ready = true
}

// hasNamed reports whether e has a lane of its own, besides IP and ARP.
func (l *lanes) hasNamed(e uint16) bool {
	for i := range l.named {
		if l.named[i].etherType == e {
			return true
		}
	}
	return false
}

// builder makes lanes.
type builder struct {
	set *Set
	// forwards and skips say whether the list can super-accept, or skip a drop.
	forwards, skips bool
	// reached has for each rule whether it is reached with its set not matching
	// and matching so far.
	reached [][2]bool
}

// lane compiles the list for frames of a class and returns where they begin.
func (b *builder) lane(c class) uint16 {
	ops := b.set.ops
	b.reach(&c)
	// Backwards, because a node needs to know those behind it: next holds the
	// places behind the rule, of a set that does not match and one that does.
	next := [2]uint16{uint16(endNoMatch), uint16(endNoMatch)}
	for i := len(ops) - 1; i >= 0; i-- {
		var here [2]uint16
		for m := range here {
			if b.reached[i][m] {
				here[m] = b.place(&c, i, m == 1, next)
			}
		}
		next = here
	}
	return next[1]
}

// reach works out which states frames of a class can come to.
func (b *builder) reach(c *class) {
	ops := b.set.ops
	b.reached = make([][2]bool, len(ops)+1)
	b.reached[0][1] = true
	for i := range ops {
		to := &b.reached[i+1]
		for m := range 2 {
			if !b.reached[i][m] {
				continue
			}
			o := &ops[i]
			if o.kind.Action() {
				// An end stops here, unless something on the way changes it.
				if !(m == 1 && (o.kind == ActionAccept || o.kind == ActionPriority || o.kind == ActionBreak || o.kind == ActionDrop && !b.skips)) {
					to[1] = true
				}
				continue
			}
			if r, known := b.settled(c, o, m == 1); known {
				to[bit(r)] = true
			} else {
				to[0], to[1] = true, true
			}
		}
	}
}

// settled is what the set's state is behind a match, if the class and the state
// before decide it.
func (b *builder) settled(c *class, o *op, match bool) (after, known bool) {
	if match == o.or {
		return match, true // "true or", "false and"
	}
	if m, ok := b.set.lanes.decide(c, o); ok {
		return o.result(m), true
	}
	return false, false
}

// place returns the node for rule i in a state, made if there is anything to do.
func (b *builder) place(c *class, i int, match bool, next [2]uint16) uint16 {
	o := &b.set.ops[i]
	n := node{rule: uint16(i), yes: next[1], no: next[0]}
	switch {
	case !o.kind.Action():
		after, known := b.settled(c, o, match)
		if known && !(match && o.or && o.kind.sideEffect()) {
			return next[bit(after)]
		}
		if known {
			n.no = n.yes // asked for its side effect only
		}
		n.test(c, o)
	case !match && o.kind.Forwards():
		n.do = passForward
	case !match:
		return next[1]
	case o.kind == ActionDrop && b.skips:
		n.do = dropUnlessSkipped
	case o.kind == ActionDrop:
		return uint16(endDrop)
	case o.kind == ActionAccept && b.forwards:
		n.do = acceptAs
	case o.kind == ActionAccept || o.kind == ActionPriority:
		return uint16(endAccept)
	case o.kind == ActionBreak:
		return uint16(endNoMatch)
	case o.kind.Forwards():
		n.do = forward
	default:
		return next[1]
	}
	l := &b.set.lanes
	l.nodes = append(l.nodes, n)
	return uint16(len(l.nodes) - 1)
}

// test makes n the test of a match. The short ones are soft, so that a NOT just
// exchanges their ways out.
func (n *node) test(c *class, o *op) {
	n.do, n.not = testRule, o.not
	switch o.kind {
	case MatchIPProtocol:
		n.do, n.lo, n.hi = testProtocol, o.v, o.v
	case MatchSourcePort:
		n.do, n.lo, n.hi = testSourcePort, o.v, uint32(o.a)
	case MatchDestinationPort:
		n.do, n.lo, n.hi = testDestinationPort, o.v, uint32(o.a)
	case MatchIPv4Source:
		n.do, n.lo, n.hi = testSourceIPv4, uint32(o.a), uint32(o.a)|^o.v
	case MatchIPv4Destination:
		n.do, n.lo, n.hi = testDestinationIPv4, uint32(o.a), uint32(o.a)|^o.v
	default:
		return
	}
	if o.not {
		n.yes, n.no = n.no, n.yes
	}
}

// decide is the outcome of a match for every frame of the class, if it is the
// same for all.
func (l *lanes) decide(c *class, o *op) (m outcome, known bool) {
	switch o.kind {
	case MatchEtherType:
		e := uint16(o.v)
		if c.rest {
			return no, e == ether.TypeIPv4 || e == ether.TypeIPv6 || e == ether.TypeARP || l.hasNamed(e)
		}
		return soft(e == c.etherType), true
	case MatchVLANPCP, MatchVLANDEI:
		return soft(o.v == 0), true
	case MatchIPv4Source, MatchIPv4Destination:
		return never, c.ip != ipv4
	case MatchIPv6Source, MatchIPv6Destination:
		return never, c.ip != ipv6
	case MatchIPTOS, MatchSourcePort, MatchDestinationPort:
		return never, c.ip == notIP
	case MatchICMP:
		return never, c.ip == notIP || c.proto != 0
	case MatchIPProtocol:
		switch {
		case c.ip == notIP:
			return never, true
		case c.proto != 0:
			return soft(o.v == uint32(c.proto)), true
		}
		return no, o.v == uint32(ether.ProtoTCP) || o.v == uint32(ether.ProtoUDP)
	case MatchCharacteristics:
		// Nothing but TCP flags, or nothing at all.
		return no, o.a == 0 || o.a&^tcpMask == 0 && c.proto != ether.ProtoTCP
	}
	return no, false
}

// tag reports whether t compares tags. While the other side's are unknown such a
// match can keep the next drop from taking effect.
func (t Type) tag() bool { return t >= MatchTagsDifference && t <= MatchTagReceiver }

// sideEffect reports whether to ask a match makes a difference even where the
// answer does not.
func (t Type) sideEffect() bool { return t.tag() || t == MatchRandom }

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
