package vl2

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

func TestHostEviction(t *testing.T) {
	t.Parallel()
	h := hostTable{limit: 4, self: 1}
	for i, via := range []identity.Address{9, 8, 8, 9, 7} {
		h.learn(0, identity.MAC(i+1), via)
	}
	// 8 and 9 had two each; the lower address lost its own.
	for mac, want := range map[identity.MAC]identity.Address{1: 9, 2: 0, 3: 0, 4: 9, 5: 7} {
		if got, _ := h.lookup(0, mac); got != want {
			t.Errorf("%v is behind %v, want %v", mac, got, want)
		}
	}
	h.learn(1, 1, 7)
	if got, _ := h.lookup(1, 1); got != 7 || h.count[9] != 1 || h.count[7] != 2 {
		t.Errorf("a host that moved is behind %v; %v", got, h.count)
	}
	// However many a bridge makes up, the others keep theirs.
	for i := range 1000 {
		h.learn(2, identity.MAC(1000+i), 9)
	}
	if got, _ := h.lookup(2, 5); got != 7 || len(h.at) > 4 {
		t.Errorf("a flood behind 9 has pushed out a host behind %v; %d hosts", got, len(h.at))
	}
}

func TestHostsAge(t *testing.T) {
	t.Parallel()
	h := hostTable{limit: 4, self: 1}
	h.learn(0, 5, 7)
	h.learn(0, 6, 7)
	h.learn(clock.Second, 6, 7)
	if _, ok := h.lookup(hostLife-1, 5); !ok {
		t.Error("a host is forgotten too soon")
	}
	if _, ok := h.lookup(hostLife, 5); ok {
		t.Error("a host does not age")
	}
	h.clean(hostLife)
	if len(h.at) != 1 || h.count[7] != 1 {
		t.Errorf("left are %v", h.at)
	}
	h.clean(hostLife + clock.Second)
	if len(h.at)+len(h.count) != 0 {
		t.Errorf("left are %v, %v", h.at, h.count)
	}
}

// TestHostInALoop: of a host that is heard from both sides the far one is
// refused, until it was silent here for a while. One that only moves is followed.
func TestHostInALoop(t *testing.T) {
	t.Parallel()
	const self, remote = 1, 7
	h := hostTable{limit: 4, self: self}
	now := clock.Mono(0)
	for i := range maxMoves * 10 { // back and forth, but not faster than a traveller
		now += moveWindow/maxMoves + clock.Second
		via := identity.Address(self)
		if i%2 == 1 {
			via = remote
		}
		if !h.learn(now, 5, via) {
			t.Fatalf("move %d is refused", i)
		}
	}
	refused := 0
	for range 100 {
		now += clock.Millisecond
		if !h.learn(now, 6, self) {
			t.Fatal("the original is refused")
		}
		if !h.learn(now, 6, remote) {
			refused++
		}
	}
	if refused < 90 {
		t.Errorf("%d of 100 copies were refused", refused)
	}
	for range 10 {
		if now += pinLife - 1; !h.learn(now, 6, self) || h.learn(now, 6, remote) {
			t.Fatal("while it is heard here it is ours")
		}
	}
	if now += pinLife; !h.learn(now, 6, remote) {
		t.Error("a host that has left is not found elsewhere")
	}
	// Between two others it is their loop, which we cannot know from a move.
	for range 100 {
		now += clock.Millisecond
		if !h.learn(now, 6, 8) || !h.learn(now, 6, remote) {
			t.Fatal("a host between two remote bridges is refused")
		}
	}
}

const printer identity.MAC = 0x02000000aa01

