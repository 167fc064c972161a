package sim_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl1"
)

// nat is what a node knows of its NAT.
func nat(l *lan, n *sim.Node) vl1.NATInfo { return n.Core.NAT(l.w.Now()) }

// From a cone to a NAT that takes random ports: a hundred worlds, in almost all
// of which the two are direct within 30 s of their first word, with at most 256
// short-lived sockets and 500 probes a second, of which one socket stays.
func TestConeToSymmetric(t *testing.T) {
	t.Parallel()
	const worlds = 100
	var times []clock.Mono
	most := 0
	for seed := range uint64(worlds) {
		link := wan
		if seed%2 == 1 {
			link = sim.Link{Delay: 25 * ms, Jitter: 20 * ms, Loss: 200, Reorder: 300}
		}
		l := newLAN(t, 7000+seed, link, sim.Cone, sim.Symmetric)
		l.up()
		l.talk(l.sa, l.b, 5*sec)
		took, ok := l.directly(30 * sec)
		if ok {
			times = append(times, took)
		}
		l.w.Run(12 * sec)
		most = max(most, l.a.BurstPeak, l.b.BurstPeak)
		if n := l.a.BurstSockets() + l.b.BurstSockets(); n > 2 {
			t.Errorf("seed %d: %d short-lived sockets are left", seed, n)
		}
	}
	slices.Sort(times)
	if len(times) < 98 {
		t.Fatalf("direct in %d of %d worlds", len(times), worlds)
	}
	t.Logf("direct in %d of %d worlds; after %d ms in the middle, %d ms at 95 of 100; at most %d sockets",
		len(times), worlds, times[len(times)/2]/ms, times[94]/ms, most)
	if most > vl1.MaxBurst+1 {
		t.Errorf("%d short-lived sockets at once", most)
	}
}

// The bounds of a try hold in every second, whoever the other is: here one that
// talks, but cannot be reached.
func TestTryBounds(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 7200, wan, sim.Cone, sim.Symmetric).up()
		root := l.r.Root().Endpoints[0]
		// Nothing but what goes through the root and the controller arrives.
		perSecond := make(map[clock.Mono]int)
		var tries []clock.Mono
		last := clock.Never
		l.w.Watch = func(from, to netip.AddrPort, data []byte) bool {
			if from.Addr() == root.Addr() || to.Addr() == root.Addr() || from.Addr() == ip("5.0.0.2") || to.Addr() == ip("5.0.0.2") {
				return true
			}
			if from.Addr() == ip("5.0.11.1") && len(data) >= 28 {
				now := l.w.Now().Mono
				perSecond[now/sec]++
				if perSecond[now/sec] > 50 && now-last > 5*sec {
					tries = append(tries, now/sec)
				}
				if perSecond[now/sec] > 50 {
					last = now
				}
			}
			return false
		}
		l.talk(l.sa, l.b, 3*sec)
		addr, _ := l.b.Address(l.nwid, true)
		for range 10 * 60 * 2 {
			l.sa.Ping(l.nwid, addr, 56)
			l.w.Run(500 * ms)
			if n := l.a.BurstSockets() + l.b.BurstSockets(); n > vl1.MaxBurst {
				t.Fatalf("%d short-lived sockets", n)
			}
		}
		worst := 0
		for _, n := range perSecond {
			worst = max(worst, n)
		}
		t.Logf("tries at %v s, at most %d probes in a second", tries, worst)
		if worst > 520 {
			t.Errorf("%d probes in a second", worst)
		}
		if len(tries) < 3 || len(tries) > 8 {
			t.Errorf("%d tries in ten minutes", len(tries))
		}
		for i := 2; i < len(tries); i++ {
			if tries[i]-tries[i-1] <= tries[i-1]-tries[i-2] {
				t.Errorf("the wait does not grow: tries at %v s", tries)
			}
		}
		if n := l.a.BurstSockets() + l.b.BurstSockets(); n != 0 {
			t.Errorf("%d short-lived sockets are left", n)
		}
		return l.w
	})
}

