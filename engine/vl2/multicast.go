package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// outgoing is a multicast frame on its way to the members of its group.
type outgoing struct {
	frame
	head   []byte // MULTICAST_FRAME up to the Ethernet payload
	origin identity.Address
	limit  int // how many members may get it
	sent   []identity.Address
	// resolves is set for a question who holds an address. Bridges, which get
	// everything, then take no place from the holder: free counts them.
	resolves bool
	free     int
	// rumours counts those of which there were only rumours when it was sent there
	// out of their turn.
	rumours int
	// single is set if every member gets a frame of its own instead.
	single  bool
	expires clock.Mono
	count   *MulticastCount // of the network
}

// done reports whether the frame reached as many members as it may.
func (o *outgoing) done() bool { return len(o.sent)-o.free >= o.limit }

// multicast sends a frame to the members of a group. withSource says that the
// frame's source is not our own MAC. origin is the member for whom a replicator
// sends, else 0 (spec 04 §12.4).
func (s *Switch) multicast(at clock.Instant, nw *Network, g identity.MulticastGroup, f *frame, withSource bool, origin identity.Address) {
	limit := int(min(nw.config.MulticastLimit, 1<<20))
	resolves := isResolution(g, f)
	if !resolves {
		nw.multicasts.Sent++
		nw.multicasts.LastSent = at.Mono
	}
	if !resolves && s.sendToReplicator(at, nw, g, f) {
		return
	}
	// A limit of 0 is "no multicast", and was checked; what comes here anyway
	// goes to members one by one.
	single := limit == 0
	if single {
		limit = resolutionLimit
	}
	k := groupKey{nw.id, g}
	grp := s.groups.get(k)
	known := s.reachable(nw, grp)
	h := wire.MulticastFrame{
		Network: nw.id, Flags: wire.MulticastFrameGather, GatherLimit: 1,
		Group: g, EtherType: f.etherType,
	}
	if withSource {
		h.Flags |= wire.MulticastFrameSource
		h.Source = f.src
	}
	if known >= limit {
		if resolves {
			limit = max(limit, resolutionLimit)
		} else if known > limit {
			nw.multicasts.Short++
		}
		o := &s.scratch.out
		*o = outgoing{frame: *f, head: h.AppendHead(o.head[:0]), origin: origin, limit: limit, sent: o.sent[:0], resolves: resolves, single: single, count: &nw.multicasts}
		grp.sent = at.Mono
		if grp.partial && grp.mayAsk(at.Mono, s.stretched(gatherInterval, 3), known) {
			s.gather(at, nw, g, gatherReplyMembers)
		}
		s.sendToAll(at, nw, grp, o)
		o.payload = nil
		return
	}
	h.GatherLimit = uint32(limit - known + 1)
	if grp == nil {
		room := maxEmptyGroups
		if origin != 0 {
			room /= 2 // the rest is for our own host
		}
		if s.groups.empty >= room {
			nw.drops[DropCrowded]++
			return
		}
		grp = s.groups.open(k)
	}
	grp.sent = at.Mono
	o := s.groups.enqueue(at.Mono, grp)
	*o = outgoing{
		frame: frame{f.src, f.dst, f.etherType, append(o.payload[:0], f.payload...)},
		head:  h.AppendHead(o.head[:0]), origin: origin, limit: limit, sent: o.sent[:0],
		resolves: resolves, single: single, expires: at.Mono + queueLife, count: &nw.multicasts,
	}
	// Those that the last answer left out are asked for without regard to the
	// limit, so that they have their turn.
	want := h.GatherLimit
	if grp.partial {
		want = max(want, gatherReplyMembers)
	}
	if grp.mayAsk(at.Mono, s.stretched(gatherInterval, 3), known) {
		s.gather(at, nw, g, want)
	}
	s.sendToAll(at, nw, grp, o)
}

// reachable is the number of known members of a group that its frames may go to.
func (s *Switch) reachable(nw *Network, g *group) (n int) {
	if g == nil || !nw.verifiedOnly {
		return g.len()
	}
	for _, l := range g.likes {
		if s.permitted(nw, l.member) {
			n++
		}
	}
	return n
}

