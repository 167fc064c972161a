package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

const (
	maxExpected = 8192
	expectFor   = 30 * clock.Second
)

// expectation is a packet that we sent and that may be answered.
type expectation struct {
	to     identity.Address
	verb   wire.Verb
	remote netip.AddrPort
	at     clock.Mono
	// many is set if several answers may come: the packet left by every socket.
	many bool
}

// once reports whether one answer is all that is due: another is a replay.
func (x *expectation) once() bool {
	switch x.verb {
	case wire.VerbHello, wire.VerbEcho:
		return !x.many
	case wire.VerbWhois, wire.VerbExtFrame:
		return true
	}
	return false // configurations come in chunks, members from everybody
}

// expected has the packets that may be answered, by the ID they had on the
// wire. The reference keeps half an ID, for ever and for anybody; here an
// answer must name all of it, in time, and come from the addressed peer (spec
// 03 §6.6).
type expected struct {
	byID map[uint64]expectation
	// fifo has the IDs in order of sending, from head on, for expiry.
	fifo []uint64
	head int
}

func newExpected() expected { return expected{byID: make(map[uint64]expectation)} }

func (e *expected) add(id uint64, x expectation) {
	for e.head < len(e.fifo) && (len(e.fifo)-e.head >= maxExpected || x.at-e.byID[e.fifo[e.head]].at > expectFor) {
		delete(e.byID, e.fifo[e.head])
		e.head++
	}
	if e.head > len(e.fifo)/2 {
		e.fifo = append(e.fifo[:0], e.fifo[e.head:]...)
		e.head = 0
	}
	e.fifo = append(e.fifo, id)
	e.byID[id] = x
}

// answer finds what an OK from a peer answers, and forgets it if no other answer
// is due.
func (e *expected) answer(now clock.Mono, id uint64, from identity.Address) (expectation, bool) {
	x, ok := e.byID[id]
	if !ok || x.to != from || now-x.at > expectFor {
		return expectation{}, false
	}
	if x.once() {
		delete(e.byID, id) // its place in the fifo is passed over
	}
	return x, true
}
