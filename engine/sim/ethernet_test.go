package sim_test

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/sim"
)

// many is the scene with n members on the network, A and B among them.
func many(l *lan, n int) (nodes []*sim.Node, stacks []*sim.Stack) {
	nodes, stacks = []*sim.Node{l.a, l.b}, []*sim.Stack{l.sa, l.sb}
	for i := 2; i < n; i++ {
		m, s := l.add("M", 60+i, netip.AddrFrom4([4]byte{5, 0, 60, byte(i)}).String())
		nodes, stacks = append(nodes, m), append(stacks, s)
	}
	l.w.Run(sec)
	l.joined(nodes[2:]...)
	return nodes, stacks
}

// A ping to the broadcast address of the subnet is answered by all members: the
// sender gathers those who like the group and sends each a MULTICAST_FRAME.
func TestBroadcastPing(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 500, wan, sim.Cone, sim.Cone).up()
		nodes, stacks := many(l, 8)
		l.w.Run(5 * sec)
		seq := stacks[0].Ping(l.nwid, ip("10.1.17.255"), 56)
		l.w.Run(3 * sec)
		var want []netip.Addr
		for _, n := range nodes[1:] {
			a, _ := n.Address(l.nwid, true)
			want = append(want, a)
		}
		got := slices.Clone(stacks[0].Answers(seq))
		slices.SortFunc(want, netip.Addr.Compare)
		slices.SortFunc(got, netip.Addr.Compare)
		if !slices.Equal(got, want) {
			t.Errorf("answers from %v, want %v", got, want)
		}
		if counter(nodes[0], "out.MULTICAST_FRAME") < 7 || counter(nodes[0], "out.MULTICAST_GATHER") == 0 || counter(l.r, "in.MULTICAST_LIKE") == 0 {
			t.Errorf("counters of the sender: %v", nodes[0].Core.Counters())
		}
		return l.w
	})
}

// A ping to the group of all nodes reaches everybody, over link-local addresses.
func TestAllNodesMulticast(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 501, wan, noNAT, sim.Cone).up()
		nodes, stacks := many(l, 6)
		l.w.Run(5 * sec)
		seq := stacks[1].Ping(l.nwid, ip("ff02::1"), 56)
		l.w.Run(3 * sec)
		answers := stacks[1].Answers(seq)
		for _, n := range nodes {
			s, _ := n.Core.Network(l.nwid)
			if has := slices.Contains(answers, s.LinkLocal.Addr()); has != (n != nodes[1]) {
				t.Errorf("%s (%v) among the answers: %v", n.Name, s.LinkLocal.Addr(), has)
			}
		}
		if len(answers) != 5 {
			t.Errorf("%d answers: %v", len(answers), answers)
		}
		return l.w
	})
}

// With a multicast limit of zero nobody hears a broadcast, yet IPv6 works, since
// neighbours are derived from addresses.
func TestMulticastOff(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 502, wan, noNAT, noNAT)
		l.online()
		l.network(isPublic + v4Pool + `,"multicastLimit":0,` + v6Modes)
		l.joined(l.a, l.b)
		l.w.Run(5 * sec)
		seq := l.sa.Ping(l.nwid, ip("10.1.17.255"), 56)
		l.w.Run(3 * sec)
		if n := len(l.sa.Answers(seq)); n != 0 {
			t.Errorf("%d answers to a broadcast", n)
		}
		if !l.ping(l.sa, l.b, false, 56) {
			t.Error("no answer over IPv6")
		}
		return l.w
	})
}

// An ARP request goes to the holder of the address alone: the group's ADI is the
// address.
func TestARPGoesToTheHolderAlone(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 503, wan, noNAT, noNAT).up()
		nodes, stacks := many(l, 8)
		l.w.Run(10 * sec)
		before := make([]uint64, len(nodes))
		for i, n := range nodes {
			before[i] = counter(n, "in.MULTICAST_FRAME")
		}
		if !l.ping(stacks[2], nodes[5], true, 56) {
			t.Error("no answer")
		}
		for i, n := range nodes {
			if got := counter(n, "in.MULTICAST_FRAME") - before[i]; i != 5 && got != 0 || i == 5 && got == 0 {
				t.Errorf("member %d got %d multicast frames", i, got)
			}
		}
		return l.w
	})
}

// An address that nobody holds does not make the sender flood anybody.
func TestARPForNobody(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 504, wan, noNAT, noNAT).up()
		l.w.Run(10 * sec)
		sent, got := l.a.Sent, counter(l.b, "in.MULTICAST_FRAME")
		for range 60 {
			l.sa.Ping(l.nwid, ip("10.1.17.200"), 56)
			l.w.Run(sec)
		}
		if n := counter(l.b, "in.MULTICAST_FRAME"); n != got {
			t.Errorf("B got %d multicast frames", n-got)
		}
		if n := l.a.Sent - sent; n > 400 {
			t.Errorf("A sent %d datagrams in a minute of asking in vain", n)
		}
		return l.w
	})
}