// bridges is a lab with members of a network of which those named by role are
// active bridges.
func bridges(t *testing.T, names []string, active ...string) (l *lab, sts []*station, nws []*Network) {
	t.Helper()
	l = newLab(t)
	k := newIssuer(l)
	for _, name := range names {
		sts = append(sts, l.add(name, false, nil))
	}
	k.shape = func(c *netconf.Config) {
		for i, name := range names {
			if slices.Contains(active, name) {
				c.Specialists = append(c.Specialists, netconf.ActiveBridge|netconf.Specialist(sts[i].secret.Address))
			}
		}
	}
	for i, st := range sts {
		nws = append(nws, k.admit(st, "10.147.17."+string(rune('5'+i))+"/24"))
	}
	l.run(20 * clock.Millisecond)
	for i, st := range sts { // everybody has heard everybody
		for _, nw := range nws {
			if nw != nws[i] {
				st.sw.SendFrame(l.at, nws[i], nws[i].mac, nw.mac, 0x0800, []byte("hello"))
			}
		}
	}
	l.run(20 * clock.Millisecond)
	for _, st := range sts {
		st.takeHost()
	}
	return l, sts, nws
}

// TestImpossibleHosts: an active bridge cannot make us believe that members, or
// no hosts at all, are behind it; others cannot make us believe anything.
func TestImpossibleHosts(t *testing.T) {
	t.Parallel()
	l, sts, nws := bridges(t, []string{"self", "peerB", "peerC_wrong_signer"}, "peerB")
	a, b, c := sts[0], sts[1], sts[2]
	na, nb, nc := nws[0], nws[1], nws[2]
	// What a bridge with other software may send.
	nb.hosts.self, nc.hosts.self = 0, 0
	send := func(st *station, nw *Network, src, dst identity.MAC) int {
		mac, am := nw.mac, nw.roles.amBridge
		nw.mac, nw.roles.amBridge = 0, true
		members := nw.members
		nw.members.byAddress = nil // it does not care who is a member
		nw.members.order = nil
		st.sw.SendFrame(l.at, nw, src, dst, 0x0800, []byte("x"))
		nw.mac, nw.roles.amBridge, nw.members = mac, am, members
		l.run(20 * clock.Millisecond)
		return len(a.takeHost())
	}
	if n := send(b, nb, printer, na.mac); n != 1 {
		t.Fatalf("%d frames of a host behind the bridge", n)
	}
	for _, dst := range []identity.MAC{na.mac, identity.Broadcast} {
		if n := send(b, nb, nc.mac, dst); n != 0 {
			t.Errorf("a member's frame came from behind a bridge to %v", dst)
		}
		if n := send(c, nc, printer, dst); n != 0 {
			t.Errorf("a node that is no bridge bridged to %v", dst)
		}
	}
	if na.Drops(DropLoop) == 0 || na.Drops(DropNotBridge) == 0 {
		t.Errorf("%d looped, %d by no bridge", na.Drops(DropLoop), na.Drops(DropNotBridge))
	}
	hosts := na.Hosts(l.at.Mono)
	if len(hosts) != 1 || hosts[0].MAC != printer || hosts[0].Via != b.secret.Address {
		t.Errorf("learnt %+v", hosts)
	}
	if st := na.Bridging(); st.Remote != 1 || st.Local != 0 || st.Allowed || !slices.Equal(st.Bridges, []identity.Address{b.secret.Address}) || st.LoopMAC != nc.mac {
		t.Errorf("%+v", st)
	}
}

// TestLookalike: LANs have hosts whose made-up MAC begins like members'. They
// are reached, until a member of that address shows up.
func TestLookalike(t *testing.T) {
	t.Parallel()
	l, sts, nws := bridges(t, []string{"self", "peerB"}, "peerB")
	a, b, na, nb := sts[0], sts[1], nws[0], nws[1]
	phone := identity.MACOf(na.id, 0x7700000001)
	b.sw.SendFrame(l.at, nb, phone, na.mac, 0x0800, []byte("hello"))
	l.run(20 * clock.Millisecond)
	if got := a.takeHost(); len(got) != 1 || got[0].src != phone {
		t.Fatalf("A got %v", got)
	}
	a.sw.SendFrame(l.at, na, na.mac, phone, 0x0800, []byte("answer"))
	l.run(20 * clock.Millisecond)
	if got := b.takeHost(); len(got) != 1 || got[0].dst != phone {
		t.Errorf("the bridge got %v", got)
	}
	na.members.open(l.at.Mono, 0x7700000001).heard = true
	a.sw.SendFrame(l.at, na, na.mac, phone, 0x0800, []byte("answer"))
	b.sw.SendFrame(l.at, nb, phone, na.mac, 0x0800, []byte("hello"))
	l.run(20 * clock.Millisecond)
	if got := append(a.takeHost(), b.takeHost()...); len(got) != 0 || na.Drops(DropLoop) != 1 {
		t.Errorf("a member's frames go by way of a bridge: %v", got)
	}
}

