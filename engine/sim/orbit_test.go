package sim_test

import (
	"errors"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl1"
	"orrery/engine/world"
)

// moonRoot adds a root of a moon at an address of its own.
func (l *lan) moonRoot(index int, addr string) *sim.Node {
	m := l.w.NewNode("M", l.w.NewSecret(index), ip(addr), nil)
	m.Start(l.planet)
	return m
}

func holds(n *sim.Node, id uint64) bool {
	for _, m := range n.Core.Moons() {
		if m.ID == id {
			return true
		}
	}
	return false
}

// refusal is why a wanted moon was refused.
func refusal(n *sim.Node) error {
	for _, m := range n.Core.Wanted() {
		if m.Refused {
			return m.Problem
		}
	}
	return nil
}

// A moon is asked for by the address of its seed alone, over a direct path and
// through the planet's root; it is kept over a restart, and left again.
func TestOrbitBySeed(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 910, wan, noNAT, sim.Symmetric)
		m := l.moonRoot(31, "5.0.0.4")
		moon := l.w.Moon(sim.Epoch, m)
		m.AddWorld(moon)
		l.online()
		// B reaches the seed only by way of the planet's root.
		l.w.Watch = allBetween("5.0.12.1", "5.0.0.4")
		for _, n := range []*sim.Node{l.a, l.b} {
			if err := n.Orbit(moon.ID, m); err != nil {
				t.Fatal(err)
			}
			if len(n.Core.Wanted()) != 1 {
				t.Error("the moon is not wanted")
			}
		}
		took, ok := l.w.Until(10*sec, 10*ms, func() bool { return holds(l.a, moon.ID) })
		if !ok {
			t.Fatalf("no moon after %d ms: %v", took/ms, l.a.Core.Wanted())
		}
		relayed, ok := l.w.Until(10*sec, 10*ms, func() bool { return holds(l.b, moon.ID) })
		if !ok {
			t.Fatalf("no moon through the relay after %d ms: %v", relayed/ms, l.b.Core.Wanted())
		}
		t.Logf("the moon is there after %d ms direct, %d ms more through the relay", took/ms, relayed/ms)
		if len(l.a.Core.Wanted()) != 0 {
			t.Error("the moon is there and still wanted")
		}
		p, _ := l.a.Core.Peer(l.w.Now().Mono, addressOf(m))
		if p.Role != vl1.MoonRoot {
			t.Errorf("the seed has role %v", p.Role)
		}
		l.restart(sec, l.a)
		if !holds(l.a, moon.ID) {
			t.Fatal("the moon was lost in a restart")
		}
		if !l.a.Deorbit(moon.ID) || holds(l.a, moon.ID) || l.a.Deorbit(moon.ID) {
			t.Error("the moon was not left, or twice")
		}
		p, ok = l.a.Core.Peer(l.w.Now().Mono, addressOf(m))
		if !ok || p.Role != vl1.Leaf {
			t.Errorf("the former root is known: %v, role %v", ok, p.Role)
		}
		l.restart(sec, l.a)
		if holds(l.a, moon.ID) {
			t.Error("the moon that was left is back after a restart")
		}
		return l.w
	})
}

// A moon can be wanted before it is made, and while its seed is down; that
// survives restarts, as it does not in the reference.
func TestMoonMadeLater(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 911, wan, sim.Cone, noNAT)
		m := l.w.NewNode("M", l.w.NewSecret(31), ip("5.0.0.4"), nil)
		l.online()
		id := uint64(addressOf(m))
		if err := l.a.Orbit(id, m); err != nil {
			t.Fatal(err)
		}
		state := func() error { return l.a.Core.Wanted()[0].Problem }
		l.w.Run(clock.Minute)
		if !errors.Is(state(), vl1.ErrSeedUnknown) {
			t.Errorf("while nobody knows the seed: %v", state())
		}
		m.Start(l.planet)
		l.w.Run(2 * clock.Minute)
		if !errors.Is(state(), vl1.ErrSeedEmpty) {
			t.Errorf("before the moon is made: %v", state())
		}
		m.Stop()
		l.restart(sec, l.a)
		if len(l.a.Core.Wanted()) != 1 {
			t.Fatal("what was wanted is forgotten in a restart")
		}
		l.w.Run(2 * clock.Minute)
		if !errors.Is(state(), vl1.ErrSeedSilent) && !errors.Is(state(), vl1.ErrSeedUnknown) {
			t.Errorf("with the seed down: %v", state())
		}
		before := l.a.Sent
		l.w.Run(10 * clock.Minute)
		if n := l.a.Sent - before; n > 200 {
			t.Errorf("waiting for a moon takes %d datagrams in ten minutes", n)
		}
		m.Start(nil)
		m.AddWorld(l.w.Moon(sim.Epoch+5, m))
		took, ok := l.w.Until(clock.Minute, sec, func() bool { return holds(l.a, id) })
		if !ok {
			t.Fatalf("the moon that was made later did not come: %v", state())
		}
		t.Logf("the moon came %d s after it was made", took/sec)
		return l.w
	})
}

