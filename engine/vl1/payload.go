package vl1

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// Some paths lose long datagrams without a word: tunnels, PPPoE, broken routers.
// Where long ones are sent, the path is asked to carry a probe of full length,
// an ECHO with padding. When no answer comes, packets are cut to what nearly
// every path carries, at once, while probes of several lengths find out what
// this one does.
const (
	// leastPayload is what is never gone below: what IPv6 guarantees. Packets of
	// a network with an MTU of 2800 take three parts then.
	leastPayload = 1232
	// maxDatagram is what the reference can receive (spec 03 §5.3).
	maxDatagram = 1500
	// probeSpacing keeps probes apart by more than a receiver's gate for ECHO.
	probeSpacing = 200 * clock.Millisecond
	// fitAgain is when a path with traffic is looked at again, fitSoon if it has
	// just turned out to be worse than before, or hurt somebody.
	fitAgain = 10 * clock.Minute
	fitSoon  = 60 * clock.Second
	// stalledFor is how long nothing comes from a peer that is sent long packets
	// until the way is looked at at once, though not sooner than after hintFirst,
	// and half as often each time that it was for nothing.
	stalledFor = 500 * clock.Millisecond
	hintFirst  = 20 * clock.Second
	maxFits    = 64
	// fitReplies is how often for the sake of answers alone, as a controller sends.
	fitReplies = 20 * clock.Minute
)

// payloads are the lengths that are probed, in bytes of UDP payload: Ethernet,
// and tunnels through it of several kinds.
var payloads = [...]int{wire.DefaultMTU, 1412, 1392, 1372, 1352, 1332, 1292, 1272, 1252, leastPayload}

// fit is what is known of the longest datagram that a way carries.
type fit struct {
	payload int // in use
	before  int // in use when the search began
	best    int // the longest that was answered in this search
	next    clock.Mono
	began   clock.Mono
	// step is the next length to probe; the first one is probed alone.
	step    int
	due     clock.Mono
	running bool
	// asked has the IDs of the probes, the first one and then one for each length.
	asked [1 + len(payloads)]uint64
	// unheard is when a long packet was first sent since the peer last sent data,
	// gap how long a search for that reason must wait for.
	unheard clock.Mono
	gap     clock.Mono
	// lost counts packets on this way of which parts were lost, one soon after the
	// other, lostAt is when the last one was noticed.
	lost   int
	lostAt clock.Mono
}

// fitting is a search under way: of a path to a peer, or of the way to it
// through a relay.
type fitting struct {
	peer    *Peer
	via     *path
	fit     *fit
	relayed bool
}

// payload is the length of the longest datagram to send on the path.
func (x *path) payload() int {
	switch {
	case x == nil:
	case x.rule != nil && x.rule.MTU > 0:
		return min(x.rule.MTU, maxDatagram)
	case x.fit != nil:
		return x.fit.payload
	}
	return wire.DefaultMTU
}

// payloadTo is that of a way to a peer, by a path of owner.
func (p *Peer) payloadTo(owner *Peer, via *path) int {
	n := via.payload()
	if owner != p && p.lately != nil && p.lately.relayFit != nil {
		n = min(n, p.lately.relayFit.payload)
	}
	return n
}

// fathom finds out what a way carries on which a long packet has left. Owner is
// nil if the path is a relay's and nobody knows whose.
func (w *Wire) fathom(at clock.Instant, p, owner *Peer, via *path) {
	if owner != p {
		w.search(at, p, via, &p.recent().relayFit, true)
	}
	if owner != nil && (via.rule == nil || via.rule.MTU == 0) {
		w.search(at, owner, via, &via.fit, false)
	}
}

// search begins to look for what a way carries, if that is due.
func (w *Wire) search(at clock.Instant, p *Peer, via *path, of **fit, relayed bool) {
	now := at.Mono
	f := *of
	if f != nil && !f.running {
		f.hint(now, p)
	}
	if f != nil && (f.running || now < f.next) || w.set.low || len(w.fits) >= maxFits || p.protocol != 0 && !p.canEcho() {
		return
	}
	if f == nil {
		f = &fit{payload: wire.DefaultMTU, unheard: now, gap: hintFirst}
		*of = f
	}
	f.running, f.began, f.before, f.best, f.step = true, now, f.payload, 0, 0
	f.asked = [1 + len(payloads)]uint64{w.pad(at, p, via, payloads[0])}
	f.due = now + w.patience(via)
	w.fits = append(w.fits, fitting{p, via, f, relayed})
	w.soon(f.due)
}

