package vl1

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

var elsewhere = netip.MustParseAddrPort("203.0.113.66:4444")

// recording keeps copies of what passes to an address.
func (net *testNet) recording(to *testNode) *[]testDatagram {
	var got []testDatagram
	net.block = func(_, addr netip.AddrPort) bool {
		if addr == to.addr {
			d := net.inFlight
			d.data = append([]byte(nil), d.data...)
			got = append(got, d)
		}
		return false
	}
	return &got
}

// inject has a node receive a datagram and returns the bytes that it sends to
// the datagram's source at once.
func (n *testNode) inject(from netip.AddrPort, data []byte) (back int) {
	before := len(n.net.queue)
	n.do(func() {
		n.Receive(n.net.now, []Datagram{{Data: append([]byte(nil), data...), Remote: from, Socket: 1}})
	})
	for _, d := range n.net.queue[before:] {
		if d.from == n.addr && d.to == from {
			back += len(d.data)
		}
	}
	return back
}

// Whatever was recorded and is sent again does nothing: not from where it came,
// and from elsewhere it is at most answered with no more bytes than it has.
func TestReplays(t *testing.T) {
	net, _, a, b := trio(t)
	recorded := net.recording(b)
	for range 5 {
		a.sendTo(b, "once")
		net.pass(second)
	}
	b.sendTo(a, "x")
	net.pass(5 * second)
	frames := len(b.got)
	p := b.peers[a.self.Address]
	p.protocol = 99
	heard, slots := p.lastReceive, len(p.slots)
	net.now = net.now.Add(3 * second)
	for _, d := range *recorded {
		for _, from := range []netip.AddrPort{d.from, elsewhere} {
			if back := b.inject(from, d.data); from == elsewhere && back > len(d.data) {
				t.Errorf("%d bytes went to a replayer for %d", back, len(d.data))
			}
		}
	}
	if got := b.stats.Drops[DropReplay]; got < uint64(len(*recorded)) {
		t.Errorf("%d drops for %d packets that were sent twice more", got, len(*recorded))
	}
	if len(b.got) != frames || p.lastReceive != heard || p.protocol != 99 || len(p.slots) != slots {
		t.Errorf("replays had an effect: %d frames, had %d; heard %d, was %d; protocol %d; %d paths, had %d",
			len(b.got), frames, p.lastReceive, heard, p.protocol, len(p.slots), slots)
	}
	if b.stats.In[wire.VerbHello] == 0 || frames != 5 {
		t.Fatalf("nothing was recorded: %d frames", frames)
	}
}

// A minute later the filter has forgotten the packets: even then a HELLO does not
// bring back an old version, and no address becomes trusted or a path.
func TestLateReplays(t *testing.T) {
	net, _, a, b := trio(t)
	recorded := net.recording(b)
	a.sendTo(b, "once")
	net.pass(3 * second)
	b.sendTo(a, "x")
	net.pass(3 * second)
	old := *recorded
	net.pass(70 * second) // full HELLOs meanwhile
	p := b.peers[a.self.Address]
	p.protocol = 99
	slots := len(p.slots)
	in, out := 0, 0
	for _, d := range old {
		in += len(d.data)
		out += b.inject(elsewhere, d.data)
		net.queue = nil
		net.now = net.now.Add(100 * clock.Millisecond)
		b.do(func() { b.Tick(net.now) })
		for _, d := range net.queue {
			if d.to == elsewhere {
				out += len(d.data)
			}
		}
		net.queue = nil
	}
	if p.protocol != 99 {
		t.Error("an old HELLO brought back the version of then")
	}
	if x := b.paths[pathKey{elsewhere, 1}]; len(p.slots) != slots || x != nil && net.now.Mono-x.trusted < trustFor {
		t.Error("the replayer's address is trusted")
	}
	if out > in {
		t.Errorf("%d bytes went to the replayer for %d", out, in)
	}
}

// An answer is taken once, if one is due.
func TestAnswersCountOnce(t *testing.T) {
	net, root, a, _ := trio(t)
	a.do(func() { a.Whois(net.now, 0x1234567890) })
	net.settle()
	var id uint64
	for k, x := range a.expect.byID {
		if x.verb == wire.VerbWhois {
			id = k
		}
	}
	if id == 0 {
		t.Fatal("no question")
	}
	stranger := cheapSecret(77).Identity
	for i := range 2 {
		body := stranger.AppendBinary(wire.AppendOK(nil, wire.VerbWhois, id))
		pkt := append(wire.AppendHeader(nil, uint64(100+i), a.self.Address, root.self.Address, wire.VerbOK), body...)
		root.peers[a.self.Address].keys.Seal(pkt, armor.AESGMACSIV)
		before := a.stats.Drops[DropUnexpectedReply]
		a.inject(root.addr, pkt)
		if got := a.stats.Drops[DropUnexpectedReply] - before; got != uint64(i) {
			t.Errorf("answer %d: %d unexpected", i+1, got)
		}
	}
}

