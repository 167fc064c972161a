package vl1

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// Burst asks the service for short-lived UDP sockets of one family, each on a
// port of its own, bound as the others are: many sockets give many mappings of
// a NAT that takes another port for each destination. The service answers with
// [Wire.BurstReady], be it with fewer sockets or none.
//
// Datagrams to [AnySocket] never leave by them, [Wire.SetSockets] neither lists
// nor ends them. The service closes those that [Outbox.Close] names.
type Burst struct {
	// ID names the request in its answer.
	ID uint64
	// Count is how many sockets are wanted, at most [MaxBurst].
	Count int
	// V4 asks for IPv4, false for IPv6.
	V4 bool
	// Like is the socket to be bound as, to its address and device; 0 for any.
	Like SocketID
	// Until is when sockets of an answer that comes too late are of no use.
	Until clock.Mono
}

const (
	// MaxBurst is the largest number of sockets that a [Burst] asks for.
	MaxBurst = 256
	// maxKept bounds the sockets that stay open because a path uses them.
	maxKept = 128
	// keptSilent is how long the path of a kept socket may stay unanswered.
	keptSilent = 60 * clock.Second
)

// kept is a socket of a burst that became a path.
type kept struct {
	socket SocketID
	peer   *Peer
}

// openSockets asks for fresh sockets for a try.
func (w *Wire) openSockets(t *try, n int, until clock.Mono) {
	if len(w.kept) >= maxKept {
		return
	}
	w.workSeq++
	t.burst = w.workSeq
	w.out.Burst = append(w.out.Burst, Burst{ID: t.burst, Count: n, V4: true, Like: t.nat.socket, Until: until})
}

// BurstReady takes the sockets that a [Burst] asked for.
func (w *Wire) BurstReady(at clock.Instant, id uint64, sockets []SocketID) {
	t := w.try
	if t == nil || t.burst != id || len(sockets) > MaxBurst {
		w.out.Close = append(w.out.Close, sockets...)
		return
	}
	t.sockets = slices.Clone(sockets)
	if w.firstBurst == 0 && len(sockets) > 0 {
		w.firstBurst = slices.Min(sockets)
	}
	if t.stage == tryRunning {
		w.sendProbes(at, t)
		return
	}
	// Measuring: a root tells at which ports the fresh ones are seen.
	best := w.witness(at.Mono)
	if best == nil || w.peers[best.reporter] == nil {
		return
	}
	for _, id := range t.sockets {
		w.hello(at, w.peers[best.reporter], pathKey{best.from.remote, id})
	}
}

// measure takes what a witness says of a fresh socket. It reports whether the
// socket is one.
func (w *Wire) measure(from pathKey, port uint16) bool {
	if !w.fleeting(from.socket) {
		return false
	}
	if t := w.try; t != nil && t.stage == tryMeasuring {
		if i := slices.Index(t.sockets, from.socket); i >= 0 && i < measureSockets {
			t.seen[i] = int(port)
		}
	}
	return true
}

// fleeting reports whether a socket is of a burst, or was: one that is not
// regular, opened after the first burst.
func (w *Wire) fleeting(s SocketID) bool {
	if s < w.firstBurst || w.firstBurst == 0 {
		return false
	}
	if len(w.reach.sockets) > 0 {
		_, regular := slices.BinarySearch(w.reach.sockets, s)
		return !regular
	}
	if w.try != nil && slices.Contains(w.try.sockets, s) {
		return true
	}
	return slices.ContainsFunc(w.kept, func(k kept) bool { return k.socket == s })
}

// teaches reports whether a path of a peer may be learnt on a socket: those of a
// burst serve nobody but the peer that they were opened for.
func (w *Wire) teaches(p *Peer, s SocketID) bool {
	if !w.fleeting(s) {
		return true
	}
	if t := w.try; t != nil && t.peer == p && t.stage == tryRunning && slices.Contains(t.sockets, s) {
		return true
	}
	return slices.ContainsFunc(w.kept, func(k kept) bool { return k.socket == s && k.peer == p })
}

// deaf reports whether what came from somebody to a socket of a burst is none of
// its business. Fresh ones that measure hear answers only: whoever got one back
// would take the socket for a way to us, and send where soon nobody listens.
func (w *Wire) deaf(p *Peer, verb wire.Verb, from pathKey) bool {
	return w.fleeting(from.socket) && verb != wire.VerbOK && (p == nil || p.slotOf(from) == nil && !w.teaches(p, from.socket))
}

// around is where to ask a peer that spoke from an address: from all sockets,
// unless it came by one of a burst, to which alone its NAT is open.
func (w *Wire) around(from pathKey) pathKey {
	if w.fleeting(from.socket) {
		return from
	}
	return toAll(from.remote)
}

// closeSockets closes the sockets of a try. Those on which the peer has a path
// are kept.
func (w *Wire) closeSockets(t *try) {
	for _, s := range t.sockets {
		if slices.ContainsFunc(t.peer.slots, func(x slot) bool { return x.socket == s }) {
			w.kept = append(w.kept, kept{s, t.peer})
		} else {
			w.out.Close = append(w.out.Close, s)
		}
	}
	t.sockets, t.burst = nil, 0
}

// tidySockets closes kept sockets whose path has died.
func (w *Wire) tidySockets(now clock.Mono) {
	w.kept = slices.DeleteFunc(w.kept, func(k kept) bool {
		dead := func(x *slot) bool {
			return x.socket == k.socket && (x.expired(now) || x.asked != clock.Never && now-x.asked >= keptSilent)
		}
		if w.peers[k.peer.id.Address] == k.peer {
			w.cut(k.peer, dead)
			if slices.ContainsFunc(k.peer.slots, func(x slot) bool { return x.socket == k.socket }) {
				return false
			}
		}
		w.out.Close = append(w.out.Close, k.socket)
		return true
	})
}
