package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// What a member answers about other members of a group is a rumour. Roots, the
// controller and a network's contacts name those that announced themselves to
// them, but a member can invent whom it likes, and every copy that goes to nobody
// is one less for the others, because a frame has a limit. So rumours are taken
// only about groups that frames were just sent to, only so many, and get a quarter
// of the copies of a frame as long as there is anybody else. Whoever exists and
// gets one of those announces itself, and is a rumour no more.
const (
	maxRumours = 64 // in a group, and as many as it has other members
	// answerLife is how long VL1 takes answers.
	answerLife = 30 * clock.Second
)

// learnMembers notes members of a group that somebody named when asked, and
// reports whether any of them is news.
func (s *Switch) learnMembers(at clock.Instant, nw *Network, from identity.Address, k groupKey, list wire.Addresses) (news bool) {
	g := s.groups.get(k)
	if g == nil || at.Mono-g.sent > answerLife {
		return false
	}
	rumour := !slices.Contains(s.hubs(nw), from)
	for i := range list.Len() {
		a := list.At(i)
		if rumour && g.rumours >= maxRumours+len(g.likes)-g.rumours {
			if _, known := g.find(a); !known {
				continue
			}
		}
		news = s.learn(at, k, like{member: a, rumour: rumour, at: at.Mono}) || news
	}
	return news
}

// rumoursOf is how many of limit copies may go to members of which there are only
// rumours, while others are left: a quarter, on the average of many frames.
func (s *Switch) rumoursOf(limit int) int { return (limit + int(s.link.Random()%4)) / 4 }
