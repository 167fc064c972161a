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

// like says that a member wants a group's frames. It is the member's own
// announcement, or what somebody else answered when asked for members.
type like struct {
	member identity.Address
	own    bool
	// rumour says that only other members named it, see rumour.go.
	rumour bool
	at     clock.Mono
}

// group is what is known of one multicast group.
type group struct {
	// likes is sorted by member. rumours is how many of them are no more.
	likes   []like
	rumours int
	// queue holds frames that wait for members not yet known, oldest first.
	queue []*outgoing
	// gathered is when members were last asked for, sent when a frame was last
	// sent to them.
	gathered, sent clock.Mono
	// partial is set while an answer brought news and said that there is more.
	partial bool
	// asks bounds the questions while no members are known.
	asks clock.Bucket
	// gone are members who said that they left, oldest first: others go on naming
	// them until their announcements run out.
	gone []goneMember
}

// goneMember is who left a group, and when.
type goneMember struct {
	member identity.Address
	at     clock.Mono
}

// left reports whether a member said that it left.
func (g *group) left(now clock.Mono, member identity.Address) bool {
	return slices.ContainsFunc(g.gone, func(x goneMember) bool { return x.member == member && now-x.at < likeLife })
}

// mayAsk reports whether to ask for members now, of whom known are usable, and
// notes it if so: once in an interval, for frames to nobody as long as that is no
// stream of them, and once a second while not all members have been named.
func (g *group) mayAsk(now, interval clock.Mono, known int) bool {
	since := now - g.gathered
	if since < interval && !(g.partial && since >= askSpacing) && (known > 0 || !g.asks.Take(now, askBurst, askSpacing)) {
		return false
	}
	g.gathered, g.partial = now, false
	return true
}

// groupTable knows the members of multicast groups: on a root those of all
// networks, elsewhere those of the networks that we joined or control.
//
// Others fill it with hearsay only up to half, and when it is full of own
// announcements, whoever made most loses them, so that nobody can keep everyone
// else out.
type groupTable struct {
	groups  map[groupKey]*group
	perPeer map[identity.Address]int // own announcements
	likes   int
	hearsay int // likes that are not own
	empty   int // groups without likes
	queued  int
	purged  clock.Mono
	limits  *Limits
}

func newGroupTable(l *Limits) groupTable {
	return groupTable{
		groups: make(map[groupKey]*group), perPeer: make(map[identity.Address]int), purged: clock.Never, limits: l,
	}
}

// get returns what is known of k, nil if nothing.
func (t *groupTable) get(k groupKey) *group { return t.groups[k] }

// open returns the entry of k, made if need be.
func (t *groupTable) open(k groupKey) *group {
	g := t.groups[k]
	if g == nil {
		g = &group{gathered: clock.Never, sent: clock.Never}
		t.groups[k] = g
		t.empty++
	}
	return g
}

