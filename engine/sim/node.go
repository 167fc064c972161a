package sim

import (
	"cmp"
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

// Node is a simulated host that runs the real engine. What the service keeps
// in files survives [Node.Stop], nothing else does.
type Node struct {
	Name   string
	Core   *node.Core
	Trust  *trust.Table
	Secret *identity.Secret
	// Host gets the IP packets that networks deliver, and the Ethernet frames of
	// networks that have an Ethernet port.
	Host func(nwid identity.NetworkID, packet []byte)
	// Events are what the core told since the start, in order.
	Events []node.Event
	// Sent counts datagrams sent, Validated identities that were validated.
	Sent, Validated uint64
	// MaxBurst is how many short-lived sockets may be open at once, 0 for any;
	// BurstPeak is how many were.
	MaxBurst, BurstPeak int
	// Messages counts messages of peers outside all networks, Rotations the new
	// ports that the core asked for, Ticks the calls of its timer.
	Messages, Rotations, Ticks uint64
	// MaxDatagram, if not 0, is the largest UDP payload that passes the node's own
	// line, either way: larger ones are lost without a trace.
	MaxDatagram int

	world    *World
	identity identity.Identity
	random   *rand.ChaCha8
	addr     netip.Addr
	also     netip.Addr // of the other family, public
	nat      *NAT
	serves   bool
	down     bool
	boot     int        // how often it was started
	wake     clock.Mono // the armed timer, clock.Never if none
	due      clock.Mono // when the core wants to be called
	timerID  uint64
	disk     disk

	sockets    []socket
	lastSocket vl1.SocketID
	burst      []socket // short-lived ones
	burstPort  uint16
	asleep     bool
	sleptAt    clock.Mono
	slept      clock.Mono // how long in all: its monotonic clock is behind by this
	skew       clock.Wall // of its calendar
}

// disk is what the service would find in its home directory.
type disk struct {
	peers    map[identity.Address][]byte
	networks map[identity.NetworkID]membership
	records  map[recordKey]controller.Record
	planet   []byte
	moons    map[uint64][]byte
	orbits   []byte
	trust    []byte
}

// membership is a joined network.
type membership struct {
	settings netconf.Settings
	conf     []byte
}

// recordKey sorts a network's record before those of its members.
type recordKey struct {
	network identity.NetworkID
	member  identity.Address
}

func compareKeys(a, b recordKey) int {
	return cmp.Or(cmp.Compare(a.network, b.network), cmp.Compare(a.member, b.member))
}

// NewNode makes a host with an identity, not yet started. It is on the internet
// at addr, or behind nat if that is not nil.
func (w *World) NewNode(name string, secret *identity.Secret, addr netip.Addr, nat *NAT) *Node {
	copies := uint64(0) // of the same disk: they draw other random numbers
	for _, o := range w.nodes {
		if o.identity == secret.Identity {
			copies++
		}
	}
	n := &Node{
		Name: name, Secret: secret, world: w, identity: secret.Identity, addr: addr, nat: nat, down: true,
		random: rand.NewChaCha8(seedBytes(w.seed, uint64(secret.Address)+copies<<48)), wake: clock.Never,
		disk: disk{
			peers: make(map[identity.Address][]byte), networks: make(map[identity.NetworkID]membership),
			records: make(map[recordKey]controller.Record), moons: make(map[uint64][]byte),
		},
	}
	w.known[secret.Identity] = true
	w.nodes = append(w.nodes, n)
	return n
}

// Serve gives the node a controller from its next start on.
func (n *Node) Serve() { n.serves = true }

// Start runs the node with a planet, or after [Node.Stop] with what it had
// stored: then planet may be nil.
func (n *Node) Start(planet *world.World) {
	w := n.world
	n.boot++
	n.openSockets()
	n.attach()
	n.down = false
	n.loadTrust()
	n.Core = node.New(node.Config{
		Secret: n.Secret, Trust: n.Trust, Controller: n.loadController(), Random: func(b []byte) { fill(n.random, b) },
		Log: slog.New(slog.DiscardHandler), PeerCache: n.disk.peers, Buffers: w.buffers(), Platform: "sim/none",
	}, n.Now())
	n.tellAddress()
	n.loadOrbits()
	if planet == nil && n.disk.planet != nil {
		planet = parseWorld(n.disk.planet)
	}
	if planet != nil {
		n.AddWorld(planet)
	}
	for _, id := range slices.Sorted(maps.Keys(n.disk.moons)) {
		n.AddWorld(parseWorld(n.disk.moons[id]))
	}
	for _, nwid := range slices.Sorted(maps.Keys(n.disk.networks)) {
		m := n.disk.networks[nwid]
		n.join(nwid, m.settings, m.conf)
	}
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Recall(at, 256, out) })
	n.arm()
}

