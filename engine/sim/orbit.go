package sim

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/world"
)

// Orbit has the node ask a seed for a moon.
func (n *Node) Orbit(id uint64, seed *Node) error {
	return n.OrbitSigned(world.Wanted{ID: id, Seed: seed.identity.Address})
}

// OrbitSigned has the node ask a seed for a moon that a key must have signed.
func (n *Node) OrbitSigned(want world.Wanted) (err error) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { err = c.OrbitSigned(at, want, out) })
	return err
}

// Deorbit has the node leave a moon.
func (n *Node) Deorbit(id uint64) (was bool) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { was = c.Deorbit(at, id, out) })
	return was
}

// loadOrbits gives the core what it had stored of worlds beside their files.
func (n *Node) loadOrbits() {
	if n.disk.orbits == nil {
		return
	}
	o, err := world.ParseOrbits(n.disk.orbits)
	if err != nil {
		panic("sim: stored orbits: " + err.Error())
	}
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.RestoreOrbits(at, o, out) })
}

// SigningKey signs worlds of the simulation; key 0 signs all that say nothing
// else.
func (w *World) SigningKey(index uint64) *world.SigningKey { return w.worldKey(index) }

// MoonOf makes a revision of the moon with an ID, signed by one key and naming
// another, which may be the same.
func (w *World) MoonOf(id uint64, revision clock.Wall, signer, next *world.SigningKey, roots ...world.Root) *world.World {
	m, err := world.NewMoon(id, revision, roots, next.Public, signer)
	if err != nil {
		panic("sim: moon: " + err.Error())
	}
	return &m
}

// Slow adds to the delay of everything from and to an address.
func (w *World) Slow(addr netip.Addr, by clock.Mono) {
	if w.slow == nil {
		w.slow = make(map[netip.Addr]clock.Mono)
	}
	w.slow[addr] = by
}

// TryWorld offers the node a planet or moon and reports what it says.
func (n *Node) TryWorld(nw *world.World) (err error) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { err = c.AddWorld(at, nw, out) })
	return err
}
