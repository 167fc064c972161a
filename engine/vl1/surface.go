package vl1

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

const (
	surfaceFor = 600 * clock.Second
	// resetEvery is the least time between two questions to everybody whether
	// their paths still work: a root could have us ask all day.
	resetEvery  = 10 * clock.Second
	maxSurfaces = 256
	// surfacesOfOne is how many of them may be of one node that is no root.
	surfacesOfOne = 16
)

// surface is how others see our physical address (spec 03 §4.8).
type surface struct {
	seen []sighting
	// reset is when the paths of a scope and family were last made to prove
	// themselves, 0 if never.
	reset [8][2]clock.Mono
}

// sighting is one reporter's view of one of our sockets.
type sighting struct {
	reporter identity.Address
	by       *Peer // the reporter
	from     pathKey
	scope    wire.Scope
	as       netip.AddrPort
	// since is when it was first told, at when last.
	since, at clock.Mono
}

// learnSurface takes a report of our own address. When a root sees another IP
// than before, our network changed: paths of that scope are unproved then.
func (w *Wire) learnSurface(at clock.Instant, p *Peer, from pathKey, as netip.AddrPort) {
	if from.socket == RelaySocket {
		return // the relay's address, not ours
	}
	if w.measure(from, as.Port()) {
		return
	}
	scope := wire.ScopeOf(as.Addr())
	if as.Addr().Is4In6() || scope != wire.ScopeOf(from.remote.Addr()) || scope == wire.ScopeNone || scope == wire.ScopeLoopback || scope == wire.ScopeMulticast {
		return
	}
	s := &w.surface
	i := slices.IndexFunc(s.seen, func(x sighting) bool {
		return x.reporter == p.id.Address && x.from == from && x.scope == scope
	})
	if i < 0 {
		w.makeSurfaceRoom(p)
		s.seen = append(s.seen, sighting{p.id.Address, p, from, scope, as, at.Mono, at.Mono})
		return
	}
	old := s.seen[i]
	s.seen[i].by, s.seen[i].as, s.seen[i].at = p, as, at.Mono
	if old.as != as {
		s.seen[i].since = at.Mono
	}
	if !w.IsUpstream(p.id) || at.Mono-old.at >= surfaceFor || old.as.Addr() == as.Addr() {
		return
	}
	last := &s.reset[scope&7][family(as.Addr())]
	if *last != 0 && at.Mono-*last < resetEvery {
		return
	}
	*last = at.Mono
	w.moved()
	s.seen = slices.DeleteFunc(s.seen, func(x sighting) bool { return x.scope == scope && x.from.remote != from.remote })
	for _, q := range w.order {
		if q != p {
			w.resetScope(at, q, scope, as.Addr().Is4())
		}
	}
}

// makeSurfaceRoom has the oldest report give way to another of p, if there are too
// many: one of p if it has its share, else one of somebody who is no root.
func (w *Wire) makeSurfaceRoom(p *Peer) {
	s := &w.surface
	oldest, own, first := -1, 0, -1
	for i := range s.seen {
		if s.seen[i].reporter == p.id.Address {
			if own++; own == 1 {
				first = i
			}
		}
		if oldest < 0 && !w.IsUpstream(s.seen[i].by.id) {
			oldest = i
		}
	}
	switch {
	case own >= surfacesOfOne && !w.IsUpstream(p.id):
		oldest = first
	case len(s.seen) < maxSurfaces:
		return
	}
	s.seen = slices.Delete(s.seen, max(0, oldest), max(0, oldest)+1)
}

// vouched reports whether a report is believed: of a root, of a member of a common
// network, or of its controller. Strangers may say what they like.
func (w *Wire) vouched(now clock.Mono, x *sighting) bool {
	return x.by.trusted(now) || w.mayRedirect(x.by)
}

// resetScope makes a peer's paths of one scope and family prove themselves.
func (w *Wire) resetScope(at clock.Instant, p *Peer, scope wire.Scope, v4 bool) {
	for i := range p.slots {
		s := &p.slots[i]
		if s.scope == scope && s.remote.Addr().Is4() == v4 {
			w.probe(at, p, s.pathKey)
			s.seen = clock.Never
			p.best = bestPath{}
		}
	}
}

// Surface returns the addresses at which others see us, what roots say first.
func (w *Wire) Surface(now clock.Mono) []netip.AddrPort {
	var as []netip.AddrPort
	for _, roots := range [2]bool{true, false} {
		for i := range w.surface.seen {
			x := &w.surface.seen[i]
			if w.IsUpstream(x.by.id) == roots && now-x.at < surfaceFor && !slices.Contains(as, x.as) && (roots || w.vouched(now, x)) {
				as = append(as, x.as)
			}
		}
	}
	return as
}

func (w *Wire) expireSurface(now clock.Mono) {
	w.surface.seen = slices.DeleteFunc(w.surface.seen, func(x sighting) bool { return now-x.at >= surfaceFor })
}
