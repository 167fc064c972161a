package vl1

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

const (
	// maxGuesses bounds the probes of a try: 1,000 of 64,512 ports, between two
	// rounds of calls, miss 256 mappings twice in a hundred tries.
	maxGuesses = 4096
	// maxNear is how many predicted ports are tried before random ones.
	maxNear = 96
	// openRounds is how often each socket calls, openPause the time from one round
	// to the next.
	openRounds = 3
	openPause  = 2500 * clock.Millisecond
	// knockPause is the time from one knock to the next.
	knockPause = 500 * clock.Millisecond
)

// probes is what a try sends. Its questions are not kept like others, since
// there may be thousands: each is an ECHO whose content only we can make, for
// the very address that it goes to. An answer that brings it back from there
// proves the path as any other does.
type probes struct {
	secret [16]byte
	from   SocketID // for roles that use an ordinary socket
	sent   int
	turn   int // what was done of the role's plan
	since  clock.Mono
	// walk is where the guesses are.
	walk *walk
	// asks counts requests to a root, announced is when the peer was last told
	// where we are: both if it makes no appointments.
	asks      int
	announced clock.Mono
}

func (w *Wire) newProbes(t *try) probes {
	q := probes{since: w.now, announced: clock.Never, walk: new(walk)}
	w.cfg.Random(q.secret[:])
	q.from = t.nat.socket
	if t.alone {
		q.walk = &t.peer.search.scan
	}
	if !q.walk.begun() {
		*q.walk = w.newWalk()
	}
	return q
}

// token is the content of a probe to an address.
func (q *probes) token(to netip.AddrPort) [8]byte {
	ip := to.Addr().As16()
	b := append(make([]byte, 0, 34), q.secret[:]...)
	b = binary.BigEndian.AppendUint16(append(b, ip[:]...), to.Port())
	sum := sha256.Sum256(b)
	return [8]byte(sum[:8])
}

// guessed reports whether an OK(ECHO) answers a probe of the try.
func (w *Wire) guessed(p *Peer, body []byte, from netip.AddrPort) bool {
	t := w.try
	if t == nil || t.peer != p || t.stage != tryRunning || len(body) < 8 {
		return false
	}
	return [8]byte(body) == t.search.token(from)
}

// junkTTL is how far a datagram goes that is to open our gateway, and not to
// reach the other's.
const junkTTL = 2

// openTTL is how far the calls of each round go, 0 for all the way. A gateway
// that lets in what is for itself remembers who knocked: a guess that meets such
// a knock gets another port, and so does every later one of the same socket. So
// the first round opens a gateway that is next to us and reaches nobody, the
// second also carriers' NATs, some hops away. Only the last goes all the way.
var openTTL = [openRounds]uint8{junkTTL, 6, 0}

// open makes a mapping of one of our sockets.
func (w *Wire) open(t *try, n int) {
	w.knock(t, pathKey{t.theirs.Surface, t.sockets[n%len(t.sockets)]})
	w.out.Send[len(w.out.Send)-1].TTL = openTTL[min(n/len(t.sockets), openRounds-1)]
}

// knock sends one probe, padded for an answer and a question back.
func (w *Wire) knock(t *try, to pathKey) {
	p := t.peer
	token := t.search.token(to.remote)
	buf := wire.AppendHeader(w.out.Alloc(wire.HeaderLen + padding)[:0], w.random.uint64(), p.id.Address, w.self.Address, wire.VerbEcho)
	buf = append(append(buf, token[:]...), zeros[len(token):]...)
	p.keys.Seal(buf, p.suite())
	w.stats.Out[wire.VerbEcho]++
	w.out.Send = append(w.out.Send, Datagram{Data: buf, Remote: to.remote, Socket: to.socket})
	t.search.sent++
}

// sendProbes sends what is due.
func (w *Wire) sendProbes(at clock.Instant, t *try) {
	t.at = min(at.Mono+tryTick, t.until)
	if t.alone {
		w.sendAlone(at, t)
	}
	for range perTick {
		if !w.sendProbe(t) {
			break
		}
	}
	if t.at < t.until && w.allSent(t) {
		t.until = min(t.until, at.Mono+tryLinger)
		t.at = t.until
	}
}

// sendProbe sends the next probe of the role's plan; false if none is due.
func (w *Wire) sendProbe(t *try) bool {
	q := &t.search
	where := t.theirs.Surface
	at := func(port int) bool {
		if port < lowestPort || port > 65535 {
			return false
		}
		w.knock(t, pathKey{netip.AddrPortFrom(where.Addr(), uint16(port)), q.from})
		return true
	}
	passed := w.now - q.since
	switch t.role {
	case roleOpen:
		if n := len(t.sockets); n > 0 && q.turn < n*min(openRounds, 1+int(passed/openPause)) {
			q.turn++
			w.open(t, q.turn-1)
			return true
		}
	case roleKnock:
		if q.turn <= int(passed/knockPause) {
			q.turn++
			return at(int(where.Port()))
		}
	case roleMarch:
		for q.turn < marchSteps {
			q.turn++
			if at(t.march(q.turn-1, w.self.Address < t.peer.id.Address)) {
				return true
			}
		}
	case roleGuess:
		for q.turn < t.guesses() {
			q.turn++
			if at(t.guess(q.turn - 1)) {
				return true
			}
		}
	}
	return false
}

// allSent reports whether the plan is done.
func (w *Wire) allSent(t *try) bool {
	switch t.role {
	case roleGuess:
		return t.search.turn >= t.guesses()
	case roleMarch:
		return t.search.turn >= marchSteps
	}
	return false // these answer the other's probes to the end
}

// guesses is how many ports are guessed.
func (t *try) guesses() int {
	n := maxGuesses
	if t.alone {
		return math.MaxInt // all the time that it has
	}
	if t.theirs.Stride != 0 {
		n += maxNear
	}
	return n
}

// guess is the n-th port to guess: first those that are expected, then all, each
// once, in an order of chance. It may be out of range.
func (t *try) guess(n int) int {
	if t.theirs.Stride != 0 {
		if n < maxNear {
			return int(t.theirs.Next) + int(t.theirs.Stride)*(n-2)
		}
	}
	return t.search.walk.next()
}

// Both march through the ports that the other's NAT is expected to take, one
// with each packet: my n-th leaves from my next port and goes to your n-th. They
// meet if neither is off by more packets than the other. The side with the
// lower address shifts its steps against the other's, from behind to ahead, so
// that they meet in one of the shifts.
const (
	marchBehind = 4
	marchAhead  = 12
	marchRun    = 8
	marchSteps  = (marchBehind + marchAhead + 1) * marchRun
)

// march is the port of the n-th step.
func (t *try) march(n int, lower bool) int {
	if lower {
		n += n/marchRun - marchBehind
	}
	return int(t.theirs.Next) + int(t.theirs.Stride)*n
}
