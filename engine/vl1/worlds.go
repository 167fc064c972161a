package vl1

import (
	"errors"
	"fmt"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/trust"
	"orrery/engine/wire"
	"orrery/engine/world"
)

var (
	// ErrWorldOlder is returned for a world that does not replace the held one.
	ErrWorldOlder = errors.New("not a newer revision signed by the held key")
	// ErrWorldPinned is returned for a world with a root whose address is
	// recorded with another key.
	ErrWorldPinned = errors.New("a root's key differs from the recorded one")
	// ErrWorldSelf is returned for a world that gives our own address to another
	// key.
	ErrWorldSelf = errors.New("a root has the address of this computer and another key")
	// ErrWorldKind is returned for what is neither planet nor moon.
	ErrWorldKind = errors.New("not a world of this kind")
	// ErrWorldUnsigned is returned for a first world that its own key has not
	// signed, when no other is given to check it with.
	ErrWorldUnsigned = errors.New("not signed by the key that it names")
	// ErrWorldKey is returned for a first world that the given key has not signed.
	ErrWorldKey = errors.New("not signed by the given key")
	// ErrWorldIdentity is returned for a world with a root whose address does not
	// follow from its key.
	ErrWorldIdentity = errors.New("the address of a root does not follow from its key")
)

// maxWorldsLen is how many bytes of worlds fit into OK(HELLO), which must not
// need more than seven parts (spec 02 §6).
const maxWorldsLen = wire.DefaultMTU + 6*(wire.DefaultMTU-wire.FragmentHeaderLen) - 256

// AddWorld takes a planet or a moon that the caller has verified, as the service
// does at its start. Where one is held it must be a newer revision, signed by
// the key of that. Roots whose address is recorded with another key make the
// whole world refused (spec 03 §11.2).
func (w *Wire) AddWorld(at clock.Instant, nw *world.World) error {
	held := w.top.held(nw)
	if held == nil {
		return w.install(at, nw, nil)
	}
	if err := held.CheckUpdate(nw); err != nil {
		return fmt.Errorf("%s %016x: %w: %w", nw.Kind, nw.ID, ErrWorldOlder, err)
	}
	key := held.UpdateKey
	return w.install(at, nw, &key)
}

// UseWorld takes a planet or moon because the user says so, in place of
// whatever is held; but not an older revision, which the roots would replace at
// once. It must be signed by key, or if that is nil by the key that it names.
func (w *Wire) UseWorld(at clock.Instant, nw *world.World, key *identity.PublicKey) error {
	if err := w.checkFirst(nw, key); err != nil {
		return err
	}
	if held := w.top.held(nw); held != nil && held.ID == nw.ID && nw.Timestamp < held.Timestamp {
		return fmt.Errorf("%s %016x: %w: %w", nw.Kind, nw.ID, ErrWorldOlder, world.ErrOlder)
	}
	if nw.Kind == world.Moon && w.top.held(nw) == nil && !w.roomForMoon(nw.ID) {
		return ErrMoons
	}
	return w.install(at, nw, key)
}

// checkFirst verifies a world of which no revision is held. Nothing says that
// its key is the right one unless the user does; but it is at least whole, and
// made by whoever holds that key. A revision that hands over to another key is
// signed by the key before, which only the user can know.
func (w *Wire) checkFirst(nw *world.World, key *identity.PublicKey) error {
	switch {
	case nw.Kind != world.Planet && nw.Kind != world.Moon || nw.ID == 0:
		return ErrWorldKind
	case key != nil && !nw.Verify(key):
		return fmt.Errorf("%s %016x: %w", nw.Kind, nw.ID, ErrWorldKey)
	case key == nil && !nw.SelfSigned():
		return fmt.Errorf("%s %016x: %w", nw.Kind, nw.ID, ErrWorldUnsigned)
	}
	return nil
}

// install makes a world the one in force. signer is the key that it was verified
// by, nil if the caller knows.
func (w *Wire) install(at clock.Instant, nw *world.World, signer *identity.PublicKey) error {
	if nw.Kind != world.Planet && nw.Kind != world.Moon || nw.ID == 0 {
		return ErrWorldKind
	}
	if err := w.identifyRoots(at, nw); err != nil {
		return fmt.Errorf("%s %016x: %w", nw.Kind, nw.ID, err)
	}
	noted := signer != nil && w.top.orbits.Remember(nw, signer)
	if nw.Kind == world.Moon && w.unwant(nw.ID) || noted {
		w.storeOrbits() // first: without the note the world could not be read again
	}
	w.top.put(nw)
	kind := StorePlanet
	if nw.Kind == world.Moon {
		kind = StoreMoon
	}
	w.out.Store = append(w.out.Store, Store{Kind: kind, ID: nw.ID, Data: nw.AppendBinary(nil)})
	w.worldsChanged(at)
	return nil
}

// identifyRoots asks the trust table about all roots. One conflict refuses the
// world, and then nothing of it is recorded but that.
func (w *Wire) identifyRoots(at clock.Instant, nw *world.World) error {
	for i := range nw.Roots {
		id := nw.Roots[i].Identity
		if id.Address == w.self.Address && id != w.self {
			return ErrWorldSelf
		}
		for j := range i {
			if o := nw.Roots[j].Identity; o.Address == id.Address && o != id {
				return fmt.Errorf("root %s: %w", id.Address, ErrWorldPinned)
			}
		}
		if r, ok := w.trust.Get(id.Address); ok && r.Identity != id && id != w.self {
			w.trust.Identify(at.Wall, id, trust.FromWorld)
			return fmt.Errorf("root %s: %w", id.Address, ErrWorldPinned)
		}
	}
	for i := range nw.Roots {
		if id := nw.Roots[i].Identity; id != w.self {
			w.trust.Identify(at.Wall, id, trust.FromWorld)
		}
	}
	return nil
}

// worldsChanged recomputes who is a root. Former roots stay as ordinary peers.
func (w *Wire) worldsChanged(at clock.Instant) {
	w.top.rebuild(w.self)
	w.top.revision++
	w.bestRoot, w.lastRoot = nil, nil
	for i := range w.top.upstreams {
		w.admitRoot(at, w.top.upstreams[i].id)
		w.seat(&w.top.upstreams[i])
	}
	w.nextPing = at.Mono
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
		p.nextRoot, w.nextPing = at.Mono, min(w.nextPing, at.Mono)
	}
}

// takeWorlds offers the worlds that a peer sent along with OK(HELLO). It reports
// whether they could be read; those before one that cannot be are offered
// (spec 02 §13.5).
func (w *Wire) takeWorlds(at clock.Instant, from identity.Identity, b []byte) bool {
	for len(b) > 0 {
		nw, n, err := world.Parse(b)
		if err != nil {
			w.drop(DropFormat)
			return false
		}
		b = b[n:]
		held := w.top.held(&nw)
		switch {
		case held == nil:
			w.offerMoon(at, from, &nw) // never a first planet: that is the user's to choose
		case held.ID == nw.ID && nw.Timestamp <= held.Timestamp:
			// What we have, or a root that is behind.
		default:
			if err := w.AddWorld(at, &nw); err != nil {
				w.drop(DropWorld)
				w.log.Debug("a root offered a world that was refused", "root", from.Address, "err", err)
			}
		}
	}
	return true
}
