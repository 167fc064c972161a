package sim

import (
	"net/netip"

	"orrery/engine/clock"
)

// event is something that happens at a time.
type event struct {
	at  clock.Mono
	seq uint64
	run func() // nil for a datagram
	air int32  // the datagram's place in [World.ground]
}

// before reports whether an event comes before another.
func (e *event) before(o *event) bool {
	if e.at != o.at {
		return e.at < o.at
	}
	return e.seq < o.seq
}

// events is a heap of events by time and then by the order of their making.
type events []event

func (e *events) push(x event) {
	*e = append(*e, x)
	h := *e
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (e *events) pop() event {
	h := *e
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], event{}
	h = h[:last]
	*e = h
	for i := 0; ; {
		least := i
		for _, down := range [2]int{2*i + 1, 2*i + 2} {
			if down < last && h[down].before(&h[least]) {
				least = down
			}
		}
		if least == i {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// datagram is one on its way over the internet. They are few at a time, while
// timers are many: the two have queues of their own, and the memory of a datagram
// is used again when it arrived.
type datagram struct {
	from, to netip.AddrPort
	ttl      int
	body     []byte
}

// fly has a copy of a datagram arrive when d has passed.
func (w *World) fly(d clock.Mono, from, to netip.AddrPort, data []byte, ttl int) {
	if len(w.idle) == 0 {
		w.idle = append(w.idle, int32(len(w.ground)))
		w.ground = append(w.ground, new(datagram))
	}
	place := w.idle[len(w.idle)-1]
	w.idle = w.idle[:len(w.idle)-1]
	g := w.ground[place]
	g.from, g.to, g.ttl, g.body = from, to, ttl, append(g.body[:0], data...)
	w.seq++
	w.air.push(event{at: w.now + max(d, 0), seq: w.seq, air: place})
}

// land gives a datagram to whom it is addressed to.
func (w *World) land(place int32) {
	g := w.ground[place]
	if r := w.hosts[g.to.Addr()]; r != nil {
		r.receive(w, g.from, g.to, g.body, g.ttl)
	} else {
		w.Lost++
	}
	w.idle = append(w.idle, place)
}

// step lets the next event happen that is not later than end. It reports whether
// there was one.
func (w *World) step(end clock.Mono) bool {
	timer := len(w.queue) > 0 && w.queue[0].at <= end
	if len(w.air) > 0 && w.air[0].at <= end && (!timer || w.air[0].before(&w.queue[0])) {
		e := w.air.pop()
		w.now = e.at
		w.land(e.air)
		return true
	}
	if timer {
		e := w.queue.pop()
		w.now = e.at
		e.run()
	}
	return timer
}
