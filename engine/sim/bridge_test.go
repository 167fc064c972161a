package sim_test

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl2"
)

// bridgedLANs is the scene with A and B as bridges, a host on the segment of
// each, and D, a member that is no bridge, with an IP device.
func bridgedLANs(t *testing.T, seed uint64) (l *lan, segs [2]*sim.Segment, hosts, own [2]*sim.EtherHost, d *sim.Node, sd *sim.Stack) {
	t.Helper()
	l = newLAN(t, seed, wan, noNAT, sim.Cone)
	l.online()
	l.network(isPublic + `"v4AssignMode":{"zt":true},"routes":[{"target":"10.1.17.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.1.17.1","ipRangeEnd":"10.1.17.99"}]`)
	l.member(l.a, `{"activeBridge":true,"authorized":true}`)
	l.member(l.b, `{"activeBridge":true,"authorized":true}`)
	for i, n := range []*sim.Node{l.a, l.b} {
		segs[i], own[i] = l.onSegment(n)
		hosts[i] = segs[i].NewHost(0x00163e000001+identity.MAC(i), ip([2]string{"10.1.17.201", "10.1.17.202"}[i]))
	}
	d, sd = l.add("D", 70, "5.0.70.1")
	l.w.Run(sec)
	l.joined(d)
	l.w.Run(5 * sec)
	return l, segs, hosts, own, d, sd
}

// answers reports whether a host gets an answer within two seconds.
func (l *lan) answers(from, to *sim.EtherHost) bool {
	l.t.Helper()
	seq := from.Ping(to.IP, 56)
	l.w.Run(2 * sec)
	_, ok := from.Took(seq)
	return ok
}

// reaches reports whether a member's IP host gets an answer of a host.
func (l *lan) reaches(from *sim.Stack, to *sim.EtherHost) bool {
	l.t.Helper()
	seq := from.Ping(l.nwid, to.IP, 56)
	l.w.Run(2 * sec)
	_, ok := from.Took(seq)
	return ok
}

// behind says behind which bridge a node has seen a MAC, 0 for none.
func (l *lan) behind(n *sim.Node, mac identity.MAC) identity.Address {
	for _, h := range n.Core.BridgedHosts(l.w.Now(), l.nwid) {
		if h.MAC == mac {
			return h.Via
		}
	}
	return 0
}

// bridging is what a node says of the network's bridges.
func (l *lan) bridging(n *sim.Node) vl2.Bridging {
	s, _ := n.Core.Network(l.nwid)
	return s.Bridging
}

// Two LANs, each with a bridge, are one: hosts reach each other and members, and
// one that is carried from LAN to LAN is found after its first frame.
func TestBridgedLANs(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, segs, hosts, _, d, sd := bridgedLANs(t, 560)
		if !l.answers(hosts[0], hosts[1]) || !l.answers(hosts[1], hosts[0]) || !l.reaches(sd, hosts[0]) || !l.reaches(sd, hosts[1]) {
			t.Error("not everybody is reached")
		}
		if l.behind(d, hosts[0].MAC) != addressOf(l.a) || l.behind(d, hosts[1].MAC) != addressOf(l.b) || l.behind(l.a, hosts[0].MAC) != addressOf(l.a) {
			t.Error("hosts are not behind their bridges")
		}
		if st := l.bridging(l.a); st.Local != 1 || st.Remote != 1 || st.Looped != 0 || !st.Allowed {
			t.Errorf("A: %+v", st)
		}
		hosts[0].Move(segs[1])
		theirs, _ := d.Address(l.nwid, true)
		hosts[0].Send(identity.Broadcast, 0x88b5, make([]byte, 46)) // as one does that is plugged in
		hosts[0].Ping(theirs, 56)
		l.w.Run(sec)
		if got := l.behind(d, hosts[0].MAC); got != addressOf(l.b) {
			t.Errorf("the host that moved is behind %v", got)
		}
		if !l.reaches(sd, hosts[0]) || l.behind(l.a, hosts[0].MAC) != addressOf(l.b) {
			t.Error("the host that moved is not reached")
		}
		return l.w
	})
}

// A frame to a host that nobody has heard goes to all bridges and to nobody else;
// once heard, to its bridge alone; and after five minutes of silence to all again.
func TestUnknownHostsAreFlooded(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, segs, _, _, d, _ := bridgedLANs(t, 561)
		e, _ := l.add("E", 71, "5.0.71.1")
		l.w.Run(sec)
		l.joined(e)
		l.w.Run(2 * clock.Minute)
		got := func(f func()) (a, b, other int) {
			before := [3]int{segs[0].Unknown[0x88b5], segs[1].Unknown[0x88b5], int(counter(d, "in.EXT_FRAME") + counter(e, "in.EXT_FRAME"))}
			f()
			l.w.Run(sec)
			return segs[0].Unknown[0x88b5] - before[0], segs[1].Unknown[0x88b5] - before[1], int(counter(d, "in.EXT_FRAME")+counter(e, "in.EXT_FRAME")) - before[2]
		}
		// D's device carries IP only, so D sends as a host with an Ethernet device.
		const made identity.MAC = 0x00163e0000ff
		d.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetSettings(at, l.nwid, tapSettings(), out) })
		silent := segs[0].NewHost(made, ip("10.1.17.250"))
		toSilent := func() {
			d.SendFrame(l.nwid, append(ether.AppendHeader(nil, made, mac(d, l.nwid), 0x88b5), make([]byte, 46)...))
		}
		// B's hosts do not take what is for another, so its bridge is asked.
		flooded := counter(l.b, "in.EXT_FRAME")
		if a, _, other := got(toSilent); a != 1 || other != 0 || counter(l.b, "in.EXT_FRAME") != flooded+1 {
			t.Errorf("a frame to an unheard host reached it %d times, B %d times, other members %d times", a, counter(l.b, "in.EXT_FRAME")-flooded, other)
		}
		silent.Send(identity.Broadcast, 0x88b5, make([]byte, 46))
		l.w.Run(sec)
		flooded = counter(l.b, "in.EXT_FRAME")
		if a, _, _ := got(toSilent); a != 1 || counter(l.b, "in.EXT_FRAME") != flooded {
			t.Errorf("a frame to a host behind A reached it %d times, and B %d times", a, counter(l.b, "in.EXT_FRAME")-flooded)
		}
		l.w.Run(6 * clock.Minute)
		flooded = counter(l.b, "in.EXT_FRAME")
		if a, _, _ := got(toSilent); a != 1 || counter(l.b, "in.EXT_FRAME") != flooded+1 || l.behind(d, made) != 0 {
			t.Errorf("after a silence it reached it %d times, and B %d times", a, counter(l.b, "in.EXT_FRAME")-flooded)
		}
		return l.w
	})
}

