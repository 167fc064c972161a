package vl1

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// Forged packets that say to come from ourselves use up the gate for those, and
// yet our own calls come back: a stranger cannot make us believe in a copied disk.
func TestForgedCallsMakeNoTwin(t *testing.T) {
	t.Parallel()
	net, _, a, _ := trio(t)
	net.pass(120 * second)
	if a.twin.returned < twinReturned {
		t.Fatalf("%d calls came back", a.twin.returned)
	}
	calls := a.twin.calls
	forged := append(wire.AppendHeader(nil, 9, a.self.Address, a.self.Address, wire.VerbEcho), make([]byte, 60)...)
	for range 10000 {
		a.inject(elsewhere, forged)
		net.pass(400 * clock.Millisecond)
	}
	if made := a.twin.calls - calls; made < twinMissing {
		t.Fatalf("only %d calls were made meanwhile", made)
	}
	if len(a.twins) != 0 {
		t.Errorf("forged packets made a twin: %v", a.twins)
	}
	if a.twin.missing > 1 {
		t.Errorf("%d calls are missing", a.twin.missing)
	}
}

// What strangers say of our address is not told to others, does not pass for what
// our NAT does, and does not push out what roots say.
func TestStrangersDoNotTellWhereWeAre(t *testing.T) {
	t.Parallel()
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	b.sendTo(a, "x")
	net.pass(5 * second)
	seen, kind := a.Surface(net.now.Mono), a.NAT(net.now.Mono).Kind
	s := cheapSecret(500)
	net.known[s.Identity] = true
	lie := func(port uint16, says netip.AddrPort) {
		from := netip.AddrPortFrom(netip.MustParseAddr("203.0.113.77"), port)
		was := a.addr
		a.addr = says // what the HELLO says that it was sent to
		hello := helloOf(net, s, a, from)
		a.addr = was
		a.inject(from, hello)
	}
	lie(1000, a.addr)
	net.queue = nil
	for i := range uint16(2 * maxSurfaces) {
		lie(2000+i, netip.AddrPortFrom(a.addr.Addr(), 20000+i)) // another port: as of a NAT that varies them
		lie(6000+i, netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 53))
		net.queue = nil
	}
	if a.peers[s.Address] == nil {
		t.Fatal("the stranger is not known")
	}
	if got := a.Surface(net.now.Mono); !slices.Equal(got, seen) {
		t.Errorf("our addresses are %v, were %v", got, seen)
	}
	if got := a.NAT(net.now.Mono); got.Kind != kind || got.PortVaries {
		t.Errorf("the NAT is %v, was %v; ports vary: %v", got.Kind, kind, got.PortVaries)
	}
	if n := len(a.surface.seen); n > maxSurfaces {
		t.Errorf("%d reports are kept", n)
	}
	if !slices.ContainsFunc(a.surface.seen, func(x sighting) bool { return x.reporter == root.self.Address }) {
		t.Error("the root's report was pushed out")
	}
	if n := count(a.surface.seen, func(x sighting) bool { return x.reporter == s.Address }); n > surfacesOfOne {
		t.Errorf("%d reports of one stranger are kept", n)
	}
}

func count[T any](list []T, f func(T) bool) (n int) {
	for _, x := range list {
		if f(x) {
			n++
		}
	}
	return n
}

// Limit: what a root can have us send to addresses that it names: some a second
// are tried, and a thousand at once.
func TestRootsWordsAreBounded(t *testing.T) {
	t.Parallel()
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	tried := func(from, n int, every clock.Mono) (named int) {
		at := map[netip.AddrPort]bool{}
		for i := range n {
			where := netip.AddrPortFrom(netip.AddrFrom4([4]byte{7, 1, byte((from + i) >> 8), byte(from + i)}), 53)
			r := wire.Rendezvous{Peer: b.self.Address, At: where}
			a.inject(root.addr, root.packetTo(a, wire.VerbRendezvous, r.Append(nil)))
			for _, d := range net.queue {
				at[d.to] = d.to.Addr().As4()[0] == 7
			}
			net.queue = nil
			net.later(every)
		}
		for _, named7 := range at {
			if named7 {
				named++
			}
		}
		return named
	}
	if got := tried(0, 3000, 0); got != rendezvousBurst {
		t.Errorf("%d of 3,000 addresses at once were tried", got)
	}
	if got := tried(3000, 20000, clock.Millisecond/10); got < 990 || got > 1010 {
		t.Errorf("%d addresses in two seconds were tried", got)
	}
	net.later(10 * second)
	if got := tried(40000, 400, 5*clock.Millisecond/2); got != 400 {
		t.Errorf("%d of 400 addresses in a second were tried, as a root names that introduces by guessing", got)
	}
}