// No more bytes ever go to an address that proved nothing than came from there,
// whatever a peer or a stranger sends, by whatever verb and however it claims to
// have been relayed.
func TestNoMoreBytesThanAsked(t *testing.T) {
	rnd := rand.New(rand.NewPCG(8, 9))
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	stranger := cheapSecret(500)
	net.known[stranger.Identity] = true
	in, out := map[netip.AddrPort]int{}, map[netip.AddrPort]int{}
	answers := 0
	// VL2 answers whatever it gets with more than was asked.
	for _, n := range []*testNode{root, b} {
		n.handle = func(v wire.Verb, i *Inbound) {
			n.ReplyOK(net.now, i, v, make([]byte, rnd.IntN(3000)))
			n.ReplyError(net.now, i, v, wire.ErrorNeedMembershipCertificate, make([]byte, 8))
		}
	}
	victim := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), uint16(5000+i/256))
	}
	proven := map[netip.AddrPort]bool{root.addr: true, a.addr: true, b.addr: true}
	for i := range 6000 {
		to := []*testNode{root, b}[rnd.IntN(2)]
		from := victim(rnd.IntN(300))
		var pkt wire.Packet
		if i%10 == 0 { // a stranger's HELLO, and the same as if relayed
			pkt = helloOf(net, stranger, to, from)
		} else {
			v := wire.Verb(rnd.IntN(int(wire.VerbCount)))
			pkt = append(wire.AppendHeader(nil, rnd.Uint64(), to.self.Address, a.self.Address, v), payloadOf(rnd, v, a, to)...)
			a.peers[to.self.Address].keys.Seal(pkt, armor.Suite(1+2*rnd.IntN(2)))
			if v == wire.VerbHello {
				pkt = helloOf(net, a.secret, to, from)
			}
		}
		pkt.SetHops(uint8(rnd.IntN(2)))
		in[from] += len(pkt)
		to.inject(from, pkt)
		if i%7 == 0 {
			net.now = net.now.Add(clock.Mono(rnd.IntN(int(second))))
			for _, n := range net.order {
				n.do(func() { n.Tick(net.now) })
			}
		}
		kept := net.queue[:0]
		for _, d := range net.queue {
			if proven[d.to] {
				kept = append(kept, d)
				continue
			}
			out[d.to] += len(d.data)
			answers++
			if out[d.to] > in[d.to] && in[d.to] > 0 {
				t.Fatalf("packet %d (%v): %d bytes went to %v, %d came from there", i, pkt.Verb(), out[d.to], d.to, in[d.to])
			}
		}
		net.queue = kept
		net.settle()
	}
	if answers < 1000 {
		t.Errorf("only %d answers: the test shows nothing", answers)
	}
	for _, n := range []*testNode{root, b} {
		if s := n.Sizes(); s.Unproven > maxUnproven || s.Paths > 20 {
			t.Errorf("state: %+v", s)
		}
	}
}

// helloOf is a HELLO to a node, sealed.
func helloOf(net *testNet, s *identity.Secret, to *testNode, from netip.AddrPort) wire.Packet {
	key, err := s.Agree(to.self.Public)
	if err != nil {
		net.t.Fatal(err)
	}
	keys := armor.NewKeys(&key)
	h := wire.Hello{Protocol: 12, Major: 1, Minor: 14, Revision: 1, Time: net.now.Wall, Identity: s.Identity, SentTo: to.addr, PlanetID: 42}
	net.seq++
	b := h.Append(wire.AppendHeader(nil, net.seq, to.self.Address, s.Identity.Address, wire.VerbHello))
	keys.CryptHelloTail(b[:8], b[wire.HeaderLen+h.TailOffset():])
	keys.Seal(b, armor.Poly1305None)
	return b
}

// payloadOf is a payload for a verb that is right as often as not.
func payloadOf(rnd *rand.Rand, v wire.Verb, from, to *testNode) []byte {
	b := make([]byte, rnd.IntN(200))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	switch {
	case rnd.IntN(2) == 0:
	case v == wire.VerbWhois:
		b = b[:0]
		for range 1 + rnd.IntN(20) {
			b = append(b, identityBytes(from.self.Address)...)
		}
	case v == wire.VerbOK:
		b = append(wire.AppendOK(nil, wire.VerbEcho, rnd.Uint64()), b...)
	}
	return b
}

func identityBytes(a identity.Address) []byte {
	b := make([]byte, identity.AddressLen)
	a.Put(b)
	return b
}
