package vl1

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/trust"
	"orrery/engine/wire"
)

const second = clock.Second

func trio(t *testing.T) (net *testNet, root, a, b *testNode) {
	net = newTestNet(t)
	root, a, b = net.node(1, "198.51.100.1:9993"), net.node(2, "198.51.100.11:9993"), net.node(3, "198.51.100.12:9993")
	net.pass(second)
	return net, root, a, b
}

func TestOnline(t *testing.T) {
	_, root, a, b := trio(t)
	if !root.Online() || !a.Online() || !b.Online() {
		t.Fatalf("online after a second: root %v, a %v, b %v", root.Online(), a.Online(), b.Online())
	}
	p := a.peers[root.self.Address]
	if p.protocol != wire.ProtocolVersion || p.direct(a.net.now.Mono) == nil {
		t.Errorf("root at a: protocol %d, path %v", p.protocol, p.direct(a.net.now.Mono))
	}
}

func (n *testNode) sendTo(to *testNode, text string) {
	n.do(func() { n.Send(n.net.now, to.self.Address, wire.VerbFrame, []byte(text), nil, false) })
}

func TestFirstContactGoesThroughTheRootThenDirect(t *testing.T) {
	net, root, a, b := trio(t)
	a.sendTo(b, "hello, world")
	net.pass(second)
	want := testFrame{a.self.Address, wire.VerbFrame, "hello, world"}
	if !slices.Contains(b.got, want) {
		t.Fatalf("b got %v", b.got)
	}
	a.sendTo(b, "again")
	net.pass(3 * second)
	if a.peers[b.self.Address].direct(net.now.Mono) == nil || b.peers[a.self.Address].direct(net.now.Mono) == nil {
		t.Fatal("no direct path after RENDEZVOUS")
	}
	relayed := root.stats.Relayed
	a.sendTo(b, "direct")
	net.settle()
	if root.stats.Relayed != relayed || !slices.Contains(b.got, testFrame{a.self.Address, wire.VerbFrame, "direct"}) {
		t.Errorf("a direct frame went through the root or got lost: %v", b.got)
	}
}

func TestLongPacketsAreCutAndJoined(t *testing.T) {
	net, _, a, b := trio(t)
	for _, n := range []int{1404, 1405, 2838, 5000, 9000} {
		text := strings.Repeat("x", n)
		a.sendTo(b, text)
		net.pass(2 * second)
		if !slices.Contains(b.got, testFrame{a.self.Address, wire.VerbFrame, text}) {
			t.Errorf("%d bytes did not arrive", n)
		}
	}
}

func TestRelayWhenBlocked(t *testing.T) {
	net, _, a, b := trio(t)
	net.block = func(from, to netip.AddrPort) bool {
		return from == a.addr && to == b.addr || from == b.addr && to == a.addr
	}
	for range 5 {
		a.sendTo(b, "relayed")
		net.pass(2 * second)
	}
	if len(b.got) != 5 {
		t.Errorf("b got %d of 5 frames through the root", len(b.got))
	}
	if a.peers[b.self.Address].direct(net.now.Mono) != nil {
		t.Error("a direct path appeared through a wall")
	}
	net.block = func(_, _ netip.AddrPort) bool { return false }
	b.sendTo(a, "now")
	net.pass(20 * second)
	b.sendTo(a, "now")
	net.pass(20 * second)
	if a.peers[b.self.Address].direct(net.now.Mono) == nil {
		t.Error("no direct path after the wall fell")
	}
}

func TestSecondKeyForAnAddressIsRefused(t *testing.T) {
	net, root, a, b := trio(t)
	// The root learns b's true identity first; a pinned another key for b.
	imposter := cheapSecret(99).Identity
	imposter.Address = b.self.Address
	if err := a.trust.Set(net.now.Wall, imposter, trust.Verified, "test"); err != nil {
		t.Fatal(err)
	}
	a.sendTo(b, "secret")
	net.pass(6 * second)
	if len(b.got) != 0 {
		t.Errorf("a frame reached an identity that is not the pinned one: %v", b.got)
	}
	r, _ := a.trust.Get(b.self.Address)
	if r.Conflict == nil || *r.Conflict != b.self || r.ConflictFrom != trust.FromWhois {
		t.Errorf("conflict not recorded: %+v", r)
	}
	_ = root
}

func TestCollidingHelloIsAnswered(t *testing.T) {
	net, root, a, _ := trio(t)
	// A second node claims a's address with another key.
	c := net.node(50, "198.51.100.50:9993")
	c.self.Address = a.self.Address
	c.secret.Identity.Address = a.self.Address
	net.known[c.secret.Identity] = true // as if the hash had been ground
	net.pass(3 * second)
	if len(c.alert) == 0 || c.alert[0] != root.self {
		t.Fatalf("the collider was not told: %v", c.alert)
	}
	if root.peers[a.self.Address].id != a.self {
		t.Error("the root lost the first identity")
	}
	if r, _ := root.trust.Get(a.self.Address); r.Conflict == nil {
		t.Error("the root recorded no conflict")
	}
}

