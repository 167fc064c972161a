package sim_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/sim"
)

// listener is the host of a node that joins groups and counts what it hears.
type listener struct {
	node  *sim.Node
	nwid  identity.NetworkID
	heard map[uint32]int
	// groups are those joined; it repeats its reports when it is asked to.
	groups []string
}

func (l *lan) listen(n *sim.Node) *listener {
	x := &listener{node: n, nwid: l.nwid, heard: map[uint32]int{}}
	n.Host = func(_ identity.NetworkID, packet []byte) {
		p, err := ether.ParseIPv4(packet)
		switch {
		case err != nil:
		case p.Protocol() == 17:
			x.heard[binary.BigEndian.Uint32(p.Payload()[8:])]++
		case p.Protocol() == 2 && p.Payload()[0] == 0x11:
			for _, g := range x.groups {
				x.report(g)
			}
		}
	}
	return x
}

// join is what a kernel does when the first program joins a group.
func (x *listener) join(group string) {
	x.groups = append(x.groups, group)
	x.report(group)
}

func (x *listener) report(group string) {
	m := []byte{0x16, 0, 0, 0, 0, 0, 0, 0}
	a := ip(group).As4()
	copy(m[4:], a[:])
	binary.BigEndian.PutUint16(m[2:], ether.Checksum(m))
	from, _ := x.node.Address(x.nwid, true)
	x.node.SendIP(x.nwid, packet4(2, from, ip(group), m))
}

// say sends a numbered datagram.
func (x *listener) say(to string, number uint32) {
	from, _ := x.node.Address(x.nwid, true)
	u := binary.BigEndian.AppendUint32([]byte{0x14, 0xe9, 0x14, 0xe9, 0, 12, 0, 0}, number)
	x.node.SendIP(x.nwid, packet4(17, from, ip(to), u))
}

// missed and twice count the numbers below n that were not heard, or more than
// once.
func (x *listener) missed(n int) (missed, twice int) {
	for i := range n {
		switch h := x.heard[uint32(i)]; {
		case h == 0:
			missed++
		case h > 1:
			twice++
		}
	}
	return missed, twice
}

func packet4(proto byte, from, to netip.Addr, payload []byte) []byte {
	h := make([]byte, 20)
	h[0], h[8], h[9] = 0x45, 1, proto
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(payload)))
	a, b := from.As4(), to.As4()
	copy(h[12:], a[:])
	copy(h[16:], b[:])
	binary.BigEndian.PutUint16(h[10:], ether.Checksum(h))
	return append(h, payload...)
}

// audience is the scene with n members that listen to a group, A among them.
func audience(l *lan, n int, group string) (all []*listener) {
	l.t.Helper()
	for i := range n {
		m := l.a
		if i > 0 {
			m = l.w.NewNode(fmt.Sprintf("M%d", i), l.w.NewSecret(100+i), netip.AddrFrom4([4]byte{5, 1, byte(i), 1}), nil)
			m.Start(l.planet)
		}
		all = append(all, l.listen(m))
	}
	l.w.Run(sec)
	for _, x := range all {
		x.node.Join(l.nwid)
	}
	for _, x := range all {
		l.ready(5*sec, x.node)
		x.join(group)
	}
	l.w.Run(sec)
	return all
}

const discovery = "239.255.255.250"

// A hundred packets in a row reach fifty members, from the first to the last,
// though the sender knows none of them before: the network's limit is what a
// frame reaches, so it must not be lower than the number of members.
func TestMulticastToFifty(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 520, wan, noNAT, noNAT)
		l.online()
		l.network(isPublic + v4Pool + `,"multicastLimit":64`)
		all := audience(l, 51, discovery)
		for i := range uint32(100) {
			all[0].say(discovery, i)
			l.w.Run(20 * ms)
		}
		l.w.Run(5 * sec)
		for _, x := range all[1:] {
			if missed, twice := x.missed(100); missed > 0 || twice > 0 {
				t.Errorf("%s missed %d of 100, heard %d twice", x.node.Name, missed, twice)
			}
		}
		return l.w
	})
}

// With the limit that networks have from the start every frame reaches 32 of
// fifty members, chosen anew for each: nobody is left out for good.
func TestMulticastLimit(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 521, wan, noNAT, noNAT)
		l.online()
		l.network(isPublic + v4Pool)
		all := audience(l, 51, discovery)
		all[0].say(discovery, 1000) // makes the members known
		l.w.Run(5 * sec)
		for i := range uint32(100) {
			all[0].say(discovery, i)
			l.w.Run(20 * ms)
		}
		l.w.Run(5 * sec)
		total := 0
		for _, x := range all[1:] {
			missed, twice := x.missed(100)
			total += 100 - missed
			if missed > 70 || missed == 0 || twice > 0 {
				t.Errorf("%s missed %d of 100, heard %d twice", x.node.Name, missed, twice)
			}
		}
		if total != 100*32 {
			t.Errorf("100 frames reached %d members, want 32 each", total)
		}
		return l.w
	})
}

