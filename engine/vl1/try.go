package vl1

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// tryStage is how far a try is.
type tryStage uint8

const (
	// tryMeasuring: finding out what our NAT does.
	tryMeasuring tryStage = iota
	// tryAsking: waiting for the other's answer.
	tryAsking
	// tryRunning: both are searching.
	tryRunning
)

// tryRole is what a side does in a try.
type tryRole uint8

const (
	// roleNone: there is no hope.
	roleNone tryRole = iota
	// roleKnock: neither NAT varies ports: only the moment was missing.
	roleKnock
	// roleOpen: our NAT varies ports: open many mappings towards the other.
	roleOpen
	// roleGuess: the other's NAT varies ports: guess one of its mappings.
	roleGuess
	// roleMarch: both vary ports in sequence: meet where the ports will be.
	roleMarch
)

var roleNames = [...]string{"none", "knock", "open", "guess", "march"}

// Times of a try.
const (
	// measureFor is how long witnesses have to answer.
	measureFor = 600 * clock.Millisecond
	// askFor is how long the other has to answer, askPause the time between two
	// questions.
	askFor   = 2200 * clock.Millisecond
	askPause = 700 * clock.Millisecond
	// tryFor is how long sockets are open and probes are sent, tryLinger how long
	// the last answers have to come.
	tryFor    = 9 * clock.Second
	tryLinger = 2 * clock.Second
	tryTick   = 50 * clock.Millisecond
	// perTick is how many probes leave each tick: 480 a second.
	perTick = 24
	// measureSockets is how many fresh sockets measure a NAT.
	measureSockets = 3
)

// try is a search for a direct way to one peer. A node makes one at a time.
type try struct {
	peer  *Peer
	nonce uint64
	ours  bool // we proposed it
	stage tryStage
	role  tryRole
	// alone is set if the other knows nothing of it.
	alone bool
	nat   NATInfo
	// next and stride are what is expected of our NAT, if it is sequential.
	next, stride int
	theirs       wire.Appointment
	began        clock.Mono
	// at is when to go on, until when the stage ends.
	at, until clock.Mono
	burst     uint64 // the request for sockets, 0 if none
	sockets   []SocketID
	seen      [measureSockets]int
	search    probes
}

// begin starts a try by finding out about our own NAT.
func (w *Wire) begin(at clock.Instant, p *Peer, nonce uint64, ours bool) *try {
	t := &try{peer: p, nonce: nonce, ours: ours, began: at.Mono, until: at.Mono + measureFor}
	t.at = t.until
	w.try = t
	p.searching().begun = at.Mono
	w.askWitnesses(at)
	t.nat = w.judgeNAT(at.Mono)
	if t.nat.Kind == NATUnknown {
		w.seekWitnesses(at)
	}
	if k := t.nat.Kind; k != NATEasy && k != NATNone {
		w.openSockets(t, measureSockets, t.until)
	}
	return t
}

// runTry goes on with the try.
func (w *Wire) runTry(at clock.Instant) {
	t := w.try
	if t == nil || at.Mono < t.at {
		return
	}
	switch p := t.peer; {
	case w.peers[p.id.Address] != p || p.blocked || w.reach.down || w.set.low:
		w.end(at, t)
	case p.live(at.Mono) != nil:
		w.won(at, p)
	case t.stage == tryMeasuring:
		w.measuredAll(at, t)
	case t.stage == tryAsking:
		w.askAgain(at, t)
	case at.Mono >= t.until:
		w.finish(at, t, false)
	default:
		w.sendProbes(at, t)
	}
}

// measuredAll ends the measuring and asks the other, or answers it.
func (w *Wire) measuredAll(at clock.Instant, t *try) {
	w.closeSockets(t)
	t.nat = w.judgeNAT(at.Mono)
	t.predict()
	if !t.ours {
		w.accept(at, t)
		return
	}
	t.stage, t.at, t.until = tryAsking, at.Mono, at.Mono+askFor
	if t.peer.search.mute > 0 {
		t.until = at.Mono + askPause // it never answered yet
	}
	w.askAgain(at, t)
}

// predict takes what the fresh sockets showed: ports near each other, all in
// one direction, are a sequence that goes on.
func (t *try) predict() {
	s := slices.DeleteFunc(t.seen[:], func(port int) bool { return port == 0 })
	if len(s) < 2 {
		return
	}
	stride := s[1] - s[0]
	for i := 1; i < len(s); i++ {
		d := s[i] - s[i-1]
		if d == 0 || d > maxStep || d < -maxStep || d > 0 != (stride > 0) {
			return
		}
		if d*d < stride*stride {
			stride = d
		}
	}
	if t.nat.Kind == NATEasy || t.nat.Kind == NATNone {
		return
	}
	t.nat.Kind, t.nat.Step = NATSequential, max(stride, -stride)
	t.stride, t.next = stride, s[len(s)-1]+stride
}

