package vl1

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/trust"
	"orrery/engine/wire"
	"orrery/engine/world"
)

// testNet joins wires by an instant network on a virtual clock. Package sim
// has the real one; this one serves tests that look inside.
type testNet struct {
	t     testing.TB
	now   clock.Instant
	wires map[netip.AddrPort]*testNode
	order []*testNode
	known map[identity.Identity]bool
	queue []testDatagram
	// inFlight is the datagram that block is asked about.
	inFlight testDatagram
	seq      uint64
	planet   *world.World
	// behind has the nodes that a TCP relay stands for, by the relay's address.
	behind map[netip.AddrPort]*testNode
	// block drops datagrams between two addresses.
	block func(from, to netip.AddrPort) bool
}

type testDatagram struct {
	from, to netip.AddrPort
	data     []byte
	ttl      uint8
}

type testNode struct {
	*Wire
	net   *testNet
	addr  netip.AddrPort
	relay netip.AddrPort // where RelaySocket leads, if valid
	out   Outbox
	trust *trust.Table
	cache map[identity.Address][]byte
	got   []testFrame
	never bool // Handle refuses with Held
	// silent nodes do not note what they get.
	silent bool
	// handle, if set, sees each packet for VL2.
	handle func(wire.Verb, *Inbound)
	// serves is the controller of a network that the node joined, 0 if none.
	serves identity.Address
	alert  []identity.Identity
	twins  []bool
}

type testFrame struct {
	from    identity.Address
	verb    wire.Verb
	payload string
}

func (n *testNode) Handle(_ clock.Instant, v wire.Verb, in *Inbound) Disposition {
	if n.never {
		return Held
	}
	if n.silent {
		return Trusted
	}
	if n.handle != nil {
		n.handle(v, in)
	}
	n.got = append(n.got, testFrame{in.From.Address, v, string(in.Payload)})
	return Trusted
}

func (n *testNode) HandleOK(_ clock.Instant, v wire.Verb, in *Inbound) Disposition {
	n.got = append(n.got, testFrame{in.From.Address, wire.VerbOK, string(in.Payload)})
	return Received
}

func (n *testNode) HandleError(_ clock.Instant, _ wire.Verb, c wire.ErrorCode, in *Inbound) Disposition {
	n.got = append(n.got, testFrame{in.From.Address, wire.VerbError, c.String()})
	return Received
}
func (n *testNode) Greeted(clock.Instant, identity.Identity)                {}
func (n *testNode) PeerLearned(clock.Instant, identity.Identity)            {}
func (n *testNode) AlwaysContact(dst []identity.Address) []identity.Address { return dst }
func (n *testNode) Inside(ip netip.Addr) bool                               { return false }
func (n *testNode) Serves(a identity.Address) bool                          { return a == n.serves }
func (n *testNode) PeerCache(a identity.Address) []byte                     { return n.cache[a] }
func (n *testNode) Message(_ clock.Instant, from identity.Identity, _ uint64, data []byte) {
	n.got = append(n.got, testFrame{from.Address, wire.VerbUserMessage, string(data)})
}

func (n *testNode) Trace(_ clock.Instant, from identity.Identity, text []byte) {
	n.got = append(n.got, testFrame{from.Address, wire.VerbRemoteTrace, string(text)})
}

func (n *testNode) Twin(_ clock.Instant, present bool) { n.twins = append(n.twins, present) }

func (n *testNode) Collision(_ clock.Instant, from identity.Identity) {
	n.alert = append(n.alert, from)
}

// cheapSecret makes an identity without the memory-hard hash.
func cheapSecret(seed uint64) *identity.Secret {
	r := rand.New(rand.NewPCG(seed, 7))
	var priv [64]byte
	for i := range priv {
		priv[i] = byte(r.Uint32())
	}
	key, err := ecdh.X25519().NewPrivateKey(priv[:32])
	if err != nil {
		panic(err)
	}
	pub := append(key.PublicKey().Bytes(), ed25519.NewKeyFromSeed(priv[32:]).Public().(ed25519.PublicKey)...)
	sum := sha512.Sum512(pub)
	if identity.AddressFrom(sum[:]).Reserved() {
		return cheapSecret(seed + 1<<32)
	}
	s, err := identity.ParseSecret(fmt.Sprintf("%s:0:%s:%s", identity.AddressFrom(sum[:]), hex.EncodeToString(pub), hex.EncodeToString(priv[:])))
	if err != nil {
		panic(err)
	}
	return s
}