// TestFramesThatComeBack: what we delivered to our LAN and that returns to us
// goes no further.
func TestFramesThatComeBack(t *testing.T) {
	t.Parallel()
	l, sts, nws := bridges(t, []string{"self", "peerB", "peerC_wrong_signer"}, "self", "peerB")
	a, b, c := sts[0], sts[1], sts[2]
	na, nb, nc := nws[0], nws[1], nws[2]
	g := identity.Broadcast
	// A member's broadcast that B put on the wire which both have.
	a.sw.SendFrame(l.at, na, nc.mac, g, 0x0800, []byte("all"))
	l.run(20 * clock.Millisecond)
	if got := append(b.takeHost(), c.takeHost()...); len(got) != 0 || na.Drops(DropLoop) != 1 {
		t.Errorf("a member's frame entered again: %v", got)
	}
	// A host of the wire: it comes from the LAN, and from B.
	for range 8 {
		a.sw.SendFrame(l.at, na, printer, g, 0x0800, []byte("all"))
		b.sw.SendFrame(l.at, nb, printer, g, 0x0800, []byte("all"))
		l.run(20 * clock.Millisecond)
	}
	a.takeHost()
	b.takeHost()
	c.takeHost()
	a.sw.SendFrame(l.at, na, printer, g, 0x0800, []byte("all"))
	b.sw.SendFrame(l.at, nb, printer, g, 0x0800, []byte("all"))
	l.run(20 * clock.Millisecond)
	if got := append(a.takeHost(), b.takeHost()...); len(got) != 0 {
		t.Errorf("the storm goes on: %v", got)
	}
	if got := c.takeHost(); len(got) != 2 {
		t.Errorf("a member without part in it got %v", got)
	}
	if st := na.Bridging(); st.LoopMAC != printer || st.Local != 1 {
		t.Errorf("%+v", st)
	}
	_ = nb
}

