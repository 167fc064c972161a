package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// gatherReplyMembers is the number of members that fit an answer of one
// datagram, whichever verb it answers (spec 04 §12.3).
const gatherReplyMembers = (wire.DefaultMTU - wire.HeaderLen - wire.OKPrefixLen - wire.GatherResultLen - 1) / identity.AddressLen

// handleGather answers MULTICAST_GATHER with members of a group.
func (s *Switch) handleGather(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	p, err := wire.ParseMulticastGather(in.Payload)
	if err != nil {
		return vl1.Dropped
	}
	nw := s.find(p.Network)
	if nw != nil && p.COM != nil {
		s.attachedCOM(at, nw, in, p.COM)
	}
	if p.Limit == 0 {
		return vl1.Received
	}
	allowed, member := s.mayGather(at, p.Network, in)
	if allowed {
		r := wire.GatherResult{Network: p.Network, Group: p.Group}
		if r.Total, r.Members = s.known(nw, groupKey{p.Network, p.Group}, in.From.Address, p.Limit); r.Members.Len() > 0 {
			s.scratch.body = r.Append(s.scratch.body[:0])
			s.link.ReplyOK(at, in, wire.VerbMulticastGather, s.scratch.body)
		}
	}
	if member {
		return vl1.Trusted
	}
	return vl1.Received
}

// known selects members of a group for an answer: ourselves first, then others
// at random, never who asks. total counts all that we know of. nw is nil for a
// network that we have not joined.
func (s *Switch) known(nw *Network, k groupKey, asker identity.Address, limit uint32) (total uint32, list wire.Addresses) {
	n := gatherReplyMembers
	if uint64(limit) < uint64(n) {
		n = int(limit)
	}
	out := s.scratch.members[:0]
	if nw != nil && nw.subscribed(k.group) && s.permitted(nw, asker) {
		total++
		if n > 0 {
			out = s.self.Address.Append(out)
			n--
		}
	}
	if g := s.groups.get(k); g != nil {
		total += uint32(len(g.likes))
		others := s.scratch.addrs[:0]
		for _, l := range g.likes {
			if l.member != asker {
				others = append(others, l.member)
			}
		}
		s.shuffle(others, n)
		for _, a := range others[:min(n, len(others))] {
			out = a.Append(out)
		}
		s.scratch.addrs = others
	}
	s.scratch.members = out
	return total, wire.Addresses(out)
}

// gather asks for members of a group: the best root, the controller, and the
// network's contacts (spec 04 §12.4).
func (s *Switch) gather(at clock.Instant, nw *Network, g identity.MulticastGroup, limit uint32) {
	nw.multicasts.Asked++
	to := s.scratch.hubs[:0]
	add := func(a identity.Address) {
		if a != s.self.Address && !a.Reserved() && !slices.Contains(to, a) && len(to) < gatherTargets {
			to = append(to, a)
		}
	}
	if root, ok := s.link.BestUpstream(); ok {
		add(root)
	}
	add(nw.controller)
	contacts := append(s.scratch.contacts[:0], nw.roles.contacts...)
	s.shuffle(contacts, len(contacts))
	for _, a := range contacts {
		add(a)
	}
	s.scratch.hubs, s.scratch.contacts = to, contacts

	q := wire.MulticastGather{Network: nw.id, Group: g, Limit: limit}
	if com := nw.com(); com != nil {
		q.Flags, q.COM = wire.GatherCOM, nw.comBytes
	}
	s.scratch.body = q.Append(s.scratch.body[:0])
	for _, a := range to {
		s.link.Send(at, a, wire.VerbMulticastGather, s.scratch.body, nil, false)
	}
}

// handleGatherReply takes the members in the answer to a MULTICAST_GATHER.
func (s *Switch) handleGatherReply(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	p, err := wire.ParseGatherResult(in.Payload)
	if err != nil {
		return vl1.Dropped
	}
	if nw := s.find(p.Network); nw != nil {
		k := groupKey{p.Network, p.Group}
		news := s.learnMembers(at, nw, in.From.Address, k, p.Members)
		// The asked knows all of ours, us, and more.
		if g := s.groups.get(k); g != nil && news && uint64(p.Total) > uint64(len(g.likes))+1 {
			g.partial = true
		}
	}
	return vl1.Received
}
