package sim_test

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/sim"
	"orrery/engine/vl2"
)

// Joining takes well under two seconds to the first answered ping; leaving ends
// traffic and forgets the configuration.
func TestJoinAndLeave(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 400, wan, sim.Cone, sim.Cone)
		l.online()
		l.network(isPublic + v4Pool)
		l.a.Join(l.nwid)
		l.b.Join(l.nwid)
		start := l.w.Now().Mono
		l.ready(2*sec, l.a, l.b)
		l.talk(l.sa, l.b, 2*sec)
		if took := l.w.Now().Mono - start; took > 2*sec {
			t.Errorf("first ping %d ms after joining", took/ms)
		}
		addr, _ := l.b.Address(l.nwid, true)
		before := l.sb.Received
		l.b.Leave(l.nwid)
		if _, still := l.b.Core.Network(l.nwid); still || len(l.b.Core.Networks()) != 0 {
			t.Error("B has the network still")
		}
		seq := l.sa.Ping(l.nwid, addr, 56)
		l.w.Run(5 * sec)
		if _, ok := l.sa.Took(seq); ok || l.sb.Received != before {
			t.Error("a frame reached a node that left")
		}
		l.restart(sec, l.b)
		if len(l.b.Core.Networks()) != 0 {
			t.Error("B joined again at its restart")
		}
		l.joined(l.b)
		l.talk(l.sa, l.b, 3*sec)
		return l.w
	})
}

// A stranger to a private network is refused, has no configuration and gets no
// frames; authorised it is in within two seconds; deauthorised it is out within
// fifteen, though it keeps its certificate and does not ask again.
func TestPrivateNetwork(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 401, wan, sim.Cone, sim.Cone)
		l.online()
		l.network(isPrivate + v4Pool)
		l.member(l.a, `{"authorized":true}`)
		l.joined(l.a)
		l.b.Join(l.nwid)
		l.w.Run(10 * sec)
		if l.status(l.b) != vl2.StatusAccessDenied {
			t.Fatalf("B is %v, want refused", l.status(l.b))
		}
		if s, _ := l.b.Core.Network(l.nwid); s.Config != nil || len(s.Addresses) != 0 {
			t.Error("B, refused, has a configuration")
		}
		l.member(l.b, `{"authorized":true}`)
		start := l.w.Now().Mono
		l.ready(2*sec, l.b)
		l.talk(l.sa, l.b, 2*sec)
		t.Logf("talking %d ms after authorisation", (l.w.Now().Mono-start)/ms)
		if got := l.count(l.sa, l.b, 20, 100*ms, 56); got != 20 {
			t.Errorf("%d of 20 pings between members were answered", got)
		}

		l.member(l.b, `{"authorized":false}`)
		l.w.Run(15 * sec)
		if l.status(l.b) != vl2.StatusAccessDenied {
			t.Errorf("B is %v 15 s after it was deauthorised", l.status(l.b))
		}
		if l.ping(l.sa, l.b, true, 56) || l.ping(l.sb, l.a, true, 56) {
			t.Error("traffic 15 s after B was deauthorised")
		}

		l.member(l.b, `{"authorized":true}`)
		l.ready(5*sec, l.b)
		l.talk(l.sa, l.b, 5*sec)
		l.talk(l.sb, l.a, 5*sec)
		return l.w
	})
}

// A member that is cut off while it does not hear of it: the controller cannot
// reach it, but the others have the revocation and do not listen to it any more.
func TestRevocationReachesTheOthers(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 402, wan, noNAT, noNAT)
		l.online()
		l.network(isPrivate + v4Pool)
		l.member(l.a, `{"authorized":true}`)
		l.member(l.b, `{"authorized":true}`)
		l.joined(l.a, l.b)
		l.talk(l.sa, l.b, 3*sec)
		l.directly(5 * sec)
		// B and everything that could tell it are cut apart; A and B are not.
		l.w.Watch = allBut(l.b, l.r, l.c)
		l.member(l.b, `{"authorized":false}`)
		l.w.Run(15 * sec)
		if l.status(l.b) != vl2.StatusOK {
			t.Fatalf("B is %v: it was told after all", l.status(l.b))
		}
		before := l.sa.Received
		for range 10 {
			addr, _ := l.a.Address(l.nwid, true)
			l.sb.Ping(l.nwid, addr, 56)
			l.w.Run(sec)
		}
		if l.sa.Received != before {
			t.Errorf("A took %d packets of a revoked member", l.sa.Received-before)
		}
		return l.w
	})
}

