package sim_test

import (
	"fmt"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/sim"
	"orrery/engine/vl2"
)

const (
	ms  = clock.Millisecond
	sec = clock.Second
)

// lan is the scene of most scenarios: a root, a controller and two leaves.
type lan struct {
	w          *sim.World
	r, c, a, b *sim.Node
	sa, sb     *sim.Stack
	nwid       identity.NetworkID
}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// newLAN builds the scene. Leaves are behind NATs of the given kinds, -1 for
// none.
func newLAN(seed uint64, link sim.Link, natA, natB sim.NATKind) *lan {
	w := sim.New(seed, link)
	l := &lan{w: w}
	l.r = w.NewNode("R", w.NewSecret(0), ip("198.51.100.1"), nil)
	l.c = w.NewNode("C", w.NewSecret(1), ip("198.51.100.2"), nil)
	place := func(name string, index int, kind sim.NATKind, public, private string) *sim.Node {
		if kind < 0 {
			return w.NewNode(name, w.NewSecret(index), ip(public), nil)
		}
		return w.NewNode(name, w.NewSecret(index), ip(private), w.NewNAT(kind, ip(public)))
	}
	l.a = place("A", 2, natA, "198.51.100.11", "192.168.11.2")
	l.b = place("B", 3, natB, "198.51.100.12", "192.168.12.2")
	l.sa, l.sb = sim.NewStack(l.a), sim.NewStack(l.b)
	l.c.Serve()
	planet := w.NewPlanet(l.r)
	for _, n := range []*sim.Node{l.r, l.c, l.a, l.b} {
		n.Start(planet)
	}
	return l
}

const noNAT sim.NATKind = -1

func (l *lan) network(private bool) {
	l.nwid = identity.NetworkID(uint64(l.c.Identity().Address)<<24 | 1)
	l.c.Control(func(c *controller.Controller, at clock.Instant) error {
		_, err := c.PutNetwork(at, l.nwid, fmt.Appendf(nil, `{"name":"lab","private":%v,"v4AssignMode":{"zt":true},"v6AssignMode":{"rfc4193":true,"6plane":true},
			"routes":[{"target":"10.1.17.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.1.17.1","ipRangeEnd":"10.1.17.254"}]}`, private))
		return err
	})
}

func (l *lan) join() {
	l.a.Join(l.nwid)
	l.b.Join(l.nwid)
}

func (l *lan) status(n *sim.Node) vl2.Status {
	s, _ := n.Core.Network(l.nwid)
	return s.Status
}

// ping reports whether from reaches to within a second.
func (l *lan) ping(from *sim.Stack, fromNode, to *sim.Node, v4 bool, size int) bool {
	addr, ok := to.Address(l.nwid, v4)
	if !ok {
		return false
	}
	seq := from.Ping(l.nwid, addr, size)
	l.w.Run(sec)
	_, ok = from.Answers[seq]
	return ok
}

func (l *lan) direct(from, to *sim.Node) bool {
	p, ok := from.Core.Peer(l.w.Now().Mono, to.Identity().Address)
	if !ok {
		return false
	}
	for _, x := range p.Paths {
		if !x.Expired {
			return true
		}
	}
	return false
}

func TestTwoPeopleTalk(t *testing.T) {
	t.Parallel()
	l := newLAN(1, sim.Link{Delay: ms}, noNAT, noNAT)
	if took, ok := l.w.Until(sec, 10*ms, func() bool { return l.a.Core.Online() && l.b.Core.Online() && l.c.Core.Online() }); !ok {
		t.Fatalf("not online after %v ms", took/ms)
	}
	l.network(false)
	l.join()
	took, ok := l.w.Until(3*sec, 10*ms, func() bool { return l.status(l.a) == vl2.StatusOK && l.status(l.b) == vl2.StatusOK })
	if !ok {
		t.Fatalf("status after %v ms: %v %v", took/ms, l.status(l.a), l.status(l.b))
	}
	t.Logf("joined after %v ms", took/ms)
	if !l.ping(l.sa, l.a, l.b, true, 56) && !l.ping(l.sa, l.a, l.b, true, 56) {
		t.Error("no answer to the first pings (IPv4)")
	}
	for i := range 10 {
		if !l.ping(l.sa, l.a, l.b, true, 56) || !l.ping(l.sb, l.b, l.a, true, 56) {
			t.Errorf("ping %d lost", i)
		}
	}
	if !l.ping(l.sa, l.a, l.b, false, 56) {
		t.Error("no answer over IPv6")
	}
	if !l.ping(l.sa, l.a, l.b, true, 2000) {
		t.Error("no answer to 2000 bytes")
	}
	if !l.direct(l.a, l.b) {
		t.Error("no direct path")
	}
}
