package sim_test

import (
	"flag"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl2"
	"orrery/engine/world"
)

const (
	ms  = clock.Millisecond
	sec = clock.Second
)

// otherSeed runs every scenario in another world: go test -seed=7.
var otherSeed = flag.Uint64("seed", 0, "added to the seed of every scenario")

// wan is an ordinary internet.
var wan = sim.Link{Delay: 10 * ms, Jitter: 2 * ms}

const noNAT sim.NATKind = -1

// scenario runs a scenario twice and compares what happened: the engine must do
// the same for the same input, to the last bit.
func scenario(t *testing.T, run func(t *testing.T) *sim.World) {
	t.Helper()
	t.Parallel()
	first := run(t).Transcript()
	if t.Failed() {
		return
	}
	if again := run(t).Transcript(); again != first {
		t.Errorf("two runs differ: transcripts %x and %x", first[:8], again[:8])
	}
}

// lan is the scene of most scenarios: a root, a controller, two leaves A and B,
// and whom a scenario adds.
type lan struct {
	t          *testing.T
	w          *sim.World
	r, c, a, b *sim.Node
	sa, sb     *sim.Stack
	nwid       identity.NetworkID
	planet     *world.World
}

func ip(s string) netip.Addr                 { return netip.MustParseAddr(s) }
func ipPort(s string) netip.AddrPort         { return netip.MustParseAddrPort(s) }
func addressOf(n *sim.Node) identity.Address { return n.Identity().Address }

// The hosts of the scene have addresses of global scope: those for documentation
// count as private (spec 03 §4.2).

// newLAN builds the scene and starts everybody. Leaves are behind NATs of the
// given kinds.
func newLAN(t *testing.T, seed uint64, link sim.Link, natA, natB sim.NATKind) *lan {
	t.Helper()
	w := sim.New(seed+*otherSeed*1000, link)
	l := &lan{t: t, w: w}
	l.r = w.NewNode("R", w.NewSecret(0), ip("5.0.0.1"), nil)
	l.c = w.NewNode("C", w.NewSecret(1), ip("5.0.0.2"), nil)
	place := func(name string, index int, kind sim.NATKind, public, private string) *sim.Node {
		if kind < 0 {
			return w.NewNode(name, w.NewSecret(index), ip(public), nil)
		}
		return w.NewNode(name, w.NewSecret(index), ip(private), w.NewNAT(kind, ip(public)))
	}
	l.a = place("A", 2, natA, "5.0.11.1", "192.168.11.2")
	l.b = place("B", 3, natB, "5.0.12.1", "192.168.12.2")
	l.sa, l.sb = sim.NewStack(l.a), sim.NewStack(l.b)
	l.c.Serve()
	l.planet = w.NewPlanet(l.r)
	for _, n := range []*sim.Node{l.r, l.c, l.a, l.b} {
		n.Start(l.planet)
	}
	return l
}

// online waits until everybody is.
func (l *lan) online() {
	l.t.Helper()
	took, ok := l.w.Until(2*sec, 10*ms, func() bool { return l.a.Core.Online() && l.b.Core.Online() && l.c.Core.Online() })
	if !ok {
		l.t.Fatalf("not online after %d ms", took/ms)
	}
}

const (
	v4Pool    = `"v4AssignMode":{"zt":true},"routes":[{"target":"10.1.17.0/24"}],"ipAssignmentPools":[{"ipRangeStart":"10.1.17.1","ipRangeEnd":"10.1.17.254"}]`
	v6Modes   = `"v6AssignMode":{"rfc4193":true,"6plane":true}`
	isPublic  = `"private":false,`
	isPrivate = `"private":true,`
)

// network makes the controller serve a network with the given fields of its
// JSON, beside its name.
func (l *lan) network(fields string) {
	l.nwid = identity.NetworkID(uint64(addressOf(l.c))<<24 | 1)
	l.put(`{"name":"lab",` + fields + `}`)
}

// put changes the network.
func (l *lan) put(body string) {
	l.c.Control(func(c *controller.Controller, at clock.Instant) error {
		_, err := c.PutNetwork(at, l.nwid, []byte(body))
		return err
	})
}

// member changes a member.
func (l *lan) member(n *sim.Node, body string) {
	l.c.Control(func(c *controller.Controller, at clock.Instant) error {
		_, err := c.PutMember(at, l.nwid, addressOf(n), []byte(body))
		return err
	})
}

// add starts another leaf on the internet.
func (l *lan) add(name string, index int, addr string) (*sim.Node, *sim.Stack) {
	n := l.w.NewNode(name, l.w.NewSecret(index), ip(addr), nil)
	s := sim.NewStack(n)
	n.Start(l.planet)
	return n, s
}

func (l *lan) status(n *sim.Node) vl2.Status {
	s, _ := n.Core.Network(l.nwid)
	return s.Status
}

// joined joins nodes and waits until they are members.
func (l *lan) joined(nodes ...*sim.Node) {
	l.t.Helper()
	for _, n := range nodes {
		n.Join(l.nwid)
	}
	l.ready(5*sec, nodes...) // three rounds of questions may get lost
}

