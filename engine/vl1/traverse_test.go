package vl1

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// sentTo counts the datagrams on the way to an address, and forgets them all.
func (net *testNet) sentTo(to netip.AddrPort) (n int) {
	for _, d := range net.queue {
		if d.to == to {
			n++
		}
	}
	net.queue = nil
	return n
}

// tell has a node send a packet of some verb straight to another.
func (n *testNode) tell(to *testNode, v wire.Verb, payload []byte) {
	p := n.peers[to.self.Address]
	n.do(func() { n.reply(n.net.now, p, v, pathKey{to.addr, 1}, nil, payload) })
}

// deliver hands over what is on the way to a node, and nothing that follows.
func (net *testNet) deliver(to *testNode) {
	waiting := net.queue
	net.queue = nil
	for _, d := range waiting {
		if d.to == to.addr {
			to.do(func() { to.Receive(net.now, []Datagram{{Data: d.data, Remote: d.from, Socket: 1}}) })
		}
	}
}

var faraway = netip.MustParseAddrPort("198.51.100.77:4000")

// A RENDEZVOUS is acted on if a root sends it, about a known peer, for an
// address that may be used; the one of a peer, about a stranger or a forbidden
// address does nothing.
func TestRendezvousGate(t *testing.T) {
	for _, c := range []struct {
		name string
		from func(root, b *testNode) *testNode
		m    func(b *testNode) wire.Rendezvous
		want int
	}{
		{
			"from a root", func(root, _ *testNode) *testNode { return root },
			func(b *testNode) wire.Rendezvous { return wire.Rendezvous{Peer: b.self.Address, At: faraway} }, 2,
		},
		{
			"from a peer", func(_, b *testNode) *testNode { return b },
			func(b *testNode) wire.Rendezvous { return wire.Rendezvous{Peer: b.self.Address, At: faraway} }, 0,
		},
		{
			"about a stranger", func(root, _ *testNode) *testNode { return root },
			func(*testNode) wire.Rendezvous { return wire.Rendezvous{Peer: 0x1122334455, At: faraway} }, 0,
		},
		{
			"at a loopback address", func(root, _ *testNode) *testNode { return root },
			func(b *testNode) wire.Rendezvous {
				return wire.Rendezvous{Peer: b.self.Address, At: netip.MustParseAddrPort("127.0.0.1:4000")}
			}, 0,
		},
		{
			"about a root, where its world does not put it", func(root, _ *testNode) *testNode { return root },
			func(b *testNode) wire.Rendezvous {
				return wire.Rendezvous{Peer: b.net.order[0].self.Address, At: faraway}
			}, 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			net, root, a, b := trio(t)
			a.sendTo(b, "hello")
			b.sendTo(a, "hello")
			net.pass(second)
			m := c.m(b)
			c.from(root, b).tell(a, wire.VerbRendezvous, m.Append(nil))
			net.deliver(a)
			if got := net.sentTo(m.At); got != c.want {
				t.Errorf("%d datagrams went there, want %d", got, c.want)
			}
		})
	}
}

// The first eight pushes of a peer are acted on, then one each 15 s.
func TestPushGate(t *testing.T) {
	net, _, a, b := trio(t)
	a.sendTo(b, "hello")
	b.sendTo(a, "hello")
	net.pass(second)
	b.peers[a.self.Address].recent().directPush = net.now.Mono
	where := faraway
	probes := func() int {
		// Each time another port, as one address is asked once.
		where = netip.AddrPortFrom(where.Addr(), where.Port()+1)
		payload, _ := wire.AppendPushDirectPaths(nil, []netip.AddrPort{where})
		b.tell(a, wire.VerbPushDirectPaths, payload)
		net.deliver(a)
		return net.sentTo(where)
	}
	a.peers[b.self.Address].recent().pushGate = pushGate{tokens: 8, last: net.now.Mono}
	for i := range 12 {
		if got, open := probes(), i < 8; (got > 0) != open {
			t.Errorf("push %d: %d probes", i+1, got)
		}
	}
	net.now = net.now.Add(15 * clock.Second)
	if got := probes(); got == 0 {
		t.Error("after 15 s the gate is still closed")
	}
	if got := probes(); got != 0 {
		t.Error("after 15 s two pushes get through")
	}
}

// Of the addresses of one scope and family in a push the first eight are
// probed.
func TestPushRecordLimit(t *testing.T) {
	net, _, a, b := trio(t)
	a.sendTo(b, "hello")
	b.sendTo(a, "hello")
	net.pass(second)
	var addrs []netip.AddrPort
	for i := range 12 {
		addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(200 + i)}), 9993))
		addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{5, 1, 2, byte(200 + i)}), 9993))
	}
	payload, done := wire.AppendPushDirectPaths(nil, addrs)
	if done != len(addrs) {
		t.Fatalf("%d addresses in a packet", done)
	}
	b.tell(a, wire.VerbPushDirectPaths, payload)
	net.deliver(a)
	got := make(map[netip.Addr]bool)
	for _, d := range net.queue {
		got[d.to.Addr()] = true
	}
	for i, x := range addrs {
		if want := i < 2*pushScope; got[x.Addr()] != want {
			t.Errorf("address %d probed: %v", i, got[x.Addr()])
		}
	}
}