func newTestNet(t testing.TB) *testNet {
	return &testNet{
		t: t, now: clock.Instant{Mono: clock.Hour, Wall: 1_790_000_000_000}, wires: make(map[netip.AddrPort]*testNode),
		known: make(map[identity.Identity]bool), block: func(_, _ netip.AddrPort) bool { return false },
	}
}

// node adds a wire; the first is the root of the planet.
func (net *testNet) node(seed uint64, addr string) *testNode {
	s := cheapSecret(seed)
	n := &testNode{net: net, addr: netip.MustParseAddrPort(addr), trust: trust.New(1000), cache: map[identity.Address][]byte{}}
	r := rand.New(rand.NewPCG(seed, 9))
	n.Wire = New(Config{
		Secret: s, Trust: n.trust, Upper: n, Log: slog.New(slog.DiscardHandler), Major: 1, Minor: 14, Revision: 1,
		Random: func(b []byte) {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		},
	}, net.now)
	net.known[s.Identity] = true
	net.wires[n.addr] = n
	net.order = append(net.order, n)
	if net.planet == nil {
		p := world.World{Kind: world.Planet, ID: 42, Timestamp: 1, Roots: []world.Root{{Identity: s.Identity, Endpoints: []netip.AddrPort{n.addr}}}}
		net.planet = &p
	}
	n.do(func() {
		if err := n.AddWorld(net.now, net.planet); err != nil {
			net.t.Fatal(err)
		}
		n.SetLocal([]netip.AddrPort{n.addr}, nil)
	})
	return n
}

func (n *testNode) do(f func()) {
	n.Begin(n.net.now, &n.out)
	f()
	n.drain()
}

func (n *testNode) drain() {
	for _, d := range n.out.Send {
		from := n.addr
		if d.Socket == RelaySocket {
			if from = n.relay; !from.IsValid() {
				n.net.t.Error("a datagram for a relay that is not there")
				continue
			}
		}
		n.net.queue = append(n.net.queue, testDatagram{from, d.Remote, append([]byte(nil), d.Data...), d.TTL})
	}
	for _, s := range n.out.Store {
		if s.Kind == StorePeer {
			n.cache[identity.Address(s.ID)] = s.Data
		}
	}
	work := append([]Work(nil), n.out.Work...)
	n.out.Reset()
	for _, w := range work {
		n.do(func() { n.Done(n.net.now, WorkResult{w.ID, n.net.known[w.Identity]}) })
	}
}

// settle delivers until nothing is on the way.
func (net *testNet) settle() {
	for i := 0; len(net.queue) > 0; i++ {
		if i > 100000 {
			net.t.Fatal("the network does not come to rest")
		}
		d := net.queue[0]
		net.queue = net.queue[1:]
		n, socket := net.wires[d.to], SocketID(1)
		if n == nil {
			n, socket = net.behind[d.to], RelaySocket
		}
		net.inFlight = d
		if n == nil || d.ttl == 2 || net.block(d.from, d.to) {
			continue
		}
		n.do(func() { n.Receive(net.now, []Datagram{{Data: d.data, Remote: d.from, Socket: socket}}) })
	}
}

// pass lets time go by, ticking everybody when due.
func (net *testNet) pass(d clock.Mono) {
	end := net.now.Mono + d
	net.settle()
	for {
		next := end
		for _, n := range net.order {
			next = min(next, max(n.Deadline(), net.now.Mono+clock.Millisecond))
		}
		net.now = net.now.Add(next - net.now.Mono)
		for _, n := range net.order {
			if n.Deadline() <= net.now.Mono {
				n.do(func() { n.Tick(net.now) })
			}
		}
		net.settle()
		if net.now.Mono >= end {
			return
		}
	}
}
