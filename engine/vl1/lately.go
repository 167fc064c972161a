package vl1

import "orrery/engine/clock"

// lately has what a peer did in the last minutes, as far as it matters for what
// it may do next. A root has a hundred thousand peers that do nothing: theirs is
// freed when all in it is past.
type lately struct {
	directPush clock.Mono // when addresses were last pushed to it
	whoisIn    clock.Mono // its last WHOIS that was answered
	pushGate   pushGate
	probes     [4]probe // recent probes of unknown paths, a ring
	probeAt    int
	redirect   redirect   // where it asked to be reached
	advised    clock.Mono // when it was looked for where it may be
	relayFit   *fit       // the way to it through a relay
}

// latelyFor is how long something in it matters: until the gate for
// PUSH_DIRECT_PATHS is full again, or another push is due.
const latelyFor = 120 * clock.Second

// probe remembers that a path was probed for a peer.
type probe struct {
	pathKey
	at clock.Mono
}

// recent returns what the peer did lately, to change it.
func (p *Peer) recent() *lately {
	if p.lately == nil {
		p.lately = &lately{directPush: clock.Never, whoisIn: clock.Never, advised: clock.Never, pushGate: pushGate{tokens: 8, last: clock.Never}}
		for i := range p.lately.probes {
			p.lately.probes[i].at = clock.Never
		}
	}
	return p.lately
}

// past reports whether nothing in it matters any more.
func (l *lately) past(now, push clock.Mono) bool {
	for i := range l.probes {
		if now-l.probes[i].at < clock.Second {
			return false
		}
	}
	if l.relayFit != nil && now-l.relayFit.began < fitAgain || now-l.advised < advisedEvery {
		return false
	}
	return now-l.directPush >= push && now-l.whoisIn >= clock.Second && now-l.pushGate.last >= latelyFor
}

// pushDue reports whether a push of our addresses to the peer is due: in 15 s if
// it reaches us only through a relay, else every so often (spec 03 §5.8).
func (p *Peer) pushDue(now clock.Mono, relayed bool, every clock.Mono) bool {
	if p.lately == nil {
		return true
	}
	if relayed {
		every = 15 * clock.Second
		if p.search != nil && p.search.mute > 0 && p.search.tries > 0 {
			every = pushMute
		}
	}
	return now-p.lately.directPush >= every
}

// probedRecently gates probes of unknown paths, one a second for each.
func (p *Peer) probedRecently(now clock.Mono, k pathKey) bool {
	l := p.recent()
	for i := range l.probes {
		if l.probes[i].pathKey == k && now-l.probes[i].at < clock.Second {
			return true
		}
	}
	l.probes[l.probeAt] = probe{k, now}
	l.probeAt = (l.probeAt + 1) % len(l.probes)
	return false
}

// pushGate limits PUSH_DIRECT_PATHS from one peer: a bucket of eight that
// refills one each 15 s, which admits all that a steady sender sends.
type pushGate struct {
	tokens int
	last   clock.Mono
}

func (g *pushGate) open(now clock.Mono) bool {
	if n := int((now - g.last) / (15 * clock.Second)); n > 0 {
		g.tokens = min(8, g.tokens+n)
		g.last = now
	}
	if g.tokens == 0 {
		return false
	}
	g.tokens--
	return true
}