// sendToAll sends o to all bridges, which get every multicast, and to known
// members of the group at random, until its limit. A question for a neighbour goes
// first to those who announced the address themselves, for others can be invented;
// other frames go mostly to those who are more than a rumour.
func (s *Switch) sendToAll(at clock.Instant, nw *Network, g *group, o *outgoing) {
	for _, a := range nw.roles.bridges {
		s.sendCopy(at, nw, o, a)
	}
	members, first := s.scratch.addrs[:0], 0
	for _, l := range g.likes {
		switch {
		case nw.roles.bridge(l.member):
		case s.permitted(nw, l.member):
			members = append(members, l.member)
			if l.own || !l.rumour && !o.resolves {
				members[first], members[len(members)-1] = l.member, members[first]
				first++
			}
		default:
			nw.turnAwayTo(at, l.member)
		}
	}
	// Two may be ourselves and the origin, who do not count against the limit.
	s.shuffle(members[:first], o.limit+2)
	s.shuffle(members[first:], o.limit+2)
	s.scratch.addrs = members
	early, late := first, 0
	if n := len(members) - first; !o.resolves && n > 0 && first > 0 {
		late = min(s.rumoursOf(o.limit), n)
		early = min(max(o.limit-late, 0), first)
	}
	for _, part := range [...][]identity.Address{members[:early], members[first : first+late], members[early:first], members[first+late:]} {
		for _, a := range part {
			s.sendCopy(at, nw, o, a)
		}
	}
}

// sendCopy sends o to one member, unless that is where it came from or the limit
// is reached. What the rules refuse counts against the limit.
func (s *Switch) sendCopy(at clock.Instant, nw *Network, o *outgoing, to identity.Address) {
	if to == s.self.Address || to == o.origin {
		return
	}
	bridge := o.resolves && nw.roles.bridge(to)
	if !bridge && o.done() {
		return
	}
	if !s.permitted(nw, to) {
		nw.turnAwayTo(at, to)
		return
	}
	m := nw.members.open(at.Mono, to)
	if s.expelled(at, nw, m) {
		return
	}
	if bridge {
		o.free++
	}
	o.sent = append(o.sent, to)
	if o.single {
		s.sendSingly(at, nw, o, m)
		return
	}
	if !s.filterOut(at, nw, m, to, &o.frame, true) {
		return
	}
	s.pushIfNeeded(at, nw, m)
	if !o.resolves {
		nw.multicasts.Copies++
	}
	s.link.Send(at, to, wire.VerbMulticastFrame, o.head, o.payload, !nw.config.NoCompressFrames())
}

// sendToReplicator hands the frame to the nearest replicator that can be reached
// directly, if the network has any and we are neither one nor a bridge. One that
// is no bridge is passed over: nobody would accept others' frames from it. On a
// network for verified peers there is none, for it would pass the frame on to
// everybody.
func (s *Switch) sendToReplicator(at clock.Instant, nw *Network, g identity.MulticastGroup, f *frame) bool {
	if len(nw.roles.replicators) == 0 || nw.roles.amReplicator || nw.roles.amBridge || nw.verifiedOnly {
		return false
	}
	var best identity.Address
	least := 0
	for _, a := range nw.roles.replicators {
		if !nw.roles.bridge(a) {
			continue
		}
		if ms, ok := s.link.DirectLatency(a); ok && (best == 0 || ms < least) {
			best, least = a, ms
		}
	}
	if best == 0 {
		return false
	}
	m := nw.members.open(at.Mono, best)
	s.pushIfNeeded(at, nw, m)
	nw.multicasts.Copies++
	h := wire.MulticastFrame{
		Network: nw.id, Flags: wire.MulticastFrameSource | wire.MulticastFrameReplicate,
		Source: f.src, Group: g, EtherType: f.etherType,
	}
	s.link.Send(at, best, wire.VerbMulticastFrame, h.AppendHead(s.scratch.head[:0]), f.payload, !nw.config.NoCompressFrames())
	return true
}

// enqueue makes room for a frame in the queue of g and returns it, to be filled
// in. A full queue loses its oldest frame.
func (t *groupTable) enqueue(now clock.Mono, g *group) *outgoing {
	t.expire(now, g)
	if len(g.queue) >= queuePerGroup {
		o := g.queue[0]
		o.gone()
		g.queue = append(g.queue[:0], g.queue[1:]...)
		g.queue = append(g.queue, o)
		return o
	}
	o := new(outgoing)
	if t.queued < queueTotal {
		g.queue = append(g.queue, o)
		t.queued++
	}
	return o
}

// flush sends the frames that wait in g to a member just learnt. Mere rumours take
// a quarter of a frame's copies only: others may be told of yet.
func (s *Switch) flush(at clock.Instant, nw *Network, g *group, to identity.Address, rumour bool) {
	s.groups.expire(at.Mono, g)
	if nw.config == nil {
		return
	}
	for _, o := range g.queue {
		if slices.Contains(o.sent, to) || nw.elsewhere(at.Mono, o.src) || rumour && 4*o.rumours >= o.limit {
			continue
		}
		if rumour {
			o.rumours++
		}
		s.sendCopy(at, nw, o, to)
	}
}