// Limit: what strangers, however many, can have us send to addresses that they
// say are theirs. Members of a common network are not concerned.
func TestStrangersPushesAreBounded(t *testing.T) {
	t.Parallel()
	net, root, a, b := trio(t)
	b.sendTo(a, "x")
	net.pass(3 * second)
	strangers := make([]*testNode, 30)
	for i := range strangers {
		strangers[i] = net.node(uint64(700+i), netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i), 99}), 9993).String())
	}
	net.pass(3 * second)
	push := func(n *testNode, i int) (tried int) {
		var named []netip.AddrPort
		for j := range pushScope {
			named = append(named, netip.AddrPortFrom(netip.AddrFrom4([4]byte{7, byte(i >> 8), byte(i), byte(j)}), 53))
		}
		payload, _ := wire.AppendPushDirectPaths(nil, named)
		a.inject(n.addr, n.packetTo(a, wire.VerbPushDirectPaths, payload))
		for _, d := range net.queue {
			if d.to.Addr().As4()[0] == 7 {
				tried++
			}
		}
		net.queue = nil
		return tried
	}
	for _, s := range strangers { // they know each other
		a.inject(s.addr, helloOf(net, s.secret, a, s.addr))
		net.settle()
		a.peers[s.self.Address].lastTrusted = clock.Never
		s.inject(a.addr, helloOf(net, a.secret, s, a.addr))
		net.settle()
	}
	net.pass(3 * second)
	net.queue = nil
	i, total := 0, 0
	for range 4 {
		for _, s := range strangers {
			i++
			total += push(s, i)
		}
	}
	if total != strangePushBurst {
		t.Errorf("%d addresses that strangers named at once were tried", total)
	}
	total = 0
	for range 100 {
		for _, s := range strangers[:4] {
			i++
			total += push(s, i)
		}
		net.later(10 * second)
	}
	if total < 1000 {
		t.Errorf("%d addresses that strangers named in 1,000 s were tried", total)
	}
	i++
	push(strangers[0], i)
	if got := push(b, i+1); got != pushScope {
		t.Errorf("%d addresses that a member named were tried", got)
	}
	_ = root
}

// Neither peers nor roots have us send to addresses that are nobody's, our own, or
// in our own networks, in whatever form they are written.
func TestNotSentTo(t *testing.T) {
	t.Parallel()
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	b.sendTo(a, "x")
	net.pass(3 * second)
	a.SetLocal([]netip.AddrPort{a.addr}, []netip.Prefix{netip.MustParsePrefix("10.147.17.0/24")})
	for text, sent := range map[string]bool{
		"7.1.1.1": true, "2001:db8::1": true, "10.147.18.5": true,
		"10.147.17.5": false, "::ffff:10.147.17.5": false, "::ffff:7.1.1.2": false,
		"127.0.0.1": false, "::1": false, "::ffff:127.0.0.1": false, "0.0.0.0": false, "::": false, "::ffff:0.0.0.0": false,
		"169.254.169.254": false, "::ffff:169.254.169.254": false, "fe80::5": false,
		"224.0.0.251": false, "::ffff:224.0.0.251": false, "ff02::fb": false,
		"255.255.255.255": false, "::ffff:255.255.255.255": false, a.addr.Addr().String(): false,
	} {
		where := netip.AddrPortFrom(netip.MustParseAddr(text), 9993)
		payload, _ := wire.AppendPushDirectPaths(nil, []netip.AddrPort{where})
		for what, say := range map[string]func(){
			"a push": func() { a.inject(b.addr, b.packetTo(a, wire.VerbPushDirectPaths, payload)) },
			"a root": func() {
				a.inject(root.addr, root.packetTo(a, wire.VerbRendezvous, wire.Rendezvous{Peer: b.self.Address, At: where}.Append(nil)))
			},
			"a report": func() {
				a.do(func() { a.learnSurface(net.now, a.peers[root.self.Address], pathKey{root.addr, 1}, where) })
			},
		} {
			net.queue = nil
			say()
			n := count(net.queue, func(d testDatagram) bool { return d.to == where })
			if what == "a report" {
				if !sent && where.Addr().Is4In6() && slices.Contains(a.Surface(net.now.Mono), where) {
					t.Errorf("%s is told others as ours", text)
				}
			} else if (n > 0) != sent {
				t.Errorf("%s has %d datagrams sent to %s", what, n, text)
			}
			net.later(20 * second)
		}
	}
	net.queue = nil
}

