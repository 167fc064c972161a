package vl1

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/trust"
	"orrery/engine/world"
)

var (
	// ErrWorldOlder is returned for a world that does not replace the held one.
	ErrWorldOlder = errors.New("not a newer revision signed by the held key")
	// ErrWorldPinned is returned for a world with a root whose address is
	// recorded with another key.
	ErrWorldPinned = errors.New("a root's key differs from the recorded one")
	// ErrWorldKind is returned for a planet in place of a moon or the reverse.
	ErrWorldKind = errors.New("not a world of this kind")
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
}

// topology knows the roots.
type topology struct {
	planet    world.World
	moons     []world.World // by ID
	upstreams []upstream    // by address
	amRoot    bool
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
	slices.SortFunc(t.upstreams, func(a, b upstream) int {
		if a.id.Address < b.id.Address {
			return -1
		}
		return 1
	})
}

// AddWorld offers a planet or a moon. It is taken if it replaces the held one
// by signature and time; a first planet or moon is taken as it is, since the
// user chose it. Roots whose address is recorded with another key make the
// whole world refused (spec 03 §11.2).
func (w *Wire) AddWorld(at clock.Instant, nw *world.World) error {
	var held *world.World
	switch nw.Kind {
	case world.Planet:
		if w.top.planet.ID != 0 {
			held = &w.top.planet
		}
	case world.Moon:
		if i := slices.IndexFunc(w.top.moons, func(m world.World) bool { return m.ID == nw.ID }); i >= 0 {
			held = &w.top.moons[i]
		}
	default:
		return ErrWorldKind
	}
	if held != nil && !held.ReplacedBy(nw) {
		return fmt.Errorf("world %016x: %w", nw.ID, ErrWorldOlder)
	}
	for _, r := range nw.Roots {
		if r.Identity != w.self && !w.trust.Identify(at.Wall, r.Identity, trust.FromWorld) {
			return fmt.Errorf("root %s: %w", r.Identity.Address, ErrWorldPinned)
		}
	}
	switch {
	case held != nil:
		*held = *nw
	case nw.Kind == world.Planet:
		w.top.planet = *nw
	default:
		w.top.moons = append(w.top.moons, *nw)
		slices.SortFunc(w.top.moons, func(a, b world.World) int {
			if a.ID < b.ID {
				return -1
			}
			return 1
		})
	}
	kind := StorePlanet
	if nw.Kind == world.Moon {
		kind = StoreMoon
	}
	w.out.Store = append(w.out.Store, Store{Kind: kind, ID: nw.ID, Data: nw.AppendBinary(nil)})
	w.top.rebuild(w.self)
	for i := range w.top.upstreams {
		w.admitRoot(at, w.top.upstreams[i].id)
	}
	w.nextPing = at.Mono
	return nil
}

// admitRoot makes a peer of a root. A signed world outranks whatever else was
// learnt for the address.
func (w *Wire) admitRoot(at clock.Instant, id identity.Identity) {
	if p := w.peers[id.Address]; p != nil {
		if p.id == id {
			return
		}
		w.forget(p)
	}
	if p, err := w.admit(at, id, trust.FromWorld); err == nil {
		p.nextRoot = at.Mono
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
		p := w.peers[w.top.upstreams[i].id.Address]
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

// RoleOf says what an address is to us.
func (w *Wire) RoleOf(a identity.Address) Role {
	if u := w.top.find(a); u != nil {
		return u.role
	}
	return Leaf
}
