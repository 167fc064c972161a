package vl1

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// packetTo is a packet of a peer to n, sealed, with an ID of its own.
func (n *testNode) packetTo(to *testNode, v wire.Verb, payload []byte) wire.Packet {
	n.net.seq++
	p := wire.Packet(append(wire.AppendHeader(nil, 1<<50+n.net.seq, to.self.Address, n.self.Address, v), payload...))
	n.peers[to.self.Address].keys.Seal(p, armor.AESGMACSIV)
	return p
}

// later lets time go by without anybody doing anything.
func (net *testNet) later(d clock.Mono) { net.now = net.now.Add(d) }

// rate counts how many of n attempts, every so often, pass.
func rate(net *testNet, n int, every clock.Mono, try func() bool) (passed int) {
	for range n {
		if try() {
			passed++
		}
		net.later(every)
	}
	return passed
}

// Gate: ECHO, one each 166 ms for a path, whoever sends it.
func TestEchoGate(t *testing.T) {
	net, _, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	echo := func() bool { return b.inject(a.addr, a.packetTo(b, wire.VerbEcho, nil)) > 0 }
	net.later(second)
	if got := rate(net, 100, 10*clock.Millisecond, echo); got != 6 {
		t.Errorf("%d of 100 ECHOs in a second were answered", got)
	}
	net.later(second)
	if got := rate(net, 10, 166*clock.Millisecond, echo); got != 10 {
		t.Errorf("%d of 10 ECHOs 166 ms apart were answered", got)
	}
}

// Gate: WHOIS, one each 100 ms for a peer; a root answers all.
func TestWhoisGate(t *testing.T) {
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	b.sendTo(a, "x")
	net.pass(second)
	question := identityBytes(root.self.Address)
	ask := func(n *testNode) func() bool {
		return func() bool { return n.inject(a.addr, a.packetTo(n, wire.VerbWhois, question)) > 0 }
	}
	if got := rate(net, 50, 10*clock.Millisecond, ask(b)); got != 5 {
		t.Errorf("a leaf answered %d of 50 questions in half a second", got)
	}
	question = identityBytes(b.self.Address)
	if got := rate(net, 50, 10*clock.Millisecond, ask(root)); got != 50 {
		t.Errorf("a root answered %d of 50 questions in half a second", got)
	}
}

// Gate: a question for an address leaves twice a second; at most 256 addresses
// are asked for at a time.
func TestWhoisOutGate(t *testing.T) {
	net, root, a, _ := trio(t)
	ask := func() bool {
		before := a.stats.Out[wire.VerbWhois]
		a.do(func() { a.Whois(net.now, 0x1234567890) })
		return a.stats.Out[wire.VerbWhois] > before
	}
	net.block = func(_, to netip.AddrPort) bool { return to == root.addr }
	if got := rate(net, 100, 10*clock.Millisecond, ask); got != 2 {
		t.Errorf("%d questions in a second", got)
	}
	for i := range identity.Address(1000) {
		a.do(func() { a.Whois(net.now, 0x2200000000+i) })
	}
	if s := a.Sizes(); s.Asked != maxAsked {
		t.Errorf("%d addresses are asked for", s.Asked)
	}
	net.queue = nil
	net.pass(15 * second)
	if s := a.Sizes(); s.Asked > 2 {
		t.Errorf("%d addresses are still asked for after 15 s", s.Asked)
	}
}

// Gate: packets of unknown sources have roots asked for 64 of them at once, then
// for ten a second.
func TestStrangerGate(t *testing.T) {
	net, root, a, _ := trio(t)
	net.block = func(_, to netip.AddrPort) bool { return to == root.addr }
	next := identity.Address(0x3300000000)
	stray := func() bool {
		next++
		p := append(wire.AppendHeader(nil, uint64(next), a.self.Address, next, wire.VerbFrame), make([]byte, 50)...)
		before := a.stats.Drops[DropRate]
		a.inject(elsewhere, p)
		return a.stats.Drops[DropRate] == before
	}
	if got := rate(net, 200, 0, stray); got != strangerBurst {
		t.Errorf("%d strangers at once", got)
	}
	if got := rate(net, 2000, clock.Millisecond, stray); got < 19 || got > 21 {
		t.Errorf("%d strangers in two seconds", got)
	}
	if s := a.Sizes(); s.Held > maxHeld || s.Peers != 1 || s.Paths > 2 {
		t.Errorf("%+v", s)
	}
}

