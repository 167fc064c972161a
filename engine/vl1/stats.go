package vl1

import (
	"errors"

	"orrery/engine/clock"
)

var (
	errSelf = errors.New("our own or a reserved address")
	errFull = errors.New("too many peers")
)

// DropReason says why a datagram or packet came to nothing. Reasons are
// counted, never logged one by one: a stranger must not fill a disk.
type DropReason uint8

// The drop reasons.
const (
	DropJunk DropReason = iota
	DropSelf
	DropHops
	DropRelayRefused
	DropNoRoute
	DropAuthentication
	DropFormat
	DropCompression
	DropUnexpectedReply
	DropRate
	DropIdentity
	DropConflict
	DropBlocked
	DropCipher
	DropQueueFull
	DropTooLong
	DropWorld // a planet or moon that was refused
	// DropReplay: the packet came before. DropUnproven: an answer that an
	// address may not get before it proved itself.
	DropReplay
	DropUnproven
	dropReasons
)

var dropNames = [dropReasons]string{
	"junk", "self", "hops", "relay-refused", "no-route", "authentication", "format", "compression",
	"unexpected-reply", "rate", "identity", "conflict", "blocked", "cipher", "queue-full", "too-long", "world",
	"replay", "unproven",
}

func (r DropReason) String() string { return dropNames[r] }

// Stats counts packets since the start.
type Stats struct {
	Drops [dropReasons]uint64
	// In and Out count packets addressed to us and made by us, by verb.
	In, Out [32]uint64
	// ErrorsIn and ErrorsOut count ERRORs by code; the last has all unknown ones.
	ErrorsIn, ErrorsOut [16]uint64
	Relayed             uint64
	// FragmentsLost counts packets to us of which a part never came, Shrunk how
	// often a path turned out to carry less than thought.
	FragmentsLost, Shrunk uint64
	// RoundTrips counts measured round trips to peers.
	RoundTrips RoundTrips
}

// RoundTripBounds are the upper bounds of the classes of [RoundTrips], in ms: those
// of the reference.
var RoundTripBounds = [...]int{1, 3, 6, 10, 30, 60, 100, 300, 600, 1000}

// RoundTrips is a histogram.
type RoundTrips struct {
	// Counts has how many fell into each class, and into the last what took longer.
	Counts [len(RoundTripBounds) + 1]uint64
	Sum    clock.Mono
}

func (r *RoundTrips) add(rtt clock.Mono) {
	i := 0
	for i < len(RoundTripBounds) && rtt > clock.Mono(RoundTripBounds[i])*clock.Millisecond {
		i++
	}
	r.Counts[i]++
	r.Sum += rtt
}

// measured takes a round trip on a path into its latency, and counts it.
func (w *Wire) measured(x *path, rtt clock.Mono) {
	if x.sample(rtt) {
		w.stats.RoundTrips.add(rtt)
	}
}

func (w *Wire) drop(r DropReason) { w.stats.Drops[r]++ }

// Stats returns the counters.
func (w *Wire) Stats() Stats {
	s := w.stats
	s.FragmentsLost = w.parts.lost
	return s
}

// Sizes is how much the wire holds of what others can make it hold.
type Sizes struct {
	Peers, Paths int
	// Queued packets wait to be sent, Held ones to be handled, Incomplete ones
	// for their other parts.
	Queued, Held, Incomplete int
	// Asked addresses were asked a root for, Validating identities are being
	// validated, Expected packets may be answered.
	Asked, Validating, Expected int
	// Unproven addresses have credit for answers, Remembered is the room for
	// IDs of packets that came.
	Unproven, Remembered int
	// Introduced pairs are remembered, Expanded peers have their key schedules
	// kept.
	Introduced, Expanded int
}

// Sizes counts.
func (w *Wire) Sizes() Sizes {
	return Sizes{
		Peers: len(w.peers), Paths: len(w.paths), Queued: w.queue.waiting, Held: len(w.held), Incomplete: w.parts.busy(w.now),
		Asked: len(w.whois), Validating: len(w.pending), Expected: len(w.expect.byID),
		Unproven: w.unproven.len(), Remembered: w.replay.size(),
		Introduced: w.unites.len(), Expanded: len(w.expanded),
	}
}
