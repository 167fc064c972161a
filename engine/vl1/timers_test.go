package vl1

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// moment is a datagram of one node to another.
type moment struct {
	at    clock.Mono
	hello bool
	len   int
}

// watch notes what one node sends to another from now on.
func (net *testNet) watch(from, to *testNode) *[]moment {
	var seen []moment
	net.block = func(f, t netip.AddrPort) bool {
		if d := net.inFlight.data; f == from.addr && t == to.addr {
			p := wire.Packet(d)
			hello := wire.Classify(d) == wire.KindPacket && p.Cipher() == 0 && p.Verb() == wire.VerbHello
			seen = append(seen, moment{net.now.Mono, hello, len(d)})
		}
		return false
	}
	return &seen
}

// Timer: a path to a peer in use has a packet each 14 s and a HELLO each 60 s,
// until nothing but that was said for 500 s. 500 s later the peer is forgotten,
// and its stored record knows where it was.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	net, _, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(second)
	b.sendTo(a, "x") // who is spoken to keeps the path
	net.pass(5 * second)
	p := a.peers[b.self.Address]
	if p == nil || p.live(net.now.Mono) == nil {
		t.Fatal("not direct")
	}
	last := max(p.lastNontrivial, b.peers[a.self.Address].lastNontrivial)
	seen := net.watch(a, b)
	net.pass(last + 499*second - net.now.Mono)
	var gap, full, helloAt clock.Mono
	hellos := 0
	for i, m := range *seen {
		if i > 0 {
			gap = max(gap, m.at-(*seen)[i-1].at)
		}
		if m.hello {
			if hellos > 0 {
				full = max(full, m.at-helloAt)
			}
			helloAt = m.at
			hellos++
		}
	}
	if gap < 10*second || gap > 15*second {
		t.Errorf("the longest silence on the path is %d ms", gap/clock.Millisecond)
	}
	if hellos < 7 || hellos > 9 || full > 62*second {
		t.Errorf("%d HELLOs in 495 s, %d ms apart at most", hellos, full/clock.Millisecond)
	}
	net.pass(20 * second)
	*seen = nil
	net.pass(460 * second)
	if len(*seen) != 0 || a.peers[b.self.Address] == nil {
		t.Errorf("%d datagrams to a peer of which no use is made; still known: %v", len(*seen), a.peers[b.self.Address] != nil)
	}
	net.pass(60 * second)
	r, err := wire.ParsePeerRecord(a.cache[b.self.Address])
	if a.peers[b.self.Address] != nil || err != nil || !slices.Contains(r.Paths, b.addr) {
		t.Errorf("after 1,000 s known: %v; stored: %+v, %v", a.peers[b.self.Address] != nil, r, err)
	}
}

// Timer: a peer that says nothing is forgotten after 500 s, a root never, though
// nothing of either is heard.
func TestSilentPeersAreForgotten(t *testing.T) {
	t.Parallel()
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(second)
	b.sendTo(a, "x")
	net.pass(5 * second)
	net.block = func(_, to netip.AddrPort) bool { return to == a.addr }
	heard := a.peers[b.self.Address].lastReceive
	net.pass(heard + 499*second - net.now.Mono)
	if a.peers[b.self.Address] == nil {
		t.Error("forgotten before 500 s")
	}
	if n := len(a.peers[b.self.Address].slots); n != 0 {
		t.Errorf("%d paths are left after 499 s", n)
	}
	net.pass(3 * second)
	if a.peers[b.self.Address] != nil {
		t.Error("not forgotten after 502 s")
	}
	net.pass(clock.Hour)
	if a.peers[root.self.Address] == nil {
		t.Error("a silent root is forgotten")
	}
}

