package vl1

import (
	"cmp"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/world"
)

// Role is what another node is to us.
type Role uint8

// The roles of spec 03 §3.3.
const (
	Leaf Role = iota
	MoonRoot
	PlanetRoot
)

// upstream is a root of our planet or of a moon.
type upstream struct {
	id        identity.Identity
	endpoints []netip.AddrPort // of all its entries
	anywhere  bool             // an entry without endpoints permits any address
	role      Role
	peer      *Peer // nil while there is none of this identity
}

// topology knows the roots.
type topology struct {
	planet    world.World
	moons     []world.World // by ID
	upstreams []upstream    // by address
	amRoot    bool
	// revision counts changes of worlds.
	revision uint16

	orbits world.Orbits
	wanted []wanted // moons of orbits.Wanted, in the same order
}

// held is the world that another one would replace, nil if none: our planet
// whatever its ID, or the moon of the same ID (spec 03 §3.2).
func (t *topology) held(nw *world.World) *world.World {
	if nw.Kind == world.Planet {
		if t.planet.Empty() {
			return nil
		}
		return &t.planet
	}
	if i := slices.IndexFunc(t.moons, func(m world.World) bool { return m.ID == nw.ID }); i >= 0 {
		return &t.moons[i]
	}
	return nil
}

// put enters a world that was accepted.
func (t *topology) put(nw *world.World) {
	switch held := t.held(nw); {
	case held != nil:
		*held = *nw
	case nw.Kind == world.Planet:
		t.planet = *nw
	default:
		t.moons = append(t.moons, *nw)
		slices.SortFunc(t.moons, func(a, b world.World) int { return cmp.Compare(a.ID, b.ID) })
	}
}

// find returns the upstream with an address, nil if it is none.
func (t *topology) find(a identity.Address) *upstream {
	i, ok := slices.BinarySearchFunc(t.upstreams, a, func(u upstream, a identity.Address) int {
		switch {
		case u.id.Address < a:
			return -1
		case u.id.Address > a:
			return 1
		}
		return 0
	})
	if !ok {
		return nil
	}
	return &t.upstreams[i]
}

// prohibited reports whether a root must not be reached at ip: only addresses
// that its world names are a root's (spec 03 §3.3). Ports do not count.
func (t *topology) prohibited(a identity.Address, ip netip.Addr) bool {
	u := t.find(a)
	if u == nil || u.anywhere {
		return false
	}
	return !slices.ContainsFunc(u.endpoints, func(e netip.AddrPort) bool { return e.Addr() == ip })
}

// rebuild recomputes the upstreams after a world changed.
func (t *topology) rebuild(self identity.Identity) {
	t.upstreams, t.amRoot = nil, false
	add := func(w *world.World, role Role) {
		for _, r := range w.Roots {
			if r.Identity == self {
				t.amRoot = true
				continue
			}
			i := slices.IndexFunc(t.upstreams, func(u upstream) bool { return u.id.Address == r.Identity.Address })
			if i < 0 {
				t.upstreams = append(t.upstreams, upstream{id: r.Identity, role: role})
				i = len(t.upstreams) - 1
			}
			u := &t.upstreams[i]
			if u.id != r.Identity {
				continue // the planet's word, or the older moon's, is first
			}
			u.anywhere = u.anywhere || len(r.Endpoints) == 0
			for _, e := range r.Endpoints {
				if !slices.Contains(u.endpoints, e) {
					u.endpoints = append(u.endpoints, e)
				}
			}
		}
	}
	add(&t.planet, PlanetRoot)
	for i := range t.moons {
		add(&t.moons[i], MoonRoot)
	}
	slices.SortFunc(t.upstreams, func(a, b upstream) int { return cmp.Compare(a.id.Address, b.id.Address) })
}

// rootPeer is the peer of a root, nil if there is none: the user may have
// pinned another key for its address since the world was accepted.
func (w *Wire) rootPeer(u *upstream) *Peer { return u.peer }

// seat notes which peer an upstream is, after either changed.
func (w *Wire) seat(u *upstream) {
	u.peer = nil
	if p := w.peers[u.id.Address]; p != nil && p.id == u.id {
		u.peer = p
	}
}

// bestUpstream ranks the roots by latency and silence (spec 03 §3.4).
func (w *Wire) bestUpstream(now clock.Mono) *Peer {
	if w.bestRoot != nil && now < w.bestRootUntil {
		return w.bestRoot
	}
	var best *Peer
	quality := uint64(0)
	for i := range w.top.upstreams {
		p := w.rootPeer(&w.top.upstreams[i])
		if p == nil {
			continue
		}
		q := uint64(0xffffffff)
		if silent := now - p.lastReceive; silent < peerAliveFor {
			q = uint64(p.latency(now)) * uint64(silent/(61*clock.Second)+1)
			if p.live(now) == nil || p.unanswered != clock.Never && now-p.unanswered > 5*clock.Second {
				// It does not answer now: prefer any root that does.
				q += 0x10000000
			}
		}
		if p == w.lastRoot {
			// The one in use is known to work: another must be clearly better.
			q -= q / 4
		}
		if best == nil || q <= quality {
			best, quality = p, q
		}
	}
	w.bestRoot, w.lastRoot, w.bestRootUntil = best, best, now+500*clock.Millisecond
	return best
}

// Planet returns the planet in force.
func (w *Wire) Planet() world.World { return w.top.planet }

// Moons returns the moons in force, by ID.
func (w *Wire) Moons() []world.World { return slices.Clone(w.top.moons) }

// RoleOf says what another node is to us. A stranger with a root's address is
// none.
func (w *Wire) RoleOf(id identity.Identity) Role {
	if u := w.top.find(id.Address); u != nil && u.id == id {
		return u.role
	}
	return Leaf
}