func TestBlockedPeerIsSilenced(t *testing.T) {
	net, _, a, b := trio(t)
	a.sendTo(b, "one")
	net.pass(2 * second)
	if err := b.trust.Set(net.now.Wall, a.self, trust.Blocked, "test"); err != nil {
		t.Fatal(err)
	}
	b.do(func() { b.TrustChanged(net.now, b.trust.Changes()) })
	b.got, a.got = nil, nil
	a.sendTo(b, "two")
	b.sendTo(a, "three")
	net.pass(3 * second)
	if len(b.got) != 0 || len(a.got) != 0 {
		t.Errorf("a blocked peer was heard or spoken to: %v %v", a.got, b.got)
	}
}

func TestHeldPacketsAreRetried(t *testing.T) {
	net, _, a, b := trio(t)
	b.never = true
	a.sendTo(b, "wait")
	net.pass(2 * second)
	b.never = false
	net.pass(second)
	if len(b.got) != 1 {
		t.Fatalf("b got %v, want the held frame once", b.got)
	}
	b.never = true
	a.sendTo(b, "lost")
	net.pass(6 * second)
	b.never = false
	net.pass(2 * second)
	if len(b.got) != 1 {
		t.Errorf("a frame was held for more than 5 s: %v", b.got)
	}
}

func TestRootRestartIsNoticed(t *testing.T) {
	net, root, a, b := trio(t)
	// The root forgets everybody, as after a crash without a cache.
	for _, p := range slices.Clone(root.order) {
		root.forget(p)
	}
	net.pass(30 * second)
	a.sendTo(b, "still there?")
	net.pass(3 * second)
	if len(b.got) != 1 {
		t.Errorf("b got %v after the root came back", b.got)
	}
}

func TestPathsExpire(t *testing.T) {
	net, _, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	net.block = func(from, to netip.AddrPort) bool {
		return from == a.addr && to == b.addr || from == b.addr && to == a.addr
	}
	net.pass(250 * second)
	if p := a.peers[b.self.Address]; p != nil && p.direct(net.now.Mono) != nil {
		t.Error("a dead path did not expire in 243 s")
	}
	net.pass(300 * second)
	if a.peers[b.self.Address] != nil {
		t.Error("a silent peer is still in memory")
	}
	b.got = nil
	a.sendTo(b, "from the cache")
	net.pass(3 * second)
	if len(b.got) != 1 {
		t.Errorf("b got %v after it was recalled", b.got)
	}
}

func TestStrangersAreBounded(t *testing.T) {
	net, root, a, _ := trio(t)
	before := len(root.peers)
	// Junk with a valid form, from one prefix: nothing is created.
	for i := range 2000 {
		pkt := wire.AppendHeader(nil, uint64(i), root.self.Address, 0x1122334455, wire.VerbHello)
		pkt = append(pkt, make([]byte, 109)...)
		net.queue = append(net.queue, testDatagram{from: netip.MustParseAddrPort("203.0.113.9:1000"), to: root.addr, data: pkt})
		pkt = wire.AppendHeader(nil, uint64(i), root.self.Address, 0x1122334455+1, wire.VerbFrame)
		net.queue = append(net.queue, testDatagram{from: netip.MustParseAddrPort("203.0.113.9:1000"), to: root.addr, data: pkt})
	}
	net.settle()
	if len(root.peers) != before || len(root.held) > maxHeld || len(root.whois) > maxAsked || len(root.paths) > 10 {
		t.Errorf("junk made state: %d peers, %d held, %d asked, %d paths", len(root.peers), len(root.held), len(root.whois), len(root.paths))
	}
	if a.stats.Drops[DropAuthentication] != 0 {
		t.Error("unexpected authentication failures")
	}
}

func TestBlockedBeforeItIsMet(t *testing.T) {
	net, _, a, b := trio(t)
	if err := a.trust.Set(net.now.Wall, b.self, trust.Blocked, "test"); err != nil {
		t.Fatal(err)
	}
	before := a.stats.Out[wire.VerbWhois]
	a.sendTo(b, "nothing")
	net.pass(3 * second)
	if len(b.got) != 0 || a.stats.Out[wire.VerbWhois] != before || a.queue.waiting != 0 {
		t.Errorf("a peer blocked before it was met got %v, was asked for %d times, %d packets wait", b.got, a.stats.Out[wire.VerbWhois]-before, a.queue.waiting)
	}
}

func TestBlockedWhileAskedFor(t *testing.T) {
	net, root, a, b := trio(t)
	net.block = func(from, _ netip.AddrPort) bool { return from == root.addr }
	a.sendTo(b, "waits")
	net.pass(second)
	if err := a.trust.Set(net.now.Wall, b.self, trust.Blocked, "test"); err != nil {
		t.Fatal(err)
	}
	a.do(func() { a.TrustChanged(net.now, a.trust.Changes()) })
	net.block = func(_, _ netip.AddrPort) bool { return false }
	net.pass(3 * second)
	if len(b.got) != 0 {
		t.Errorf("a peer blocked while it was asked for got %v", b.got)
	}
}