// A node that is to save traffic makes no tries, and takes part in none.
func TestNoTriesInLowBandwidthMode(t *testing.T) {
	for _, who := range []string{"the cone side", "the symmetric side"} {
		t.Run(who, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 7210, wan, sim.Cone, sim.Symmetric).up()
				thrifty := l.a
				if who != "the cone side" {
					thrifty = l.b
				}
				thrifty.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
					c.SetPhysical(at, vl1.Settings{LowBandwidth: true}, out)
				})
				l.talk(l.sa, l.b, 3*sec)
				if took, ok := l.directly(60 * sec); ok {
					t.Errorf("direct after %d ms", took/ms)
				}
				if n := max(l.a.BurstPeak, l.b.BurstPeak); n > 8 {
					t.Errorf("%d short-lived sockets were opened", n)
				}
				return l.w
			})
		})
	}
}

// What others see of a node tells the kind of its NAT, also with a single root
// where that can be known.
func TestNATKinds(t *testing.T) {
	for _, c := range []struct {
		name string
		kind sim.NATKind
		// shift has a cone choose ports of its own, alone is without a second witness.
		shift, alone bool
		want         vl1.NATKind
	}{
		{"public", noNAT, false, false, vl1.NATNone},
		{"cone", sim.Cone, false, false, vl1.NATEasy},
		{"cone with one witness", sim.Cone, false, true, vl1.NATEasy},
		{"cone with its own ports", sim.Cone, true, false, vl1.NATEasy},
		{"cone with its own ports and one witness", sim.Cone, true, true, vl1.NATUnknown},
		{"full cone", sim.FullCone, false, false, vl1.NATEasy},
		{"symmetric", sim.Symmetric, false, false, vl1.NATHard},
		{"symmetric with one witness", sim.Symmetric, false, true, vl1.NATUnknown},
		{"sequential", sim.Sequential, false, false, vl1.NATSequential},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				w := sim.New(7220, wan)
				r := w.NewNode("R", w.NewSecret(0), ip("5.0.0.1"), nil)
				x := w.NewNode("X", w.NewSecret(1), ip("5.0.0.2"), nil)
				planet := w.NewPlanet(r, x)
				if c.alone {
					planet = w.NewPlanet(r)
				}
				var gateway *sim.NAT
				at := ip("5.0.11.1")
				if c.kind != noNAT {
					gateway = w.NewNAT(c.kind, at)
					gateway.Shift = c.shift
					at = ip("192.168.11.2")
				}
				a := w.NewNode("A", w.NewSecret(2), at, gateway)
				for _, n := range []*sim.Node{r, x, a} {
					n.Start(planet)
				}
				w.Run(5 * sec)
				got := a.Core.NAT(w.Now())
				if got.Kind != c.want || got.PortVaries != (c.want == vl1.NATHard || c.want == vl1.NATSequential) {
					t.Errorf("found %v, ports vary: %v, %d witnesses", got.Kind, got.PortVaries, got.Reporters)
				}
				return w
			})
		})
	}
}

// Two sides that both take ports in sequence meet where they will be, also when
// others behind the same NATs take ports meanwhile.
func TestSequentialNATs(t *testing.T) {
	for _, stride := range []int{1, 2} {
		t.Run(fmt.Sprintf("in steps of %d", stride), func(t *testing.T) {
			t.Parallel()
			met := 0
			const worlds = 10
			for seed := range uint64(worlds) {
				l := newLAN(t, 7300+seed, wan, sim.Sequential, sim.Sequential)
				l.a.NAT().Stride, l.b.NAT().Stride = stride, stride
				l.up()
				l.talk(l.sa, l.b, 3*sec)
				if _, ok := l.directly(30 * sec); ok {
					met++
				}
			}
			t.Logf("direct within 30 s in %d of %d worlds", met, worlds)
			if met < 9 {
				t.Errorf("direct within 30 s in %d of %d worlds only", met, worlds)
			}
		})
	}
}

