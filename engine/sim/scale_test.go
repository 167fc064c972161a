package sim_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl2"
)

// crowd is many nodes with one root that talk a little: each sends a message to
// each of three others once a minute.
type crowd struct {
	w     *sim.World
	root  *sim.Node
	nodes []*sim.Node
}

func newCrowd(seed uint64, n int) *crowd {
	w := sim.New(seed, wan)
	c := &crowd{w: w, root: w.NewNode("R", w.NewSecret(0), ip("5.0.0.1"), nil)}
	planet := w.NewPlanet(c.root)
	c.root.Start(planet)
	for i := range n {
		at := netip.AddrFrom4([4]byte{6, byte(i >> 8), byte(i), 1})
		var nat *sim.NAT
		host := at
		if i%2 == 1 {
			kind := sim.Cone
			if i%8 == 7 {
				kind = sim.Symmetric
			}
			nat, host = w.NewNAT(kind, at), ip("192.168.1.2")
		}
		m := w.NewNode(fmt.Sprint("N", i), w.NewSecret(1+i), host, nat)
		c.nodes = append(c.nodes, m)
		// They do not all start at once.
		w.After(clock.Mono(i)*20*ms, func() { m.Start(planet) })
		w.After(60*sec+clock.Mono(i)*7*ms, func() { c.talk(i) })
	}
	return c
}

// talk sends a node's messages and comes back in a minute.
func (c *crowd) talk(i int) {
	n := c.nodes[i]
	for _, d := range [3]int{1, 7, 101} {
		to := c.nodes[(i+d)%len(c.nodes)]
		n.Do(func(core *node.Core, at clock.Instant, out *node.Outbox) {
			core.Message(at, addressOf(to), 1<<20, []byte("good morning"), out)
		})
	}
	c.w.After(60*sec, func() { c.talk(i) })
}

func (c *crowd) messages() (n uint64) {
	for _, m := range c.nodes {
		n += m.Messages
	}
	return n
}

func (c *crowd) sent() (n uint64) {
	for _, m := range c.nodes {
		n += m.Sent
	}
	return n + c.root.Sent
}

// A thousand nodes, one root, one virtual hour: in under a minute (with -long, on
// a machine of one's own) and 2 GiB, all
// online, no message lost, the same on every run.
func TestThousandNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	n, hour := 1000, clock.Hour
	if raceDetector {
		n, hour = 100, 20*clock.Minute
	}
	start := time.Now()
	c := newCrowd(800, n)
	c.w.Run(10 * clock.Minute)
	early := c.w.Transcript()
	c.w.Run(hour - 10*clock.Minute)
	took := time.Since(start)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d minutes of %d nodes in %v, %d MiB of heap, %d MiB from the system; %d datagrams, %d messages",
		hour/clock.Minute, n, took.Round(time.Millisecond), m.HeapAlloc>>20, m.Sys>>20, c.sent(), c.messages())
	if *long && took > time.Minute {
		t.Errorf("took %v", took)
	}
	if m.Sys > 2<<30 {
		t.Errorf("took %d MiB", m.Sys>>20)
	}
	for _, x := range c.nodes {
		if !x.Core.Online() {
			t.Errorf("%s is offline after an hour", x.Name)
		}
	}
	if got, want := c.messages(), uint64(n)*3*uint64(hour/clock.Minute-1); got != want {
		t.Errorf("%d of %d messages arrived", got, want)
	}
	again := newCrowd(800, n)
	again.w.Run(10 * clock.Minute)
	if again.w.Transcript() != early {
		t.Error("two runs differ within the first ten minutes")
	}
}

// A hundred members of one private network, for an hour, each of which pings
// three others once a minute; every ping is answered. One controller serves all.
func TestHundredMembers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	n, hour := 100, clock.Hour
	if raceDetector {
		n, hour = 30, 10*clock.Minute
	}
	start := time.Now()
	first := newVillage(t, 810, n)
	first.w.Run(5 * clock.Minute)
	early := first.w.Transcript()
	first.w.Run(hour - 5*clock.Minute)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	asked, answered := first.pings()
	t.Logf("%d minutes of %d members in %v, %d MiB of heap; %d of %d pings answered, the controller sent %d datagrams, a member %d",
		hour/clock.Minute, n, time.Since(start).Round(time.Millisecond), m.HeapAlloc>>20, answered, asked, first.c.Sent, first.members[0].Sent)
	if asked == 0 || answered != asked {
		t.Errorf("%d of %d pings were answered", answered, asked)
	}
	for _, x := range first.members {
		if first.status(x) != vl2.StatusOK {
			t.Errorf("%s is %v", x.Name, first.status(x))
		}
	}
	again := newVillage(t, 810, n)
	again.w.Run(5 * clock.Minute)
	if again.w.Transcript() != early {
		t.Error("two runs differ within the first five minutes")
	}
}

// village is the members of one network.
type village struct {
	*lan
	members []*sim.Node
	stacks  []*sim.Stack
	asked   [][]uint16
}

func newVillage(t *testing.T, seed uint64, n int) *village {
	v := &village{lan: newLAN(t, seed, wan, sim.Cone, sim.Cone), asked: make([][]uint16, n)}
	v.online()
	v.network(isPrivate + v4Pool)
	for i := range n {
		at := netip.AddrFrom4([4]byte{6, 0, byte(i), 1})
		var nat *sim.NAT
		host := at
		if i%2 == 1 {
			nat, host = v.w.NewNAT(sim.NATKind(i%4/2), at), ip("192.168.1.2")
		}
		m := v.w.NewNode(fmt.Sprint("M", i), v.w.NewSecret(10+i), host, nat)
		v.members = append(v.members, m)
		v.stacks = append(v.stacks, sim.NewStack(m))
		v.member(m, `{"authorized":true}`)
		v.w.After(clock.Mono(i)*50*ms, func() {
			m.Start(v.planet)
			m.Join(v.nwid)
		})
		v.w.After(60*sec+clock.Mono(i)*70*ms, func() { v.talk(i) })
	}
	return v
}

func (v *village) talk(i int) {
	for _, d := range [3]int{1, 7, 31} {
		if addr, ok := v.members[(i+d)%len(v.members)].Address(v.nwid, true); ok {
			v.asked[i] = append(v.asked[i], v.stacks[i].Ping(v.nwid, addr, 56))
		}
	}
	v.w.After(60*sec, func() { v.talk(i) })
}

// pings counts those asked up to now, and those of them that are answered soon.
func (v *village) pings() (asked, answered int) {
	until := make([]int, len(v.asked))
	for i := range v.asked {
		until[i] = len(v.asked[i])
	}
	v.w.Run(5 * sec)
	for i, s := range v.stacks {
		for _, seq := range v.asked[i][:until[i]] {
			asked++
			if _, ok := s.Took(seq); ok {
				answered++
			}
		}
	}
	return asked, answered
}

func BenchmarkThousandNodesMinute(b *testing.B) {
	c := newCrowd(801, 1000)
	c.w.Run(5 * clock.Minute)
	b.ReportAllocs()
	before := c.sent()
	for b.Loop() {
		c.w.Run(clock.Minute)
	}
	b.ReportMetric(float64(c.sent()-before)/float64(b.N), "datagrams/op")
}