// Limit: 64 packets of one source wait for its identity, and no stranger
// pushes another's out with more.
func TestHeldIsShared(t *testing.T) {
	net, root, a, _ := trio(t)
	net.block = func(_, to netip.AddrPort) bool { return to == root.addr }
	for i := range uint64(200) {
		src := identity.Address(0x4400000000)
		if i == 100 {
			src++
		}
		a.inject(elsewhere, append(wire.AppendHeader(nil, i, a.self.Address, src, wire.VerbFrame), make([]byte, 50)...))
	}
	of := map[identity.Address]int{}
	for i := range a.held {
		of[a.held[i].from]++
	}
	if of[0x4400000000] != heldPerSource || of[0x4400000001] != 1 {
		t.Errorf("held: %v", of)
	}
	net.queue = nil
	net.pass(6 * second)
	if len(a.held) != 0 {
		t.Errorf("%d packets are held after six seconds", len(a.held))
	}
}

// Gate: HELLOs of a known peer, four at once and one a second from an address;
// another peer that comes by the same relay is not concerned.
func TestHelloGate(t *testing.T) {
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(20 * second)
	hello := func(from *testNode) func() bool {
		return func() bool { return root.inject(elsewhere, helloOf(net, from.secret, root, elsewhere)) > 0 }
	}
	if got := rate(net, 20, 0, hello(a)); got != helloBurst {
		t.Errorf("%d HELLOs at once were answered", got)
	}
	if got := rate(net, 100, 100*clock.Millisecond, hello(a)); got < 9 || got > 11 {
		t.Errorf("%d HELLOs in ten seconds were answered", got)
	}
	if got := rate(net, 4, 0, hello(b)); got != 4 {
		t.Errorf("another peer's HELLOs were answered %d times of 4", got)
	}
}

// Gate: identities that strangers present and that turn out to be none, sixteen
// at once from a /24 and one each two seconds; another network is not concerned.
// Those that are some are not counted. Forged HELLOs use up nothing of it, and cost
// at most 64 key agreements at once and 200 a second. A leaf validates 32 at once
// and four a second, wherever they come from.
func TestIdentityGate(t *testing.T) {
	net, root, leaf, _ := trio(t)
	seed := uint64(1000)
	present := func(n *testNode, real bool, from string) func() bool {
		at := netip.MustParseAddr(from)
		return func() bool {
			seed++
			s := cheapSecret(seed)
			net.known[s.Identity] = real
			before := n.stats.Drops[DropIdentity]
			at := netip.AddrPortFrom(at, uint16(2000+seed))
			n.inject(at, helloOf(net, s, n, at))
			return n.stats.Drops[DropIdentity] > before || n.peers[s.Identity.Address] != nil
		}
	}
	near := present(root, false, "203.0.113.5")
	net.later(second)
	for range 1000 {
		seed++
		forged := helloOf(net, cheapSecret(seed%50+5000), root, elsewhere)
		forged[40] ^= 1
		root.inject(elsewhere, forged)
	}
	if got := root.stats.Drops[DropAuthentication]; got > agreeBurst {
		t.Errorf("%d key agreements for forged HELLOs at once", got)
	}
	net.later(second)
	if got := rate(net, 40, 10*clock.Millisecond, near); got != gateBurst {
		t.Errorf("%d identities of a /24 at once", got)
	}
	if got := rate(net, 20, second, near); got < 9 || got > 11 {
		t.Errorf("%d identities of a /24 in 20 s", got)
	}
	if got := rate(net, 5, 10*clock.Millisecond, present(root, false, "203.0.114.5")); got != 5 {
		t.Errorf("%d of 5 identities of another network", got)
	}
	net.later(60 * second)
	if got := rate(net, 100, 10*clock.Millisecond, present(root, true, "203.0.113.6")); got != 100 {
		t.Errorf("%d of 100 newcomers of a /24 in a second", got)
	}
	if got := rate(net, 40, 10*clock.Millisecond, near); got != gateBurst {
		t.Errorf("%d identities of a /24 after newcomers of it", got)
	}
	far := func() bool {
		return present(leaf, false, netip.AddrFrom4([4]byte{203, 1, byte(seed), 5}).String())()
	}
	if got := rate(net, 60, 0, far); got != strangeBurst {
		t.Errorf("a leaf validates %d identities at once", got)
	}
	if got := rate(net, 500, 20*clock.Millisecond, far); got < 39 || got > 41 {
		t.Errorf("a leaf validates %d identities in ten seconds", got)
	}
	net.later(60 * second)
	if got := rate(net, 100, 10*clock.Millisecond, present(leaf, true, "203.0.115.6")); got != 100 {
		t.Errorf("a leaf meets %d of 100 newcomers of a /24 in a second", got)
	}
	for i := range 20000 {
		root.strange.open(net.now.Mono, netip.AddrFrom4([4]byte{byte(i >> 8), byte(i), 1, 1}))
	}
	if n := len(root.strange.buckets); n > gatePrefixes {
		t.Errorf("%d prefixes are remembered", n)
	}
}

