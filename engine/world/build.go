package world

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// ErrDuplicateRoot is returned for a world that names an address twice.
var ErrDuplicateRoot = errors.New("a root is named twice")

// NewPlanet makes and signs a revision of a planet. updateKey is to sign the
// next one; signer signs this one and must be the key that the revision before
// named. Roots and endpoints are sorted. Errors wrap ErrRoots, ErrEndpoints,
// ErrDuplicateRoot, or ErrFormat for an ID of 0, a root with a reserved address
// or an endpoint that is not the address of a host (spec 02 §14.7).
func NewPlanet(id uint64, at clock.Wall, roots []Root, updateKey identity.PublicKey, signer *SigningKey) (World, error) {
	return build(Planet, id, at, roots, updateKey, signer)
}

// NewMoon is [NewPlanet] for moons. The control API takes only IDs of 40 bits,
// and by convention the ID is the address of a root.
func NewMoon(id uint64, at clock.Wall, roots []Root, updateKey identity.PublicKey, signer *SigningKey) (World, error) {
	return build(Moon, id, at, roots, updateKey, signer)
}

func build(kind Kind, id uint64, at clock.Wall, roots []Root, updateKey identity.PublicKey, signer *SigningKey) (World, error) {
	if id == 0 {
		return World{}, fmt.Errorf("%w: the ID is 0", ErrFormat)
	}
	if len(roots) > MaxRoots {
		return World{}, fmt.Errorf("%w, got %d", ErrRoots, len(roots))
	}
	w := World{Kind: kind, ID: id, Timestamp: at, UpdateKey: updateKey}
	for _, r := range roots {
		r.Endpoints = slices.Clone(r.Endpoints)
		slices.SortFunc(r.Endpoints, netip.AddrPort.Compare)
		if err := checkRoot(&r); err != nil {
			return World{}, fmt.Errorf("root %s: %w", r.Identity.Address, err)
		}
		if w.HasRoot(r.Identity.Address) {
			return World{}, fmt.Errorf("root %s: %w", r.Identity.Address, ErrDuplicateRoot)
		}
		w.Roots = append(w.Roots, r)
	}
	slices.SortFunc(w.Roots, func(a, b Root) int { return a.Identity.Compare(b.Identity) })
	signer.Sign(&w)
	return w, nil
}

func checkRoot(r *Root) error {
	if r.Identity.Address.Reserved() {
		return fmt.Errorf("%w: reserved address", ErrFormat)
	}
	if len(r.Endpoints) > MaxEndpoints {
		return fmt.Errorf("%w, got %d", ErrEndpoints, len(r.Endpoints))
	}
	for _, e := range r.Endpoints {
		if s := wire.ScopeOf(e.Addr()); s == wire.ScopeNone || s == wire.ScopeMulticast || e.Port() == 0 {
			return fmt.Errorf("%w: nothing can be reached at endpoint %q", ErrFormat, wire.FormatInet(e))
		}
	}
	return nil
}