// TestRepeatedFrames: from an Ethernet device, a frame for many that comes again and
// again is slowed down to one a second, whoever it seems to be from; what programs send
// more slowly, or what differs, is not, and neither is anything elsewhere.
func TestRepeatedFrames(t *testing.T) {
	t.Parallel()
	l, sts, nws := bridges(t, []string{"self", "peerB", "peerC_wrong_signer"}, "self", "peerB")
	a, b, na, nb := sts[0], sts[1], nws[0], nws[1]
	na.SetEthernet(true)
	passed := func(n int, gap clock.Mono, send func(i int)) int {
		b.takeHost()
		for i := range n {
			send(i)
			l.run(gap)
		}
		l.run(echoGap)
		return len(b.takeHost())
	}
	group := func(src identity.MAC) func(int) {
		return func(int) { a.sw.SendFrame(l.at, na, src, 0x01005e0000fb, 0x0800, []byte("round and round")) }
	}
	for _, src := range []identity.MAC{printer, na.mac} {
		if n := passed(1200, clock.Millisecond, group(src)); n < maxEchoes || n > maxEchoes+3 {
			t.Errorf("%d of 1200 equal frames of %v passed in 1.2 s", n, src)
		}
		if n := passed(100, echoGap, group(src)); n != 100 {
			t.Errorf("%d of 100 equal frames of %v passed at a program's pace", n, src)
		}
	}
	unknown := func(i int) { a.sw.SendFrame(l.at, na, printer, 0x020000000099, 0x0800, []byte("where are you")) }
	if n := passed(1200, clock.Millisecond, unknown); n < maxEchoes || n > maxEchoes+3 {
		t.Errorf("%d of 1200 equal frames to a host that nobody knows passed in 1.2 s", n)
	}
	differ := func(i int) {
		a.sw.SendFrame(l.at, na, printer, 0x01005e0000fb, 0x0800, []byte{byte(i), byte(i >> 8), 1, 2, 3, 4, 5, 6, 7, 8})
	}
	if n := passed(1000, clock.Millisecond, differ); n != 1000 {
		t.Errorf("%d of 1000 different frames passed", n)
	}
	// To a member, and to a host that is known, nothing is counted.
	known := func(int) { a.sw.SendFrame(l.at, na, printer, nb.mac, 0x0800, []byte("same")) }
	if n := passed(100, clock.Millisecond, known); n != 100 {
		t.Errorf("%d of 100 equal frames to a member passed", n)
	}
	c, nc := sts[2], nws[2]
	plain := func(int) { c.sw.SendFrame(l.at, nc, nc.mac, 0x01005e0000fb, 0x0800, []byte("same")) }
	if n := passed(100, clock.Millisecond, plain); n != 100 {
		t.Errorf("%d of 100 equal frames of an IP device passed", n)
	}
	if st := na.Bridging(); st.Looped == 0 || st.LoopMAC != printer {
		t.Errorf("%+v", st)
	}
}

// TestQueuedFramesOfAHostThatMoved: a bridge keeps multicast for members that it
// does not know yet. Of a host that has moved meanwhile it sends no more, or the
// host's new bridge would take it for one that moved back.
func TestQueuedFramesOfAHostThatMoved(t *testing.T) {
	t.Parallel()
	for _, moves := range []bool{false, true} {
		l, sts, nws := bridges(t, []string{"self", "peerB", "peerC_wrong_signer"}, "self", "peerC_wrong_signer")
		a, b, c := sts[0], sts[1], sts[2]
		na, nb, nc := nws[0], nws[1], nws[2]
		const g identity.MAC = 0x01005e0000fb
		a.sw.SendFrame(l.at, na, printer, g, 0x0800, []byte("is anyone there"))
		l.run(20 * clock.Millisecond)
		if moves {
			c.sw.SendFrame(l.at, nc, printer, na.mac, 0x0800, []byte("here I am"))
			l.run(20 * clock.Millisecond)
		}
		b.takeHost()
		b.sw.Subscribe(l.at, nb, identity.MulticastGroup{MAC: g})
		l.run(20 * clock.Millisecond)
		if got := len(b.takeHost()); (got == 0) != moves {
			t.Errorf("moved %v: %d frames of before", moves, got)
		}
	}
}

// TestBridgesOwnAddress: the address that is certified to a bridge may be on an
// interface with another MAC behind it, and on none behind others.
func TestBridgesOwnAddress(t *testing.T) {
	t.Parallel()
	l, sts, nws := bridges(t, []string{"self", "peerB", "peerC_wrong_signer"}, "peerB", "peerC_wrong_signer")
	na, b, c := nws[0], sts[1], sts[2]
	ip := netip.MustParseAddr("10.147.17.6")
	own := credential.Ownership{
		Network: na.id, Timestamp: l.at.Wall, ID: 1, IssuedTo: b.secret.Address, Things: []credential.Thing{credential.ThingOf(ip)},
	}
	own.Sign(l.stations[na.controller].secret)
	bundle := credential.Bundle{Ownerships: []credential.Ownership{own}}
	b.Send(l.at, sts[0].secret.Address, wire.VerbNetworkCredentials, bundle.Append(nil), nil, false)
	l.run(20 * clock.Millisecond)
	na.hosts.learn(l.at.Mono, printer, b.secret.Address)
	na.hosts.learn(l.at.Mono, printer+1, c.secret.Address)
	if !na.MayClaim(nws[1].mac, ip) || !na.MayClaim(printer, ip) || na.MayClaim(printer+1, ip) || na.MayClaim(printer+2, ip) {
		t.Error("who may have a bridge's address is wrong")
	}
}