// Gate: a peer that speaks from a new address is asked to prove it once a second.
func TestChallengeGate(t *testing.T) {
	net, _, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	speak := func() bool { return b.inject(elsewhere, a.packetTo(b, wire.VerbFrame, make([]byte, 1000))) > 0 }
	if got := rate(net, 200, 20*clock.Millisecond, speak); got != 4 {
		t.Errorf("%d challenges in four seconds", got)
	}
}

// Gate: two peers are introduced at most each two seconds at first, then rarer,
// and the memory of it is bounded.
func TestUniteGate(t *testing.T) {
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	root.unites = unites{}
	relayed := func() bool {
		before := root.stats.Out[wire.VerbRendezvous]
		root.inject(a.addr, a.packetTo(b, wire.VerbFrame, []byte("relay me")))
		return root.stats.Out[wire.VerbRendezvous] > before
	}
	if got := rate(net, 1200, 100*clock.Millisecond, relayed); got < 4 || got > 9 {
		t.Errorf("two peers were introduced %d times in two minutes", got)
	}
	to := root.peers[b.self.Address]
	for i := range identity.Address(maxUnites + 100) {
		root.do(func() { root.unite(net.now, 0x5500000000+i, to) })
	}
	if root.unites.len() > 2*maxUnites {
		t.Errorf("%d pairs are remembered", root.unites.len())
	}
	net.queue = nil
	net.pass(600 * second)
	if root.unites.len() > 4 {
		t.Errorf("%d pairs are remembered after ten minutes", root.unites.len())
	}
}

// Limit: 64 packets wait to be sent to a peer, 4,096 or 4 MiB to all, for five
// seconds. A peer that has its share loses its own.
func TestSendQueueIsBounded(t *testing.T) {
	net, root, a, _ := trio(t)
	net.block = func(_, to netip.AddrPort) bool { return to == root.addr }
	send := func(to identity.Address, size int) {
		a.do(func() { a.Send(net.now, to, wire.VerbFrame, make([]byte, size), nil, false) })
	}
	send(0x6500000000, 20)
	for range 100 {
		send(0x6600000000, 20)
	}
	if s := a.Sizes(); s.Queued != 1+queuedPerPeer {
		t.Errorf("%d packets wait for one and another", s.Queued)
	}
	for i := range identity.Address(200) {
		for range queuedPerPeer {
			send(0x6700000000+i, 20)
		}
	}
	if s := a.Sizes(); s.Queued != maxQueued {
		t.Errorf("%d packets wait", s.Queued)
	}
	for i := range identity.Address(1000) {
		send(0x6800000000+i, 9000)
	}
	if n := a.queue.waiting; a.queue.bytes > maxQueuedBytes || n < 400 {
		t.Errorf("%d packets of %d bytes wait", n, a.queue.bytes)
	}
	net.pass(6 * second)
	if s := a.Sizes(); s.Queued != 0 {
		t.Errorf("%d packets wait after six seconds", s.Queued)
	}
	if a.queue.bytes != 0 || len(a.queue.of) != 0 {
		t.Errorf("the books say that %d bytes for %d peers wait", a.queue.bytes, len(a.queue.of))
	}
}

