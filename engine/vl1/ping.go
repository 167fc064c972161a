package vl1

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

const (
	pingEvery = 5 * clock.Second
	// pingEveryLow is that in low-bandwidth mode.
	pingEveryLow = 25 * clock.Second
	// answerIn is how long a probe may stay unanswered before the peer is
	// asked again by HELLO, as after its restart.
	answerIn = 2 * clock.Second
)

// Deadline is when [Wire.Tick] wants to be called next.
func (w *Wire) Deadline() clock.Mono {
	if w.reach.down {
		return noDeadline
	}
	d := min(w.alarms.next(w.nextPing), w.nextPing, w.nextClean)
	if len(w.watched) > 0 {
		d = min(d, w.nextReview)
	}
	if w.queue.waiting > 0 || len(w.held) > 0 || len(w.whois) > 0 || len(w.punches) > 0 || len(w.fits) > 0 || len(w.rivals) > 0 {
		d = min(d, w.nextQueue)
	}
	return min(d, w.searchDeadline(), w.sprayDeadline())
}

// Tick does what is due.
func (w *Wire) Tick(at clock.Instant) {
	if w.reach.down {
		return
	}
	if at.Mono >= w.nextQueue {
		w.nextQueue = at.Mono + 500*clock.Millisecond
		w.runQueue(at)
		w.runPunches(at)
		w.runFits(at)
		w.runRivals(at)
	}
	w.runSearches(at)
	w.runSprays(at)
	if at.Mono >= w.nextPing {
		w.ping(at)
	}
	w.attendDue(at)
	if len(w.watched) > 0 && at.Mono >= w.nextReview {
		w.review(at)
	}
	if at.Mono >= w.nextClean {
		w.nextClean = at.Mono + 30*clock.Second
		w.clean(at)
	}
	w.runDue(at)
}

// runQueue retries and expires what waits (spec 03 §2.6).
func (w *Wire) runQueue(at clock.Instant) {
	for range w.queue.expire(at.Mono) {
		w.drop(DropNoRoute)
	}
	w.whois = slices.DeleteFunc(w.whois, func(x asked) bool { return at.Mono > x.until })
	waiting := make([]identity.Address, 0, len(w.queue.of)+len(w.held))
	for a := range w.queue.of {
		waiting = append(waiting, a) // sorted below
	}
	for i := range w.held {
		waiting = append(waiting, w.held[i].from)
	}
	slices.Sort(waiting)
	for _, a := range slices.Compact(waiting) {
		if p := w.peers[a]; p != nil {
			w.flush(at, p)
		} else {
			w.Whois(at, a)
		}
	}
	w.retryHeld(at, 0)
}

// ping keeps contact with roots, and learns with whom VL2 wants contact (spec
// 03 §2.7).
func (w *Wire) ping(at clock.Instant) {
	next := min(w.callSelf(at), w.askSeeds(at))
	lastRoot := clock.Never
	for i := range w.top.upstreams {
		u := &w.top.upstreams[i]
		p := w.rootPeer(u)
		if p == nil {
			continue
		}
		if p.nextRoot <= at.Mono {
			p.nextRoot = w.pingRoot(at, p, u)
		}
		lastRoot = max(lastRoot, p.lastAnswer)
	}
	w.online = w.top.amRoot || at.Mono-lastRoot < rootLost
	w.rotate(at.Mono, lastRoot)
	if unknown := w.watchContacts(at); unknown || w.tcpRelay {
		next = min(next, at.Mono+w.pingEvery())
	}
	if lost := lastRoot + rootLost; w.online && lost > at.Mono {
		next = min(next, lost)
	}
	w.nextLook = next
	w.planPing()
}

// planPing sets when to look after the roots again: when one of them wants it,
// or something else does that is looked after together with them.
func (w *Wire) planPing() {
	w.nextPing = w.nextLook
	for i := range w.top.upstreams {
		if p := w.rootPeer(&w.top.upstreams[i]); p != nil {
			w.nextPing = min(w.nextPing, p.nextRoot)
		}
	}
}

// ContactsChanged tells that VL2 wants contact with others than before.
func (w *Wire) ContactsChanged() { w.nextPing = min(w.nextPing, w.now) }

// helloVia sends a HELLO to a peer by the best root, which relays it.
func (w *Wire) helloVia(at clock.Instant, p *Peer) {
	if root := w.bestUpstream(at.Mono); root != nil && root != p {
		if via := root.choose(at.Mono, true); via != nil {
			p.lastFullHello = at.Mono
			w.hello(at, p, via.pathKey)
		}
	}
}

// keepalive keeps the paths of a peer alive and drops expired ones (spec 03
// §2.8). It reports whether it sent anything.
func (w *Wire) keepalive(at clock.Instant, p *Peer) (sent bool) {
	now := at.Mono
	full := now-p.lastFullHello >= fullHello
	silent := p.unanswered != clock.Never && now-p.unanswered >= answerIn
	kept := p.slots[:0]
	for _, s := range p.slots {
		if s.expired(now) {
			s.users--
			p.best = bestPath{}
			p.unstored = true
			continue
		}
		kept = append(kept, s)
		switch {
		case full || silent:
			w.hello(at, p, s.pathKey)
			p.lastFullHello = now
			sent = true
		case now-s.lastOut >= pathHeartbeat || now-s.lastIn >= pathHeartbeat:
			w.probe(at, p, s.pathKey)
			sent = true
		}
	}
	clear(p.slots[len(kept):])
	p.slots = kept
	return sent
}

// clean forgets what timed out of the tables that have no alarms.
func (w *Wire) clean(at clock.Instant) {
	now := at.Mono
	w.sweepPaths(now, len(w.allPaths)/sweepShare+sweepLeast, false)
	w.unites.expire(now)
	w.sprays.expire(now)
	w.shrinkKeys(now)
	w.parts.expire(now)
	for _, by := range w.parts.losers {
		w.suspectFit(at, by)
	}
	w.parts.losers = w.parts.losers[:0]
	w.pending = slices.DeleteFunc(w.pending, func(x pending) bool { return now-x.at > 60*clock.Second })
	w.expireSurface(now)
	w.tidySockets(now)
}

// storeSoon stores a peer that changed, at most every ten seconds. A path just
// learnt is stored at once: after a crash it is the shortest way back.
func (w *Wire) storeSoon(now clock.Mono, p *Peer) {
	if p.unstored && now-p.lastStored >= storeEvery {
		w.store(now, p)
	}
}

func (w *Wire) store(now clock.Mono, p *Peer) {
	p.unstored, p.lastStored = false, now
	r := p.record(now)
	w.scratch = r.Append(w.scratch[:0])
	w.out.Store = append(w.out.Store, Store{Kind: StorePeer, ID: uint64(p.id.Address), Data: slices.Clone(w.scratch)})
}

// SaveAll stores every peer, as at shutdown.
func (w *Wire) SaveAll(at clock.Instant) {
	for _, p := range w.order {
		w.store(at.Mono, p)
	}
}
