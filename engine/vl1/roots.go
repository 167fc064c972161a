package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// RootInfo describes a root for people and tools.
type RootInfo struct {
	Identity identity.Identity
	// Planet is whether the planet names it, Moons has the IDs of the moons that
	// do.
	Planet bool
	Moons  []uint64
	// Refused is whether it is not talked to, because another key is recorded
	// for its address.
	Refused bool
	// LastAnswer is when it last answered us, clock.Never if not yet.
	LastAnswer clock.Mono
	// Answers is whether it answered lately.
	Answers bool
	// Best is whether it is the one that looks up and relays for us.
	Best bool
	// LatencyMs is the round trip, -1 while unknown.
	LatencyMs int
}

// Roots lists the roots of the planet and of all moons but ourselves, by
// address.
func (w *Wire) Roots(now clock.Mono) []RootInfo {
	list := make([]RootInfo, 0, len(w.top.upstreams))
	best := w.bestUpstream(now)
	for i := range w.top.upstreams {
		u := &w.top.upstreams[i]
		r := RootInfo{Identity: u.id, Planet: w.top.planet.HasRoot(u.id.Address), LatencyMs: -1, LastAnswer: clock.Never}
		for j := range w.top.moons {
			if w.top.moons[j].HasRoot(u.id.Address) {
				r.Moons = append(r.Moons, w.top.moons[j].ID)
			}
		}
		if p := w.rootPeer(u); p != nil {
			r.LastAnswer, r.LatencyMs = p.lastAnswer, known(p.latency(now))
			r.Answers = now-p.lastAnswer < rootLost
			r.Best = p == best && r.Answers
		} else {
			r.Refused = true
		}
		list = append(list, r)
	}
	return list
}

// whoisRoot is the root to ask for an identity: the best one, and each second
// time another one that answers, since they need not know the same nodes.
func (w *Wire) whoisRoot(now clock.Mono, tries int) *Peer {
	best := w.bestUpstream(now)
	if tries%2 == 0 {
		return best
	}
	n := len(w.top.upstreams)
	for i := range n {
		p := w.rootPeer(&w.top.upstreams[(tries/2+i)%n])
		if p != nil && p != best && p.live(now) != nil {
			return p
		}
	}
	return best
}

// greetAgainIn is when a root that was just reached is greeted once more. It
// tells of newer worlds only along paths that it confirmed, and the first HELLO
// came before it could.
const greetAgainIn = 2 * clock.Second

// greetAgain has a root that is reached by a new path greeted soon again.
func (w *Wire) greetAgain(at clock.Instant, p *Peer) {
	if w.set.low || !w.IsUpstream(p.id) {
		return
	}
	p.lastFullHello = min(p.lastFullHello, at.Mono+greetAgainIn-rootHello)
	p.nextRoot = min(p.nextRoot, at.Mono+greetAgainIn)
	w.nextPing = min(w.nextPing, p.nextRoot)
}

// rootAt reports whether a root answers from an IP, whatever the port: roots of
// the reference relay from several.
func (w *Wire) rootAt(ip netip.Addr) bool {
	for i := range w.top.upstreams {
		p := w.rootPeer(&w.top.upstreams[i])
		if p == nil {
			continue
		}
		for j := range p.slots {
			if s := &p.slots[j]; s.remote.Addr() == ip && !s.expired(w.now) {
				return true
			}
		}
	}
	return false
}