// Limit: 8,192 packets may be answered, each for 30 s.
func TestExpectedIsBounded(t *testing.T) {
	e := newExpected()
	for i := range uint64(20000) {
		e.add(i+1, expectation{to: 1, verb: wire.VerbMulticastGather, at: clock.Hour})
	}
	if len(e.byID) > maxExpected || len(e.fifo) > 3*maxExpected {
		t.Errorf("%d of %d packets", len(e.byID), len(e.fifo))
	}
	if _, ok := e.answer(clock.Hour+expectFor, 20000, 1); !ok {
		t.Error("an answer after 30 s is refused")
	}
	if _, ok := e.answer(clock.Hour+expectFor+1, 20000, 1); ok {
		t.Error("an answer after more than 30 s is taken")
	}
	if _, ok := e.answer(clock.Hour, 19999, 2); ok {
		t.Error("another peer's answer is taken")
	}
}

// Limit: a packet is relayed three times.
func TestHopLimit(t *testing.T) {
	net, root, a, b := trio(t)
	for hops := range uint8(8) {
		p := a.packetOf(b)
		p.SetHops(hops)
		before := root.stats.Relayed
		root.inject(a.addr, p)
		if got := root.stats.Relayed > before; got != (hops < wire.MaxHops) {
			t.Errorf("after %d hops: relayed %v", hops, got)
		}
	}
	_ = net
}

// packetOf is a packet to be relayed; its content does not matter.
func (n *testNode) packetOf(to *testNode) wire.Packet {
	n.net.seq++
	return append(wire.AppendHeader(nil, n.net.seq, to.self.Address, n.self.Address, wire.VerbFrame), make([]byte, 30)...)
}

// Gate: LAN beacons are answered each 2.5 s, and only at an address that a peer
// has proved.
func TestBeaconGate(t *testing.T) {
	net, _, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	beacon := binary.BigEndian.AppendUint64(nil, 77)
	beacon = append(beacon, identityBytes(a.self.Address)...)
	at := func(from netip.AddrPort) func() bool { return func() bool { return b.inject(from, beacon) > 0 } }
	if got := rate(net, 100, 100*clock.Millisecond, at(a.addr)); got != 4 {
		t.Errorf("%d beacons in ten seconds were answered", got)
	}
	net.later(10 * second)
	if got := rate(net, 10, 3*second, at(elsewhere)); got != 0 {
		t.Errorf("%d beacons of an address that proved nothing were answered", got)
	}
}