// offer is what we tell of ourselves.
func (w *Wire) offer(t *try, step wire.AppointmentStep) wire.Appointment {
	a := wire.Appointment{Step: step, NAT: byte(t.nat.Kind), Nonce: t.nonce, Surface: t.nat.seen, Sockets: MaxBurst}
	if t.stride != 0 && t.next > 0 && t.next <= 65535 {
		a.Next, a.Stride = uint16(t.next), int16(t.stride)
	}
	return a
}

// askAgain sends the proposal until it is answered. Without an answer the other
// knows no appointments: we may still search alone.
func (w *Wire) askAgain(at clock.Instant, t *try) {
	if at.Mono < t.until {
		w.appoint(at, t.peer, w.offer(t, wire.AppointmentPropose))
		t.at = min(at.Mono+askPause, t.until)
		return
	}
	t.peer.search.mute++
	w.runAlone(at, t)
}

// accept answers a proposal and begins.
func (w *Wire) accept(at clock.Instant, t *try) {
	p := t.peer
	if t.roleOf(w.self.Address < p.id.Address) == roleNone {
		w.end(at, t)
		w.hopeless(at, p)
		w.refuse(at, p, t.nonce, wire.ReasonHopeless)
		return
	}
	w.appoint(at, p, w.offer(t, wire.AppointmentAccept))
	w.run(at, t)
}

func (w *Wire) hopeless(at clock.Instant, p *Peer) {
	s := p.search
	s.vain++
	s.state, s.ask = TraversalHopeless, at.Mono+backOff(s.vain)
}

// roleOf finds what we do from both kinds of NAT. It gives both sides parts
// that fit.
func (t *try) roleOf(lower bool) tryRole {
	mine, theirs := t.nat.Kind, NATKind(t.theirs.NAT)
	if mine == NATSequential && t.stride == 0 {
		mine = NATHard // it cannot be predicted now
	}
	if theirs == NATSequential && t.theirs.Stride == 0 {
		theirs = NATHard
	}
	switch {
	case mine == NATSequential && theirs == NATSequential:
		return roleMarch
	case mine.varies() && theirs.varies():
		return roleNone
	case mine.varies():
		return roleOpen
	case theirs.varies():
		return roleGuess
	case mine != NATUnknown && theirs != NATUnknown:
		return roleKnock
	case mine != NATUnknown:
		return roleGuess
	case theirs != NATUnknown:
		return roleOpen
	}
	// Nobody knows: one of the two, in turn.
	if lower == (t.nonce&1 == 0) {
		return roleGuess
	}
	return roleOpen
}

// run begins the search.
func (w *Wire) run(at clock.Instant, t *try) {
	p := t.peer
	s := p.search
	if !w.believes(at.Mono, p, t.theirs.Surface) {
		w.end(at, t)
		s.state, s.ask = TraversalUntold, at.Mono+tryAgain/2
		return
	}
	t.role = t.roleOf(w.self.Address < p.id.Address)
	if t.role == roleNone {
		w.end(at, t)
		w.hopeless(at, p)
		return
	}
	s.tries++
	s.started, s.next, s.state = at.Mono, at.Mono+backOff(s.tries), TraversalWaiting
	t.stage, t.at, t.until = tryRunning, at.Mono, at.Mono+tryFor
	w.log.Info("looking for a direct way through NATs", "peer", p.id.Address, "role", roleNames[t.role],
		"nat", t.nat.Kind.String(), "peer_nat", NATKind(t.theirs.NAT).String(), "n", s.tries)
	if t.alone {
		w.goAlone(at, t)
	}
	t.search = w.newProbes(t)
	if t.role == roleOpen {
		w.openSockets(t, MaxBurst, t.until)
	}
	w.sendProbes(at, t)
}

// finish ends a try that ran.
func (w *Wire) finish(at clock.Instant, t *try, found bool) {
	p := t.peer
	w.end(at, t)
	w.log.Info("a direct way through NATs", "peer", p.id.Address, "role", roleNames[t.role], "found", found,
		"probes", t.search.sent, "dur", int64((at.Mono-t.began)/clock.Millisecond))
}

// end forgets the try and closes its sockets but those that became paths.
func (w *Wire) end(at clock.Instant, t *try) {
	w.closeSockets(t)
	if w.try == t {
		w.try = nil
	}
	w.tryNext = at.Mono + tryPause
}

// won ends the try with a peer that has a path now.
func (w *Wire) won(at clock.Instant, p *Peer) {
	if t := w.try; t != nil && t.peer == p {
		if t.stage == tryRunning {
			p.search.reset()
			p.search.next = at.Mono + tryAgain
			w.finish(at, t, true)
		} else {
			w.end(at, t)
		}
	}
}