// A host that makes up a source for each of its frames fills nobody's memory, and
// pushes out nobody who is behind another bridge.
func TestMadeUpHosts(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, segs, hosts, _, d, sd := bridgedLANs(t, 562)
		if !l.reaches(sd, hosts[1]) {
			t.Fatal("the quiet host is not reached")
		}
		limit := vl2.DefaultLimits().BridgeRoutes
		evil, to := segs[0].NewHost(0, ip("10.1.17.251")), mac(d, l.nwid)
		for i := range limit + limit/2 {
			evil.MAC = 0x0a0000000000 + identity.MAC(i)
			evil.Send(to, ether.TypeIPv4, make([]byte, 20))
			if i%256 == 0 {
				l.w.Run(10 * ms)
			}
		}
		l.w.Run(sec)
		for _, n := range []*sim.Node{d, l.a, l.b} {
			if st := l.bridging(n); st.Remote+st.Local > limit {
				t.Errorf("%s remembers %d hosts", n.Name, st.Remote+st.Local)
			}
		}
		if l.behind(d, hosts[1].MAC) != addressOf(l.b) || !l.reaches(sd, hosts[1]) || !l.reaches(sd, hosts[0]) {
			t.Error("hosts that were known are not reached")
		}
		return l.w
	})
}

// A cable between two bridged LANs makes a loop. Frames in it come to an end, all
// are still reached, and it is told of; without the cable all is as before.
func TestBridgeLoop(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, segs, hosts, own, d, sd := bridgedLANs(t, 563)
		all := func(when string) {
			t.Helper()
			if !l.answers(hosts[0], hosts[1]) || !l.answers(hosts[1], hosts[0]) || !l.reaches(sd, hosts[0]) || !l.reaches(sd, hosts[1]) {
				t.Errorf("%s: not everybody is reached", when)
			}
		}
		all("before")
		segs[0].Connect(segs[1])
		for i := range 20 { // broadcasts of hosts, of members, and of the bridges' own hosts
			hosts[i%2].Send(identity.Broadcast, 0x88b5, append(make([]byte, 46), byte(i)))
			sd.Ping(l.nwid, ip("10.1.17.255"), 56)
			own[i%2].Send(identity.Broadcast, 0x88b5, append(make([]byte, 47), byte(i)))
			l.w.Run(200 * ms)
		}
		l.w.Run(5 * sec)
		before := segs[0].Carried + segs[1].Carried
		l.w.Run(10 * sec)
		if n := segs[0].Carried + segs[1].Carried - before; n > 200 {
			t.Errorf("%d frames in ten seconds in which nobody said anything", n)
		}
		if l.bridging(l.a).Looped+l.bridging(l.b).Looped == 0 {
			t.Error("nobody noticed")
		}
		all("in a loop")
		segs[0].Disconnect()
		l.w.Run(clock.Minute)
		for _, h := range hosts { // where they are is known by what they say
			h.Send(identity.Broadcast, 0x88b5, make([]byte, 46))
		}
		l.w.Run(sec)
		all("after")
		if l.behind(d, hosts[0].MAC) != addressOf(l.a) || l.behind(d, hosts[1].MAC) != addressOf(l.b) {
			t.Error("hosts are not behind their bridges")
		}
		return l.w
	})
}

// A bridge whose role ends bridges no more, at once and with all members.
func TestBridgeIsDismissed(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l, _, hosts, _, d, sd := bridgedLANs(t, 564)
		if !l.reaches(sd, hosts[0]) || !l.reaches(sd, hosts[1]) {
			t.Fatal("not everybody is reached")
		}
		l.member(l.a, `{"activeBridge":false}`)
		l.w.Run(2 * sec)
		if l.reaches(sd, hosts[0]) || l.answers(hosts[0], hosts[1]) {
			t.Error("a node that is no bridge any more bridges")
		}
		if l.behind(d, hosts[0].MAC) != 0 || !l.reaches(sd, hosts[1]) {
			t.Error("the other bridge is concerned")
		}
		if l.bridging(l.a).Refused == 0 {
			t.Error("what was refused is not counted")
		}
		l.member(l.a, `{"activeBridge":true}`)
		l.w.Run(2 * sec)
		if !l.reaches(sd, hosts[0]) {
			t.Error("it does not bridge again")
		}
		return l.w
	})
}