// On a private network members show each other their certificates at once. One
// that cannot renew its certificate is heard while it agrees with the others',
// which is for half an hour, and told that it needs one afterwards.
func TestMembershipCertificates(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 403, wan, noNAT, noNAT)
		l.online()
		l.network(isPrivate + v4Pool)
		l.member(l.a, `{"authorized":true}`)
		l.member(l.b, `{"authorized":true}`)
		l.joined(l.a, l.b)
		l.talk(l.sa, l.b, 3*sec)
		if counter(l.a, "in.NETWORK_CREDENTIALS") == 0 || counter(l.b, "in.NETWORK_CREDENTIALS") == 0 {
			t.Error("no certificates were exchanged")
		}
		l.w.Watch = allBut(l.b, l.c, l.r)
		for range 25 {
			l.w.Run(clock.Minute)
			l.ping(l.sb, l.a, true, 56)
		}
		if !l.ping(l.sb, l.a, true, 56) {
			t.Error("B is not heard 25 minutes after it lost the controller")
		}
		for range 10 {
			l.w.Run(clock.Minute)
			l.ping(l.sb, l.a, true, 56)
		}
		if l.status(l.b) != vl2.StatusOK {
			t.Fatalf("B is %v, want it to believe that it is a member", l.status(l.b))
		}
		got := l.sa.Received
		for range 10 {
			addr, _ := l.a.Address(l.nwid, true)
			l.sb.Ping(l.nwid, addr, 56)
			l.w.Run(sec)
		}
		if l.sa.Received != got {
			t.Errorf("A took %d packets of a member with a certificate 35 minutes old", l.sa.Received-got)
		}
		if counter(l.b, "in.ERROR") == 0 {
			t.Error("B was never told that it needs a certificate")
		}
		l.w.Watch = nil
		l.w.Run(2 * clock.Minute)
		l.talk(l.sb, l.a, 5*sec)
		return l.w
	})
}

// A configuration that changes reaches members at once, without their asking.
func TestConfigurationPush(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 404, wan, sim.Cone, noNAT).up()
		l.talk(l.sa, l.b, 3*sec)
		l.put(`{"mtu":1400}`)
		took, ok := l.w.Until(2*sec, 10*ms, func() bool {
			a, _ := l.a.Core.Network(l.nwid)
			b, _ := l.b.Core.Network(l.nwid)
			return a.MTU == 1400 && b.MTU == 1400
		})
		if !ok {
			t.Errorf("a change did not reach the members within %d ms", took/ms)
		}
		l.talk(l.sa, l.b, sec)
		return l.w
	})
}

// The controller is a member of its own network like any other.
func TestControllerAsMember(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 405, wan, sim.Cone, noNAT)
		sc := sim.NewStack(l.c)
		l.online()
		l.network(isPrivate + v4Pool + `,` + v6Modes)
		for _, n := range []*sim.Node{l.a, l.c} {
			l.member(n, `{"authorized":true}`)
		}
		l.joined(l.a, l.c)
		l.talk(l.sa, l.c, 3*sec)
		l.talk(sc, l.a, 3*sec)
		l.member(l.a, `{"authorized":false}`)
		l.w.Run(15 * sec)
		if l.ping(sc, l.a, true, 56) || l.ping(l.sa, l.c, true, 56) {
			t.Error("the controller talks to a member that it put out")
		}
		return l.w
	})
}

// A network that nobody serves, and one whose controller is away.
func TestNetworksThatAreNot(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 406, wan, noNAT, noNAT)
		l.online()
		l.network(isPublic + v4Pool)
		l.nwid ^= 0xff
		l.a.Join(l.nwid)
		l.w.Run(2 * sec)
		if l.status(l.a) != vl2.StatusNotFound {
			t.Errorf("a network that does not exist is %v", l.status(l.a))
		}
		l.a.Leave(l.nwid)
		l.nwid ^= 0xff
		l.c.Stop()
		l.a.Join(l.nwid)
		l.w.Run(2 * clock.Minute)
		if l.status(l.a) != vl2.StatusRequestingConfiguration {
			t.Errorf("a network without its controller is %v", l.status(l.a))
		}
		l.c.Start(nil)
		l.ready(8*sec, l.a)
		return l.w
	})
}
