// Package sim is a virtual internet for tests and tools: virtual time, links
// with delay, loss, reordering and an MTU, NATs, and nodes that run the real
// engine. It starts no goroutine and reads no clock, so a scenario gives the
// same transcript on every run.
package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math/rand/v2"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Epoch is the wall time at which every simulation begins.
const Epoch clock.Wall = 1_790_000_000_000

// World owns the only clock of a simulation.
type World struct {
	now   clock.Mono
	seq   uint64
	queue events
	// air are the datagrams under way, ground what they are.
	air    events
	ground []*datagram
	idle   []int32 // places of ground that are free
	rng    *rand.Rand
	hash   hash.Hash
	seed   uint64

	link  Link
	slow  map[netip.Addr]clock.Mono // what is added to the delay of an address
	hosts map[netip.Addr]receiver   // who has a public address
	nodes []*Node
	known map[identity.Identity]bool
	// Delivered and Lost count datagrams, Largest is the longest sent.
	Delivered, Lost uint64
	Largest         int
	// Watch, if set, is shown every datagram that enters the internet and says
	// whether it may go on. It must not keep or change data.
	Watch   func(from, to netip.AddrPort, data []byte) bool
	shared  shared
	scratch []byte
}

// Link is what the internet does to a datagram.
type Link struct {
	// Delay is the one-way time, Jitter what is added at random.
	Delay, Jitter clock.Mono
	// Loss, Duplicate and Reorder are chances in 10,000. A reordered datagram
	// is late by ten delays.
	Loss, Duplicate, Reorder int
	// MTU is the largest UDP payload that passes in one piece, 0 for any. Larger
	// ones travel as IP fragments, each of which may be lost, or not at all if
	// BlackHole is set.
	MTU       int
	BlackHole bool
}

// receiver is something with an address that datagrams can be sent to.
type receiver interface {
	receive(w *World, from, to netip.AddrPort, data []byte, ttl int)
}

// New returns an empty world. Everything random in it follows from the seed.
func New(seed uint64, link Link) *World {
	return &World{
		rng: rand.New(rand.NewChaCha8(seedBytes(seed, 0))), hash: sha256.New(), seed: seed, link: link,
		hosts: make(map[netip.Addr]receiver), known: make(map[identity.Identity]bool),
	}
}

// seedBytes derives an independent seed for each purpose, so that adding a
// node does not change the others.
func seedBytes(seed, purpose uint64) [32]byte {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], seed)
	binary.BigEndian.PutUint64(b[8:], purpose)
	return sha256.Sum256(b[:])
}

// Now is the present instant.
func (w *World) Now() clock.Instant {
	return clock.Instant{Mono: w.now, Wall: Epoch + clock.Wall(w.now/clock.Millisecond)}
}

// SetLink changes what the internet does, from now on.
func (w *World) SetLink(l Link) { w.link = l }

// After runs f when d has passed. Equal times run in the order of the calls.
func (w *World) After(d clock.Mono, f func()) {
	w.seq++
	w.queue.push(event{at: w.now + max(d, 0), seq: w.seq, run: f})
}

// Run lets d pass.
func (w *World) Run(d clock.Mono) {
	end := w.now + d
	for w.step(end) {
	}
	w.now = end
}

// Until runs until cond holds, checked every step, or d has passed. It reports
// whether it held and how long that took.
func (w *World) Until(d, step clock.Mono, cond func() bool) (clock.Mono, bool) {
	start := w.now
	for w.now-start <= d {
		if cond() {
			return w.now - start, true
		}
		w.Run(step)
	}
	return w.now - start, cond()
}

// Transcript is the hash of all that happened: every datagram that a node got,
// with its time, addresses and content, every frame that a network delivered,
// every event. It is equal for equal runs.
func (w *World) Transcript() [32]byte { return [32]byte(w.hash.Sum(nil)) }

func (w *World) chance(in10000 int) bool { return in10000 > 0 && int(w.rng.Uint64N(10000)) < in10000 }

// lost decides whether a datagram of n bytes gets lost.
func (w *World) lost(n int) bool {
	l := &w.link
	pieces := 1
	if l.MTU > 0 && n > l.MTU {
		if l.BlackHole {
			return true
		}
		pieces = (n + l.MTU - 1) / l.MTU
	}
	for range pieces {
		if w.chance(l.Loss) {
			return true
		}
	}
	return false
}

// transmit carries a datagram over the internet. ttl counts routers: an access
// link and the core are one each.
func (w *World) transmit(from, to netip.AddrPort, data []byte, ttl int) {
	l := &w.link
	w.Largest = max(w.Largest, len(data))
	if w.Watch != nil && !w.Watch(from, to, data) || ttl <= 1 || w.lost(len(data)) {
		w.Lost++
		return
	}
	copies := 1
	if w.chance(l.Duplicate) {
		copies = 2
	}
	for range copies {
		d := l.Delay + w.slow[from.Addr()] + w.slow[to.Addr()]
		if l.Jitter > 0 {
			d += clock.Mono(w.rng.Uint64N(uint64(l.Jitter)))
		}
		if w.chance(l.Reorder) {
			d += 10 * l.Delay
		}
		w.fly(d, from, to, data, ttl-1)
	}
}

// record notes a delivered datagram in the transcript.
func (w *World) record(node *Node, from netip.AddrPort, data []byte) {
	w.Delivered++
	a := from.Addr().As16()
	w.scratch = append(w.scratch[:0], a[:]...)
	w.hash.Write(binary.BigEndian.AppendUint16(w.scratch, from.Port()))
	w.note(node, 'r', data)
}

// note puts what happened at a node into the transcript.
func (w *World) note(node *Node, kind byte, data []byte) {
	b := binary.BigEndian.AppendUint64(w.scratch[:0], uint64(w.now))
	b = binary.BigEndian.AppendUint64(b, uint64(node.identity.Address))
	b = binary.BigEndian.AppendUint32(append(b, kind), uint32(len(data)))
	w.hash.Write(b)
	w.hash.Write(data)
	w.scratch = b
}