// Timer: offline when no root answered for 65 s, which is 500 s with the
// reference; online with the first answer.
func TestOfflineWithoutARoot(t *testing.T) {
	t.Parallel()
	net, root, a, _ := trio(t)
	net.pass(30 * second)
	answered := a.peers[root.self.Address].lastAnswer
	net.block = func(from, _ netip.AddrPort) bool { return from == root.addr }
	net.pass(answered + 65*second - clock.Millisecond - net.now.Mono)
	if !a.Online() {
		t.Error("offline before 65 s without an answer")
	}
	net.pass(5 * second)
	if a.Online() {
		t.Error("online 70 s after the last answer")
	}
	net.block = func(_, _ netip.AddrPort) bool { return false }
	net.pass(4 * second)
	if !a.Online() {
		t.Error("offline 4 s after the root's return")
	}
	net.block = func(_, to netip.AddrPort) bool { return to == root.addr }
	net.pass(600 * second)
	if !root.Online() {
		t.Error("a root is offline")
	}
}

// Timer: while a packet waits, the identity of its destination is asked for
// twice a second; after 5 s neither is left.
func TestWhoisIsRepeated(t *testing.T) {
	t.Parallel()
	net, root, a, _ := trio(t)
	net.pass(10 * second)
	seen := net.watch(a, root)
	begun := net.now.Mono
	a.do(func() { a.Send(net.now, 0x4400000000, wire.VerbFrame, []byte("x"), nil, false) })
	net.pass(20 * second)
	var asked []clock.Mono
	for _, m := range *seen {
		if m.len == wire.HeaderLen+5 { // one address
			asked = append(asked, m.at-begun)
		}
	}
	if n := len(asked); n < 10 || n > 11 || asked[0] != 0 || asked[n-1] > 5500*clock.Millisecond {
		t.Fatalf("asked after %v", asked)
	}
	for i := 1; i < len(asked); i++ {
		if d := asked[i] - asked[i-1]; d < 500*clock.Millisecond || d > 600*clock.Millisecond {
			t.Errorf("asked after %v", asked)
			break
		}
	}
	if s := a.Sizes(); s.Queued != 0 {
		t.Errorf("%+v", s)
	}
}

// A peer that is recalled from its record is called at each address of it that
// may be used, without a root; one that does not answer is dropped again after a
// minute.
func TestRecalledPeersAreCalled(t *testing.T) {
	t.Parallel()
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(5 * second)
	a.do(func() {
		a.SaveAll(net.now)
		a.forget(a.peers[b.self.Address])
	})
	r, err := wire.ParsePeerRecord(a.cache[b.self.Address])
	if err != nil || len(r.Paths) == 0 {
		t.Fatal(r, err)
	}
	black, loop := netip.MustParseAddrPort("10.9.9.9:9993"), netip.MustParseAddrPort("127.0.0.1:9993")
	r.Paths = append(r.Paths, black, loop)
	a.cache[b.self.Address] = r.Append(nil)
	a.do(func() {
		a.SetPhysical(net.now, Settings{Physical: []Physical{{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Blacklist: true}}})
	})
	net.settle()
	called := map[netip.AddrPort]int{}
	dead := false
	net.block = func(from, to netip.AddrPort) bool {
		if from == a.addr {
			called[to]++
		}
		return from == root.addr || to == root.addr || dead
	}
	net.wires[black], net.wires[loop] = b, b // so that calls are counted
	whois := a.stats.Out[wire.VerbWhois]
	b.got = nil
	a.sendTo(b, "by the root, which is gone")
	net.pass(second)
	a.sendTo(b, "directly")
	net.pass(second)
	if len(b.got) != 1 || called[black]+called[loop] != 0 || a.stats.Out[wire.VerbWhois] != whois {
		t.Errorf("got %v, called %v, %d questions", b.got, called, a.stats.Out[wire.VerbWhois]-whois)
	}
	dead = true
	a.do(func() { a.forget(a.peers[b.self.Address]); a.Recall(net.now, b.self.Address) })
	net.pass(59 * second)
	if a.peers[b.self.Address] == nil {
		t.Error("dropped before it had a minute to answer")
	}
	net.pass(3 * second)
	if a.peers[b.self.Address] != nil {
		t.Error("kept for more than a minute although it does not answer")
	}
}

