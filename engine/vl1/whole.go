package vl1

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

const (
	// lossyFrom is how many packets must have lost parts, each within fitSoon of
	// the one before, for a way to count as one that loses parts. A single loss is
	// what every line has.
	lossyFrom = 4
)

// lostPart notes that a packet that came this way was never complete.
func (f *fit) lostPart(now clock.Mono) {
	if now-f.lostAt >= fitSoon {
		f.lost = 0
	}
	f.lost, f.lostAt = min(f.lost+1, lossyFrom), now
}

// hurts reports whether packets of more than one datagram are worth avoiding:
// the way does not carry datagrams of the usual length, or loses some of several.
func (f *fit) hurts(now clock.Mono) bool {
	return f != nil && (f.payload < wire.DefaultMTU || f.lost >= lossyFrom && now-f.lostAt < fitAgain)
}

// Whole is the length in bytes of the longest packet, from its header on, that
// goes to a peer in one datagram, if the way there is known to lose datagrams for
// their length or parts of packets. It is 0 where length does not matter, which
// is nearly everywhere.
func (w *Wire) Whole(a identity.Address) int {
	p := w.peers[a]
	if p == nil {
		return 0
	}
	now := w.now
	if own := p.direct(now); own != nil {
		if own.fit.hurts(now) {
			return own.payload()
		}
		return 0
	}
	if p.lately == nil || !p.lately.relayFit.hurts(now) {
		return 0
	}
	if root := w.bestUpstream(now); root != nil && root != p {
		return p.payloadTo(root, root.direct(now))
	}
	return 0
}

// suspectFit has a path looked at on which parts of packets got lost: soon if it
// has traffic, at once if that happens again and again. Where only the other side
// sends long packets and does not find out by itself what the path carries, as the
// reference, this is how we notice.
func (w *Wire) suspectFit(at clock.Instant, by pathKey) {
	x, now := w.paths[by], at.Mono
	if x == nil {
		return
	}
	if x.fit == nil {
		x.fit = &fit{payload: wire.DefaultMTU, unheard: now, gap: hintFirst, began: now - fitSoon}
	}
	f := x.fit
	f.lostPart(now)
	if f.running || now-f.began < fitSoon {
		return
	}
	f.next = now
	if f.lost < lossyFrom || x.rule != nil && x.rule.MTU > 0 {
		return
	}
	for _, p := range w.order {
		if p.slotOf(by) != nil {
			w.search(at, p, x, &x.fit, false)
			return
		}
	}
}