// IPv4 from a pool, RFC4193 and 6PLANE addresses: all of them answer, the IPv6
// ones without a single multicast frame, and for the whole /80 of a 6PLANE
// member.
func TestAddressesOfEveryKind(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 505, wan, sim.Cone, noNAT).up()
		l.w.Run(5 * sec)
		s, _ := l.b.Core.Network(l.nwid)
		if len(s.Addresses) != 3 {
			t.Fatalf("B has %v", s.Addresses)
		}
		multicasts := counter(l.a, "out.MULTICAST_FRAME")
		for _, p := range s.Addresses {
			if p.Addr().Is4() {
				continue
			}
			seq := l.sa.Ping(l.nwid, p.Addr(), 56)
			l.w.Run(sec)
			if _, ok := l.sa.Took(seq); !ok {
				t.Errorf("no answer from %v", p)
			}
			if p.Bits() == 40 {
				b := p.Addr().As16()
				b[15], b[12] = 0x77, 0x42
				seq := l.sa.Ping(l.nwid, netip.AddrFrom16(b), 56)
				l.w.Run(sec)
				if _, ok := l.sa.Took(seq); !ok {
					t.Errorf("no answer from %v, which is B's as well", netip.AddrFrom16(b))
				}
			}
		}
		if n := counter(l.a, "out.MULTICAST_FRAME"); n != multicasts {
			t.Errorf("neighbours were looked for by %d multicast frames", n-multicasts)
		}
		if !l.ping(l.sa, l.b, true, 56) || counter(l.a, "out.MULTICAST_FRAME") == multicasts {
			t.Error("IPv4 is not resolved by ARP")
		}
		// Link-local addresses are found by neighbour discovery.
		seq := l.sa.Ping(l.nwid, s.LinkLocal.Addr(), 56)
		l.w.Run(sec)
		if _, ok := l.sa.Took(seq); !ok {
			t.Errorf("no answer from %v", s.LinkLocal)
		}
		return l.w
	})
}

func tapSettings() netconf.Settings {
	s := netconf.DefaultSettings()
	s.Port = "tap"
	return s
}

// onSegment joins a node with an Ethernet port and puts its host on a segment.
func (l *lan) onSegment(n *sim.Node) (*sim.Segment, *sim.EtherHost) {
	l.t.Helper()
	n.JoinAs(l.nwid, tapSettings())
	l.ready(3*sec, n)
	seg := sim.NewSegment(n, l.nwid)
	addr, ok := n.Address(l.nwid, true)
	if !ok {
		l.t.Fatal("the Ethernet member has no address")
	}
	return seg, seg.NewHost(mac(n, l.nwid), addr)
}

// A member with an Ethernet port and one with an IP port talk, both ways, and so
// do two with Ethernet ports.
func TestEthernetPortTalksToIPPort(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 506, wan, noNAT, sim.Cone)
		l.online()
		l.network(isPublic + v4Pool)
		_, tap := l.onSegment(l.a)
		l.joined(l.b)
		l.w.Run(5 * sec)
		theirs, _ := l.b.Address(l.nwid, true)
		for range 5 {
			tap.Ping(theirs, 56)
			l.w.Run(sec)
		}
		seq := tap.Ping(theirs, 1400)
		l.w.Run(sec)
		if _, ok := tap.Took(seq); !ok {
			t.Error("the Ethernet host gets no answer from the IP host")
		}
		if !l.ping(l.sb, l.a, true, 56) || !l.ping(l.sb, l.a, true, 1400) {
			t.Error("the IP host gets no answer from the Ethernet host")
		}
		d, _ := l.add("D", 70, "5.0.70.1")
		l.w.Run(sec)
		_, other := l.onSegment(d)
		l.w.Run(5 * sec)
		seq = other.Ping(tap.IP, 56)
		l.w.Run(2 * sec)
		if _, ok := other.Took(seq); !ok {
			t.Error("two Ethernet hosts do not talk")
		}
		return l.w
	})
}

