package vl1

import (
	"math"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// Where rendezvous and pushed addresses find no direct way, because one NAT
// takes another port for each destination, two Orrery nodes make an
// appointment: they tell each other through the relay what they know of their
// NATs, and then search for a way at the same moment (see try.go). Each side
// decides for itself whether it takes part, and how often: nobody can be made
// to send at an address that a root did not tell for that very peer.
const (
	// tryAfter is how long a peer must have been talked to through a relay.
	tryAfter = 3 * clock.Second
	// talkGap is a pause in the talk after which tryAfter begins anew.
	talkGap = 30 * clock.Second
	// talkPackets is how many packets make a talk.
	talkPackets = 4
	// searchEvery is how often relayed peers are looked at, maxRelayed how many
	// of them.
	searchEvery = 500 * clock.Millisecond
	maxRelayed  = 1024
	// tryAgain is how long to wait after a try, doubling up to tryRarely.
	tryAgain  = 10 * clock.Second
	tryRarely = clock.Hour
	// tryMoved is the same when one side has come to another network.
	tryMoved = 45 * clock.Second
	// tryPause is the least time between two tries with whomever.
	tryPause = 2 * clock.Second
	// askEarly is how much earlier than ours the other's wait may end.
	askEarly = 3 * clock.Second
	// toldFor is how long a root's word about a peer's address counts.
	toldFor = 600 * clock.Second
	// refreshEvery is how often others are asked how they see us while there are
	// relayed peers: the network may have changed, and the NAT with it.
	refreshEvery = 10 * clock.Second
	// appointmentBurst and appointmentRefill bound the appointments of a peer
	// that are looked at.
	appointmentBurst  = 8
	appointmentRefill = clock.Second
)

// TraversalState is how the search for a direct way to a peer stands.
type TraversalState uint8

// The states of a search.
const (
	// TraversalIdle: nothing to search for: the peer is direct, or nobody talks.
	TraversalIdle TraversalState = iota
	// TraversalWaiting: the next try comes when it is due.
	TraversalWaiting
	// TraversalRunning: a try is under way.
	TraversalRunning
	// TraversalHopeless: both NATs take random ports.
	TraversalHopeless
	// TraversalOff: this node or the peer makes no tries, to save traffic.
	TraversalOff
	// TraversalUntold: no root has told where the peer is.
	TraversalUntold
)

var traversalNames = [...]string{"idle", "waiting", "running", "hopeless", "off", "untold"}

func (s TraversalState) String() string { return traversalNames[s] }

// TraversalInfo tells how the search for a direct way to a peer stands.
type TraversalInfo struct {
	State TraversalState
	// PeerNAT is what the peer said of its NAT.
	PeerNAT NATKind
	// Tries counts those that failed since one of us moved or one succeeded.
	Tries int
	// Next is when the next may begin, Started when the last did.
	Next, Started clock.Mono
	// Told is where a root says the peer is, if one said it lately.
	Told netip.AddrPort
}

// searches is what the wire knows of its searches for direct ways.
type searches struct {
	// try is the one that is under way, nil if none; the next may begin at
	// tryNext. Sockets of earlier ones are kept for their paths.
	try     *try
	tryNext clock.Mono
	kept    []kept
	// firstBurst is the lowest ID that a socket of a burst had, 0 if none was.
	firstBurst SocketID
	// relayed has the peers that talk through a relay, looked at at nextSearch.
	relayed    []*Peer
	nextSearch clock.Mono
	// refreshed is when others were last asked how they see us.
	refreshed clock.Mono
}

// search is what a relayed peer needs beside the rest; others have none.
type search struct {
	// since is when the talk through a relay began, last when it was heard, for
	// the heard-th time.
	since, last clock.Mono
	heard       int
	listed      bool // in Wire.relayed
	// told is the address in the last RENDEZVOUS.
	told   netip.AddrPort
	toldAt clock.Mono
	// tries failed; the next may begin at next, whoever asks. We ask at ask:
	// vain times there was no hope.
	tries, vain               int
	next, ask, begun, started clock.Mono
	theirs                    NATKind
	state                     TraversalState
	// mute counts proposals without an answer: the reference knows none. scan is
	// how far guessing without its help came.
	mute int
	scan walk
	gate clock.Bucket
}

func (p *Peer) searching() *search {
	if p.search == nil {
		p.search = &search{since: clock.Never, last: clock.Never, toldAt: clock.Never, next: clock.Never, ask: clock.Never, begun: clock.Never, started: clock.Never}
	}
	return p.search
}

// reset forgets what earlier tries showed. The next is soon, but not at once
// after the last: a root that tells ever other addresses must not make us try
// without end.
func (s *search) reset() {
	s.tries, s.vain, s.mute, s.next, s.ask, s.scan = 0, 0, 0, clock.Never, clock.Never, walk{}
	if s.started != clock.Never {
		s.next = s.started + tryMoved
	}
}

// Traversal tells how the search for a direct way to a peer stands.
func (w *Wire) Traversal(now clock.Mono, a identity.Address) TraversalInfo {
	p := w.peers[a]
	if p == nil || p.search == nil {
		return TraversalInfo{}
	}
	return w.traversal(now, p)
}

func (w *Wire) traversal(now clock.Mono, p *Peer) TraversalInfo {
	s := p.search
	if s == nil {
		return TraversalInfo{}
	}
	i := TraversalInfo{State: s.state, PeerNAT: s.theirs, Tries: s.tries, Next: max(s.next, s.ask), Started: s.started}
	if now-s.toldAt < toldFor {
		i.Told = s.told
	}
	switch {
	case w.try != nil && w.try.peer == p:
		i.State = TraversalRunning
	case p.live(now) != nil || now-s.last >= talkGap:
		i.State = TraversalIdle
	}
	return i
}

// told notes where a root says that a peer is. Another IP than before is a
// reason to try at once.
func (w *Wire) told(at clock.Instant, p *Peer, where netip.AddrPort) {
	if !where.Addr().Is4() {
		return
	}
	s := p.searching()
	if s.told.IsValid() && s.told.Addr() != where.Addr() {
		s.reset()
		s.theirs = NATUnknown
	}
	s.told, s.toldAt = where, at.Mono
}

// moved forgets what earlier tries showed, since our own address changed.
func (w *Wire) moved() {
	for _, p := range w.order {
		if s := p.search; s != nil {
			s.reset()
		}
	}
}

// talked notes that a packet of a peer came through a relay.
func (w *Wire) talked(at clock.Instant, p *Peer) {
	now := at.Mono
	if !p.trusted(now) || p.blocked {
		return
	}
	s := p.searching()
	if now-s.last >= talkGap {
		s.since, s.heard = now, 0
	}
	s.last = now
	s.heard++
	if s.listed || s.heard < talkPackets || len(w.relayed) >= maxRelayed {
		return
	}
	s.listed = true
	w.relayed = append(w.relayed, p)
	w.nextSearch = min(w.nextSearch, max(now, s.since+tryAfter))
}

// searchDeadline is when the searches want to go on.
func (w *Wire) searchDeadline() clock.Mono {
	d := clock.Mono(math.MaxInt64)
	if len(w.relayed) > 0 {
		d = w.nextSearch
	}
	if w.try != nil {
		d = min(d, w.try.at)
	}
	return d
}

// runSearches goes on with the try, and begins one with a relayed peer for which
// it is time. Peers that are direct, or silent, need none.
func (w *Wire) runSearches(at clock.Instant) {
	w.runTry(at)
	now := at.Mono
	if len(w.relayed) == 0 || now < w.nextSearch {
		return
	}
	w.nextSearch = now + searchEvery
	if now-w.refreshed >= refreshEvery {
		w.askWitnesses(at)
	}
	kept := w.relayed[:0]
	for _, p := range w.relayed {
		s := p.search
		if w.peers[p.id.Address] != p || p.blocked || now-s.last >= talkGap || !p.trusted(now) {
			s.listed = false
			continue
		}
		kept = append(kept, p)
		switch {
		case p.live(now) != nil:
			s.since = now
		case now-s.since < tryAfter:
		case w.set.low:
			s.state = TraversalOff
		case now-s.toldAt >= toldFor || !w.usable(p.id.Address, s.told):
			s.state = TraversalUntold
		case now >= max(s.next, s.ask) && w.try == nil && now >= w.tryNext && !w.reach.down && w.top.find(p.id.Address) == nil:
			w.propose(at, p)
		}
	}
	clear(w.relayed[len(kept):])
	w.relayed = kept
}

// propose begins a try of our own: first to know our NAT, then to ask.
func (w *Wire) propose(at clock.Instant, p *Peer) {
	w.begin(at, p, w.random.uint64(), true)
}

// appoint sends an appointment, through the relay.
func (w *Wire) appoint(at clock.Instant, p *Peer, a wire.Appointment) {
	m := wire.UserMessage{Type: wire.AppointmentKind, Data: a.Append(nil)}
	w.Send(at, p.id.Address, wire.VerbUserMessage, nil, m.Append(nil), false)
}

func (w *Wire) refuse(at clock.Instant, p *Peer, nonce uint64, why wire.AppointmentReason) {
	w.appoint(at, p, wire.Appointment{Step: wire.AppointmentRefuse, Reason: why, Nonce: nonce, NAT: byte(w.judgeNAT(at.Mono).Kind)})
}

// receiveAppointment takes what a peer says about a try. Only peers of a common
// network are listened to.
func (w *Wire) receiveAppointment(at clock.Instant, p *Peer, data []byte) {
	a, err := wire.ParseAppointment(data)
	if err != nil {
		w.drop(DropFormat)
		return
	}
	if !p.trusted(at.Mono) || w.top.find(p.id.Address) != nil {
		w.drop(DropUnexpectedReply)
		return
	}
	s := p.searching()
	if !s.gate.Take(at.Mono, appointmentBurst, appointmentRefill) {
		w.drop(DropRate)
		return
	}
	s.theirs, s.mute = NATKind(a.NAT), 0
	t := w.try
	mine := t != nil && t.peer == p
	switch a.Step {
	case wire.AppointmentPropose:
		w.proposed(at, p, &a)
	case wire.AppointmentAccept:
		switch {
		case !mine || t.nonce != a.Nonce:
		case t.stage == tryAsking:
			t.theirs = a
			w.run(at, t)
		case t.alone:
			w.joinedLate(at, t, a)
		}
	case wire.AppointmentRefuse:
		if mine && t.nonce == a.Nonce && t.stage == tryAsking {
			w.refused(at, t, a.Reason)
		}
	}
}

// proposed decides on a proposal.
func (w *Wire) proposed(at clock.Instant, p *Peer, a *wire.Appointment) {
	now, s := at.Mono, p.search
	w.giveWay(at, p, a)
	if t := w.try; t != nil && t.peer == p {
		switch {
		case t.nonce == a.Nonce:
			if t.stage == tryRunning { // our answer got lost
				w.appoint(at, p, w.offer(t, wire.AppointmentAccept))
			}
		case t.ours && t.stage < tryRunning && p.id.Address < w.self.Address:
			// Both asked at once: that of the lower address counts.
			t.ours, t.nonce, t.theirs = false, a.Nonce, *a
			if t.stage == tryAsking {
				w.accept(at, t)
			}
		}
		return
	}
	switch {
	case w.set.low:
		w.refuse(at, p, a.Nonce, wire.ReasonOff)
	case w.try != nil || now < w.tryNext:
		w.refuse(at, p, a.Nonce, wire.ReasonBusy)
	case !w.believes(now, p, a.Surface):
		w.refuse(at, p, a.Nonce, wire.ReasonUnknown)
	case now < s.next-askEarly || now-s.begun < tryPause || p.live(now) != nil:
		w.refuse(at, p, a.Nonce, wire.ReasonWait)
	default:
		if t := w.begin(at, p, a.Nonce, false); t != nil {
			t.theirs = *a
		}
	}
}

// believes reports whether a peer's word on its own address agrees with a
// root's, and it may be used.
func (w *Wire) believes(now clock.Mono, p *Peer, where netip.AddrPort) bool {
	s := p.search
	return now-s.toldAt < toldFor && where.Addr() == s.told.Addr() && w.usable(p.id.Address, where)
}

// refused ends a try of ours that the other does not want.
func (w *Wire) refused(at clock.Instant, t *try, why wire.AppointmentReason) {
	s := t.peer.search
	w.end(at, t)
	s.state = TraversalWaiting
	wait := 3 * clock.Second
	switch why {
	case wire.ReasonOff:
		s.state, wait = TraversalOff, 10*clock.Minute
	case wire.ReasonHopeless:
		w.hopeless(at, t.peer)
		return
	case wire.ReasonWait:
		wait = tryAgain
	}
	s.ask = at.Mono + wait
}

// backOff is how long to wait after so many tries.
func backOff(tries int) clock.Mono { return min(tryAgain<<min(tries-1, 16), tryRarely) }
