package vl1

import (
	"math"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

const (
	// settleFor is how long after a change a peer is looked at, attendEvery how
	// often at most.
	settleFor   = 5 * clock.Second
	attendEvery = clock.Second
	// storeEvery is the least time between two records of one peer.
	storeEvery = 10 * clock.Second
	// contactHello is how often a wanted peer that has no path is called.
	contactHello = 28 * clock.Second
	// attendMost is how many peers one call attends to: what a hundred thousand
	// peers want at once is spread over calls.
	attendMost = 4096
)

// attendDue attends to the peers whose alarms went off.
func (w *Wire) attendDue(at clock.Instant) {
	for range attendMost {
		if w.alarms.next(math.MaxInt64) > at.Mono {
			return
		}
		w.attend(at, w.alarms[0].peer)
	}
}

// attend does what is due about one peer, and sets its next alarm.
func (w *Wire) attend(at clock.Instant, p *Peer) {
	now := at.Mono
	root := w.IsUpstream(p.id)
	if !root && now-p.lastReceive >= peerAliveFor && now >= p.keepUntil {
		w.forget(p)
		return
	}
	w.storeSoon(now, p)
	if p.lately != nil && p.lately.past(now, w.pushEvery()) {
		p.lately = nil
	}
	if !p.blocked && !root && (p.contact || p.active(now)) {
		if sent := w.keepalive(at, p); !sent && p.contact && now-p.lastFullHello >= contactHello {
			w.helloVia(at, p)
		}
	}
	least := attendEvery
	if w.set.low {
		least = pingEveryLow
	}
	w.alarms.set(p, max(w.nextAlarm(now, p, root), now+least))
}

// nextAlarm is when a peer wants attention if nothing happens before.
func (w *Wire) nextAlarm(now clock.Mono, p *Peer, root bool) clock.Mono {
	next := now + peerAliveFor // a root may cease to be one
	if !root {
		next = max(p.lastReceive+peerAliveFor, p.keepUntil)
	}
	if p.unstored {
		next = min(next, p.lastStored+storeEvery)
	}
	if p.lately != nil {
		next = min(next, now+latelyFor)
	}
	if root || p.blocked || !p.contact && !p.active(now) {
		return next
	}
	if p.unanswered != clock.Never {
		next = min(next, p.unanswered+answerIn)
	}
	if len(p.slots) > 0 {
		next = min(next, p.lastFullHello+fullHello)
	} else if p.contact {
		next = min(next, p.lastFullHello+contactHello)
	}
	for i := range p.slots {
		s := &p.slots[i]
		next = min(next, s.seen+pathExpiresAfter, min(s.lastOut, s.lastIn)+pathHeartbeat)
	}
	return next
}

// changed notes that a peer's record differs from the stored one.
func (w *Wire) changed(p *Peer) {
	p.unstored = true
	w.alarms.soon(p, max(w.now+settleFor, p.lastStored+storeEvery))
}

// engaged notes traffic to or from a peer that is to be kept reached from now on.
func (w *Wire) engaged(now clock.Mono, p *Peer) {
	if !p.active(now) {
		w.alarms.soon(p, now+settleFor)
	}
	p.lastNontrivial = now
}

// watchContacts takes over whom VL2 wants to keep in contact with, and reports
// whether the identity of one of them is not known yet.
func (w *Wire) watchContacts(at clock.Instant) (unknown bool) {
	wanted := w.upper.AlwaysContact(w.spare[:0])
	w.spare = wanted
	if !slices.Equal(wanted, w.contacts) {
		w.markContacts(false)
		w.contacts = append(w.contacts[:0], wanted...)
		w.markContacts(true)
	}
	for _, a := range w.contacts {
		if w.peers[a] == nil {
			w.Whois(at, a)
			unknown = true
		}
	}
	return unknown
}

func (w *Wire) markContacts(wanted bool) {
	for _, a := range w.contacts {
		if p := w.peers[a]; p != nil && p.contact != wanted {
			p.contact = wanted
			w.alarms.soon(p, w.now)
		}
	}
}

// isContact reports whether VL2 wants contact with an address.
func (w *Wire) isContact(a identity.Address) bool { return slices.Contains(w.contacts, a) }