// Hosts behind a bridge, with MACs of their own, are reached in EXT_FRAMEs, and
// only because the controller named the bridge.
func TestBridge(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 507, wan, noNAT, sim.Cone)
		l.online()
		l.network(isPublic + v4Pool)
		seg, _ := l.onSegment(l.a)
		l.joined(l.b)
		behind := seg.NewHost(0x00163eaabbcc, ip("10.1.17.99"))
		theirs, _ := l.b.Address(l.nwid, true)
		l.w.Run(5 * sec)
		seq := behind.Ping(theirs, 56)
		l.w.Run(2 * sec)
		if _, ok := behind.Took(seq); ok {
			t.Error("a node that is no bridge bridged")
		}
		l.member(l.a, `{"activeBridge":true}`)
		l.w.Run(65 * sec) // the others learn of it when they refresh
		var asked []uint16
		for range 5 {
			asked = append(asked, behind.Ping(theirs, 56))
			l.w.Run(sec)
		}
		if _, ok := behind.Took(asked[4]); !ok {
			t.Error("a host behind the bridge gets no answer")
		}
		seq = l.sb.Ping(l.nwid, behind.IP, 1400)
		l.w.Run(2 * sec)
		if _, ok := l.sb.Took(seq); !ok {
			t.Error("a host behind the bridge does not answer")
		}
		if counter(l.a, "out.EXT_FRAME") == 0 || counter(l.b, "in.EXT_FRAME") == 0 {
			t.Error("no EXT_FRAME was sent")
		}
		return l.w
	})
}

// The rules that a network has from the start let IPv4, ARP and IPv6 pass and
// drop every other ethertype, at both ends.
func TestStockRulesDropOtherEthertypes(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 508, wan, noNAT, noNAT)
		l.online()
		l.network(isPublic + v4Pool)
		l.put(stockRules)
		_, tap := l.onSegment(l.a)
		d, _ := l.add("D", 70, "5.0.70.1")
		l.w.Run(sec)
		seg, other := l.onSegment(d)
		l.w.Run(5 * sec)
		for range 3 {
			tap.Ping(other.IP, 56)
			l.w.Run(sec)
		}
		seq := tap.Ping(other.IP, 56)
		l.w.Run(sec)
		if _, ok := tap.Took(seq); !ok {
			t.Fatal("the two do not talk")
		}
		for _, e := range []uint16{0x8137, 0x88cc, 0x8863, 0x0842, 0x9000} {
			tap.Send(other.MAC, e, make([]byte, 64))
			tap.Send(identity.Broadcast, e, make([]byte, 64))
			l.w.Run(sec)
			if seg.Unknown[e] != 0 {
				t.Errorf("%d frames of ethertype %04x passed", seg.Unknown[e], e)
			}
		}
		// The receiver has the rules too: a sender without them gains nothing.
		l.w.Watch = allBut(d, l.c, l.r)
		l.put(`{"rules":[{"type":"ACTION_ACCEPT"}]}`)
		l.w.Run(2 * clock.Minute)
		tap.Send(other.MAC, 0x88cc, make([]byte, 64))
		l.w.Run(sec)
		if seg.Unknown[0x88cc] != 0 {
			t.Error("a frame passed that only the sender's rules allow")
		}
		l.w.Watch = nil
		l.w.Run(2 * clock.Minute)
		tap.Send(other.MAC, 0x88cc, make([]byte, 64))
		l.w.Run(sec)
		if seg.Unknown[0x88cc] != 1 {
			t.Errorf("%d of 1 frames passed that the rules of both allow", seg.Unknown[0x88cc])
		}
		return l.w
	})
}

// stockRules are what front ends give a new network.
const stockRules = `{"rules":[
	{"type":"MATCH_ETHERTYPE","etherType":2048,"not":true,"or":false},
	{"type":"MATCH_ETHERTYPE","etherType":2054,"not":true,"or":false},
	{"type":"MATCH_ETHERTYPE","etherType":34525,"not":true,"or":false},
	{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}]}`

// What an Ethernet host subscribes to reaches it, what it does not does not.
func TestSubscriptions(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 509, wan, noNAT, noNAT)
		l.online()
		l.network(isPublic + v4Pool)
		_, tap := l.onSegment(l.a)
		d, _ := l.add("D", 70, "5.0.70.1")
		l.w.Run(sec)
		seg, _ := l.onSegment(d)
		group := ether.MulticastMAC(ip("239.1.2.3"))
		send := func() {
			tap.Send(group, 0x88b5, make([]byte, 64))
			l.w.Run(3 * sec)
		}
		l.w.Run(5 * sec)
		send()
		if seg.Unknown[0x88b5] != 0 {
			t.Error("a group reached a host that did not join it")
		}
		l.w.Run(5 * sec) // a frame waits so long for members to turn up
		listen := func(groups ...identity.MAC) {
			d.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Observed(at, l.nwid, nil, groups, out) })
			l.w.Run(sec)
		}
		listen(group)
		send()
		if seg.Unknown[0x88b5] != 1 {
			t.Errorf("%d of 1 frames to a group arrived", seg.Unknown[0x88b5])
		}
		listen()
		l.w.Run(11 * clock.Minute)
		send()
		if seg.Unknown[0x88b5] != 1 {
			t.Error("a group reaches a host that left it eleven minutes ago")
		}
		return l.w
	})
}
