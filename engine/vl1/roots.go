package vl1

import (
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
