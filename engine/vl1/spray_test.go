package vl1

import (
	"fmt"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// guessFor is the message of an asker about a peer.
func guessFor(peer *testNode, at netip.AddrPort, sockets uint16) []byte {
	g := wire.Guess{Peer: peer.self.Address, Sockets: sockets, At: at}
	return wire.UserMessage{Type: wire.GuessKind, Data: g.Append(nil)}.Append(nil)
}

// talking has the root think that two talked through it just now.
func talking(root, a, b *testNode) {
	root.unites.put(unordered(a.self.Address, b.self.Address), united{at: root.net.now.Mono, wait: uniteEvery, a: a.addr, b: b.addr})
}

// untold drops what the root tells of addresses.
func untold(net *testNet) {
	n := wire.HeaderLen + len(wire.Rendezvous{At: faraway}.Append(nil))
	net.block = func(_, _ netip.AddrPort) bool { return len(net.inFlight.data) == n }
}

// step lets 50 ms go by at the root only, and counts what it tells of addresses.
// What it sent stays on the way.
func step(root *testNode) int {
	before := root.stats.Out[wire.VerbRendezvous]
	root.net.later(sprayTick)
	root.do(func() { root.Tick(root.net.now) })
	return int(root.stats.Out[wire.VerbRendezvous] - before)
}

// A root guesses for two that it sees directly and that talk through it, if the
// asker knows where the peer is; for nobody else.
func TestSprayGate(t *testing.T) {
	type scene struct {
		net           *testNet
		root, a, b, c *testNode
		from          netip.AddrPort
		at            netip.AddrPort
		peer          *testNode
		sockets       uint16
		hops          int
	}
	for _, c := range []struct {
		name   string
		change func(s *scene)
		open   bool
	}{
		{"as it should be", func(*scene) {}, true},
		{"by one who is no root", func(s *scene) { s.root.top.amRoot = false }, false},
		{"by a root that is to save traffic", func(s *scene) { s.root.set.low = true }, false},
		{"about a stranger", func(s *scene) { delete(s.root.peers, s.b.self.Address) }, false},
		{"about oneself", func(s *scene) { s.peer, s.at = s.a, s.a.addr }, false},
		{"about the root", func(s *scene) { s.peer, s.at = s.root, s.root.addr }, false},
		{"about who is blocked", func(s *scene) { s.root.peers[s.b.self.Address].blocked = true }, false},
		{"with too few sockets", func(s *scene) { s.sockets = leastSockets - 1 }, false},
		{"about another port of the peer", func(s *scene) { s.at = netip.AddrPortFrom(s.at.Addr(), 1234) }, false},
		{"about a third party", func(s *scene) { s.at = faraway }, false},
		{"about a peer that is not seen", func(s *scene) { s.root.peers[s.b.self.Address].slots = nil }, false},
		{"about a neighbour at the same address", func(s *scene) {
			talking(s.root, s.a, s.c)
			s.peer, s.at = s.c, s.c.addr
		}, false},
		{"without a word between them", func(s *scene) { s.root.unites = unites{} }, false},
		{"long after their last word", func(s *scene) {
			s.root.unites.put(unordered(s.a.self.Address, s.b.self.Address), united{at: s.net.now.Mono - sprayTalk, a: s.a.addr, b: s.b.addr})
		}, false},
		{"through a relay", func(s *scene) { s.hops = 1 }, false},
		{"from an address that is not proven", func(s *scene) {
			s.root.peers[s.a.self.Address].slots = nil
			s.from = faraway
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			net, root, a, b := trio(t)
			near := net.node(4, "198.51.100.11:7777")
			net.pass(second)
			talking(root, a, b)
			s := &scene{net: net, root: root, a: a, b: b, c: near, from: a.addr, at: b.addr, peer: b, sockets: MaxBurst}
			c.change(s)
			pkt := a.packetTo(root, wire.VerbUserMessage, guessFor(s.peer, s.at, s.sockets))
			for range s.hops {
				pkt.IncrementHops()
			}
			root.inject(s.from, pkt)
			if got := len(root.sprays.running) > 0; got != c.open {
				t.Errorf("taken: %v", got)
			}
			if c.open {
				return
			}
			for range 40 {
				if n := step(root); n > 0 {
					t.Fatalf("%d addresses were told", n)
				}
			}
		})
	}
}

// A spray tells ports of the asker's own address, each once, 400 a second, 1,600
// in all, and leaves nothing behind.
func TestSprayIsBounded(t *testing.T) {
	net, root, a, b := trio(t)
	a.sendTo(b, "hello")
	net.pass(second)
	talking(root, a, b)
	ask := a.packetTo(root, wire.VerbUserMessage, guessFor(b, b.addr, MaxBurst))
	before := root.stats.Out[wire.VerbRendezvous]
	root.inject(a.addr, ask)
	net.queue = nil
	told := root.stats.Out[wire.VerbRendezvous] - before
	called := make(map[netip.AddrPort]int)
	for range 10 {
		inSecond := 0
		for range clock.Second / sprayTick {
			n := step(root)
			inSecond += n
			told += uint64(n)
			// What the peer does upon that is what the reference does: it calls there.
			net.deliver(b)
			for _, d := range net.queue {
				if d.to.Addr() != root.addr.Addr() && d.ttl == 2 {
					called[d.to]++
				}
			}
			net.queue = nil
		}
		if inSecond > 420 {
			t.Errorf("%d addresses in a second", inSecond)
		}
	}
	if told != sprayPorts || len(called) < sprayPorts-sprayShare {
		t.Errorf("%d addresses were told, %d called", told, len(called))
	}
	for x, n := range called {
		if x.Addr() != a.addr.Addr() || x.Port() < lowestPort || n != 1 {
			t.Errorf("%d calls to %v", n, x)
		}
	}
	if root.sprays.running != nil || root.sprayDeadline() < clock.Mono(1)<<60 {
		t.Error("it still runs")
	}
	net.pass(5 * clock.Hour)
	if n := root.sprays.len(); n != 0 {
		t.Errorf("%d waits are remembered after five hours", n)
	}
}

// A spray ends when either side is seen no more where it was.
func TestSprayEnds(t *testing.T) {
	for name, change := range map[string]func(root, a, b *testNode){
		"the asker is lost":       func(root, a, _ *testNode) { root.peers[a.self.Address].slots = nil },
		"the peer is lost":        func(root, _, b *testNode) { root.peers[b.self.Address].slots = nil },
		"the peer was forgotten":  func(root, _, b *testNode) { root.forget(root.peers[b.self.Address]) },
		"the asker is blocked":    func(root, a, _ *testNode) { root.peers[a.self.Address].blocked = true },
		"traffic is to be saved":  func(root, _, _ *testNode) { root.set.low = true },
		"the asker moved":         func(root, a, _ *testNode) { root.sprays.running[0].where = faraway.Addr() },
		"the peer has moved away": func(root, _, b *testNode) { root.sprays.running[0].at = faraway },
	} {
		t.Run(name, func(t *testing.T) {
			_, root, a, b := trio(t)
			talking(root, a, b)
			root.inject(a.addr, a.packetTo(root, wire.VerbUserMessage, guessFor(b, b.addr, MaxBurst)))
			if step(root) == 0 {
				t.Fatal("nothing was told")
			}
			change(root, a, b)
			if n := step(root) + step(root); n != 0 || len(root.sprays.running) != 0 {
				t.Errorf("%d more addresses were told", n)
			}
		})
	}
}

// Who asks without end is served ever more rarely.
func TestSprayBackOff(t *testing.T) {
	net, root, a, b := trio(t)
	untold(net)
	var served []clock.Mono
	for range 4 * 3600 {
		talking(root, a, b)
		was := len(root.sprays.running)
		root.inject(a.addr, a.packetTo(root, wire.VerbUserMessage, guessFor(b, b.addr, MaxBurst)))
		if len(root.sprays.running) > was {
			served = append(served, net.now.Mono)
		}
		net.pass(clock.Second)
		if len(root.sprays.running) > 0 {
			root.sprays.running[0].sent = sprayPorts // spare the test the rest
		}
	}
	var gaps []clock.Mono
	for i := 1; i < len(served); i++ {
		gaps = append(gaps, (served[i]-served[i-1])/clock.Second)
	}
	want := []clock.Mono{30, 30, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600}
	if fmt.Sprint(gaps) != fmt.Sprint(want) {
		t.Errorf("served after %v s, want %v", gaps, want)
	}
}

// However many ask, about whomever they talk to: four at once, 500 addresses a
// second, and a peer is called once in 30 s.
func TestSprayFlood(t *testing.T) {
	net, root, _, _ := trio(t)
	const n = 12
	var nodes []*testNode
	for i := range 2 * n {
		nodes = append(nodes, net.node(uint64(10+i), fmt.Sprintf("5.9.%d.1:9993", 20+i)))
	}
	net.pass(second)
	untold(net)
	last := make(map[*Peer]clock.Mono)
	total := 0
	for range 60 {
		inSecond := 0
		for range clock.Second / sprayTick {
			inSecond += step(root)
			net.settle()
		}
		if inSecond > 500 {
			t.Fatalf("%d addresses in a second", inSecond)
		}
		total += inSecond
		for i := range n {
			for j := range n {
				talking(root, nodes[i], nodes[n+j])
				count := len(root.sprays.running)
				root.inject(nodes[i].addr, nodes[i].packetTo(root, wire.VerbUserMessage, guessFor(nodes[n+j], nodes[n+j].addr, MaxBurst)))
				net.settle()
				if len(root.sprays.running) == count {
					continue
				}
				p := root.peers[nodes[n+j].self.Address]
				if before, ok := last[p]; ok && net.now.Mono-before < sprayPeerEvery {
					t.Errorf("a peer is called after %d s", (net.now.Mono-before)/clock.Second)
				}
				last[p] = net.now.Mono
			}
		}
		if len(root.sprays.running) > maxSprays {
			t.Fatalf("%d run at once", len(root.sprays.running))
		}
		if root.stats.Drops[DropRate] == 0 {
			t.Fatal("nobody was refused")
		}
	}
	if total < 5*sprayPorts {
		t.Errorf("only %d addresses in a minute", total)
	}
	for i := range identity.Address(3 * maxWaits) {
		root.sprays.served(net.now.Mono, sprayKey{peer: i}, 1, 1)
	}
	if got := root.sprays.len(); got > 2*maxWaits {
		t.Errorf("%d waits are remembered", got)
	}
}
