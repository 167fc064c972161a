package vl1

import (
	"slices"

	"orrery/engine/clock"
)

const (
	// believeDown is how long what still arrives does not prove that there is a
	// network although there is said to be none.
	believeDown = 2 * clock.Second
	// maxAnnounced bounds how many peers are told through a root that we moved;
	// others are when there is something to say to them.
	maxAnnounced = 256
	noDeadline   = clock.Mono(1) << 62
)

// reach is what the wire knows of its own connection to the physical network.
type reach struct {
	sockets []SocketID // as [Wire.SetSockets] said, sorted
	roots   []rootCare
	// down is set while there is no network, since downSince.
	down      bool
	downSince clock.Mono
	// resumed is when the wire started or resumed, offline whether no root
	// answered before that.
	resumed    clock.Mono
	offline    bool
	nextRotate clock.Mono
	// announce is set until a root answers after a resume, back from then until
	// somebody asks for it.
	announce, back bool
	// traffic is when a peer last sent data.
	traffic clock.Mono
}

// SetSockets tells which sockets are open now, ascending. Paths on a socket
// that was open and is not any more die at once; their peers are asked on all
// sockets. Sockets that were never listed are left alone: the TCP relay's, and
// those that were opened to get through a NAT.
func (w *Wire) SetSockets(at clock.Instant, ids []SocketID) {
	old := w.reach.sockets
	w.reach.sockets = slices.Clone(ids)
	gone := func(id SocketID) bool { return usesSocket(old, id) && !usesSocket(ids, id) }
	if !slices.ContainsFunc(old, gone) {
		if len(old) > 0 && !slices.Equal(old, ids) {
			w.callRoots(at)
		}
		return
	}
	for i := range w.punches {
		if x := &w.punches[i]; gone(x.to.socket) {
			x.to.socket = AnySocket
		}
	}
	for _, p := range w.order {
		on := func(s *slot) bool { return gone(s.socket) }
		if slices.ContainsFunc(p.slots, func(s slot) bool { return gone(s.socket) }) {
			w.callPaths(at, p, on)
			w.cut(p, on)
		}
	}
	w.hint = pathHint{}
	w.callRoots(at)
}

// Resume tells that the machine woke up, or came to another network: nothing
// that was learnt of the way to others holds. External addresses are forgotten,
// every path is doubted until something comes back on it, roots and active peers
// are asked at once from all sockets. Traffic goes on meanwhile, on the doubted
// paths.
func (w *Wire) Resume(at clock.Instant) {
	r := &w.reach
	r.down, r.announce = false, true
	r.resumed, r.offline = at.Mono, !w.online
	if r.offline {
		r.nextRotate = min(r.nextRotate, at.Mono+rotateResume)
	}
	r.roots = nil
	w.surface.seen = nil
	w.moved()
	w.hint = pathHint{}
	w.fits, w.rivals = nil, nil
	for _, p := range w.order {
		for i := range p.slots {
			s := &p.slots[i]
			s.asked, s.doubted, s.nextAsk, s.fit = at.Mono, true, at.Mono, nil
		}
		p.best = bestPath{}
		if p.lately != nil {
			p.lately.relayFit = nil
		}
		if w.top.find(p.id.Address) == nil {
			w.callPaths(at, p, func(*slot) bool { return true })
		}
	}
	w.callRoots(at)
}

// SetLink tells whether the machine has an address to send from. Without one
// the wire is quiet: nothing waits, nothing is sent, no timer runs. One that
// comes back is a [Wire.Resume].
func (w *Wire) SetLink(at clock.Instant, up bool) {
	r := &w.reach
	switch {
	case up && r.down:
		w.Resume(at)
	case !up && !r.down:
		r.down, r.downSince = true, at.Mono
		w.online = false
		w.queue = sendQueue{}
		w.held, w.whois, w.punches = nil, nil, nil
	}
}

// LinkDown reports whether there is no network at all.
func (w *Wire) LinkDown() bool { return w.reach.down }

// callRoots has every root asked now, at all its endpoints and from all sockets.
func (w *Wire) callRoots(at clock.Instant) {
	for i := range w.top.upstreams {
		if p := w.peers[w.top.upstreams[i].id.Address]; p != nil {
			p.rootTries, p.nextRoot = 0, at.Mono
			p.unanswered = at.Mono - answerIn
		}
	}
	w.bestRoot = nil
	w.nextPing = at.Mono
}

// callPaths asks a peer that is in use at the addresses of some of its paths,
// from all sockets, several times.
func (w *Wire) callPaths(at clock.Instant, p *Peer, which func(s *slot) bool) {
	if p.blocked || !p.active(at.Mono) {
		return
	}
	for i := range p.slots {
		s := &p.slots[i]
		if !which(s) || s.expired(at.Mono) || slices.ContainsFunc(p.slots[:i], func(o slot) bool { return o.remote == s.remote }) {
			continue
		}
		w.hello(at, p, toAll(s.remote))
		w.again(at, p, toAll(s.remote), false)
	}
}
