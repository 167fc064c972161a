package sim_test

import (
	"flag"
	"fmt"
	"net/netip"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/sim"
)

// long runs the tests that measure at full size: go test -long.
var long = flag.Bool("long", false, "run measuring tests at full size")

// acquaintances are the distances to the ten others that a node of a city talks
// to.
var acquaintances = [...]int{1, 2, 3, 7, 19, 101, 211, 503, 997, 1709}

// city is many nodes with two roots, half of them behind NATs: every eight minutes
// each sends a message to each of ten others.
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
		w.After(at+5*sec, func() { c.talk(i) })
	}
	return c
}

func (c *city) settle(i int) *sim.Node {
	at := netip.AddrFrom4([4]byte{6, byte(i >> 8), byte(i), 1})
	var nat *sim.NAT
	host := at
	if i%2 == 1 {
		kind := sim.Cone
		if i%8 == 7 {
			kind = sim.Symmetric
		}
		nat, host = c.w.NewNAT(kind, at), ip("192.168.1.2")
	}
	return c.w.NewNode(fmt.Sprint("N", i), c.w.NewSecret(10+i), host, nat)
}

// talk sends a node's messages and comes back in eight minutes.
func (c *city) talk(i int) {
	for _, d := range acquaintances {
		to := c.nodes[(i+d)%len(c.nodes)]
		if to.Down() {
			continue // has not come yet
		}
		c.sent++
		c.nodes[i].Do(func(core *node.Core, at clock.Instant, out *node.Outbox) {
			core.Message(at, addressOf(to), 1<<20, []byte("good morning"), out)
		})
	}
	c.w.After(8*clock.Minute, func() { c.talk(i) })
}

func (c *city) got() (n uint64) {
	for _, m := range c.nodes {
		n += m.Messages
	}
	return n
}

// Ten thousand nodes with two roots, for a virtual hour, each of which talks to
// ten others: in under three minutes on a machine of one's own and 6 GiB, all
// online, the messages arrive, the same on every run. Without -long a few hundred
// nodes for some minutes.
func TestTenThousandNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	n, hour := 300, 9*clock.Minute
	if *long {
		n, hour = 10_000, clock.Hour
	}
	if *long {
		defer debug.SetGCPercent(debug.SetGCPercent(300)) // there is room for it
	}
	start := time.Now()
	c := newCity(820, n)
	c.w.Run(clock.Minute)
	early := c.w.Transcript()
	c.w.Run(hour - clock.Minute)
	took := time.Since(start)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	sizes := c.roots[0].Core.Sizes()
	t.Logf("%d minutes of %d nodes in %v, %d MiB of heap, %d MiB from the system; %d messages, %d datagrams; a root has %+v",
		hour/clock.Minute, n, took.Round(time.Millisecond), m.HeapAlloc>>20, m.Sys>>20, c.sent, c.w.Delivered, sizes)
	if m.Sys > 6<<30 {
		t.Errorf("took %d MiB", m.Sys>>20)
	}
	for _, x := range c.nodes {
		if !x.Core.Online() {
			t.Errorf("%s is offline", x.Name)
		}
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
