package vl1

import "orrery/engine/clock"

// A path is known to work only while something comes back on it. When data goes
// out and nothing comes in, the peer is asked; when it does not answer, other
// paths and the roots take over at once, though the path is not forgotten. The
// reference sends into a dead path until it expires, 243 s later.
const (
	// unheardFor is how long data may go out with nothing coming in before the
	// peer is asked, if the path was quiet for quietFor.
	unheardFor = 400 * clock.Millisecond
	quietFor   = 1500 * clock.Millisecond
	// answerWithin is when an unanswered question makes a path suspect: two
	// more were lost meanwhile.
	answerWithin = clock.Second
	// coldAfter is when NATs on the way may have forgotten a path that is not
	// kept alive: data takes a relay until the path is known to work.
	coldAfter = 25 * clock.Second
	askEvery  = 500 * clock.Millisecond
	// lateTwin is how far apart one HELLO may arrive by two sockets of a peer.
	lateTwin   = 25 * clock.Millisecond
	askSlowest = 3 * clock.Second
)

// suspect reports whether a peer was asked on the path and does not answer.
func (p *path) suspect(now clock.Mono) bool {
	if p.asked == clock.Never {
		return false
	}
	if p.doubted {
		return true
	}
	patience := answerWithin
	if p.latency != unknownLatency {
		patience = max(patience, 3*clock.Mono(p.latency)*clock.Millisecond)
	}
	return now-p.asked >= patience
}

// heard notes an authenticated direct packet.
func (p *path) heard(now clock.Mono) {
	p.lastIn = now
	p.carrying, p.asked, p.doubted = clock.Never, clock.Never, false
}

// detour notes that a packet of a peer came through a relay. If the path to the
// peer is quiet, the peer has probably found that it does not work: then it is
// asked, and not used until it answers.
func (w *Wire) detour(at clock.Instant, p *Peer, by pathKey) {
	if x := w.paths[by]; x != nil {
		x.relayed = at.Mono
	}
	if own := p.direct(at.Mono); own != nil && own.pathKey != by && at.Mono-own.lastIn >= quietFor {
		w.ask(at, p, own)
		own.doubted = true
	}
	w.talked(at, p)
}

// displaced notes that a peer said HELLO through a relay: it has no way to us
// that it trusts, so ours is not used until it proves itself.
func (w *Wire) displaced(at clock.Instant, p *Peer) {
	if own := p.direct(at.Mono); own != nil && at.Mono-own.lastIn >= lateTwin {
		w.ask(at, p, own)
		own.doubted = true
	}
}

// carry notes that data leaves for the owner of a path, or by it as a relay,
// and asks whether it still listens if nothing came for a while.
func (w *Wire) carry(at clock.Instant, owner *Peer, via *path) {
	now := at.Mono
	if via.carrying == clock.Never {
		via.carrying = now
		return
	}
	if now-via.carrying < unheardFor || now-max(via.lastIn, via.relayed) < quietFor {
		return
	}
	w.ask(at, owner, via)
}

// ask probes a path, first by ECHO, then by HELLO, since a peer that restarted
// may have forgotten us.
func (w *Wire) ask(at clock.Instant, owner *Peer, via *path) {
	now := at.Mono
	if now < via.nextAsk {
		return
	}
	if via.asked == clock.Never {
		via.nextAsk = now + askEvery
		w.probe(at, owner, via.pathKey)
		return
	}
	via.nextAsk = now + min(max((now-via.asked)/2, askEvery), askSlowest)
	w.hello(at, owner, via.pathKey)
}

// probed notes that a peer was asked at an address, on the paths it concerns.
func (w *Wire) probed(now clock.Mono, p *Peer, to pathKey) {
	if p.unanswered == clock.Never {
		p.unanswered = now
		if p.contact || p.active(now) {
			w.alarms.soon(p, now+answerIn)
		}
		if now+answerIn < p.nextRoot { // a root: others are never looked at so
			p.nextRoot = now + answerIn
			w.nextPing = min(w.nextPing, p.nextRoot)
		}
	}
	for i := range p.slots {
		s := &p.slots[i]
		if s.asked == clock.Never && s.remote == to.remote && (to.socket == AnySocket || to.socket == s.socket) {
			s.asked = now
		}
	}
}

// live returns the best path of a peer that is neither expired nor suspect.
func (p *Peer) live(now clock.Mono) *path {
	if b := p.direct(now); b != nil && !b.suspect(now) {
		return b
	}
	return nil
}
