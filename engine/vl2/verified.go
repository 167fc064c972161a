package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// TurnedAway is a member whose frames a network for verified peers does not
// carry.
type TurnedAway struct {
	Peer identity.Address
	// From and To count frames and copies that were dropped: of the member, and
	// those meant for it.
	From, To uint64
	Last     clock.Mono
}

// turnedAway is the same of a member in the table, which most members never
// need.
type turnedAway struct {
	from, to uint64
	last     clock.Mono
}

// permitted reports whether frames from and to a are carried as far as the
// user's wish for verified peers goes. Others are not told either which groups'
// frames we want, nor given our credentials.
func (s *Switch) permitted(nw *Network, a identity.Address) bool {
	return !nw.verifiedOnly || s.cfg.Verified != nil && s.cfg.Verified(a)
}

// turnAwayFrom counts a frame of a member that is not permitted.
func (nw *Network) turnAwayFrom(at clock.Instant, m *member) {
	nw.drops[DropNotVerified]++
	t := m.turnAway(at)
	t.from++
}

// ofUnverified reports whether a frame that another member sends on, as a
// replicator, a bridge or by a rule, is one of a member that is not permitted, and
// counts it. Every MAC of the form that members have is taken for a member's, for
// who sends it on may be the only one that has heard of it.
func (s *Switch) ofUnverified(at clock.Instant, nw *Network, src identity.MAC) bool {
	if !src.InNetwork(nw.id) {
		return false
	}
	a := src.Address(nw.id)
	if a.Reserved() || a == s.self.Address || s.permitted(nw, a) {
		return false
	}
	if m := nw.members.get(a); m != nil {
		nw.turnAwayFrom(at, m)
	} else {
		nw.drops[DropNotVerified]++
	}
	return true
}

// turnAwayTo counts a frame, or a copy of one, meant for a node that is not
// permitted. Who only others told us of becomes a member as long as half the
// table is free: the user should see why a group of which the member is part
// does not get there.
func (nw *Network) turnAwayTo(at clock.Instant, to identity.Address) {
	nw.drops[DropNotVerified]++
	m := nw.members.get(to)
	if m == nil {
		if len(nw.members.order) >= nw.members.limit/2 || to.Reserved() {
			return
		}
		m = nw.members.open(at.Mono, to)
	}
	t := m.turnAway(at)
	t.to++
}

func (m *member) turnAway(at clock.Instant) *turnedAway {
	if m.denied == nil {
		m.denied = new(turnedAway)
	}
	m.denied.last = at.Mono
	return m.denied
}

// TurnedAway lists the members whose frames are dropped because they are not
// verified, in order of their addresses.
func (nw *Network) TurnedAway() (list []TurnedAway) {
	if !nw.verifiedOnly {
		return nil
	}
	for _, m := range nw.members.order {
		if t := m.denied; t != nil {
			list = append(list, TurnedAway{m.address, t.from, t.to, t.last})
		}
	}
	return list
}

// VerifiedOnly reports whether the network carries frames of verified peers
// only.
func (nw *Network) VerifiedOnly() bool { return nw.verifiedOnly }

// SetVerifiedOnly sets whether the network carries frames of verified peers
// only, as Config.Verified tells.
func (s *Switch) SetVerifiedOnly(at clock.Instant, nw *Network, on bool) {
	if nw.verifiedOnly == on {
		return
	}
	nw.verifiedOnly = on
	for _, m := range nw.members.order {
		m.denied = nil
	}
	if !on {
		s.welcome(at, nw, nw.members.order)
	}
}

// TrustChanged says that the user's records of some peers are new. Frames follow
// by themselves; peers that are now verified are told at once which groups'
// frames we want, and get the frames that wait for members of a group.
func (s *Switch) TrustChanged(at clock.Instant, changed []identity.Address) {
	for _, nw := range s.networks {
		if !nw.verifiedOnly || nw.config == nil {
			continue
		}
		var verified []*member
		for _, a := range changed {
			if m := nw.members.get(a); m != nil && s.permitted(nw, a) {
				m.denied = nil
				verified = append(verified, m)
			}
		}
		s.welcome(at, nw, verified)
	}
}

// welcome makes up for what members that were turned away have missed.
func (s *Switch) welcome(at clock.Instant, nw *Network, members []*member) {
	if nw.config == nil || len(members) == 0 {
		return
	}
	var waiting []groupKey
	for k, g := range s.groups.groups {
		if k.network == nw.id && len(g.queue) > 0 {
			waiting = append(waiting, k)
		}
	}
	slices.SortFunc(waiting, func(a, b groupKey) int { return a.group.Compare(b.group) })
	// What is sent may bring in others, in place of some.
	for _, m := range slices.Clone(members) {
		if s.mayHear(nw, m) {
			s.sendListTo(at, nw, m)
		}
		for _, k := range waiting {
			g := s.groups.get(k)
			if i, likes := g.find(m.address); likes {
				s.flush(at, nw, g, m.address, g.likes[i].rumour)
			}
		}
	}
}
