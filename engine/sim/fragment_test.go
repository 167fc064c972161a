package sim_test

import (
	"fmt"
	"testing"

	"orrery/engine/sim"
)

// lossy are networks that do to datagrams what networks do.
var lossy = map[string]sim.Link{
	"reordering":        {Delay: 10 * ms, Jitter: 5 * ms, Reorder: 2000},
	"duplication":       {Delay: 10 * ms, Duplicate: 3000},
	"loss":              {Delay: 10 * ms, Loss: 300},
	"all three":         {Delay: 10 * ms, Jitter: 10 * ms, Loss: 200, Reorder: 1000, Duplicate: 1000},
	"small MTU":         {Delay: 10 * ms, MTU: 1232},
	"small MTU, lossy":  {Delay: 10 * ms, Jitter: 5 * ms, MTU: 1232, Loss: 100, Reorder: 500},
	"very slow":         {Delay: 600 * ms, Jitter: 100 * ms},
	"slow and lossy":    {Delay: 300 * ms, Jitter: 50 * ms, Loss: 200, Reorder: 500},
	"a tenth gets lost": {Delay: 20 * ms, Loss: 1000},
}

// Packets of every size pass over such networks, cut and joined: without loss
// all arrive, with loss as many as the loss lets through. No datagram is longer
// than what a reference peer reads.
func TestFragments(t *testing.T) {
	for name, link := range lossy {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 300, link, noNAT, sim.Cone)
				l.t = t
				patience := 10 * sec
				l.w.Until(patience, 10*ms, func() bool { return l.a.Core.Online() && l.b.Core.Online() && l.c.Core.Online() })
				l.network(isPublic + v4Pool)
				l.a.Join(l.nwid)
				l.b.Join(l.nwid)
				l.ready(30*sec, l.a, l.b)
				l.talk(l.sa, l.b, 20*sec)
				for _, size := range []int{56, 1300, 1404, 1500, 2000, 2772} {
					// A ping is a packet there and one back; of each every part must
					// arrive, and of each part every IP fragment.
					pieces := (size + 120) / 1432 * 2 // beyond the first
					if link.MTU > 0 {
						pieces *= 2
					}
					chance := 1.0
					for range 2 + pieces {
						chance *= 1 - float64(link.Loss)/10000
					}
					const n = 200
					got := l.count(l.sa, l.b, n, 50*ms, size)
					if want := int(n*chance) - 1; link.Loss == 0 && got != n || link.Loss > 0 && got < want-25 {
						t.Errorf("%d of %d pings of %d bytes were answered, want about %d", got, n, size, want)
					}
				}
				if l.w.Largest > 1432 {
					t.Errorf("a datagram of %d bytes was sent", l.w.Largest)
				}
				return l.w
			})
		})
	}
}

// A path that swallows what is longer than it can carry does not stop small
// packets, and a lone large one does no harm.
func TestBlackHole(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 310, sim.Link{Delay: 10 * ms, MTU: 1300, BlackHole: true}, noNAT, noNAT)
		l.online()
		l.network(isPublic + `"mtu":1280,` + v4Pool)
		l.joined(l.a, l.b)
		l.talk(l.sa, l.b, 3*sec)
		if got := l.count(l.sa, l.b, 20, 100*ms, 1200); got != 20 {
			t.Errorf("%d of 20 pings that fit were answered", got)
		}
		return l.w
	})
}

// A configuration with very many rules comes in several chunks, over a network
// that loses and reorders them, and arrives.
func TestChunkedConfiguration(t *testing.T) {
	for name, link := range map[string]sim.Link{"good": wan, "lossy": {Delay: 10 * ms, Jitter: 20 * ms, Loss: 200, Reorder: 1000, Duplicate: 500}} {
		t.Run(name, func(t *testing.T) {
			scenario(t, func(t *testing.T) *sim.World {
				l := newLAN(t, 311, link, noNAT, noNAT)
				l.w.Until(10*sec, 10*ms, func() bool { return l.a.Core.Online() && l.b.Core.Online() && l.c.Core.Online() })
				l.network(isPublic + v4Pool)
				l.put(manyRules())
				l.a.Join(l.nwid)
				l.b.Join(l.nwid)
				within := 3 * sec
				if link.Loss > 0 {
					within = 120 * sec
				}
				l.ready(within, l.a, l.b)
				s, _ := l.a.Core.Network(l.nwid)
				if n := len(s.Config.Rules); n != 1023 {
					t.Errorf("%d rules arrived", n)
				}
				if n := counter(l.c, "out.OK"); n < 6 {
					t.Errorf("the controller sent %d answers, so the configuration was not chunked", n)
				}
				l.talk(l.sa, l.b, 10*sec)
				return l.w
			})
		})
	}
}

// manyRules is a rule set of as many rules as there may be, which accepts
// everything and does not compress away.
func manyRules() string {
	b := []byte(`{"rules":[`)
	for i := range 681 {
		b = fmt.Appendf(b, `{"type":"MATCH_IPV6_SOURCE","ip":"2001:db8:%x:%x:%x:%x:%x:%x/128","not":false,"or":false},`,
			i*7919%65536, i*104729%65536, i*1299709%65536, i*15485863%65536, i*32452843%65536, i*49979687%65536)
		if i%2 == 1 {
			b = append(b, `{"type":"ACTION_DROP"},`...)
		}
	}
	return string(append(b, `{"type":"ACTION_DROP"},{"type":"ACTION_ACCEPT"}]}`...))
}