// Timer: a leaf relays for a path by which a member proved itself within 600 s.
func TestLeavesRelayForMembers(t *testing.T) {
	t.Parallel()
	net, _, a, b := trio(t)
	c := net.node(4, "198.51.100.13:9993")
	net.pass(second)
	for _, n := range []*testNode{a, c} {
		n.sendTo(b, "x")
		net.pass(3 * second)
		b.sendTo(n, "x")
		net.pass(3 * second)
		n.sendTo(b, "direct")
		net.settle()
	}
	refused := func() bool {
		before := b.stats.Drops[DropRelayRefused]
		b.inject(a.addr, a.packetOf(c))
		return b.stats.Drops[DropRelayRefused] > before
	}
	x := b.paths[pathKey{a.addr, 1}]
	if x == nil || x.trusted == clock.Never {
		t.Fatal("a's path is not trusted")
	}
	if b.inject(elsewhere, a.packetOf(c)); b.stats.Drops[DropRelayRefused] != 1 {
		t.Error("relayed for an address that proved nothing")
	}
	net.later(x.trusted + 600*second - clock.Millisecond - net.now.Mono)
	if refused() {
		t.Error("refused before 600 s")
	}
	net.later(clock.Millisecond)
	if !refused() {
		t.Error("relayed after 600 s")
	}
}

// Timer: our addresses are pushed to a member each 120 s, each 15 s while it is
// relayed, and sixteen times more rarely in low-bandwidth mode.
func TestPushCadence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		relayed, low bool
		d            clock.Mono
		least, most  uint64
	}{
		{"direct", false, false, 600 * second, 4, 6},
		{"low bandwidth", false, true, 1900 * second, 0, 1},
		// In this mode there are no tries to get through NATs, which push as well.
		{"low bandwidth, relayed", true, true, 150 * second, 9, 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			net, _, a, b := trio(t)
			a.do(func() { a.SetPhysical(net.now, Settings{LowBandwidth: c.low}) })
			net.block = func(from, to netip.AddrPort) bool {
				return c.relayed && (from == a.addr && to == b.addr || from == b.addr && to == a.addr)
			}
			for range 10 {
				b.sendTo(a, "x")
				net.pass(second)
			}
			if direct := a.peers[b.self.Address].live(net.now.Mono) != nil; direct == c.relayed {
				t.Fatalf("direct: %v", direct)
			}
			before := a.stats.Out[wire.VerbPushDirectPaths]
			for range int(c.d / (5 * second)) {
				b.sendTo(a, "x")
				net.pass(5 * second)
			}
			if n := a.stats.Out[wire.VerbPushDirectPaths] - before; n < c.least || n > c.most {
				t.Errorf("%d pushes in %d s", n, c.d/second)
			}
		})
	}
}

