package vl1

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
)

// What waits for peers without an identity or a path (spec 03 §2.6). The
// reference keeps 32 packets for all of them together, which the first words to
// fifty members of a multicast group do not fit.
const (
	queuedPerPeer  = 64
	maxQueued      = 4096
	maxQueuedBytes = 4 << 20
	queuedFor      = 5 * clock.Second
)

// queued is a plain packet for a peer that has no identity or no path yet.
type queued struct {
	to   identity.Address
	at   clock.Mono
	data []byte // nil once it does not wait any more
}

// sendQueue has the packets that wait. One that goes leaves its place empty until
// there are too many such, so that a flood of packets to nobody costs little.
type sendQueue struct {
	packets []queued // oldest first
	head    int      // nothing waits before it
	waiting int
	bytes   int
	of      map[identity.Address][]int // the places of a peer's, oldest first
}

// add lets a packet wait, and reports whether others had to go: the oldest of a
// peer that has its share, else the oldest of all.
func (s *sendQueue) add(q queued) (full bool) {
	if own := s.of[q.to]; len(own) >= queuedPerPeer {
		s.forget(own[0])
		full = true
	}
	for s.waiting >= maxQueued || s.waiting > 0 && s.bytes+len(q.data) > maxQueuedBytes {
		s.forget(s.oldest())
		full = true
	}
	if len(s.packets) >= 2*maxQueued {
		s.tidy()
	}
	s.put(q)
	return full
}

func (s *sendQueue) put(q queued) {
	if s.of == nil {
		s.of = make(map[identity.Address][]int)
	}
	s.of[q.to] = append(s.of[q.to], len(s.packets))
	s.packets = append(s.packets, q)
	s.waiting++
	s.bytes += len(q.data)
}

// oldest is the place of the oldest packet that waits, if any does.
func (s *sendQueue) oldest() int {
	for s.packets[s.head].data == nil {
		s.head++
	}
	return s.head
}

// forget takes out the packet at a place, the oldest of its peer.
func (s *sendQueue) forget(i int) {
	q := &s.packets[i]
	own := s.of[q.to]
	copy(own, own[1:])
	if own = own[:len(own)-1]; len(own) > 0 {
		s.of[q.to] = own
	} else {
		delete(s.of, q.to)
	}
	s.empty(q)
}

func (s *sendQueue) empty(q *queued) {
	s.waiting--
	s.bytes -= len(q.data)
	q.data = nil
	if s.waiting == 0 {
		*s = sendQueue{}
	}
}

// tidy removes the empty places.
func (s *sendQueue) tidy() {
	old := s.packets[s.head:]
	*s = sendQueue{}
	for _, q := range old {
		if q.data != nil {
			s.put(q)
		}
	}
}

// take takes out what waits for a peer, oldest first.
func (s *sendQueue) take(a identity.Address) []queued {
	own := s.of[a]
	if len(own) == 0 {
		return nil
	}
	delete(s.of, a)
	packets := s.packets
	out := make([]queued, 0, len(own))
	for _, i := range own {
		q := &packets[i]
		out = append(out, *q)
		s.empty(q)
	}
	return out
}

// expire takes out what has waited too long, and returns how much that is.
func (s *sendQueue) expire(now clock.Mono) (n int) {
	for s.waiting > 0 && now-s.packets[s.oldest()].at >= queuedFor {
		s.forget(s.head)
		n++
	}
	return n
}