// ready waits until nodes have their configuration.
func (l *lan) ready(within clock.Mono, nodes ...*sim.Node) {
	l.t.Helper()
	all := func() bool {
		for _, n := range nodes {
			if l.status(n) != vl2.StatusOK {
				return false
			}
		}
		return true
	}
	if took, ok := l.w.Until(within, 10*ms, all); !ok {
		for _, n := range nodes {
			l.t.Logf("%s: %v", n.Name, l.status(n))
		}
		l.t.Fatalf("not all are members after %d ms", took/ms)
	}
}

// up is the scene with both leaves on a public network.
func (l *lan) up() *lan {
	l.t.Helper()
	l.online()
	l.network(isPublic + v4Pool + `,` + v6Modes)
	l.joined(l.a, l.b)
	return l
}

// ping reports whether one node reaches another within a second.
func (l *lan) ping(from *sim.Stack, to *sim.Node, v4 bool, size int) bool {
	l.t.Helper()
	addr, ok := to.Address(l.nwid, v4)
	if !ok {
		return false
	}
	seq := from.Ping(l.nwid, addr, size)
	l.w.Run(sec)
	_, ok = from.Took(seq)
	return ok
}

// talk pings every 200 ms until one is answered and reports how long that took;
// it fails the test after a limit.
func (l *lan) talk(from *sim.Stack, to *sim.Node, within clock.Mono) clock.Mono {
	l.t.Helper()
	start := l.w.Now().Mono
	var asked []uint16
	for l.w.Now().Mono-start < within {
		if addr, ok := to.Address(l.nwid, true); ok {
			asked = append(asked, from.Ping(l.nwid, addr, 56))
		}
		l.w.Run(200 * ms)
		for _, seq := range asked {
			if _, ok := from.Took(seq); ok {
				return l.w.Now().Mono - start
			}
		}
	}
	l.t.Errorf("%s is not reached within %d ms", to.Name, within/ms)
	return within
}

// count pings n times, every interval, and returns how many were answered.
func (l *lan) count(from *sim.Stack, to *sim.Node, n int, interval clock.Mono, size int) int {
	l.t.Helper()
	addr, ok := to.Address(l.nwid, true)
	if !ok {
		l.t.Fatalf("%s has no address", to.Name)
	}
	var asked []uint16
	for range n {
		asked = append(asked, from.Ping(l.nwid, addr, size))
		l.w.Run(interval)
	}
	l.w.Run(2 * sec)
	got := 0
	for _, seq := range asked {
		if _, ok := from.Took(seq); ok {
			got++
		}
	}
	return got
}

// direct reports whether a node has a live direct path to another.
func (l *lan) direct(from, to *sim.Node) bool {
	p, ok := from.Core.Peer(l.w.Now().Mono, addressOf(to))
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

// directly waits until both have direct paths to each other, while they talk.
func (l *lan) directly(within clock.Mono) (clock.Mono, bool) {
	l.t.Helper()
	start := l.w.Now().Mono
	for l.w.Now().Mono-start < within {
		if l.direct(l.a, l.b) && l.direct(l.b, l.a) {
			return l.w.Now().Mono - start, true
		}
		if addr, ok := l.b.Address(l.nwid, true); ok {
			l.sa.Ping(l.nwid, addr, 56)
		}
		l.w.Run(100 * ms)
	}
	return within, false
}

// counter reads a counter of a node.
func counter(n *sim.Node, name string) uint64 { return n.Core.Counters()[name] }

// events counts the events of a kind that a node told about a peer.
func events(n *sim.Node, kind node.EventKind, peer identity.Address) int {
	count := 0
	for _, e := range n.Events {
		if e.Kind == kind && e.Peer == peer {
			count++
		}
	}
	return count
}

// wall drops what passes between two nodes that are not behind a NAT.
func (l *lan) wall(a, b netip.Addr) {
	l.w.Watch = func(from, to netip.AddrPort, _ []byte) bool {
		return !(from.Addr() == a && to.Addr() == b || from.Addr() == b && to.Addr() == a)
	}
}

func mac(n *sim.Node, nwid identity.NetworkID) identity.MAC {
	return identity.MACOf(nwid, addressOf(n))
}

// allBut lets everything pass but what goes between one node and others that
// are not behind NATs.
func allBut(n *sim.Node, others ...*sim.Node) func(from, to netip.AddrPort, _ []byte) bool {
	return func(from, to netip.AddrPort, _ []byte) bool {
		for _, o := range others {
			a, b := n.Root().Endpoints[0].Addr(), o.Root().Endpoints[0].Addr()
			if from.Addr() == a && to.Addr() == b || from.Addr() == b && to.Addr() == a {
				return false
			}
		}
		return true
	}
}

// allBetween lets everything pass but what goes between two addresses.
func allBetween(a, b string) func(from, to netip.AddrPort, _ []byte) bool {
	return func(from, to netip.AddrPort, _ []byte) bool {
		return !(from.Addr() == ip(a) && to.Addr() == ip(b) || from.Addr() == ip(b) && to.Addr() == ip(a))
	}
}