// A stream to a single receiver goes on past the 32 packets that may wait for
// more receivers, whatever its pace, on a lossy line as well as the line allows,
// and starts no storm of questions.
func TestMulticastStream(t *testing.T) {
	for _, every := range []clock.Mono{ms, 10 * ms, 100 * ms} {
		t.Run(fmt.Sprintf("every %d ms", every/ms), func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 522, wan, sim.Cone, noNAT)
				l.online()
				l.network(isPrivate + v4Pool)
				l.member(l.a, `{"authorized":true}`)
				l.member(l.b, `{"authorized":true}`)
				l.joined(l.a, l.b)
				from, to := l.listen(l.a), l.listen(l.b)
				to.join(discovery)
				l.w.Run(2 * sec)
				// The first frame finds the receiver, over the root: at a thousand a
				// second more than 32 are on their way until then.
				from.say(discovery, 9999)
				l.w.Run(sec)
				asked := counter(l.a, "out.MULTICAST_GATHER")
				for i := range uint32(500) {
					from.say(discovery, i)
					l.w.Run(every)
				}
				l.w.Run(5 * sec)
				if missed, twice := to.missed(500); missed > 0 || twice > 0 || to.heard[9999] != 1 {
					t.Errorf("of 500 packets %d were missed and %d heard twice", missed, twice)
				}
				if n := counter(l.a, "out.MULTICAST_GATHER") - asked; n > 4 {
					t.Errorf("members were asked for %d times", n)
				}
				return l.w
			})
		})
	}
}

// A program that talks to a group in which nobody is asks for members a few
// times, then once a second, however much it sends; somebody who joins is told
// of the packets of the last five seconds, 32 at most, and of all that follow.
func TestMulticastToNobody(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 523, wan, noNAT, noNAT).up()
		from, to := l.listen(l.a), l.listen(l.b)
		l.w.Run(5 * sec)
		asked := counter(l.r, "in.MULTICAST_GATHER")
		for i := range uint32(1000) {
			from.say(discovery, i)
			l.w.Run(20 * ms)
		}
		if n := counter(l.r, "in.MULTICAST_GATHER") - asked; n < 20 || n > 32 {
			t.Errorf("the root was asked %d times in 20 s", n)
		}
		to.join(discovery)
		for i := range uint32(50) {
			from.say(discovery, 1000+i)
			l.w.Run(20 * ms)
		}
		l.w.Run(sec)
		// Found at the next question, by when some have waited.
		first := 0
		for first < 1050 && to.heard[uint32(first)] == 0 {
			first++
		}
		if first < 1000-32 || first > 1050-32 {
			t.Errorf("the first that was heard is %d", first)
		}
		for i := first; i < 1050; i++ {
			if to.heard[uint32(i)] != 1 {
				t.Errorf("packet %d was heard %d times", i, to.heard[uint32(i)])
			}
		}
		// Nothing that is older than five seconds is sent to a late comer.
		from.say("239.9.9.9", 5000)
		l.w.Run(5500 * ms)
		to.join("239.9.9.9")
		l.w.Run(5 * sec)
		if to.heard[5000] != 0 {
			t.Error("a packet was delivered after its time")
		}
		return l.w
	})
}

// Whoever leaves a group gets no more of it within seconds, though no leaving is
// announced; whoever stays in it gets it for hours; whoever vanishes is forgotten
// after ten minutes.
func TestMulticastSubscriptions(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 524, wan, noNAT, noNAT).up()
		from, to := l.listen(l.a), l.listen(l.b)
		host := func(groups ...netip.Addr) {
			l.b.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Surveyed(at, l.nwid, nil, groups, out) })
		}
		group := ip(discovery)
		host(group)
		l.w.Run(5 * sec)
		number := uint32(0)
		heard := func() bool {
			number++
			from.say(discovery, number)
			l.w.Run(sec)
			return to.heard[number] == 1
		}
		for minute := range 120 {
			if !heard() {
				t.Fatalf("nothing was heard in minute %d", minute)
			}
			l.w.Run(59 * sec)
		}
		host(ip("224.0.0.1"))
		heard() // the answer to this one is that it is not wanted
		sent := counter(l.a, "out.MULTICAST_FRAME")
		for range 5 {
			if heard() {
				t.Error("a group is heard after it was left")
			}
		}
		// The root and the controller name it for ten minutes more.
		if n := counter(l.a, "out.MULTICAST_FRAME") - sent; n != 0 {
			t.Errorf("%d frames were sent to a member that left", n)
		}
		host(group)
		l.w.Run(sec)
		if !heard() {
			t.Error("a group that was joined again is not heard")
		}
		l.b.Stop()
		l.w.Run(11 * clock.Minute)
		sent = counter(l.a, "out.MULTICAST_FRAME")
		heard()
		if n := counter(l.a, "out.MULTICAST_FRAME") - sent; n != 0 {
			t.Errorf("%d frames were sent to a member that vanished", n)
		}
		return l.w
	})
}

