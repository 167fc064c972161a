package vl1

import (
	"math/rand/v2"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// The books of the queue are right whatever happens to it.
func TestSendQueueBooks(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	var s sendQueue
	check := func(step int) {
		t.Helper()
		n, bytes := 0, 0
		of := map[identity.Address]int{}
		last := clock.Mono(0)
		for _, q := range s.packets {
			if q.data == nil {
				continue
			}
			if q.at < last {
				t.Fatalf("step %d: not in order", step)
			}
			last = q.at
			n, bytes = n+1, bytes+len(q.data)
			of[q.to]++
		}
		if n != s.waiting || bytes != s.bytes || len(of) != len(s.of) || n > maxQueued || bytes > maxQueuedBytes || len(s.packets) > 2*maxQueued {
			t.Fatalf("step %d: %d packets of %d bytes for %d peers in %d places; the books say %d, %d, %d",
				step, n, bytes, len(of), len(s.packets), s.waiting, s.bytes, len(s.of))
		}
		for a, n := range of {
			if len(s.of[a]) != n || n > queuedPerPeer {
				t.Fatalf("step %d: %d packets for a peer, the books say %d", step, n, len(s.of[a]))
			}
		}
	}
	at := clock.Mono(1)
	add := func() {
		at++
		size := 40
		if r.IntN(4) == 0 {
			size = 9000
		}
		s.add(queued{identity.Address(1 + r.IntN(1+r.IntN(200))), at, make([]byte, size)})
	}
	for step := range 40_000 {
		switch r.IntN(100) {
		case 0:
			who := identity.Address(1 + r.IntN(200))
			want := len(s.of[who])
			got := s.take(who)
			if len(got) != want || len(s.of[who]) != 0 {
				t.Fatalf("step %d: took %d of %d", step, len(got), want)
			}
			for i, q := range got {
				if q.to != who || q.data == nil || i > 0 && q.at < got[i-1].at {
					t.Fatalf("step %d: took %v", step, q)
				}
			}
		case 1:
			if r.IntN(50) == 0 {
				at += queuedFor - 100
				s.expire(at)
			}
		default:
			add()
		}
		if step%100 == 0 {
			check(step)
		}
	}
	if n := s.waiting; s.expire(at+queuedFor) != n || s.waiting != 0 || s.bytes != 0 || len(s.of) != 0 {
		t.Errorf("the books of an empty queue: %d, %d, %d", s.waiting, s.bytes, len(s.of))
	}
}

// BenchmarkSendQueueFlood is a host that floods addresses that nobody has.
func BenchmarkSendQueueFlood(b *testing.B) {
	for name, peers := range map[string]int{"one": 1, "many": 10000} {
		b.Run(name, func(b *testing.B) {
			var s sendQueue
			for i := range 64 * 60 {
				s.add(queued{identity.Address(1_000_000 + i/64), 1, make([]byte, 40)})
			}
			data := make([]byte, 1400)
			i := 0
			for b.Loop() {
				i++
				s.add(queued{identity.Address(1 + i%peers), clock.Mono(i), data})
			}
		})
	}
}
