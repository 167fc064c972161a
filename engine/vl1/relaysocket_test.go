package vl1

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// relayAddr is the UDP port that a TCP relay has for a node.
var relayAddr = netip.MustParseAddrPort("198.52.0.9:40000")

// tunnel gives a node a TCP relay, or takes it away.
func (n *testNode) tunnel(active bool) {
	n.relay = netip.AddrPort{}
	delete(n.net.behind, relayAddr)
	if active {
		n.relay = relayAddr
		n.net.behind = map[netip.AddrPort]*testNode{relayAddr: n}
	}
	n.do(func() { n.SetRelay(n.net.now, active) })
	n.net.settle()
}

// socketTo is the socket of the path that a node uses for another, and false if
// there is none that works.
func (n *testNode) socketTo(o *testNode) (SocketID, bool) {
	if p := n.peers[o.self.Address]; p != nil {
		if x := p.live(n.net.now.Mono); x != nil {
			return x.socket, true
		}
	}
	return 0, false
}

// TestRelaySocket has UDP blocked for a leaf, a TCP relay come, and UDP return.
func TestRelaySocket(t *testing.T) {
	t.Parallel()
	net := newTestNet(t)
	root, a, b := net.node(1, "44.0.0.1:9993"), net.node(2, "44.0.1.1:9993"), net.node(3, "44.0.2.1:9993")
	net.pass(2 * clock.Second)
	if s, ok := a.socketTo(root); !ok || s != 1 {
		t.Fatalf("at first the root is reached by socket %d, %v", s, ok)
	}
	if now := net.now.Mono; now-a.HeardGlobal() > 2*clock.Second {
		t.Errorf("UDP was heard at %v, it is %v", a.HeardGlobal(), now)
	}
	blocked := net.now.Mono
	net.block = func(from, to netip.AddrPort) bool { return from == a.addr || to == a.addr }
	net.pass(80 * clock.Second)
	if a.Online() {
		t.Error("online without UDP and without a relay")
	}
	a.tunnel(true)
	net.pass(200 * clock.Millisecond)
	if s, ok := a.socketTo(root); !ok || s != RelaySocket || !a.Online() {
		t.Fatalf("with a relay the root is reached by socket %d, %v; online %v", s, ok, a.Online())
	}
	if p, _ := a.PeerInfo(net.now.Mono, root.self.Address); p.Reason != ReasonTunnelled {
		t.Errorf("the root is not direct because: %q", p.Reason)
	}
	// Packets pass both ways, in several parts too.
	long := make([]byte, 5000)
	for _, way := range [][2]*testNode{{a, b}, {b, a}} {
		from, to := way[0], way[1]
		to.got = nil
		from.do(func() { from.Send(net.now, to.self.Address, wire.VerbFrame, nil, long, false) })
		net.pass(clock.Second)
		if len(to.got) != 1 || len(to.got[0].payload) != len(long) {
			t.Errorf("by the relay %d packets came", len(to.got))
		}
	}
	if a.HeardGlobal() > blocked {
		t.Error("what came by the relay counts as heard by UDP")
	}
	for _, s := range a.Surface(net.now.Mono) {
		if s == relayAddr {
			t.Error("the relay's address counts as ours")
		}
	}
	// UDP comes back: it is found, and preferred while the relay still works.
	net.block = func(_, _ netip.AddrPort) bool { return false }
	net.pass(rootByUDP + 2*clock.Second)
	if s, ok := a.socketTo(root); !ok || s == RelaySocket {
		t.Errorf("with UDP back the root is reached by socket %d, %v", s, ok)
	}
	if net.now.Mono-a.HeardGlobal() > rootByUDP {
		t.Error("UDP was not heard")
	}
	a.tunnel(false)
	for _, p := range a.order {
		for _, s := range p.slots {
			if s.socket == RelaySocket {
				t.Errorf("a path of %s is still there without the relay", p.id.Address)
			}
		}
	}
	b.got = nil
	a.do(func() { a.Send(net.now, b.self.Address, wire.VerbFrame, nil, long, false) })
	net.settle()
	if len(b.got) != 1 {
		t.Error("the other leaf is not reached")
	}
}

// TestRelayIsLost takes the relay away while UDP is still blocked.
func TestRelayIsLost(t *testing.T) {
	t.Parallel()
	net := newTestNet(t)
	root, a := net.node(1, "44.0.0.1:9993"), net.node(2, "44.0.1.1:9993")
	net.block = func(from, to netip.AddrPort) bool { return from == a.addr || to == a.addr }
	net.pass(2 * clock.Second)
	a.tunnel(true)
	net.pass(clock.Second)
	a.tunnel(false)
	if _, ok := a.socketTo(root); ok {
		t.Error("the root is still reached")
	}
	net.pass(2 * clock.Second) // what is sent now has no relay: the test's network would complain
	a.tunnel(true)
	net.pass(clock.Second)
	if s, ok := a.socketTo(root); !ok || s != RelaySocket {
		t.Errorf("with a new relay the root is reached by socket %d, %v", s, ok)
	}
}

// TestRelayTakesOnlyItsKind checks for which addresses a HELLO gets a twin.
func TestRelayTakesOnlyItsKind(t *testing.T) {
	t.Parallel()
	net := newTestNet(t)
	net.node(1, "44.0.0.1:9993")
	a := net.node(2, "44.0.1.1:9993")
	for addr, want := range map[string]bool{
		"44.0.0.7:1": true, "10.1.2.3:9993": false, "192.168.0.1:9993": false, "[2a00::1]:9993": false, "25.1.1.1:9993": false,
	} {
		if a.carriedByRelay(netip.MustParseAddrPort(addr)) {
			t.Errorf("%s: carried without a relay", addr)
		}
		a.do(func() { a.SetRelay(net.now, true) })
		a.out.Reset()
		if a.carriedByRelay(netip.MustParseAddrPort(addr)) != want {
			t.Errorf("%s: want %v", addr, want)
		}
		a.tcpRelay = false
	}
}