// What is pushed names each address once, and at most eight of a scope and
// family.
func TestPushIsShort(t *testing.T) {
	net, _, a, b := trio(t)
	a.sendTo(b, "hello")
	b.sendTo(a, "hello")
	net.pass(second)
	local := []netip.AddrPort{a.addr}
	for i := range 20 {
		local = append(local, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 1, byte(i)}), 9993), a.addr)
	}
	local = append(local, netip.MustParseAddrPort("[2a00::1]:9993"), netip.MustParseAddrPort("127.0.0.1:9993"), netip.MustParseAddrPort("5.0.0.1:0"))
	a.SetLocal(local, nil)
	a.do(func() { a.pushDirectPaths(net.now, a.peers[b.self.Address], pathKey{b.addr, 1}) })
	if len(net.queue) != 1 {
		t.Fatalf("%d packets", len(net.queue))
	}
	data := net.queue[0].data
	if !b.peers[a.self.Address].keys.Open(data) {
		t.Fatal("the packet does not open")
	}
	records, err := wire.ParsePushDirectPaths(wire.Packet(data).Payload())
	if err != nil {
		t.Fatal(err)
	}
	var got []netip.AddrPort
	for r, ok := records.Next(); ok; r, ok = records.Next() {
		got = append(got, r.Address)
	}
	want := append(slices.Clone(local[:1]), local[1], local[3], local[5], local[7], local[9], local[11], local[13])
	want = append(want, netip.MustParseAddrPort("[2a00::1]:9993"))
	if !slices.Equal(got, want) {
		t.Errorf("pushed %v, want %v", got, want)
	}
}

// A prediction is made of ports that follow each other, and of no others.
func TestPrediction(t *testing.T) {
	for _, c := range []struct {
		name         string
		seen         [measureSockets]int
		next, stride int
	}{
		{"one by one", [...]int{4001, 4002, 4003}, 4004, 1},
		{"with others between", [...]int{4001, 4002, 4005}, 4006, 1},
		{"in steps of two", [...]int{4001, 4003, 4005}, 4007, 2},
		{"downwards", [...]int{4005, 4004, 4003}, 4002, -1},
		{"one answer lost", [...]int{4001, 0, 4003}, 4005, 2},
		{"at random", [...]int{4001, 52002, 17000}, 0, 0},
		{"there and back", [...]int{4001, 4002, 4001}, 0, 0},
		{"all the same", [...]int{4001, 4001, 4001}, 0, 0},
		{"a single answer", [...]int{4001, 0, 0}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := &try{seen: c.seen, nat: NATInfo{Kind: NATHard}}
			x.predict()
			if x.next != c.next || x.stride != c.stride || (x.nat.Kind == NATSequential) != (c.stride != 0) {
				t.Errorf("%v, next %d, stride %d", x.nat.Kind, x.next, x.stride)
			}
		})
	}
}

// Both sides of a try take parts that fit, whatever they know of their NATs.
func TestRolesFit(t *testing.T) {
	fits := map[tryRole]tryRole{roleNone: roleNone, roleKnock: roleKnock, roleOpen: roleGuess, roleGuess: roleOpen, roleMarch: roleMarch}
	for a := NATUnknown; a <= NATSequential; a++ {
		for b := NATUnknown; b <= NATSequential; b++ {
			for nonce := range uint64(2) {
				x := &try{nonce: nonce, nat: NATInfo{Kind: a}, stride: 1, theirs: wire.Appointment{NAT: byte(b), Stride: 1}}
				y := &try{nonce: nonce, nat: NATInfo{Kind: b}, stride: 1, theirs: wire.Appointment{NAT: byte(a), Stride: 1}}
				if p, q := x.roleOf(true), y.roleOf(false); fits[p] != q {
					t.Errorf("%v and %v: %s and %s", a, b, roleNames[p], roleNames[q])
				}
			}
		}
	}
}

// The random part of a search guesses no port twice.
func TestGuessesAreDistinct(t *testing.T) {
	for seed := range uint32(20) {
		x := &try{search: probes{walk: &walk{pace: 1 + seed*3271, at: seed * 977}}}
		seen := make(map[int]bool)
		for n := range 65536 {
			port := x.guess(n)
			if seen[port] || port < 0 || port > prime-1 {
				t.Fatalf("guess %d is %d", n, port)
			}
			seen[port] = true
		}
	}
}

// An answer proves a probed address only with the content that was sent there,
// from there, by the peer, while the try runs.
func TestGuessedAnswers(t *testing.T) {
	net, _, a, b := trio(t)
	a.sendTo(b, "hello")
	net.pass(second)
	p := a.peers[b.self.Address]
	x := &try{peer: p, stage: tryRunning}
	a.try = x
	x.search = a.newProbes(x)
	token := x.search.token(faraway)
	other := netip.AddrPortFrom(faraway.Addr(), faraway.Port()+1)
	for name, c := range map[string]struct {
		peer *Peer
		body []byte
		from netip.AddrPort
		want bool
	}{
		"right":             {p, token[:], faraway, true},
		"with padding":      {p, append(token[:], 0, 0), faraway, true},
		"from another port": {p, token[:], other, false},
		"too short":         {p, token[:7], faraway, false},
		"made up":           {p, make([]byte, 8), faraway, false},
		"of another peer":   {a.order[0], token[:], faraway, false},
	} {
		if got := a.guessed(c.peer, c.body, c.from); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	x.stage = tryAsking
	if a.guessed(p, token[:], faraway) {
		t.Error("taken before the try runs")
	}
}
