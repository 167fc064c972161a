package sim_test

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// lengths of packets that carry a message of Orrery nodes.
const (
	appointmentLen = wire.HeaderLen + 8 + wire.AppointmentLen
	guessLen       = wire.HeaderLen + 8 + wire.GuessLen
)

// likeReference makes a node one that knows no appointments, and makes no tries.
func likeReference(n *sim.Node) {
	n.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		c.SetPhysical(at, vl1.Settings{LowBandwidth: true}, out)
	})
}

// losing drops all datagrams of some lengths.
func losing(lengths ...int) func(_, _ netip.AddrPort, data []byte) bool {
	return func(_, _ netip.AddrPort, data []byte) bool { return !slices.Contains(lengths, len(data)) }
}

// A node behind random ports and a peer behind a cone that knows no
// appointments, as the reference: the root guesses, and the two are direct
// within 30 s. Without the root's help they are not.
func TestRootGuesses(t *testing.T) {
	t.Parallel()
	const worlds = 50
	var times []clock.Mono
	kinds := make(map[vl1.NATKind]int)
	try := func(seed uint64, lost ...int) (clock.Mono, bool) {
		l := newLAN(t, 7800+seed, wan, sim.Cone, sim.Symmetric)
		if seed%3 == 1 {
			l.b.OpenSocket(31001)
			l.b.OpenSocket(31002)
		}
		l.a.NAT().Tracks, l.b.NAT().Tracks = seed%2 == 1, seed%2 == 1
		carried := losing(lost...)
		l.w.Watch = func(from, to netip.AddrPort, data []byte) bool {
			// In a third of the worlds nobody but the root sees B.
			lone := seed%3 == 2 && (from.Addr() == ip("5.0.0.2") && to.Addr() == ip("5.0.12.1") || to.Addr() == ip("5.0.0.2") && from.Addr() == ip("5.0.12.1"))
			return !lone && carried(from, to, data)
		}
		l.up()
		likeReference(l.a)
		l.talk(l.sa, l.b, 5*sec)
		took, ok := l.directly(30 * sec)
		kinds[nat(l, l.b).Kind]++
		if n := l.b.BurstPeak; n > vl1.MaxBurst+1 {
			t.Errorf("seed %d: %d short-lived sockets at once", seed, n)
		}
		if ok {
			l.w.Run(12 * sec)
			if got := l.count(l.sa, l.b, 10, 100*ms, 56); got != 10 || l.b.BurstSockets() > 1 {
				t.Errorf("seed %d: %d of 10 pings were answered, %d short-lived sockets are left", seed, got, l.b.BurstSockets())
			}
		}
		return took, ok
	}
	for seed := range uint64(worlds) {
		if took, ok := try(seed, appointmentLen); ok {
			times = append(times, took)
		}
	}
	slices.Sort(times)
	if len(times) < worlds*95/100 {
		t.Fatalf("direct in %d of %d worlds", len(times), worlds)
	}
	t.Logf("direct in %d of %d worlds; after %d ms in the middle, %d ms at 95 of 100", len(times), worlds, times[len(times)/2]/ms, times[worlds*95/100-1]/ms)
	// B may know its NAT or not.
	if kinds[vl1.NATHard] < worlds/3 || kinds[vl1.NATUnknown] < worlds/4 {
		t.Errorf("what B knows of its NAT: %v", kinds)
	}
	for seed := range uint64(3) {
		if took, ok := try(seed, appointmentLen, guessLen); ok {
			t.Errorf("direct without the root's help after %d ms", took/ms)
		}
	}
}

// The other way round, a node behind a cone and a peer behind random ports that
// knows no appointments: the first scan of its ports finds one of its three
// mappings in most worlds within 45 s of the first word, the next ones go on.
func TestFirstScanAlone(t *testing.T) {
	t.Parallel()
	const worlds = 48
	var times []clock.Mono
	for seed := range uint64(worlds) {
		l := newLAN(t, 7900+seed, wan, sim.Cone, sim.Symmetric).up()
		l.b.NAT().Timeout = 30 * sec
		l.b.OpenSocket(31001)
		l.b.OpenSocket(31002)
		likeReference(l.b)
		perSecond := make(map[clock.Mono]int)
		l.w.Watch = func(from, to netip.AddrPort, data []byte) bool {
			if from.Addr() == ip("5.0.11.1") && to.Addr() == ip("5.0.12.1") {
				perSecond[l.w.Now().Mono/sec]++
			}
			return len(data) != appointmentLen
		}
		l.talk(l.sa, l.b, 3*sec)
		if took, ok := l.directly(45 * sec); ok {
			times = append(times, took)
		}
		for _, n := range perSecond {
			if n > 520 {
				t.Errorf("seed %d: %d probes in a second", seed, n)
			}
		}
		if l.a.BurstPeak > 8 {
			t.Errorf("seed %d: %d short-lived sockets", seed, l.a.BurstPeak)
		}
	}
	slices.Sort(times)
	if len(times) <= worlds/2 {
		t.Fatalf("direct within 45 s in %d of %d worlds", len(times), worlds)
	}
	t.Logf("direct within 45 s in %d of %d worlds; after %d s in the middle", len(times), worlds, times[len(times)/2]/sec)
}
