package vl1

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// lonely is a node that searches alone for one of two peers, which it knows by a
// relay only, and where a root says that both are.
func lonely(t *testing.T) (net *testNet, a *testNode, p, other *Peer) {
	net, _, a, b := trio(t)
	c := net.node(4, "198.51.100.13:9993")
	net.pass(second)
	a.sendTo(b, "hello")
	a.sendTo(c, "hello")
	net.pass(second)
	p, other = a.peers[b.self.Address], a.peers[c.self.Address]
	for _, x := range [2]*testNode{b, c} {
		q := a.peers[x.self.Address]
		a.cut(q, func(*slot) bool { return true })
		q.lastTrusted = net.now.Mono
		s := q.searching()
		s.told, s.toldAt = x.addr, net.now.Mono
	}
	p.search.mute = 1
	x := &try{peer: p, nonce: 5, ours: true, stage: tryAsking, began: net.now.Mono, nat: NATInfo{Kind: NATEasy, seen: a.addr, socket: 1}}
	a.try = x
	a.do(func() { a.runAlone(net.now, x) })
	if !x.alone || x.role != roleGuess || x.until-net.now.Mono != aloneFor || p.search.tries != 1 {
		t.Fatalf("alone %v as %s for %d s, try %d", x.alone, roleNames[x.role], (x.until-net.now.Mono)/clock.Second, p.search.tries)
	}
	net.queue = nil
	return net, a, p, other
}

// appointmentOf is what a peer says that is where the root told.
func appointmentOf(p *Peer, step wire.AppointmentStep, nonce uint64) []byte {
	return wire.Appointment{Step: step, NAT: byte(NATHard), Nonce: nonce, Surface: p.search.told, Sockets: MaxBurst}.Append(nil)
}

// An answer that comes when the search alone has begun makes it a common one,
// the same by count.
func TestLateAnswer(t *testing.T) {
	net, a, p, other := lonely(t)
	net.later(clock.Second)
	for _, c := range []struct {
		from  *Peer
		nonce uint64
	}{{p, 6}, {other, 5}} {
		a.do(func() { a.receiveAppointment(net.now, c.from, appointmentOf(c.from, wire.AppointmentAccept, c.nonce)) })
		if !a.try.alone {
			t.Fatal("taken with another nonce, or of another peer")
		}
	}
	a.do(func() { a.receiveAppointment(net.now, p, appointmentOf(p, wire.AppointmentAccept, 5)) })
	if x := a.try; x.alone || x.role != roleGuess || x.until-net.now.Mono != tryFor || p.search.tries != 1 {
		t.Errorf("alone %v, for %d s, try %d", x.alone, (x.until-net.now.Mono)/clock.Second, p.search.tries)
	}
}

// A search alone gives way to a proposal of that very peer at once, and of
// another when it has had the time of an ordinary one.
func TestSearchAloneGivesWay(t *testing.T) {
	propose := func(net *testNet, a *testNode, from *Peer) {
		a.do(func() { a.receiveAppointment(net.now, from, appointmentOf(from, wire.AppointmentPropose, 9)) })
	}
	net, a, p, _ := lonely(t)
	propose(net, a, p)
	if x := a.try; x == nil || x.alone || x.peer != p || x.nonce != 9 || p.search.tries != 0 {
		t.Errorf("of the peer: %+v", x)
	}
	net, a, p, other := lonely(t)
	net.later(tryFor - clock.Second)
	propose(net, a, other)
	if a.try.peer != p {
		t.Error("of another, early: taken")
	}
	net.later(clock.Second)
	other.search.told = faraway // a lie, now
	lie := wire.Appointment{Step: wire.AppointmentPropose, NAT: byte(NATHard), Nonce: 9, Surface: p.search.told}.Append(nil)
	a.do(func() { a.receiveAppointment(net.now, other, lie) })
	if a.try.peer != p {
		t.Error("of another who is elsewhere: taken")
	}
	propose(net, a, other)
	if x := a.try; x == nil || x.peer != other || x.alone {
		t.Errorf("of another, after %d s: %+v", tryFor/clock.Second, x)
	}
}

// Addresses are pushed at a scan's begin and every ten seconds, and to such a
// peer rarely otherwise: the reference hears eight without a pause of 30 s.
func TestAloneAnnounces(t *testing.T) {
	net, a, p, _ := lonely(t)
	x := a.try
	count := func(d clock.Mono) uint64 {
		before := a.stats.Out[wire.VerbPushDirectPaths]
		for end := net.now.Mono + d; net.now.Mono < end; {
			net.later(tryTick)
			p.lastTrusted = net.now.Mono
			a.do(func() {
				a.runTry(net.now)
				a.received(net.now, p, pathKey{net.order[0].addr, 1}, 1, wire.VerbFrame, Trusted, false)
			})
			net.queue = nil
		}
		return a.stats.Out[wire.VerbPushDirectPaths] - before
	}
	if got := count(aloneFor - clock.Second); got < 3 || got > 4 {
		t.Errorf("%d pushes in the first scan, after the one at its begin", got)
	}
	sent := x.search.sent
	if sent < 18000 || sent > 500*int(aloneFor/clock.Second) {
		t.Errorf("%d probes", sent)
	}
	a.do(func() { a.finish(net.now, x, false) })
	if got := count(141 * clock.Second); got != 4 {
		t.Errorf("%d pushes in 140 s without a scan", got)
	}
}
