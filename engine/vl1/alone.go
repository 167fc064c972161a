package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// A peer that knows no appointments, as the reference, still does what a root's
// RENDEZVOUS and our PUSH_DIRECT_PATHS say. If its NAT varies ports we guess the
// few mappings that it makes towards us. If ours does, we open many and have a
// root guess them: see spray.go.
const (
	// aloneFor is how long the first scan of the other's ports takes: of its three
	// mappings one is found in two of three scans.
	aloneFor = 40 * clock.Second
	// announcePause is the time from one word on where we are to the next: the
	// other's NAT must not forget its mappings, and the other hears eight in a row.
	announcePause = 10 * clock.Second
	// pushMute is how often a peer that makes no appointments is told of our
	// addresses otherwise: the reference, once it has heard eight pushes less than
	// 30 s apart, takes none until 30 s of silence (spec 03 §5.10), and those of
	// the next try are worth more.
	pushMute = 35 * clock.Second
	// maxAsks is how often a root is asked, askGap the time between.
	maxAsks = 3
	askGap  = 600 * clock.Millisecond
)

// runAlone begins the search without the other. Who does not know its own NAT,
// since one witness alone sees it, at another port than its own, takes it for
// one that varies first: that is cheaper. Next time it takes the other's for one.
func (w *Wire) runAlone(at clock.Instant, t *try) {
	s := t.peer.search
	theirs := NATHard
	switch {
	case t.nat.Kind.varies():
		theirs = NATUnknown
	case t.nat.Kind == NATUnknown && s.tries%2 == 0:
		theirs = NATEasy
	}
	t.alone = true
	t.theirs = wire.Appointment{NAT: byte(theirs), Surface: s.told}
	w.run(at, t)
}

// goAlone sets the times of a search alone. The first scan takes longer than
// others; a root that was asked does not listen again before long.
func (w *Wire) goAlone(at clock.Instant, t *try) {
	s := t.peer.search
	switch {
	case t.nat.Kind.varies():
		s.next = max(s.next, at.Mono+sprayPeerEvery)
	case t.role == roleGuess && !s.scan.begun():
		t.until = at.Mono + aloneFor
		s.next = t.until + tryAgain
	}
}

// giveWay ends a search alone for a proposal of that very peer, which does know
// appointments, or of another after the time of an ordinary search.
func (w *Wire) giveWay(at clock.Instant, p *Peer, a *wire.Appointment) {
	now, t, s := at.Mono, w.try, p.search
	if t == nil || !t.alone || w.set.low || p.live(now) != nil || !w.believes(now, p, a.Surface) {
		return
	}
	switch {
	case t.peer == p:
		s.tries--
		s.next, s.begun = now, clock.Never
	case now-t.search.since < tryFor || now < s.next-askEarly || now-s.begun < tryPause:
		return
	}
	w.end(at, t)
	w.tryNext = now
}

// joinedLate takes an answer that came when we had given it up.
func (w *Wire) joinedLate(at clock.Instant, t *try, theirs wire.Appointment) {
	w.closeSockets(t)
	t.alone, t.theirs = false, theirs
	t.peer.search.tries--
	w.run(at, t)
}

// sendAlone does what makes the other play its part.
func (w *Wire) sendAlone(at clock.Instant, t *try) {
	q := &t.search
	switch t.role {
	case roleGuess:
		if at.Mono-q.announced >= announcePause {
			q.announced, t.peer.recent().directPush = at.Mono, at.Mono
			w.announce(at, t)
		}
	case roleOpen:
		n := len(t.sockets)
		if n > 0 && q.turn >= n && q.asks < maxAsks && at.Mono-q.announced >= askGap {
			q.announced = at.Mono
			q.asks++
			w.askGuess(at, t)
		}
	}
}

// announce tells the peer where we are: it sends there from its few sockets,
// which makes the mappings that are looked for.
func (w *Wire) announce(at clock.Instant, t *try) {
	payload, _ := wire.AppendPushDirectPaths(nil, []netip.AddrPort{t.nat.seen})
	w.Send(at, t.peer.id.Address, wire.VerbPushDirectPaths, nil, payload, false)
}

// askGuess asks the root that sees us best to introduce us by guessing. One that
// does not know how ignores it.
func (w *Wire) askGuess(at clock.Instant, t *try) {
	root := w.bestUpstream(at.Mono)
	if root == nil {
		return
	}
	g := wire.Guess{Peer: t.peer.id.Address, Sockets: uint16(len(t.sockets)), At: t.theirs.Surface}
	m := wire.UserMessage{Type: wire.GuessKind, Data: g.Append(nil)}
	w.Send(at, root.id.Address, wire.VerbUserMessage, nil, m.Append(nil), false)
}
