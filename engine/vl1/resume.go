package vl1

import (
	"slices"

	"orrery/engine/clock"
)

// reach is what the wire knows of its own connection to the physical network.
type reach struct {
	sockets []SocketID // as [Wire.SetSockets] said, sorted
	down    bool
	resumed clock.Mono // the last Resume
}

// SetSockets tells which sockets are open now, ascending. Paths on a socket
// that was open and is not any more die at once; their peers are asked on all
// sockets. Sockets that were never listed are left alone: the TCP relay's, and
// those that were opened to get through a NAT.
func (w *Wire) SetSockets(at clock.Instant, ids []SocketID) {
	old := w.reach.sockets
	w.reach.sockets = slices.Clone(ids)
	gone := func(id SocketID) bool {
		_, was := slices.BinarySearch(old, id)
		_, is := slices.BinarySearch(ids, id)
		return was && !is
	}
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
		if !slices.ContainsFunc(p.slots, func(s slot) bool { return gone(s.socket) }) {
			continue
		}
		w.recallPaths(at, p, func(s *slot) bool { return gone(s.socket) })
		w.cut(p, func(s *slot) bool { return gone(s.socket) })
	}
	w.callRoots(at)
}

// Resume tells that the machine woke up, or came to another network: nothing
// that was learnt of the way to others holds. External addresses are forgotten,
// every path is doubted until something comes back on it, roots and active peers
// are asked at once from all sockets.
func (w *Wire) Resume(at clock.Instant) {
	w.reach.down = false
	w.reach.resumed = at.Mono
	w.surface.seen = nil
	w.moved()
	w.hint = pathHint{}
	for _, p := range w.order {
		for i := range p.slots {
			s := &p.slots[i]
			s.asked, s.doubted, s.nextAsk = at.Mono, true, at.Mono
		}
		p.best = bestPath{}
		if p.active(at.Mono) && w.top.find(p.id.Address) == nil {
			w.recallPaths(at, p, func(*slot) bool { return true })
		}
	}
	w.callRoots(at)
}

// SetLink tells whether the machine has an address to send from. Without one
// the wire is quiet: nothing waits, nothing is sent, no timer runs. One that
// comes back is a [Wire.Resume].
func (w *Wire) SetLink(at clock.Instant, up bool) {
	if up == !w.reach.down {
		return
	}
	if up {
		w.Resume(at)
		return
	}
	w.reach.down = true
	w.online = false
	clear(w.queue)
	clear(w.held)
	clear(w.punches)
	w.queue, w.held, w.punches, w.whois = nil, nil, nil, nil
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

// recallPaths asks a peer that is in use at the addresses of some of its paths,
// from all sockets, several times.
func (w *Wire) recallPaths(at clock.Instant, p *Peer, which func(s *slot) bool) {
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
