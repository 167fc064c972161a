package vl1

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// What waits for peers without an identity or a path (spec 03 §2.6). The
// reference keeps 32 packets for all of them together, which the first words to
// fifty members of a multicast group do not fit; here that is a peer's share.
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
	data []byte
}

// sendQueue has the packets that wait, oldest first.
type sendQueue struct {
	packets []queued
	count   map[identity.Address]int
	bytes   int
}

// add lets a packet wait, and reports whether another one had to go: the oldest
// of a peer that has its share, else the oldest of all.
func (s *sendQueue) add(q queued) (full bool) {
	if s.count == nil {
		s.count = make(map[identity.Address]int)
	}
	victim := func(x queued) bool { return x.to == q.to }
	if s.count[q.to] < queuedPerPeer {
		victim = func(queued) bool { return true }
	}
	for s.count[q.to] >= queuedPerPeer || len(s.packets) >= maxQueued || s.bytes > 0 && s.bytes+len(q.data) > maxQueuedBytes {
		full = true
		i := max(0, slices.IndexFunc(s.packets, victim))
		s.forget(&s.packets[i])
		s.packets = slices.Delete(s.packets, i, i+1)
		victim = func(queued) bool { return true }
	}
	s.packets = append(s.packets, q)
	s.count[q.to]++
	s.bytes += len(q.data)
	return full
}

// remove takes out the packets of which gone says so. It sees them oldest first,
// and may add others.
func (s *sendQueue) remove(gone func(*queued) bool) {
	all := s.packets
	s.packets = nil
	kept := all[:0]
	for i := range all {
		if q := &all[i]; gone(q) {
			s.forget(q)
		} else {
			kept = append(kept, *q)
		}
	}
	clear(all[len(kept):])
	s.packets = append(kept, s.packets...)
}

// forget takes a packet off the books.
func (s *sendQueue) forget(q *queued) {
	s.bytes -= len(q.data)
	if s.count[q.to]--; s.count[q.to] <= 0 {
		delete(s.count, q.to)
	}
}