// len is the number of members known, of a group that may be nil.
func (g *group) len() int {
	if g == nil {
		return 0
	}
	return len(g.likes)
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

// add notes that member wants the frames of k, by its own announcement or not,
// and reports whether that is news. News is refused where there is no room;
// refreshing always works.
func (t *groupTable) add(now clock.Mono, k groupKey, member identity.Address, own bool) bool {
	return t.learn(now, k, like{member: member, own: own, at: now})
}

// learn is add for a like of any kind, dated now.
func (t *groupTable) learn(now clock.Mono, k groupKey, l like) bool {
	member, own := l.member, l.own
	g := t.groups[k]
	if g != nil {
		if own {
			g.gone = slices.DeleteFunc(g.gone, func(x goneMember) bool { return x.member == member })
		} else if g.left(now, member) {
			return false
		}
		if i, known := g.find(member); known {
			have := &g.likes[i]
			have.at = now
			if have.rumour && !l.rumour {
				have.rumour = false
				g.rumours--
			}
			if own && !have.own && t.perPeer[member] < t.limits.LikesPerPeer {
				t.forget(*have)
				have.own = true
				t.note(*have)
			}
			return false
		}
	}
	if own {
		if t.perPeer[member] >= t.limits.LikesPerPeer || t.likes >= t.limits.Likes && !t.purge(now, member) {
			return false
		}
	} else if t.likes >= t.limits.Likes || t.hearsay >= t.limits.Likes/2 {
		return false
	}
	g = t.open(k)
	if len(g.likes) == 0 {
		t.empty--
	}
	i, _ := g.find(member)
	g.likes = slices.Insert(g.likes, i, l)
	if l.rumour {
		g.rumours++
	}
	t.note(l)
	return true
}

// purge makes room for an announcement of member: hearsay goes first, then all
// that the peer with the most announced, if that is not member itself. It
// reports whether there is room now. At most once a second, for it looks at the
// whole table.
func (t *groupTable) purge(now clock.Mono, member identity.Address) bool {
	if now-t.purged < purgeInterval {
		return false
	}
	t.purged = now
	if t.hearsay > 0 {
		t.drop(func(l like) bool { return !l.own })
		return true
	}
	worst, most := identity.Address(0), t.perPeer[member]+1
	for a, n := range t.perPeer {
		if n > most || n == most && worst != 0 && a < worst {
			worst, most = a, n
		}
	}
	if worst == 0 {
		return false
	}
	t.drop(func(l like) bool { return l.member == worst })
	return true
}

// drop removes likes from all groups.
func (t *groupTable) drop(unwanted func(like) bool) {
	for _, g := range t.groups {
		t.dropFrom(g, unwanted)
	}
}

func (t *groupTable) dropFrom(g *group, unwanted func(like) bool) {
	before := len(g.likes)
	g.likes = slices.DeleteFunc(g.likes, func(l like) bool {
		if !unwanted(l) {
			return false
		}
		if l.rumour {
			g.rumours--
		}
		t.forget(l)
		return true
	})
	if before > 0 && len(g.likes) == 0 {
		t.empty++
	}
}

// leave forgets that member wants the frames of k, also when others say so, until
// it announces it itself. Of a group that the host has not sent to lately nobody
// is asked, and nothing is remembered: members may come and go as they like.
func (t *groupTable) leave(now clock.Mono, k groupKey, member identity.Address) {
	g := t.groups[k]
	if g == nil {
		return
	}
	t.dropFrom(g, func(l like) bool { return l.member == member })
	if len(g.likes) == 0 && len(g.queue) == 0 && now-g.gathered >= gatherInterval {
		t.empty--
		delete(t.groups, k)
		return
	}
	g.gone = slices.DeleteFunc(g.gone, func(x goneMember) bool { return x.member == member || now-x.at >= likeLife })
	if len(g.gone) >= maxGone {
		g.gone = slices.Delete(g.gone, 0, 1)
	}
	g.gone = append(g.gone, goneMember{member, now})
}

// note puts a like on the books.
func (t *groupTable) note(l like) {
	t.likes++
	if l.own {
		t.perPeer[l.member]++
	} else {
		t.hearsay++
	}
}

// forget takes a like off the books.
func (t *groupTable) forget(l like) {
	t.likes--
	if !l.own {
		t.hearsay--
	} else if t.perPeer[l.member]--; t.perPeer[l.member] <= 0 {
		delete(t.perPeer, l.member)
	}
}

// clean drops announcements and queued frames that are too old, and groups of
// which nothing is left.
func (t *groupTable) clean(now clock.Mono) {
	for k, g := range t.groups {
		t.dropFrom(g, func(l like) bool { return now-l.at >= likeLife })
		t.expire(now, g)
		g.gone = slices.DeleteFunc(g.gone, func(x goneMember) bool { return now-x.at >= likeLife })
		if len(g.likes) == 0 && len(g.queue) == 0 && len(g.gone) == 0 && now-g.gathered >= gatherInterval {
			t.empty--
			delete(t.groups, k)
		}
	}
}

// expire drops the queued frames of g that are too old or have reached as many
// members as they may.
func (t *groupTable) expire(now clock.Mono, g *group) {
	before := len(g.queue)
	g.queue = slices.DeleteFunc(g.queue, func(o *outgoing) bool {
		if now < o.expires && !o.done() {
			return false
		}
		o.gone()
		return true
	})
	t.queued -= before - len(g.queue)
}

// dropNetwork forgets every group of a network.
func (t *groupTable) dropNetwork(id identity.NetworkID) {
	for k, g := range t.groups {
		if k.network == id {
			t.dropFrom(g, func(like) bool { return true })
			t.queued -= len(g.queue)
			t.empty--
			delete(t.groups, k)
		}
	}
}
