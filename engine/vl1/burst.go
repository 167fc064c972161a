package vl1

import (
	"orrery/engine/clock"
)

// Burst asks the service for short-lived UDP sockets of one family, each on a
// port of its own, bound as the others are: many sockets give many mappings of
// a NAT that takes another port for each destination. The service answers with
// [Wire.BurstReady], be it with fewer sockets or none.
//
// Datagrams to [AnySocket] never leave by them, [Wire.SetSockets] neither lists
// nor ends them. The service closes those that [Outbox.Close] names.
type Burst struct {
	// ID names the request in its answer.
	ID uint64
	// Count is how many sockets are wanted, at most [MaxBurst].
	Count int
	// V4 asks for IPv4, false for IPv6.
	V4 bool
	// Until is when sockets of an answer that comes too late are of no use.
	Until clock.Mono
}

// MaxBurst is the largest number of sockets that a [Burst] asks for.
const MaxBurst = 256

// BurstReady takes the sockets that a [Burst] asked for.
func (w *Wire) BurstReady(at clock.Instant, id uint64, sockets []SocketID) {
	w.out.Close = append(w.out.Close, sockets...)
}