// hint makes a search due when long packets go out and nothing comes back, as
// when a connection stalls because they get lost.
func (f *fit) hint(now clock.Mono, p *Peer) {
	switch {
	case p.lastNontrivial >= f.unheard:
		f.unheard = now
	case now-f.unheard >= stalledFor && now-f.began >= f.gap:
		f.next = min(f.next, now)
	}
}

// patience is how long the answer to a probe may take.
func (w *Wire) patience(via *path) clock.Mono {
	if via.latency == unknownLatency {
		return clock.Second
	}
	return max(300*clock.Millisecond, 3*clock.Mono(via.latency)*clock.Millisecond+100*clock.Millisecond)
}

// pad sends an ECHO of a length and returns its ID.
func (w *Wire) pad(at clock.Instant, p *Peer, via *path, length int) uint64 {
	buf := wire.AppendHeader(w.out.Alloc(length)[:0], w.random.uint64(), p.id.Address, w.self.Address, wire.VerbEcho)
	n := len(buf)
	buf = buf[:length]
	clear(buf[n:])
	return w.transmitCut(at, p, buf, p.suite(), via, via.pathKey, maxDatagram)
}

// runFits goes on with the searches.
func (w *Wire) runFits(at clock.Instant) {
	w.fits = slices.DeleteFunc(w.fits, func(x fitting) bool {
		f := x.fit
		if !f.running || w.peers[x.peer.id.Address] != x.peer {
			f.running = false
			return true
		}
		if at.Mono < f.due {
			w.soon(f.due)
			return false
		}
		if f.step == len(payloads) {
			w.settle(at.Mono, x)
			return true
		}
		if f.step == 0 {
			f.payload = max(leastPayload, f.best)
		}
		f.asked[1+f.step] = w.pad(at, x.peer, x.via, payloads[f.step])
		if f.step++; f.step == len(payloads) {
			f.due = at.Mono + w.patience(x.via)
		} else {
			f.due = at.Mono + probeSpacing
		}
		w.soon(f.due)
		return false
	})
}

// carried notes that a probe was answered, however much of it came back.
func (w *Wire) carried(now clock.Mono, p *Peer, from pathKey, hops uint8, id uint64) {
	i := slices.IndexFunc(w.fits, func(x fitting) bool {
		return x.peer == p && x.relayed == (hops > 0) && (x.relayed || x.via.pathKey == from)
	})
	if i < 0 {
		return
	}
	f := w.fits[i].fit
	step := slices.Index(f.asked[:], id)
	if step < 0 || !f.running {
		return
	}
	length := payloads[max(0, step-1)]
	f.best = max(f.best, length)
	if f.step > 0 {
		f.payload = max(f.payload, length)
	}
	if f.best == payloads[0] {
		w.settle(now, w.fits[i]) // taken off the list at its next turn
	}
}

// settle ends a search.
func (w *Wire) settle(now clock.Mono, x fitting) {
	f := x.fit
	f.running = false
	f.next = now + fitAgain
	switch {
	case f.best > 0:
		f.payload = f.best
	case max(x.via.lastIn, x.via.relayed) < f.began:
		// Nothing came at all: not a question of length.
		f.payload, f.next = f.before, now+5*clock.Second
		return
	default:
		f.payload = leastPayload
	}
	if f.payload == f.before {
		f.gap = min(2*f.gap, fitAgain)
	}
	if f.payload < f.before {
		f.gap = hintFirst
		f.next = now + fitSoon
		w.stats.Shrunk++
		w.log.Info("a path loses long datagrams", "peer", x.peer.id.Address, "payload", f.payload)
	}
}

// searched notes that a peer sent a padded ECHO. One that is not of full length
// is a step of its search: the way has probably become worse for both.
func (w *Wire) searched(now clock.Mono, p *Peer, by pathKey, hops uint8, length int) {
	if length < leastPayload || length >= payloads[0] {
		return
	}
	var f *fit
	if hops > 0 {
		if p.lately != nil {
			f = p.lately.relayFit
		}
	} else if x := w.paths[by]; x != nil {
		f = x.fit
	}
	if f != nil && !f.running && now-f.began >= hintFirst {
		f.next = min(f.next, now)
	}
}