// What others say of our address is believed for 600 s, of their own scope only;
// paths are doubted when a root sees another IP than lately, but not for another
// port, and not on others' word.
func TestSurface(t *testing.T) {
	t.Parallel()
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	b.sendTo(a, "x") // strangers are not believed
	net.pass(3 * second)
	fromRoot, fromB := pathKey{root.addr, 1}, pathKey{b.addr, 1}
	tell := func(n *testNode, from pathKey, as string) (asked int) {
		a.do(func() {
			a.learnSurface(net.now, a.peers[n.self.Address], from, netip.MustParseAddrPort(as))
			asked = len(a.out.Send)
		})
		net.queue = nil
		return asked
	}
	surface := func() []netip.AddrPort { return a.Surface(net.now.Mono) }
	a.surface.seen = nil
	for _, odd := range []string{"5.5.5.5:1", "127.0.0.1:1", "224.0.0.1:1", "0.0.0.0:1"} { // all but the first are none
		if tell(root, fromRoot, odd); len(surface()) != 0 {
			t.Errorf("%s is believed: %v", odd, surface())
		}
	}
	tell(root, fromRoot, "198.51.100.11:9993")
	if n := tell(root, fromRoot, "198.51.100.11:7777"); n != 0 || len(surface()) != 1 || surface()[0].Port() != 7777 {
		t.Errorf("another port: %d asked, %v", n, surface())
	}
	tell(b, fromB, "198.51.100.11:9993")
	if n := tell(b, fromB, "198.51.100.99:9993"); n != 0 || len(surface()) != 2 {
		t.Errorf("another IP on a peer's word: %d asked, %v", n, surface())
	}
	s := a.peers[b.self.Address].slotOf(fromB)
	if n := tell(root, fromRoot, "198.51.100.77:9993"); n != 1 || s.seen != clock.Never || len(surface()) != 1 {
		t.Errorf("another IP on a root's word: %d asked, %v", n, surface())
	}
	net.later(600*second - clock.Millisecond)
	if len(surface()) != 1 {
		t.Error("forgotten before 600 s")
	}
	net.later(clock.Millisecond)
	if len(surface()) != 0 {
		t.Errorf("after 600 s still %v", surface())
	}
	if n := tell(root, fromRoot, "198.51.100.78:9993"); n != 0 {
		t.Errorf("a report after 600 s counts as a change: %d asked", n)
	}
	net.later(601 * second)
	a.do(func() { a.clean(net.now) })
	if len(a.surface.seen) != 0 {
		t.Errorf("%d reports are kept", len(a.surface.seen))
	}
}

// Round trips that cannot be are not taken for latency; the least counts most.
func TestLatency(t *testing.T) {
	t.Parallel()
	x := &path{latency: unknownLatency}
	for _, c := range []struct {
		rtt  clock.Mono
		want uint16
	}{
		{-clock.Millisecond, unknownLatency}, {60_001 * clock.Millisecond, unknownLatency},
		{100 * clock.Millisecond, 100}, {200 * clock.Millisecond, 125}, {40 * clock.Millisecond, 40},
		{-clock.Second, 40}, {clock.Hour, 40}, {0, 0}, {60_000 * clock.Millisecond, 15000},
	} {
		if x.sample(c.rtt); x.latency != c.want {
			t.Errorf("after a round trip of %d ms: %d ms, want %d", c.rtt/clock.Millisecond, x.latency, c.want)
		}
	}
}

// In low-bandwidth mode a HELLO leaves by the socket that the peer was met on,
// otherwise by all; and roots are called each 25 s at most, and kept with a
// packet each 25 s.
func TestLowBandwidthRoots(t *testing.T) {
	t.Parallel()
	for _, low := range []bool{false, true} {
		net, root, a, _ := trio(t)
		a.do(func() { a.SetPhysical(net.now, Settings{LowBandwidth: low}) })
		met := pathKey{root.addr, 1}
		if got := a.wide(met); low != (got == met) {
			t.Errorf("low bandwidth %v: a HELLO leaves by socket %d", low, got.socket)
		}
		net.pass(60 * second)
		seen := net.watch(a, root)
		net.pass(180 * second)
		var gap clock.Mono
		for i := 1; i < len(*seen); i++ {
			gap = max(gap, (*seen)[i].at-(*seen)[i-1].at)
		}
		least, most := 10*second, 20*second
		if low {
			least, most = 20*second, 30*second
		}
		if len(*seen) < 5 || gap < least || gap > most {
			t.Errorf("low bandwidth %v: a root heard us %d times in 180 s, %d ms apart at most", low, len(*seen), gap/clock.Millisecond)
		}
		gone := 0
		net.block = func(from, _ netip.AddrPort) bool {
			if from == a.addr {
				gone++
			}
			return true
		}
		net.pass(200 * second)
		gone = 0
		net.pass(200 * second)
		if n := 200 / 25; low && (gone < n-2 || gone > n+3) || !low && (gone < 50 || gone > 100) {
			t.Errorf("low bandwidth %v: a root that is gone was called %d times in 200 s", low, gone)
		}
	}
}