func parseWorld(b []byte) *world.World {
	stored, _, err := world.Parse(b)
	if err != nil {
		panic("sim: stored world: " + err.Error())
	}
	return &stored
}

// AddWorld gives the node a planet or a moon, and fails loudly.
func (n *Node) AddWorld(nw *world.World) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		if err := c.AddWorld(at, nw, out); err != nil {
			panic("sim: world refused: " + err.Error())
		}
	})
}

// loadTrust makes the trust table, unless a test made it before the first start.
func (n *Node) loadTrust() {
	if n.disk.trust == nil {
		if n.Trust == nil {
			n.Trust = trust.New(trust.DefaultLimit)
		}
		return
	}
	n.Trust = trust.New(trust.DefaultLimit)
	if err := n.Trust.Load(n.disk.trust); err != nil {
		panic("sim: stored trust records: " + err.Error())
	}
}

func (n *Node) loadController() *controller.Controller {
	if !n.serves {
		return nil
	}
	c := controller.New(controller.Config{
		Self: n.Secret, Random: func(b []byte) { fill(n.random, b) }, Log: slog.New(slog.DiscardHandler),
	})
	var records []controller.Record
	for _, k := range slices.SortedFunc(maps.Keys(n.disk.records), compareKeys) {
		records = append(records, n.disk.records[k])
	}
	if problems := c.Load(n.Now(), records); len(problems) > 0 {
		panic("sim: stored controller record: " + problems[0].Err.Error())
	}
	return c
}

// Stop ends the node at once, as SIGKILL does.
func (n *Node) Stop() {
	text, err := n.Trust.MarshalJSON()
	if err != nil {
		panic("sim: trust records: " + err.Error())
	}
	n.disk.trust = text
	n.down = true
	n.timerID++
	n.wake = clock.Never
	n.detach()
}

// Wipe makes a stopped node forget its peers and trust records.
func (n *Node) Wipe() {
	clear(n.disk.peers)
	n.disk.trust, n.Trust = nil, nil
}

// Move gives the node another address, and a NAT or none, while it runs.
func (n *Node) Move(addr netip.Addr, nat *NAT) {
	n.detach()
	n.addr, n.nat = addr, nat
	n.attach()
	n.tellAddress()
	n.arm()
}

func (n *Node) tellAddress() {
	if n.Core == nil {
		return
	}
	var at []netip.AddrPort
	for _, a := range [2]netip.Addr{n.addr, n.also} {
		for _, s := range n.sockets {
			if a.IsValid() {
				at = append(at, netip.AddrPortFrom(a, s.port))
			}
		}
	}
	n.Core.SetLocal(n.Now(), at, nil)
}

func (n *Node) attach() {
	if n.nat != nil {
		n.nat.lan[n.addr] = n
	} else if n.addr.IsValid() {
		n.world.hosts[n.addr] = n
	}
	if n.also.IsValid() {
		n.world.hosts[n.also] = n
	}
}

func (n *Node) detach() {
	if n.nat != nil {
		delete(n.nat.lan, n.addr)
	} else {
		delete(n.world.hosts, n.addr)
	}
	delete(n.world.hosts, n.also)
}

// Identity is the node's identity.
func (n *Node) Identity() identity.Identity { return n.identity }

// Down reports whether the node is stopped.
func (n *Node) Down() bool { return n.down }

// Join joins a network with the default settings.
func (n *Node) Join(nwid identity.NetworkID) { n.JoinAs(nwid, netconf.DefaultSettings()) }

// JoinAs joins a network.
func (n *Node) JoinAs(nwid identity.NetworkID, s netconf.Settings) { n.join(nwid, s, nil) }

func (n *Node) join(nwid identity.NetworkID, s netconf.Settings, conf []byte) {
	n.disk.networks[nwid] = membership{s, conf}
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Join(at, nwid, s, conf, out) })
}

// Leave leaves a network.
func (n *Node) Leave(nwid identity.NetworkID) {
	delete(n.disk.networks, nwid)
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Leave(at, nwid, out) })
}

// Cache replaces what the node has stored of a peer, nil for nothing.
func (n *Node) Cache(a identity.Address, record []byte) {
	if record == nil {
		delete(n.disk.peers, a)
	} else {
		n.disk.peers[a] = record
	}
}

// Cached is what the node has stored of a peer.
func (n *Node) Cached(a identity.Address) []byte { return n.disk.peers[a] }