// Malformed and unwanted datagrams cost no memory.
func TestRefusalsDoNotAllocate(t *testing.T) {
	net, _, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	bad := a.packetTo(b, wire.VerbFrame, make([]byte, 1000))
	bad[500] ^= 1
	cases := map[string][]byte{
		"junk": make([]byte, 10), "half a header": make([]byte, 27), "a bad MAC": bad,
		"from ourselves":  wire.AppendHeader(nil, 1, b.self.Address, b.self.Address, wire.VerbEcho),
		"to nobody":       append(wire.AppendHeader(nil, 1, 0x7700000000, a.self.Address, wire.VerbFrame), 1, 2, 3),
		"unknown cipher":  append(wire.AppendHeader(nil, 1, b.self.Address, a.self.Address, wire.VerbFrame), 1, 2, 3),
		"a damaged HELLO": append(wire.AppendHeader(nil, 1, b.self.Address, a.self.Address, wire.VerbHello), 12, 1, 14),
		"a stray part":    append(wire.AppendFragmentHeader(nil, 5, b.self.Address, 3, 1), make([]byte, 900)...),
		"part 0 of 9":     append(wire.AppendFragmentHeader(nil, 5, b.self.Address, 9, 8), make([]byte, 900)...),
		"a beacon":        append(make([]byte, 8), identityBytes(0x7700000000)...),
		"too long":        append(wire.AppendHeader(nil, 1, b.self.Address, a.self.Address, wire.VerbFrame), make([]byte, 12000)...),
	}
	cases["unknown cipher"][18] = 5 << 3
	// What a peer with the right key sends in a form that is none.
	for _, v := range []wire.Verb{wire.VerbOK, wire.VerbError, wire.VerbRendezvous, wire.VerbPushDirectPaths, wire.VerbHello} {
		cases["a short "+v.String()] = nil
	}
	batch := make([]Datagram, 1)
	buf := make([]byte, 0, 16000)
	for name, data := range cases {
		if data == nil {
			continue
		}
		run := func() {
			buf = append(buf[:0], data...)
			batch[0] = Datagram{Data: buf, Remote: a.addr, Socket: 1}
			b.Begin(net.now, &b.out)
			b.Receive(net.now, batch)
			b.out.Reset()
		}
		run()
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	short := 0
	var pkt wire.Packet
	for _, v := range []wire.Verb{wire.VerbOK, wire.VerbError, wire.VerbRendezvous, wire.VerbPushDirectPaths, wire.VerbHello, wire.VerbACK} {
		run := func() {
			net.seq++
			pkt = wire.AppendHeader(buf[:0], 1<<51+net.seq, b.self.Address, a.self.Address, v)
			pkt = append(pkt, 1)
			a.peers[b.self.Address].keys.Seal(pkt, armor.AESGMACSIV)
			batch[0] = Datagram{Data: pkt, Remote: a.addr, Socket: 1}
			b.Begin(net.now, &b.out)
			b.Receive(net.now, batch)
			b.out.Reset()
			short++
		}
		for range 300 {
			run() // the filter of IDs grows to its size
		}
		if n := testing.AllocsPerRun(100, run); n >= 1 {
			t.Errorf("a short %v: %v allocations", v, n)
		}
	}
	if b.stats.Drops[DropFormat] == 0 || short == 0 {
		t.Error("nothing was refused for its form")
	}
}

// Gate: packets that say to come from ourselves are opened eight at once, then
// one a second.
func TestSelfCallGate(t *testing.T) {
	net, root, a, _ := trio(t)
	net.pass(120 * second)
	if a.twin.calls == 0 || a.twin.returned == 0 {
		t.Fatalf("%d calls, %d came back", a.twin.calls, a.twin.returned)
	}
	net.later(60 * second)
	forged := append(wire.AppendHeader(nil, 9, a.self.Address, a.self.Address, wire.VerbEcho), make([]byte, 60)...)
	opened := func() bool {
		before := a.twin.gate
		a.inject(root.addr, forged)
		return a.twin.gate != before
	}
	if got := rate(net, 100, 0, opened); got != twinBurst {
		t.Errorf("%d at once", got)
	}
	if got := rate(net, 100, 100*clock.Millisecond, opened); got < 9 || got > 11 {
		t.Errorf("%d in ten seconds", got)
	}
	if len(a.twins) != 0 {
		t.Error("forged calls made a twin")
	}
}

// Limit: what a peer can have us send to addresses that it names: 74 bytes to
// each of eight of a scope and family in a push, eight pushes at once and one
// each 15 s.
func TestPushedProbesAreBounded(t *testing.T) {
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	known := map[netip.AddrPort]bool{root.addr: true, a.addr: true, b.addr: true}
	sent, most := 0, 0
	for i := range 600 {
		var named []netip.AddrPort
		for j := range 100 {
			named = append(named, netip.AddrPortFrom(netip.AddrFrom4([4]byte{7, byte(i >> 8), byte(i), byte(j)}), 53))
		}
		payload, _ := wire.AppendPushDirectPaths(nil, named)
		b.inject(a.addr, a.packetTo(b, wire.VerbPushDirectPaths, payload))
		to := map[netip.AddrPort]int{}
		for _, d := range net.queue {
			if !known[d.to] {
				sent += len(d.data)
				to[d.to]++
				most = max(most, to[d.to])
			}
		}
		net.queue = nil
		net.later(100 * clock.Millisecond)
	}
	pushes := 8 + 60/15
	if limit := pushes * 8 * 2 * 137; sent == 0 || sent > limit {
		t.Errorf("%d bytes to addresses that a peer named, the limit is %d", sent, limit)
	}
	if most > 2 {
		t.Errorf("%d datagrams to one address at once", most)
	}
}