// TestBridgeRoleEnds: hosts behind a node that is no bridge any more are
// forgotten with the configuration that says so.
func TestBridgeRoleEnds(t *testing.T) {
	t.Parallel()
	l, sts, nws := bridges(t, []string{"self", "peerB"}, "self", "peerB")
	na := nws[0]
	na.hosts.learn(l.at.Mono, printer, sts[1].secret.Address)
	na.hosts.learn(l.at.Mono, printer+1, sts[0].secret.Address)
	c := *na.config
	c.Specialists = []netconf.Specialist{netconf.ActiveBridge | netconf.Specialist(sts[1].secret.Address)}
	sts[0].sw.setConfig(na, &c)
	if hosts := na.Hosts(l.at.Mono); len(hosts) != 1 || hosts[0].MAC != printer {
		t.Errorf("left are %+v", hosts)
	}
	c.Specialists = nil
	sts[0].sw.setConfig(na, &c)
	if len(na.hosts.at)+len(na.hosts.count) != 0 {
		t.Errorf("left are %v", na.hosts.at)
	}
}

// TestBridgedFramesAllocateNothing: frames to and from hosts that are known cost
// no memory, in either direction, and unknown ones only when they are learnt.
func TestBridgedFramesAllocateNothing(t *testing.T) {
	h, s, nw, in := busy(t)
	from := in.From.Address
	c := *nw.config
	c.Specialists = []netconf.Specialist{
		netconf.ActiveBridge | netconf.Specialist(s.self.Address), netconf.ActiveBridge | netconf.Specialist(from),
	}
	s.setConfig(nw, &c)
	nw.SetEthernet(true)
	at := start.Add(clock.Second)
	payload := tcpSegment()
	body := append(wire.AppendExtFrameHead(nil, nw.id, 0, printer+1, printer, 0x0800), payload...)
	inbound := vl1.Inbound{From: in.From, ID: 1, Payload: body}
	s.Handle(at, wire.VerbExtFrame, &inbound)
	s.SendFrame(at, nw, printer+1, printer, 0x0800, payload)
	h.sent, h.delivered = 0, 0
	if n := testing.AllocsPerRun(200, func() {
		s.SendFrame(at, nw, printer+1, printer, 0x0800, payload)
		s.SendFrame(at, nw, printer+1, identity.MACOf(nw.id, from), 0x0800, payload)
		s.Handle(at, wire.VerbExtFrame, &inbound)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if h.sent != 2*201 || h.delivered != 201 {
		t.Errorf("%d sent, %d delivered", h.sent, h.delivered)
	}
}

// BenchmarkBridge carries a frame of a known host to a host behind another bridge,
// and takes one from there.
func BenchmarkBridge(b *testing.B) {
	_, s, nw, in := busy(b)
	c := *nw.config
	c.Specialists = []netconf.Specialist{
		netconf.ActiveBridge | netconf.Specialist(s.self.Address), netconf.ActiveBridge | netconf.Specialist(in.From.Address),
	}
	s.setConfig(nw, &c)
	at := start.Add(clock.Second)
	payload := tcpSegment()
	body := append(wire.AppendExtFrameHead(nil, nw.id, 0, printer+1, printer, 0x0800), payload...)
	inbound := vl1.Inbound{From: in.From, ID: 1, Payload: body}
	for i := range 10000 {
		nw.hosts.learn(at.Mono, 0x0a0000000000+identity.MAC(i), in.From.Address)
	}
	b.Run("out", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.SendFrame(at, nw, printer+1, printer, 0x0800, payload)
		}
	})
	b.Run("in", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Handle(at, wire.VerbExtFrame, &inbound)
		}
	})
}
