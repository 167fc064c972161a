package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// groupKey names a multicast group of a network.
type groupKey struct {
	network identity.NetworkID
	group   identity.MulticastGroup
}

// like is a member's announcement that it wants a group's frames.
type like struct {
	member identity.Address
	at     clock.Mono
}

// group is what is known of one multicast group.
type group struct {
	// likes is sorted by member.
	likes []like
	// queue holds frames that wait for members not yet known, oldest first.
	queue []*outgoing
	// gathered is when members were last asked for.
	gathered clock.Mono
}

// groupTable knows the members of multicast groups: on a root those of all
// networks, elsewhere those of the networks that we joined or control.
type groupTable struct {
	groups  map[groupKey]*group
	perPeer map[identity.Address]int
	likes   int
	queued  int
	limits  *Limits
}

func newGroupTable(l *Limits) groupTable {
	return groupTable{groups: make(map[groupKey]*group), perPeer: make(map[identity.Address]int), limits: l}
}

// get returns what is known of k, nil if nothing.
func (t *groupTable) get(k groupKey) *group { return t.groups[k] }

// open returns the entry of k, made if need be.
func (t *groupTable) open(k groupKey) *group {
	g := t.groups[k]
	if g == nil {
		g = &group{gathered: clock.Never}
		t.groups[k] = g
	}
	return g
}

// find returns the position of member in g, or where it belongs.
func (g *group) find(member identity.Address) (int, bool) {
	return slices.BinarySearchFunc(g.likes, member, func(l like, a identity.Address) int {
		switch {
		case l.member < a:
			return -1
		case l.member > a:
			return 1
		}
		return 0
	})
}

// add notes that member wants the frames of k and reports whether that is news.
// News is refused when a table is full; refreshing always works.
func (t *groupTable) add(now clock.Mono, k groupKey, member identity.Address) bool {
	if g := t.groups[k]; g != nil {
		if i, known := g.find(member); known {
			g.likes[i].at = now
			return false
		}
	}
	if t.likes >= t.limits.Likes || t.perPeer[member] >= t.limits.LikesPerPeer {
		return false
	}
	g := t.open(k)
	i, _ := g.find(member)
	g.likes = slices.Insert(g.likes, i, like{member, now})
	t.likes++
	t.perPeer[member]++
	return true
}

// remove forgets that member wants the frames of k.
func (t *groupTable) remove(k groupKey, member identity.Address) {
	g := t.groups[k]
	if g == nil {
		return
	}
	if i, known := g.find(member); known {
		g.likes = slices.Delete(g.likes, i, i+1)
		t.forget(member)
	}
}

// forget takes one announcement off the books of member.
func (t *groupTable) forget(member identity.Address) {
	t.likes--
	if t.perPeer[member]--; t.perPeer[member] <= 0 {
		delete(t.perPeer, member)
	}
}

// clean drops announcements and queued frames that are too old, and groups of
// which nothing is left.
func (t *groupTable) clean(now clock.Mono) {
	for k, g := range t.groups {
		g.likes = slices.DeleteFunc(g.likes, func(l like) bool {
			if now-l.at < likeLife {
				return false
			}
			t.forget(l.member)
			return true
		})
		t.expire(now, g)
		if len(g.likes) == 0 && len(g.queue) == 0 && now-g.gathered >= gatherInterval {
			delete(t.groups, k)
		}
	}
}

// expire drops the queued frames of g that are too old or have reached as many
// members as they may.
func (t *groupTable) expire(now clock.Mono, g *group) {
	before := len(g.queue)
	g.queue = slices.DeleteFunc(g.queue, func(o *outgoing) bool { return now >= o.expires || o.done() })
	t.queued -= before - len(g.queue)
}

// dropNetwork forgets every group of a network.
func (t *groupTable) dropNetwork(id identity.NetworkID) {
	for k, g := range t.groups {
		if k.network != id {
			continue
		}
		for _, l := range g.likes {
			t.forget(l.member)
		}
		t.queued -= len(g.queue)
		delete(t.groups, k)
	}
}
