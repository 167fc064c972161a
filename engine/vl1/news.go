package vl1

import (
	"orrery/engine/clock"
	"orrery/engine/wire"
)

// A new planet or moon reaches others in the answer to their next HELLO, which
// leaves send their roots each 224 s. So that it does not take so long, a root
// answers the next heartbeats of a peer with a HELLO of its own, which names the
// revisions that it has, and whoever is behind asks. To the reference that is a
// HELLO like any other.
const (
	// newsTimes is how often a root says so to one that does not ask.
	newsTimes = 3
	// newsEvery is the least time between two HELLOs for this reason.
	newsEvery = 10 * clock.Second
)

// tellNews says HELLO to a peer that may not have our worlds yet.
func (w *Wire) tellNews(at clock.Instant, p *Peer, from pathKey) {
	if !w.top.amRoot || p.toldOf == w.top.revision && p.toldTimes >= newsTimes || !w.provenFor(p, from) {
		return
	}
	if p.toldOf != w.top.revision {
		p.toldOf, p.toldTimes = w.top.revision, 0
	}
	p.toldTimes++
	w.aside(p, func() { w.hello(at, p, from) })
}

// upToDate notes that a peer was told all.
func (w *Wire) upToDate(p *Peer) { p.toldOf, p.toldTimes = w.top.revision, newsTimes }

// hearNews asks a root whose HELLO names newer revisions than ours.
func (w *Wire) hearNews(at clock.Instant, p *Peer, h *wire.Hello, moons wire.MoonRevisions) {
	if !w.IsUpstream(p.id) || !w.behind(h, moons) {
		return
	}
	care := w.reach.care(p.id.Address)
	due := max(at.Mono, care.news+newsEvery)
	if care.news > at.Mono {
		return // it will be asked
	}
	care.news = due
	p.lastFullHello = min(p.lastFullHello, due-rootHello)
	p.nextRoot = min(p.nextRoot, due)
	w.nextPing = min(w.nextPing, p.nextRoot)
}

// behind reports whether a HELLO names a newer revision of what we hold, or a moon
// that we want.
func (w *Wire) behind(h *wire.Hello, moons wire.MoonRevisions) bool {
	t := &w.top
	if h.PlanetID != 0 && h.PlanetID == t.planet.ID && h.PlanetTime > t.planet.Timestamp {
		return true
	}
	for i := range moons.Len() {
		m, ok := moons.At(i)
		if !ok || m.Time == 0 {
			continue
		}
		for j := range t.moons {
			if t.moons[j].ID == m.ID && m.Time > t.moons[j].Timestamp {
				return true
			}
		}
		for j := range t.orbits.Wanted {
			if t.orbits.Wanted[j].ID == m.ID {
				return true
			}
		}
	}
	return false
}
