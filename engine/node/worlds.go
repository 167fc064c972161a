package node

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/world"
)

// AddWorld takes a planet or moon that the caller verified, as the service does
// at its start; see [vl1.Wire.AddWorld].
func (c *Core) AddWorld(at clock.Instant, w *world.World, out *Outbox) error {
	c.begin(at, out)
	defer c.end()
	return c.wire.AddWorld(at, w)
}

// UseWorld takes a planet or moon that the user chose, in place of what is held.
// It must be signed by key, or if that is nil by the key that it names; see
// [vl1.Wire.UseWorld].
func (c *Core) UseWorld(at clock.Instant, w *world.World, key *identity.PublicKey, out *Outbox) error {
	c.begin(at, out)
	defer c.end()
	return c.wire.UseWorld(at, w, key)
}

// RestoreOrbits takes what was stored as [vl1.StoreOrbits], before any world is
// added.
func (c *Core) RestoreOrbits(at clock.Instant, o world.Orbits, out *Outbox) {
	c.begin(at, out)
	defer c.end()
	c.wire.RestoreOrbits(at, o)
}

// Orbit begins to use a moon: its seed, a root of it, is asked for it until it
// tells. One that is held already is left as it is. Errors are
// [vl1.ErrMoonSeed] and [vl1.ErrMoons].
func (c *Core) Orbit(at clock.Instant, id uint64, seed identity.Address, out *Outbox) error {
	return c.OrbitSigned(at, world.Wanted{ID: id, Seed: seed}, out)
}

// OrbitSigned is [Core.Orbit] for a moon that must be signed by a key that the
// user knows; the error may then be [vl1.ErrWorldKey] too.
func (c *Core) OrbitSigned(at clock.Instant, want world.Wanted, out *Outbox) error {
	c.begin(at, out)
	defer c.end()
	return c.wire.Orbit(at, want)
}

// Deorbit stops using a moon, held or wanted, and reports whether it was either.
// The moon's file is to be deleted.
func (c *Core) Deorbit(at clock.Instant, id uint64, out *Outbox) bool {
	c.begin(at, out)
	defer c.end()
	return c.wire.Deorbit(at, id)
}

// Wanted lists the moons that are wanted and not there yet, and why.
func (c *Core) Wanted() []vl1.WantedMoon { return c.wire.Wanted() }

// Roots lists the roots of the planet and of all moons, by address, and how they
// do.
func (c *Core) Roots(now clock.Mono) []vl1.RootInfo { return c.wire.Roots(now) }

// Planet returns the planet in force.
func (c *Core) Planet() world.World { return c.wire.Planet() }

// Moons returns the moons in force.
func (c *Core) Moons() []world.World { return c.wire.Moons() }