// A root asks other roots for its peers, but one of them cannot use up what it
// asks, nor all of them what it needs itself.
func TestForwardedWhoisIsShared(t *testing.T) {
	t.Parallel()
	net := newTestNet(t)
	first := net.node(1, "198.51.100.1:9993")
	second1 := net.node(2, "198.51.100.2:9993")
	a, b := net.node(3, "198.51.100.11:9993"), net.node(4, "198.51.100.12:9993")
	net.pass(3 * second)
	for _, n := range []*testNode{a, b} { // both know the other root
		second1.inject(n.addr, helloOf(net, n.secret, second1, n.addr))
		net.settle()
		n.inject(second1.addr, helloOf(net, second1.secret, n, second1.addr))
		net.settle()
	}
	net.pass(3 * second)
	second1.top.amRoot = true // of a moon that does not matter here
	net.block = func(_, to netip.AddrPort) bool { return to == first.addr }
	next := identity.Address(0x1100000000)
	ask := func(n *testNode, many int) {
		for range many {
			var q []byte
			for range 100 {
				next++
				q = append(q, identityBytes(next)...)
			}
			second1.inject(n.addr, n.packetTo(second1, wire.VerbWhois, q))
			net.queue = nil
		}
	}
	ask(a, 20)
	if n := len(second1.whois); n != forwardedOfOne {
		t.Errorf("%d addresses are asked for on one peer's behalf", n)
	}
	wanted := identity.Address(0x2200000000)
	second1.inject(b.addr, b.packetTo(second1, wire.VerbWhois, identityBytes(wanted)))
	if !second1.asking(wanted) {
		t.Error("another peer's question is not passed on")
	}
	for i := range 20 { // many peers
		for j := range second1.whois {
			if second1.whois[j].by != 0 {
				second1.whois[j].by = identity.Address(0x3300000000 + i)
			}
		}
		ask(a, 1)
	}
	if n := len(second1.whois); n != maxForwarded {
		t.Errorf("%d addresses are asked for on others' behalf", n)
	}
	own := identity.Address(0x4400000000)
	second1.sendToAddress(own)
	if !second1.asking(own) {
		t.Error("our own question is not asked")
	}
}

func (n *testNode) sendToAddress(a identity.Address) {
	n.do(func() { n.Send(n.net.now, a, wire.VerbFrame, []byte("x"), nil, false) })
}

// Strangers' identities do not take all the room of those that a root tells us
// because we asked; and who repeats itself while it is validated is validated once,
// and charged once.
func TestStrangersLeaveRoomForAnswers(t *testing.T) {
	t.Parallel()
	net, root, a, _ := trio(t)
	a.top.amRoot = true // strangers are limited otherwise on leaves
	feed := func(from netip.AddrPort, data []byte) {
		a.Begin(net.now, &a.out)
		a.Receive(net.now, []Datagram{{Data: slices.Clone(data), Remote: from, Socket: 1}})
		a.out.Reset() // nothing is ever validated
	}
	for i := range 2 * maxStrangers {
		s := cheapSecret(uint64(2000 + i))
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, byte(i), 5}), 9993)
		for range 4 {
			feed(from, helloOf(net, s, a, from))
		}
		net.later(6 * clock.Millisecond)
	}
	if n := len(a.pending); n != maxStrangers {
		t.Errorf("%d identities of strangers are being validated", n)
	}
	for prefix, b := range a.strange.buckets {
		left, c := 0, *b
		for c.Take(net.now.Mono, gateBurst, gateRefill) {
			left++
		}
		if left < gateBurst-1 {
			t.Errorf("%v was charged more than once, %d tokens are left", prefix, left)
		}
	}
	told := cheapSecret(3000).Identity
	a.do(func() { a.Whois(net.now, told.Address) })
	net.queue = nil
	a.Begin(net.now, &a.out)
	a.receiveOKWhois(net.now, a.peers[root.self.Address], told.AppendBinary(nil))
	if work := a.out.Work; len(work) != 1 || work[0].Identity != told {
		t.Errorf("what a root told is not validated: %v", work)
	}
	a.out.Reset()
}

// A packet that does not come from where we see its sender makes nobody call
// anybody: its source may be forged.
func TestForgedSourcesAreNotIntroduced(t *testing.T) {
	t.Parallel()
	net, root, a, b := trio(t)
	net.pass(3 * second)
	root.unites = unites{}
	relayed := func(from netip.AddrPort) (introduced bool) {
		before := root.stats.Out[wire.VerbRendezvous]
		root.inject(from, a.packetOf(b))
		net.queue = nil
		return root.stats.Out[wire.VerbRendezvous] > before
	}
	if relayed(elsewhere) {
		t.Error("two were introduced because of a packet from elsewhere")
	}
	if root.unites.len() != 0 {
		t.Errorf("%d pairs are remembered because of it", root.unites.len())
	}
	if !relayed(netip.AddrPortFrom(a.addr.Addr(), 1234)) {
		t.Error("two who talk through us were not introduced")
	}
}

// A peer whose clock was ahead, as ours was, is heard when both are right again.
func TestClocksSetBack(t *testing.T) {
	t.Parallel()
	net, _, a, b := trio(t)
	right := net.now.Wall
	net.now.Wall += 4 * 365 * 86400_000
	a.sendTo(b, "x")
	b.sendTo(a, "x")
	net.pass(20 * second)
	ahead := net.now.Wall - right
	net.now.Wall -= ahead
	p := b.peers[a.self.Address]
	if p.lastHello <= net.now.Wall {
		t.Fatalf("no HELLO of the future was noted: %d", p.lastHello)
	}
	p.minor = 1
	b.inject(a.addr, helloOf(net, a.secret, b, a.addr))
	if p.minor != 14 {
		t.Error("a HELLO made after the clocks were set right changes nothing")
	}
	net.settle()
}