// Members are found by the controller when the root is gone, and the other way
// round.
func TestMulticastWithoutTheRoot(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 525, wan, noNAT, noNAT).up()
		from, to := l.listen(l.a), l.listen(l.b)
		to.join(discovery)
		l.w.Run(2 * sec)
		l.directly(5 * sec)
		l.r.Stop()
		from.say(discovery, 1)
		l.w.Run(2 * sec)
		if to.heard[1] != 1 {
			t.Error("not found by the controller")
		}
		l.r.Start(nil)
		l.w.Run(70 * sec)
		l.c.Stop()
		to.join("239.1.1.1")
		l.w.Run(2 * sec)
		from.say("239.1.1.1", 2)
		l.w.Run(2 * sec)
		if to.heard[2] != 1 {
			t.Error("not found by the root")
		}
		return l.w
	})
}

// A member that is to send others' multicast on gets one copy of each frame,
// and everybody hears it, whatever the sender's line is worth. When it is gone
// the senders do it themselves.
func TestMulticastReplicator(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 526, wan, noNAT, noNAT)
		l.online()
		l.network(isPublic + v4Pool)
		l.member(l.b, `{"authorized":true,"multicastReplicator":true}`)
		l.joined(l.b)
		hub := l.listen(l.b)
		all := audience(l, 21, discovery)
		l.w.Run(30 * sec) // contact with a replicator is kept, directly
		sent := counter(l.a, "out.MULTICAST_FRAME")
		for i := range uint32(100) {
			all[0].say(discovery, i)
			l.w.Run(20 * ms)
		}
		l.w.Run(5 * sec)
		for _, x := range all[1:] {
			if missed, twice := x.missed(100); missed > 0 || twice > 0 {
				t.Errorf("%s missed %d of 100, heard %d twice", x.node.Name, missed, twice)
			}
		}
		if n := counter(l.a, "out.MULTICAST_FRAME") - sent; n != 100 {
			t.Errorf("the sender sent %d copies of 100 frames", n)
		}
		if len(hub.heard) != 0 {
			t.Error("the replicator listens to a group that it did not join")
		}
		l.b.Stop()
		l.w.Run(5 * clock.Minute)
		for i := range uint32(10) {
			all[0].say(discovery, 200+i)
			l.w.Run(sec)
		}
		for _, x := range all[1:] {
			for i := range uint32(10) {
				if x.heard[200+i] != 1 {
					t.Errorf("%s heard packet %d of those without a replicator %d times", x.node.Name, i, x.heard[200+i])
				}
			}
		}
		return l.w
	})
}

// With a multicast limit of zero ARP and neighbour discovery work as ever,
// between IP ports, Ethernet ports and hosts behind a bridge, and nothing else
// that is for more than one arrives.
func TestResolutionWithoutMulticast(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 527, wan, noNAT, sim.Cone)
		l.online()
		l.network(isPublic + v4Pool + `,"multicastLimit":0`)
		seg, tap := l.onSegment(l.a)
		l.joined(l.b)
		d, sd := l.add("D", 70, "5.0.70.1")
		l.w.Run(sec)
		l.joined(d)
		l.w.Run(5 * sec)
		reaches := func(who string, ask func() (took func() (clock.Mono, bool))) {
			t.Helper()
			took := ask()
			l.w.Run(3 * sec)
			if _, ok := took(); !ok {
				t.Errorf("%s gets no answer", who)
			}
		}
		theirs, _ := l.b.Address(l.nwid, true)
		ping := func(s *sim.Stack, to netip.Addr) func() func() (clock.Mono, bool) {
			return func() func() (clock.Mono, bool) {
				seq := s.Ping(l.nwid, to, 56)
				return func() (clock.Mono, bool) { return s.Took(seq) }
			}
		}
		etherPing := func(h *sim.EtherHost, to netip.Addr) func() func() (clock.Mono, bool) {
			return func() func() (clock.Mono, bool) {
				seq := h.Ping(to, 56)
				return func() (clock.Mono, bool) { return h.Took(seq) }
			}
		}
		reaches("an IP port from an Ethernet port", etherPing(tap, theirs))
		reaches("an Ethernet port from an IP port", ping(sd, tap.IP))
		reaches("an IP port from an IP port", ping(sd, theirs))
		s, _ := l.b.Core.Network(l.nwid)
		reaches("a link-local address", ping(sd, s.LinkLocal.Addr()))
		l.member(l.a, `{"activeBridge":true}`)
		l.w.Run(65 * sec)
		behind := seg.NewHost(0x00163eaabbcc, ip("10.1.17.99"))
		reaches("an IP port from a host behind a bridge", etherPing(behind, theirs))
		other := seg.NewHost(0x00163eaabbdd, ip("10.1.17.98"))
		reaches("a host behind a bridge that never spoke, from an IP port", ping(sd, other.IP))
		seq := l.sb.Ping(l.nwid, ip("10.1.17.255"), 56)
		l.w.Run(3 * sec)
		if n := len(l.sb.Answers(seq)); n != 0 {
			t.Errorf("%d answers to a broadcast", n)
		}
		for _, n := range []*sim.Node{l.a, l.b, d} {
			if counter(n, "out.MULTICAST_FRAME") != 0 {
				t.Errorf("%s sent multicast frames", n.Name)
			}
		}
		return l.w
	})
}
