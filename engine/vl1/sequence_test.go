package vl1

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// script reads what to do from fuzzed bytes.
type script struct{ b []byte }

func (s *script) byte() (v byte) {
	if len(s.b) > 0 {
		v, s.b = s.b[0], s.b[1:]
	}
	return v
}

func (s *script) bytes(n int) []byte {
	n = min(n, len(s.b))
	v := s.b[:n]
	s.b = s.b[n:]
	return v
}

// attackers is who sends in a sequence, and from where: their own address,
// another port of it, and elsewhere.
type attackers struct {
	n      *vectorNode
	from   []identity.Address
	places []netip.AddrPort
	sent   []testDatagram // what was sent, to be sent again
	ids    uint64
	in     int
}

// step sends one packet, whole, in parts, or one that was sent before, in the
// name of somebody whose key it has, from any of the places, as if relayed or not.
func (a *attackers) step(s *script) {
	kind := s.byte()
	remote := a.places[int(s.byte())%len(a.places)]
	if kind&7 == 7 && len(a.sent) > 0 {
		d := a.sent[int(s.byte())%len(a.sent)]
		a.receive(remote, slices.Clone(d.data))
		return
	}
	src := a.from[int(s.byte())%len(a.from)]
	verb, hops := s.byte(), s.byte()&7
	payload := s.bytes(int(s.byte()) * (1 + int(kind>>6)))
	a.ids++
	id := a.ids
	if kind&16 != 0 {
		id = a.n.lastID(payload) // an answer to what the node asked last
		payload = wire.AppendOK(nil, wire.Verb(verb&31), id)
		verb = byte(wire.VerbOK)
		a.ids++
		id = a.ids
		payload = append(payload, s.bytes(int(s.byte()))...)
	}
	p := wire.Packet(append(wire.AppendHeader(nil, id, a.n.w.self.Address, src, wire.Verb(verb&31)), payload...))
	p[27] = verb
	suite := []armor.Suite{3, 1, 0, 3}[kind>>3&1+kind>>5&1]
	p.SetFragmented(kind&7 == 6 && len(p) > 40)
	a.n.keys[src].Seal(p, suite)
	p.SetHops(hops)
	if !p.Fragmented() {
		a.sent = append(a.sent, testDatagram{data: slices.Clone(p)})
		a.receive(remote, p)
		return
	}
	cutAt := 28 + int(s.byte())%(len(p)-28)
	f := wire.AppendFragmentHeader(nil, p.ID(), a.n.w.self.Address, 2+int(s.byte()&1), 1)
	f = append(f, p[cutAt:]...)
	a.receive(remote, f)
	a.receive(remote, p[:cutAt])
}

func (a *attackers) receive(remote netip.AddrPort, data []byte) {
	a.in++
	a.n.do(func() { a.n.w.Receive(a.n.now, []Datagram{{Data: data, Remote: remote, Socket: 1}}) })
}

// lastID is a packet that may be answered, chosen by the fuzzer.
func (n *vectorNode) lastID(choice []byte) uint64 {
	var ids []uint64
	for id := range n.w.expect.byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if len(ids) == 0 {
		return 0
	}
	c := 0
	if len(choice) > 0 {
		c = int(choice[0])
	}
	return ids[c%len(ids)]
}

// FuzzSequence plays sequences of packets of peers, a root and a stranger that
// have the right keys, with time in between: whatever comes in whatever order,
// nothing panics, state stays bounded, few answers leave, and a peer is answered
// as before.
func FuzzSequence(f *testing.F) {
	v := loadVectors()
	for verb := range byte(wire.VerbCount) {
		f.Add([]byte{0, 0, 0, verb, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 7, 2, 0, 6, 1, 1, verb, 1, 9})
	}
	setup := receiveCase{Name: "fuzz"}
	setup.Setup.Node, setup.Setup.Planet, setup.Setup.Preloaded, setup.Setup.Protocol = "bob", "planet", []string{"alice", "carol"}, 12
	setup.Setup.HavePaths, setup.Setup.RootHasPath = true, true
	f.Fuzz(func(t *testing.T, data []byte) {
		n := newVectorNode(t, &setup)
		alice := v.secret("alice").Identity
		a := &attackers{
			n: n, from: []identity.Address{alice.Address, v.secret("root").Identity.Address, v.secret("carol").Identity.Address, v.secret("controller").Identity.Address},
			places: []netip.AddrPort{
				netip.MustParseAddrPort(vectorEndpoints["alice"]), netip.MustParseAddrPort(vectorEndpoints["root"]),
				netip.MustParseAddrPort("198.51.100.10:1234"), netip.MustParseAddrPort("203.0.113.77:4444"), netip.MustParseAddrPort("[2001:db8::66]:4444"),
			},
			ids: 1 << 40,
		}
		s := &script{data}
		for steps := 0; len(s.b) > 0 && steps < 40; steps++ {
			a.step(s)
			wait := clock.Mono(s.byte()) * clock.Mono(s.byte()) * clock.Millisecond
			if wait > 0 {
				n.now = n.now.Add(wait)
				n.do(func() { n.w.Tick(n.now) })
			}
		}
		if s := n.w.Sizes(); s.Peers > 6 || s.Paths > 60 || s.Held > maxHeld || s.Queued > maxQueued || s.Asked > maxAsked || s.Validating > maxPending ||
			s.Incomplete > reassemblySlots || s.Unproven > maxUnproven || s.Expected > maxExpected {
			t.Fatalf("state after %d datagrams: %+v", a.in, s)
		}
		if p := n.w.peers[alice.Address]; p == nil || p.id != alice {
			return // silent for so long that she was forgotten
		}
		n.now = n.now.Add(clock.Second)
		for range 2 { // the second is answered even if the first only proves the address
			n.did = nil
			a.ids++
			ping := wire.Packet(append(wire.AppendHeader(nil, a.ids, n.w.self.Address, alice.Address, wire.VerbEcho), make([]byte, padding)...))
			n.keys[alice.Address].Seal(ping, armor.AESGMACSIV)
			a.receive(a.places[0], ping)
			if len(n.did) > 0 {
				return
			}
			n.now = n.now.Add(clock.Second)
		}
		t.Fatal("a peer is not answered any more")
	})
}