// What a seed or a root offers as a first moon is verified: by its own
// signature, by the key that the user gave, or refused with the reason; nothing
// is changed by what is refused.
func TestFirstMoonIsVerified(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 912, wan, noNAT, noNAT)
		m := l.moonRoot(31, "5.0.0.4")
		l.online()
		k0, k1, k2 := l.w.SigningKey(0), l.w.SigningKey(1), l.w.SigningKey(2)
		next := uint64(0x3100000000)
		// want has M offer a world for a moon that A wants, and returns why it is not
		// taken.
		want := func(key *identity.PublicKey, offer func(id uint64) *world.World) error {
			next++
			id := next
			if offer == nil {
				t.Fatal("nothing to offer")
			}
			m.AddWorld(offer(id))
			if err := l.a.OrbitSigned(world.Wanted{ID: id, Seed: addressOf(m), Key: key}); err != nil {
				t.Fatal(err)
			}
			l.w.Until(20*sec, 10*ms, func() bool { return holds(l.a, id) || refusal(l.a) != nil })
			err := refusal(l.a)
			if holds(l.a, id) == (err != nil) {
				t.Errorf("moon %x is held: %v, refused: %v", id, holds(l.a, id), err)
			}
			before := len(l.a.Core.Roots(l.w.Now().Mono))
			if err != nil && before != 1 {
				t.Errorf("a refused moon left %d roots", before)
			}
			l.a.Deorbit(id)
			m.Deorbit(id)
			return err
		}
		of := func(signer, next *world.SigningKey) func(uint64) *world.World {
			return func(id uint64) *world.World { return l.w.MoonOf(id, sim.Epoch, signer, next, m.Root()) }
		}
		victim := l.b.Identity()
		other := l.w.NewClone(77, victim.Address).Identity
		forged := l.w.NewSecret(78).Identity
		l.w.Distrust(forged)
		l.a.Trust.Identify(sim.Epoch, victim, "test")
		for _, c := range []struct {
			name  string
			key   *identity.PublicKey
			offer func(uint64) *world.World
			err   error
		}{
			{"signed by its own key", nil, of(k0, k0), nil},
			{"signed by the given key", &k0.Public, of(k0, k0), nil},
			{"signed by another than the given key", &k1.Public, of(k0, k0), vl1.ErrWorldKey},
			{"after a change of keys", nil, of(k0, k1), vl1.ErrWorldUnsigned},
			{"after a change of keys, the former given", &k0.Public, of(k0, k1), nil},
			{"after a change of keys, the new one given, which proves nothing", &k1.Public, of(k0, k1), vl1.ErrWorldKey},
			{"changed after it was signed", nil, func(id uint64) *world.World {
				w := of(k2, k2)(id)
				w.Roots[0].Endpoints = append(w.Roots[0].Endpoints, ipPort("5.6.7.8:9"))
				return w
			}, vl1.ErrWorldUnsigned},
			{"the seed is no root", nil, func(id uint64) *world.World {
				return l.w.MoonOf(id, sim.Epoch, k0, k0, l.c.Root())
			}, vl1.ErrSeedNoRoot},
			{"a root has another key than recorded", nil, func(id uint64) *world.World {
				return l.w.MoonOf(id, sim.Epoch, k0, k0, m.Root(), world.Root{Identity: other})
			}, vl1.ErrWorldPinned},
			{"a root whose hash does not give its address", nil, func(id uint64) *world.World {
				return l.w.MoonOf(id, sim.Epoch, k0, k0, m.Root(), world.Root{Identity: forged})
			}, vl1.ErrWorldIdentity},
		} {
			if err := want(c.key, c.offer); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Errorf("%s: %v, want %v", c.name, err, c.err)
			}
		}
		if _, ok := l.a.Trust.Get(forged.Address); ok {
			t.Error("a root of a refused moon is recorded")
		}
		if counter(l.a, "drop.world") == 0 {
			t.Error("refused worlds are not counted")
		}
		return l.w
	})
}

// Nobody but roots and its own seed gives a moon, and none is taken that nobody
// asked for.
func TestMoonsFromOthers(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 913, wan, noNAT, noNAT)
		m := l.moonRoot(31, "5.0.0.4")
		moon := l.w.Moon(sim.Epoch, m)
		l.up()
		l.b.AddWorld(moon)
		if err := l.a.Orbit(moon.ID, m); err != nil {
			t.Fatal(err)
		}
		l.talk(l.sa, l.b, 3*sec)
		l.w.Run(3 * clock.Minute)
		if holds(l.a, moon.ID) {
			t.Fatal("a leaf gave a moon")
		}
		// The planet's root may, since A trusts it to look up the seed anyway.
		l.r.AddWorld(moon)
		if took, ok := l.w.Until(5*clock.Minute, sec, func() bool { return holds(l.a, moon.ID) }); !ok {
			t.Errorf("the root did not give the moon in %d s", took/sec)
		}
		if len(l.c.Core.Moons()) != 0 {
			t.Error("C holds a moon that it did not ask for")
		}
		// Nonsense is refused at once.
		for _, bad := range []world.Wanted{{ID: 0, Seed: 1}, {ID: 1, Seed: 0}, {ID: 1, Seed: addressOf(l.c)}, {ID: 1, Seed: 0xff00000001}} {
			if err := l.c.OrbitSigned(bad); !errors.Is(err, vl1.ErrMoonSeed) {
				t.Errorf("orbit %+v: %v", bad, err)
			}
		}
		for i := range world.MaxMoons + 1 {
			err := l.c.Orbit(uint64(i)+1, m)
			if (err != nil) != (i == world.MaxMoons) {
				t.Errorf("moon %d: %v", i, err)
			}
		}
		l.c.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			if err := c.UseWorld(at, moon, nil, out); !errors.Is(err, vl1.ErrMoons) {
				t.Errorf("one more from a file: %v", err)
			}
		})
		return l.w
	})
}
