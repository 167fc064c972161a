package node_test

import (
	"flag"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/engine/wire"
	"orrery/engine/world"
)

// long has tests that measure take their full size: go test -long.
var long = flag.Bool("long", false, "run measuring tests at full size")

// busyRoot is a root and the leaves that it knows. Leaves share one key pair, so
// that they are quick to make: the root agrees on a key with each all the same.
type busyRoot struct {
	tb     testing.TB
	core   *node.Core
	out    node.Outbox
	at     clock.Instant
	self   identity.Identity
	leaf   identity.PublicKey
	keys   *armor.Keys
	planet world.World
	leaves int
	nextID uint64
	batch  [1]vl1.Datagram
}

func newBusyRoot(tb testing.TB) *busyRoot {
	w := sim.New(930, sim.Link{})
	secret, leaf := w.NewSecret(0), w.NewSecret(1)
	r := &busyRoot{tb: tb, self: secret.Identity, leaf: leaf.Public, at: clock.Instant{Mono: clock.Hour, Wall: sim.Epoch}, nextID: 1 << 32}
	key, err := leaf.Agree(secret.Public)
	if err != nil {
		tb.Fatal(err)
	}
	r.keys = armor.NewKeys(&key)
	r.keys.Expand(false)
	random := rand.NewChaCha8([32]byte{9})
	r.core = node.New(node.Config{
		Secret: secret, Trust: trust.New(trust.DefaultLimit), Log: slog.New(slog.DiscardHandler),
		Random: func(b []byte) { _, _ = random.Read(b) },
	}, r.at)
	r.planet = world.World{Kind: world.Planet, ID: sim.PlanetID, Timestamp: sim.Epoch,
		Roots: []world.Root{{Identity: secret.Identity, Endpoints: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.1:9993")}}}}
	if err := r.core.AddWorld(r.at, &r.planet, &r.out); err != nil {
		tb.Fatal(err)
	}
	r.out.Reset()
	return r
}

// address is that of a leaf, remote where it is: few share a network.
func (r *busyRoot) address(i int) identity.Address { return 0x1000000000 + identity.Address(i)*7919 }

func (r *busyRoot) remote(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(20 + i>>16), byte(i >> 8), byte(i), 7}), 9993)
}

// greet has a leaf say HELLO, as at its start, and answer all that the root
// sends until it is quiet.
func (r *busyRoot) greet(i int) {
	h := wire.Hello{
		Protocol: wire.ProtocolVersion, Major: 1, Minor: 14, Revision: 1, Time: r.at.Wall,
		Identity: identity.Identity{Address: r.address(i), Public: r.leaf}, SentTo: netip.MustParseAddrPort("198.51.100.1:9993"),
		PlanetID: r.planet.ID, PlanetTime: r.planet.Timestamp,
	}
	r.nextID++
	b := h.Append(wire.AppendHeader(nil, r.nextID<<3, r.self.Address, r.address(i), wire.VerbHello))
	r.keys.CryptHelloTail(b[:8], b[wire.HeaderLen+h.TailOffset():])
	r.keys.Seal(b, armor.Poly1305None)
	r.receive(i, b)
}

// send has a leaf send a packet.
func (r *busyRoot) send(i int, to identity.Address, v wire.Verb, payload []byte) {
	r.nextID++
	b := append(wire.AppendHeader(nil, r.nextID<<3, to, r.address(i), v), payload...)
	if to == r.self.Address {
		r.keys.Seal(b, armor.AESGMACSIV)
	}
	r.receive(i, b)
}

func (r *busyRoot) receive(i int, b []byte) {
	r.batch[0] = vl1.Datagram{Data: b, Remote: r.remote(i), Socket: 1}
	r.core.Datagrams(r.at, r.batch[:], &r.out)
	for _, x := range r.out.Work {
		r.core.Done(r.at, vl1.WorkResult{ID: x.ID, Valid: true}, &r.out)
	}
	r.out.Work = r.out.Work[:0]
	r.answer(i)
}

// answer has a leaf answer what the root sent it.
func (r *busyRoot) answer(i int) {
	var replies [][]byte
	for _, d := range r.out.Send {
		p := wire.Packet(d.Data)
		if len(d.Data) < wire.HeaderLen || p.Destination() != r.address(i) || d.Remote != r.remote(i) {
			continue
		}
		id := p.ID()
		switch {
		case p.Cipher() == armor.Poly1305None && p.Verb() == wire.VerbHello:
			h, _, err := wire.ParseHello(p.Payload())
			if err != nil {
				r.tb.Fatal(err)
			}
			ok := wire.OKHello{Time: h.Time, Protocol: wire.ProtocolVersion, Major: 1, Minor: 14, Revision: 1, SeenAt: d.Remote}
			replies = append(replies, ok.Append(wire.AppendOK(nil, wire.VerbHello, id)))
		case r.keys.Open(d.Data) && p.Verb() == wire.VerbEcho:
			replies = append(replies, append(wire.AppendOK(nil, wire.VerbEcho, id), p.Payload()...))
		}
	}
	r.out.Reset()
	for _, b := range replies {
		r.send(i, r.self.Address, wire.VerbOK, b)
	}
}

// meet has n more leaves say HELLO, as fast as the root agrees with strangers.
func (r *busyRoot) meet(n int) {
	for range n {
		r.pass(5 * clock.Millisecond)
		r.greet(r.leaves)
		r.leaves++
	}
}

// pass lets time go by.
func (r *busyRoot) pass(d clock.Mono) {
	for end := r.at.Add(d); ; {
		next := min(max(r.core.Deadline(), r.at.Mono), end.Mono)
		r.at = r.at.Add(next - r.at.Mono)
		if r.core.Deadline() > r.at.Mono {
			r.at = end
			return
		}
		r.core.Tick(r.at, &r.out)
		r.out.Reset()
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A root knows a hundred thousand leaves in at most a kilobyte each, all tables
// of the core included: peers, keys, paths, trust records, stored records.
func TestRootWithManyPeers(t *testing.T) {
	leaves := 20_000
	if *long {
		leaves = 100_000
	}
	r := newBusyRoot(t)
	const first = 2000 // what does not grow with the peers comes with them
	r.meet(first)
	before := heap()
	r.meet(leaves - first)
	each := (heap() - before) / int64(leaves-first)
	sizes := r.core.Sizes()
	t.Logf("%d leaves, %d bytes each: %+v", leaves, each, sizes)
	if sizes.Peers < leaves*99/100 || sizes.Paths < leaves*99/100 {
		t.Errorf("%d peers and %d paths of %d leaves", sizes.Peers, sizes.Paths, leaves)
	}
	if each > 1024 {
		t.Errorf("a leaf takes %d bytes", each)
	}
	if p, ok := r.core.Peer(r.at.Mono, r.address(leaves-1)); !ok || len(p.Paths) != 1 || !p.Paths[0].Active {
		t.Errorf("the last leaf has no path: %+v", p)
	}
	runtime.KeepAlive(r)
}
