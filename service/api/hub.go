package api

import (
	"sync"

	"orrery/service/ipc"
)

// backlog is how many events a subscriber may be behind before it is cut. It is
// a few seconds of a very busy node.
const backlog = 256

// Hub turns successive snapshots into events for any number of subscribers. The
// zero value is ready for use. It is safe for concurrent use and never blocks:
// a subscriber that does not keep up is cut.
type Hub struct {
	mu sync.Mutex
	// state is what subscribers have been told so far. Guarded by mu, as all
	// below; what it points to is never changed.
	state  *ipc.Snapshot
	subs   map[*Subscription]struct{}
	closed bool
}

// Subscription receives the events of a [Hub] from one snapshot on.
type Subscription struct {
	hub    *Hub
	events chan ipc.Event
}

// Publish takes a snapshot and tells subscribers what changed. The snapshot is
// handed over. With everything unset, changes of nothing but measurements are
// not told; see [Diff]. The order of calls is the order of the snapshots.
func (h *Hub) Publish(s *ipc.Snapshot, everything bool) {
	normal(s)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == nil {
		s.Seq = 1
		h.state = s
		return
	}
	events, state := Diff(h.state, s, everything)
	for i := range events {
		state.Seq++
		events[i].Seq = state.Seq
	}
	h.state = state
	for sub := range h.subs {
		for _, e := range events {
			if !sub.offer(e) {
				h.drop(sub)
				break
			}
		}
	}
}

// Subscribe returns a subscription whose first event is the last published
// snapshot, and false if nothing has been published or the hub is closed.
func (h *Hub) Subscribe() (*Subscription, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.state == nil || h.closed {
		return nil, false
	}
	sub := &Subscription{hub: h, events: make(chan ipc.Event, backlog)}
	sub.events <- ipc.Event{Seq: h.state.Seq, Kind: ipc.EventSnapshot, All: h.state}
	if h.subs == nil {
		h.subs = make(map[*Subscription]struct{})
	}
	h.subs[sub] = struct{}{}
	return sub, true
}

// State returns the last published snapshot with its sequence number, nil if
// there is none. It must not be changed.
func (h *Hub) State() *ipc.Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state
}

// Subscribers returns how many there are.
func (h *Hub) Subscribers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.subs)
}

// Close cuts all subscribers and refuses new ones.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for sub := range h.subs {
		h.drop(sub)
	}
}

// drop ends a subscription. The caller holds mu.
func (h *Hub) drop(sub *Subscription) {
	if _, ok := h.subs[sub]; ok {
		delete(h.subs, sub)
		close(sub.events)
	}
}

// Events is closed when the subscriber was cut or the hub closed.
func (s *Subscription) Events() <-chan ipc.Event { return s.events }

// Cancel ends the subscription. It may be called more than once.
func (s *Subscription) Cancel() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.drop(s)
}

// offer reports whether there was room.
func (s *Subscription) offer(e ipc.Event) bool {
	select {
	case s.events <- e:
		return true
	default:
		return false
	}
}
