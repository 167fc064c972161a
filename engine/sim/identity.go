package sim

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/world"
)

// Purposes of seeds, beside 0 for the links and the addresses of nodes.
const (
	seedSecrets   = 1 << 40
	seedPlanetKey = 1 << 41
)

// NewSecret makes the identity with an index: the same for the same world seed.
// Its address is not bound to its key by the memory-hard hash, which would take
// half a second each; the simulation answers validations from what it made.
func (w *World) NewSecret(index int) *identity.Secret { return w.newSecret(index, 0) }

// NewClone makes an identity with another key for an address that is taken, as
// an attacker with much time can. Validation accepts it.
func (w *World) NewClone(index int, of identity.Address) *identity.Secret {
	return w.newSecret(index, of)
}

func (w *World) newSecret(index int, a identity.Address) *identity.Secret {
	r := rand.NewChaCha8(seedBytes(w.seed, seedSecrets+uint64(index)))
	for {
		var priv [64]byte
		fill(r, priv[:])
		key, err := ecdh.X25519().NewPrivateKey(priv[:32])
		if err != nil {
			continue
		}
		pub := append(key.PublicKey().Bytes(), ed25519.NewKeyFromSeed(priv[32:]).Public().(ed25519.PublicKey)...)
		if a == 0 {
			sum := sha512.Sum512(pub)
			a = identity.AddressFrom(sum[:])
		}
		if a.Reserved() {
			a = 0
			continue
		}
		s, err := identity.ParseSecret(fmt.Sprintf("%s:0:%s:%s", a, hex.EncodeToString(pub), hex.EncodeToString(priv[:])))
		if err != nil {
			panic("sim: own identity does not parse: " + err.Error())
		}
		w.known[s.Identity] = true
		return s
	}
}

// fill fills b from a ChaCha8 stream.
func fill(r *rand.ChaCha8, b []byte) {
	if _, err := r.Read(b); err != nil {
		panic("sim: " + err.Error())
	}
}

// PlanetID is the ID of every simulated planet.
var PlanetID = binary.BigEndian.Uint64([]byte("simulate"))

// NewPlanet makes a planet whose roots are the given nodes, signed with a key
// that follows from the world's seed.
func (w *World) NewPlanet(roots ...*Node) *world.World { return w.Planet(Epoch, roots...) }

// Planet makes a revision of the planet.
func (w *World) Planet(revision clock.Wall, roots ...*Node) *world.World {
	var rs []world.Root
	for _, n := range roots {
		rs = append(rs, n.Root())
	}
	return w.PlanetOf(revision, rs...)
}

// PlanetOf makes a revision of the planet with any roots.
func (w *World) PlanetOf(revision clock.Wall, roots ...world.Root) *world.World {
	key := w.signingKey()
	p, err := world.NewPlanet(PlanetID, revision, roots, key.Public, key)
	if err != nil {
		panic("sim: planet: " + err.Error())
	}
	return &p
}

// Moon makes a revision of the moon of roots; the first one's address is its ID.
func (w *World) Moon(revision clock.Wall, roots ...*Node) *world.World {
	key := w.signingKey()
	var rs []world.Root
	for _, n := range roots {
		rs = append(rs, n.Root())
	}
	m, err := world.NewMoon(uint64(roots[0].identity.Address), revision, rs, key.Public, key)
	if err != nil {
		panic("sim: moon: " + err.Error())
	}
	return &m
}

// signingKey signs all worlds of the simulation.
func (w *World) signingKey() *world.SigningKey { return w.worldKey(0) }

func (w *World) worldKey(index uint64) *world.SigningKey {
	r := rand.NewChaCha8(seedBytes(w.seed, seedPlanetKey+index))
	return world.GenerateSigningKey(func(b []byte) { fill(r, b) })
}

// Root is the node as a root of a planet.
func (n *Node) Root() world.Root {
	r := world.Root{Identity: n.identity, Endpoints: []netip.AddrPort{netip.AddrPortFrom(n.addr, Port)}}
	if n.also.IsValid() {
		r.Endpoints = append(r.Endpoints, netip.AddrPortFrom(n.also, Port))
	}
	return r
}

// Distrust has validation refuse an identity from now on.
func (w *World) Distrust(id identity.Identity) { delete(w.known, id) }