// Rendezvous works on links that lose and reorder, and where gateways forget
// mappings soon.
func TestRendezvousOnBadLinks(t *testing.T) {
	t.Parallel()
	const worlds = 30
	var times []clock.Mono
	for seed := range uint64(worlds) {
		l := newLAN(t, 7500+seed, wan, sim.Cone, sim.Cone)
		l.a.NAT().Timeout, l.b.NAT().Timeout = 20*sec, 20*sec
		l.a.NAT().Shift = seed%2 == 0
		l.up()
		l.w.SetLink(sim.Link{Delay: 30 * ms, Jitter: 30 * ms, Loss: 1000, Reorder: 1000, Duplicate: 200})
		l.talk(l.sa, l.b, 10*sec)
		if took, ok := l.directly(20 * sec); ok {
			times = append(times, took)
		}
	}
	slices.Sort(times)
	if len(times) < worlds-1 {
		t.Fatalf("direct in %d of %d worlds", len(times), worlds)
	}
	t.Logf("direct in %d of %d worlds; after %d ms in the middle, %d ms at the latest", len(times), worlds, times[len(times)/2]/ms, times[len(times)-1]/ms)
}

// A peer behind a symmetric NAT that knows no appointments, as the reference,
// answers pushed addresses from its three sockets: guessing alone finds it now
// and then, within the same bounds.
func TestGuessingAlone(t *testing.T) {
	t.Parallel()
	const worlds = 8
	met := 0
	for seed := range uint64(worlds) {
		l := newLAN(t, 7600+seed, wan, sim.Cone, sim.Symmetric).up()
		l.b.OpenSocket(31001)
		l.b.OpenSocket(31002)
		likeReference(l.b)
		l.w.Watch = losing(appointmentLen)
		l.talk(l.sa, l.b, 3*sec)
		if took, ok := l.directly(10 * clock.Minute); ok {
			met++
			t.Logf("direct after %d s", took/sec)
		}
		if n := l.a.BurstPeak; n > 8 {
			t.Errorf("%d sockets", n)
		}
	}
	t.Logf("direct within ten minutes in %d of %d worlds", met, worlds)
	if met < worlds/4 {
		t.Errorf("direct within ten minutes in %d of %d worlds", met, worlds)
	}
}

// Gateways that remember who knocked in vain, and a NAT with random ports that
// is the carrier's, many hops away, do not spoil the search.
func TestConeToSymmetricElsewhere(t *testing.T) {
	for _, c := range []struct {
		name string
		far  bool
	}{{"gateways that remember knocks", false}, {"a carrier with random ports", true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const worlds = 25
			met, first := 0, 0
			for seed := range uint64(worlds) {
				l := newLAN(t, 7700+seed, wan, sim.Cone, sim.Symmetric)
				if c.far {
					carrier := l.w.NewNAT(sim.Symmetric, ip("5.0.20.1"))
					l.b.Move(ip("192.168.11.3"), l.w.NewNATBehind(carrier, sim.Cone, ip("100.64.3.7")))
					l.w.Run(5 * sec)
				} else {
					l.a.NAT().Tracks, l.b.NAT().Tracks = true, true
				}
				l.up()
				l.talk(l.sa, l.b, 5*sec)
				took, ok := l.directly(30 * sec)
				if ok {
					met++
				}
				if ok && took < 12*sec {
					first++
				}
			}
			t.Logf("direct within 30 s in %d of %d worlds, at the first try in %d", met, worlds, first)
			if met < worlds-1 || first < worlds*4/5 {
				t.Errorf("direct within 30 s in %d of %d worlds, at the first try in %d", met, worlds, first)
			}
		})
	}
}
