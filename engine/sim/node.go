package sim

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/engine/world"
)

// Port is the UDP port of every simulated node.
const Port = 9993

// ValidationTime is how long the memory-hard hash takes.
const ValidationTime = 40 * clock.Millisecond

// shared is what the nodes of a world use in turn.
type shared struct {
	buffers *vl1.Buffers
	out     node.Outbox
	busy    bool
	batch   [1]vl1.Datagram
}

// Node is a simulated host that runs the real engine.
type Node struct {
	Name     string
	Core     *node.Core
	Trust    *trust.Table
	Secret   *identity.Secret
	world    *World
	identity identity.Identity
	random   *rand.ChaCha8
	addr     netip.Addr
	nat      *NAT
	control  *controller.Controller
	cache    map[identity.Address][]byte
	nets     map[identity.NetworkID][]byte
	planet   *world.World
	wake     clock.Mono // the armed timer, clock.Never if none
	timerID  uint64
	down     bool
	// Host gets the IP packets that networks deliver.
	Host func(nwid identity.NetworkID, packet []byte)
	// Events are what the core told, in order.
	Events []node.Event
	// Sent counts datagrams sent.
	Sent uint64
}

// NewSecret makes the identity with an index: the same for the same world seed.
// Its address is not bound to its key by the memory-hard hash, which would take
// half a second each; the simulation answers validations from what it made.
func (w *World) NewSecret(index int) *identity.Secret {
	r := rand.NewChaCha8(seedBytes(w.seed, 1<<40+uint64(index)))
	for {
		var priv [64]byte
		fill(r, priv[:])
		key, err := ecdh.X25519().NewPrivateKey(priv[:32])
		if err != nil {
			continue
		}
		pub := append(key.PublicKey().Bytes(), ed25519.NewKeyFromSeed(priv[32:]).Public().(ed25519.PublicKey)...)
		sum := sha512.Sum512(pub)
		a := identity.AddressFrom(sum[:])
		if a.Reserved() {
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

// NewNode makes a host with an identity, not yet started. It is on the internet
// at addr, or behind nat if that is not nil.
func (w *World) NewNode(name string, secret *identity.Secret, addr netip.Addr, nat *NAT) *Node {
	n := &Node{
		Name: name, Secret: secret, world: w, identity: secret.Identity, addr: addr, nat: nat, down: true,
		random: rand.NewChaCha8(seedBytes(w.seed, uint64(secret.Address))), wake: clock.Never,
		cache: make(map[identity.Address][]byte), nets: make(map[identity.NetworkID][]byte),
	}
	w.known[secret.Identity] = true
	w.nodes = append(w.nodes, n)
	return n
}

// Serve gives the node a controller. Call it before Start.
func (n *Node) Serve() *controller.Controller {
	n.control = controller.New(controller.Config{Self: n.Secret, Random: func(b []byte) { fill(n.random, b) }, Log: slog.New(slog.DiscardHandler)})
	return n.control
}

// Start runs the node with a planet. A node that was stopped comes back with
// what it had stored.
func (n *Node) Start(planet *world.World) {
	w := n.world
	if w.shared.buffers == nil {
		w.shared.buffers = new(vl1.Buffers)
	}
	if n.Trust == nil {
		n.Trust = trust.New(trust.DefaultLimit)
	}
	if n.nat != nil {
		n.nat.lan[n.addr] = n
	} else {
		w.hosts[n.addr] = n
	}
	n.down, n.planet = false, planet
	n.Core = node.New(node.Config{
		Secret: n.Secret, Trust: n.Trust, Controller: n.control, Random: func(b []byte) { fill(n.random, b) },
		Log: slog.New(slog.DiscardHandler), PeerCache: n.cache, Buffers: w.shared.buffers, Platform: "sim/none",
	}, w.Now())
	n.Core.SetLocal(w.Now(), []netip.AddrPort{netip.AddrPortFrom(n.addr, Port)}, nil)
	if planet != nil {
		n.do(func(at clock.Instant, out *node.Outbox) {
			if err := n.Core.AddWorld(at, planet, out); err != nil {
				panic("sim: planet refused: " + err.Error())
			}
		})
	}
	for _, nwid := range slices.Sorted(maps.Keys(n.nets)) {
		n.Join(nwid, n.nets[nwid])
	}
	n.arm()
}

// Stop ends the node at once, as SIGKILL does. Its trust table, peer cache and
// network configurations survive.
func (n *Node) Stop() {
	n.down = true
	n.timerID++
	n.wake = clock.Never
	if n.nat != nil {
		delete(n.nat.lan, n.addr)
	} else {
		delete(n.world.hosts, n.addr)
	}
}

// Identity is the node's identity.
func (n *Node) Identity() identity.Identity { return n.identity }

// Join joins a network.
func (n *Node) Join(nwid identity.NetworkID, cached []byte) {
	n.do(func(at clock.Instant, out *node.Outbox) {
		n.Core.Join(at, nwid, netconf.DefaultSettings(), cached, out)
	})
}

// Leave leaves a network.
func (n *Node) Leave(nwid identity.NetworkID) {
	n.do(func(at clock.Instant, out *node.Outbox) { n.Core.Leave(at, nwid, out) })
}

// Do runs f with the core and acts on what it puts out.
func (n *Node) Do(f func(c *node.Core, at clock.Instant, out *node.Outbox)) {
	n.do(func(at clock.Instant, out *node.Outbox) { f(n.Core, at, out) })
}

// SendIP gives the node's host port a packet.
func (n *Node) SendIP(nwid identity.NetworkID, packet []byte) {
	n.do(func(at clock.Instant, out *node.Outbox) { n.Core.Packets(at, nwid, [][]byte{packet}, out) })
}

// do calls the core and drains its outbox.
func (n *Node) do(f func(at clock.Instant, out *node.Outbox)) {
	if n.down {
		return
	}
	s := &n.world.shared
	out := &s.out
	if s.busy {
		out = new(node.Outbox)
	} else {
		s.busy = true
		defer func() { s.busy = false }()
	}
	out.Reset()
	f(n.world.Now(), out)
	n.drain(out)
	n.arm()
}

func (n *Node) drain(out *node.Outbox) {
	w := n.world
	for _, d := range out.Send {
		n.Sent++
		ttl := 64
		if d.TTL != 0 {
			ttl = int(d.TTL)
		}
		from := netip.AddrPortFrom(n.addr, Port)
		if n.nat != nil {
			n.nat.send(from, d.Remote, d.Data, ttl)
		} else {
			w.transmit(from, d.Remote, d.Data, ttl)
		}
	}
	for _, work := range out.Work {
		id, valid := work.ID, w.known[work.Identity]
		w.After(ValidationTime, func() {
			n.do(func(at clock.Instant, out *node.Outbox) {
				n.Core.Done(at, vl1.WorkResult{ID: id, Valid: valid}, out)
			})
		})
	}
	for _, f := range out.Files {
		if f.Data == nil {
			delete(n.nets, f.Network)
		} else {
			n.nets[f.Network] = f.Data
		}
	}
	n.Events = append(n.Events, out.Events...)
	if n.Host != nil {
		for _, d := range out.Deliver {
			nwid, packet := d.Network, append([]byte(nil), d.Data[node.Headroom:]...)
			w.After(0, func() { n.Host(nwid, packet) })
		}
	}
}

// arm sets the timer to the core's deadline.
func (n *Node) arm() {
	w := n.world
	d := max(n.Core.Deadline(), w.now)
	if n.wake != clock.Never && n.wake <= d {
		return
	}
	n.wake = d
	n.timerID++
	id := n.timerID
	w.After(d-w.now, func() {
		if n.timerID != id {
			return
		}
		n.wake = clock.Never
		if n.Core.Deadline() <= w.now {
			n.do(func(at clock.Instant, out *node.Outbox) { n.Core.Tick(at, out) })
		} else {
			n.arm()
		}
	})
}

// receive takes a datagram from the internet or the private network.
func (n *Node) receive(w *World, from, _ netip.AddrPort, data []byte, _ int) {
	if n.down {
		return
	}
	w.record(n, from, data)
	w.shared.batch[0] = vl1.Datagram{Data: data, Remote: from, Socket: 1}
	n.do(func(at clock.Instant, out *node.Outbox) { n.Core.Datagrams(at, w.shared.batch[:], out) })
}

// NewPlanet makes a planet whose roots are the given nodes, signed with a key
// that follows from the world's seed.
func (w *World) NewPlanet(roots ...*Node) *world.World {
	r := rand.NewChaCha8(seedBytes(w.seed, 1<<41))
	key := world.GenerateSigningKey(func(b []byte) { fill(r, b) })
	var rs []world.Root
	for _, n := range roots {
		rs = append(rs, world.Root{Identity: n.identity, Endpoints: []netip.AddrPort{netip.AddrPortFrom(n.addr, Port)}})
	}
	p, err := world.NewPlanet(binary.BigEndian.Uint64([]byte("simulate")), Epoch, rs, key.Public, key)
	if err != nil {
		panic("sim: planet: " + err.Error())
	}
	return &p
}
