package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// groupSet is a set of multicast groups, sorted by MAC and then ADI.
type groupSet []identity.MulticastGroup

func (t groupSet) has(g identity.MulticastGroup) bool {
	_, ok := slices.BinarySearchFunc(t, g, identity.MulticastGroup.Compare)
	return ok
}

// add reports whether g was not in the set.
func (t *groupSet) add(g identity.MulticastGroup) bool {
	i, ok := slices.BinarySearchFunc(*t, g, identity.MulticastGroup.Compare)
	if !ok {
		*t = slices.Insert(*t, i, g)
	}
	return !ok
}

// remove reports whether g was in the set.
func (t *groupSet) remove(g identity.MulticastGroup) bool {
	i, ok := slices.BinarySearchFunc(*t, g, identity.MulticastGroup.Compare)
	if ok {
		*t = slices.Delete(*t, i, i+1)
	}
	return ok
}

// datedGroup is a group and when something was last true of it.
type datedGroup struct {
	group identity.MulticastGroup
	at    clock.Mono
}

// datedGroups is a list of groups sorted like a [groupSet].
type datedGroups []datedGroup

func (t datedGroups) find(g identity.MulticastGroup) (int, bool) {
	return slices.BinarySearchFunc(t, g, func(d datedGroup, g identity.MulticastGroup) int {
		return d.group.Compare(g)
	})
}

// touch dates g and reports whether it is new. A full list takes no new ones.
func (t *datedGroups) touch(now clock.Mono, g identity.MulticastGroup, limit int) bool {
	i, ok := t.find(g)
	if ok {
		(*t)[i].at = now
		return false
	}
	if len(*t) >= limit {
		return false
	}
	*t = slices.Insert(*t, i, datedGroup{g, now})
	return true
}

func (t *datedGroups) remove(g identity.MulticastGroup) {
	if i, ok := t.find(g); ok {
		*t = slices.Delete(*t, i, i+1)
	}
}

// expire drops what is older than life and reports whether there was any.
func (t *datedGroups) expire(now, life clock.Mono) bool {
	n := len(*t)
	*t = slices.DeleteFunc(*t, func(d datedGroup) bool { return now-d.at >= life })
	return len(*t) < n
}

// broadcast is the group of all broadcasts but address resolution.
func broadcast() identity.MulticastGroup { return identity.MulticastGroup{MAC: identity.Broadcast} }

// wants reports whether we announce that we want the frames of g.
func (nw *Network) wants(g identity.MulticastGroup) bool {
	return nw.subscribed(g) || g == broadcast() && nw.config.Broadcast()
}

// subscribed reports whether frames to g are wanted here, by the host or by one
// behind us. The implied broadcast group does not count (spec 04 §12.3).
func (nw *Network) subscribed(g identity.MulticastGroup) bool {
	if nw.ours.has(g) {
		return true
	}
	_, ok := nw.behind.find(g)
	return ok
}
