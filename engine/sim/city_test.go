package sim_test

import (
	"flag"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl1"
)

// long runs the tests that measure at full size: go test -long.
var long = flag.Bool("long", false, "run measuring tests at full size")

// A city consists of circles of friends: each node talks to the ten others of its
// own, which all speak every sayEvery, at a moment of the circle's own. A path that
// nothing came by for 25 s counts as cold, so all paths stay in use.
const (
	circle   = 11
	sayEvery = 24 * sec
)

// city is many nodes with two roots, half of them behind NATs, each of which
// talks to ten others all the time.
type city struct {
	w     *sim.World
	roots []*sim.Node
	nodes []*sim.Node
	sent  uint64
}

func newCity(seed uint64, n int) *city {
	w := sim.New(seed, wan)
	c := &city{w: w}
	for i := range 2 {
		c.roots = append(c.roots, w.NewNode(fmt.Sprint("R", i), w.NewSecret(i), netip.AddrFrom4([4]byte{5, 0, byte(i), 1}), nil))
	}
	planet := w.NewPlanet(c.roots...)
	for _, r := range c.roots {
		r.Start(planet)
	}
	for i := range n {
		c.nodes = append(c.nodes, c.settle(i))
	}
	for i, m := range c.nodes {
		// They come at two hundred a second, which is what a root's key agreements
		// with strangers allow.
		at := clock.Mono(i) * 5 * ms
		w.After(at, func() { m.Start(planet) })
		if i%circle == 0 {
			w.After(at+5*sec, func() { c.talk(c.nodes[i : i+circle]) })
		}
	}
	return c
}

// settle makes a node. In three of four circles seven are behind cones, in the
// fourth one is behind a symmetric NAT and the others are on the internet: all pairs
// can be direct without a search.
func (c *city) settle(i int) *sim.Node {
	at := netip.AddrFrom4([4]byte{6, byte(i >> 8), byte(i), 1})
	var nat *sim.NAT
	host := at
	if place, kind := i%circle, cityNAT(i/circle); place == 4 || place > 4 && kind == sim.Cone {
		nat, host = c.w.NewNAT(kind, at), ip("192.168.1.2")
	}
	return c.w.NewNode(fmt.Sprint("N", i), c.w.NewSecret(10+i), host, nat)
}

// cityNAT is the kind of a circle's NATs.
func cityNAT(circle int) sim.NATKind {
	if circle%4 == 3 {
		return sim.Symmetric
	}
	return sim.Cone
}

// talk has everybody of a circle say something to each of the ten others, and
// comes back.
func (c *city) talk(friends []*sim.Node) {
	for _, m := range friends {
		m.Do(func(core *node.Core, at clock.Instant, out *node.Outbox) {
			for _, to := range friends {
				if to != m {
					c.sent++
					core.Message(at, addressOf(to), 1<<20, []byte("good morning"), out)
				}
			}
		})
	}
	c.w.After(sayEvery, func() { c.talk(friends) })
}

func (c *city) got() (n uint64) {
	for _, m := range c.nodes {
		n += m.Messages
	}
	return n
}

// direct counts the pairs of a node and one of its ten others that have a direct
// path by which something came since they last spoke.
func (c *city) direct() (n int) {
	for i, m := range c.nodes {
		now := m.Now().Mono
		for _, to := range c.nodes[i-i%circle : i-i%circle+circle] {
			p, _ := m.Core.Peer(now, addressOf(to))
			if slices.ContainsFunc(p.Paths, func(p vl1.PathInfo) bool { return p.Active && now-p.LastReceive <= sayEvery+sec }) {
				n++
			}
		}
	}
	return n
}

// Ten thousand nodes with two roots, for a virtual hour, each of which talks to
// ten others all the time: in under three minutes of processor time and 6 GiB, all
// online, all pairs direct, the messages arrive, the same on every run. Without
// -long a few hundred nodes for some minutes.
func TestTenThousandNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	n, hour := 27*circle, 9*clock.Minute
	if *long {
		n, hour = 910*circle, clock.Hour
		defer debug.SetGCPercent(debug.SetGCPercent(300)) // there is room for it
	}
	start, before := time.Now(), processorTime()
	c := newCity(820, n)
	c.w.Run(clock.Minute)
	early := c.w.Transcript()
	c.w.Run(hour - clock.Minute)
	took, wall := processorTime()-before, time.Since(start)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var ticks uint64
	for _, x := range c.nodes {
		ticks += x.Ticks
	}
	t.Logf("%d minutes of %d nodes in %v of processor time, %v in all; %d MiB of heap, %d MiB from the system; %d messages, %d datagrams, %d wakes of nodes; a root has %+v",
		hour/clock.Minute, n, took.Round(time.Millisecond), wall.Round(time.Millisecond), m.HeapAlloc>>20, m.Sys>>20,
		c.sent, c.w.Delivered, ticks, c.roots[0].Core.Sizes())
	if m.Sys > 6<<30 {
		t.Errorf("took %d MiB", m.Sys>>20)
	}
	for _, x := range c.nodes {
		if !x.Core.Online() {
			t.Errorf("%s is offline", x.Name)
		}
	}
	if got, want := c.direct(), (circle-1)*n; got < want*999/1000 {
		t.Errorf("%d of %d ways to others are direct and in use", got, want)
	}
	if *long && took > 3*time.Minute {
		t.Errorf("took %v", took)
	}
	again := newCity(820, n)
	again.w.Run(clock.Minute)
	if again.w.Transcript() != early {
		t.Error("two runs differ within the first minute")
	}
	if sent, got := c.sent, c.got(); got < sent*999/1000 {
		t.Errorf("%d of %d messages arrived", got, sent)
	}
}
