package vl1

import (
	"encoding/binary"
	"math/bits"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

const (
	// replayFor is how long a generation of packet IDs is remembered at least, if
	// it does not fill up before; the one before it is remembered too.
	replayFor = 15 * clock.Second
	// replaySet is how many IDs share a set: a line of the processor's cache.
	replaySet = 8
	// replayMax bounds the IDs of a generation: together the two are 2 MiB.
	replayMax = 1 << 16
	replayMin = 4 // sets
)

// replay remembers the IDs of packets whose MAC verified, so that a copy, from
// whoever recorded or doubled it, is dropped (spec 03 §11.3: the reference takes
// the same packet for ever). It is one table for all peers, so that a peer that
// is quiet costs nothing: an ID counts together with its sender, and one peer
// cannot use up the IDs of another. A packet costs one line of memory in each of
// two generations, and a full set forgets its oldest, so nothing that a peer
// sends makes a look-up slow.
type replay struct {
	// seed and odd keep others from choosing IDs that share a set.
	seed, odd uint64
	now, old  generation
	since     clock.Mono
}

// generation is a set-associative table of IDs.
type generation struct {
	sets  [][replaySet]uint64
	count int
}

// seen notes a packet and reports whether it was noted before.
func (r *replay) seen(now clock.Mono, from identity.Address, id uint64, random func() uint64) bool {
	if r.odd == 0 {
		r.seed, r.odd = random(), random()|1
	}
	if now-r.since >= replayFor || r.now.count >= replayMax {
		r.rotate(now)
	}
	h, l := bits.Mul64(id^r.seed, r.odd)
	key := (h ^ l + uint64(from)*r.odd) | 1 // never 0, which is an empty place
	if r.now.has(key) || r.old.has(key) {
		return true
	}
	if 2*r.now.count >= replaySet*len(r.now.sets) {
		r.now.grow()
	}
	r.now.put(key)
	return false
}

// rotate makes the present generation the old one. The new one is as large, or
// half of that if it was hardly used: a node that falls quiet gives memory back.
func (r *replay) rotate(now clock.Mono) {
	if now-r.since >= 2*replayFor {
		r.now = generation{} // both are past their time
	}
	r.since = now
	size := len(r.now.sets)
	if r.now.count < replaySet*size/8 {
		size /= 2
	}
	spare := r.old.sets
	r.old = r.now
	if len(spare) == size {
		clear(spare)
	} else {
		spare = make([][replaySet]uint64, size)
	}
	r.now = generation{sets: spare}
}

func (g *generation) set(key uint64) *[replaySet]uint64 {
	return &g.sets[(key>>32)&uint64(len(g.sets)-1)]
}

func (g *generation) has(key uint64) bool {
	if g.count == 0 {
		return false
	}
	for _, k := range g.set(key) {
		if k == key {
			return true
		}
	}
	return false
}

// put adds a key in front: the set's last is its oldest, and is forgotten.
func (g *generation) put(key uint64) {
	s := g.set(key)
	copy(s[1:], s[:replaySet-1])
	s[0] = key
	g.count++
}

// grow doubles the table.
func (g *generation) grow() {
	bigger := generation{sets: make([][replaySet]uint64, max(2*len(g.sets), replayMin))}
	for i := range g.sets {
		for j := replaySet - 1; j >= 0; j-- {
			if k := g.sets[i][j]; k != 0 {
				bigger.put(k)
			}
		}
	}
	bigger.count = g.count
	*g = bigger
}

// size is how many places for IDs the tables have.
func (r *replay) size() int { return replaySet * (len(r.now.sets) + len(r.old.sets)) }

// freshness is what a packet is to us.
type freshness uint8

const (
	fresh freshness = iota
	// copied packets came before from another address. A probe that leaves by
	// every socket of a peer does that, and is answered at each of them; but
	// whoever recorded it can do so too, so it changes nothing.
	copied
	replayed
)

// freshness tells whether an authenticated packet came before.
func (w *Wire) freshness(now clock.Mono, p *Peer, id uint64, v wire.Verb, from pathKey) freshness {
	again := w.replay.seen(now, p.id.Address, id, w.random.uint64)
	if v != wire.VerbHello && v != wire.VerbEcho {
		if again {
			return replayed
		}
		return fresh
	}
	a := from.remote.Addr().As16()
	id ^= bits.RotateLeft64(binary.BigEndian.Uint64(a[:8]), 7) + bits.RotateLeft64(binary.BigEndian.Uint64(a[8:]), 21) + uint64(from.remote.Port()) + 1
	here := w.replay.seen(now, p.id.Address, id, w.random.uint64)
	switch {
	case here:
		return replayed
	case again:
		return copied
	}
	return fresh
}

// answerCopy answers a packet that came before from elsewhere, and no more.
func (w *Wire) answerCopy(at clock.Instant, p *Peer, pkt wire.Packet, from pathKey) {
	w.stats.In[pkt.Verb()&31]++
	in := &w.in
	*in = Inbound{From: p.id, ID: pkt.ID(), Payload: pkt.Payload(), Remote: from.remote, Hops: pkt.Hops(), socket: from.socket}
	if pkt.Verb() == wire.VerbEcho {
		w.receiveEcho(at, p, in, from)
		return
	}
	// A HELLO that came encrypted, which nobody sends.
	w.drop(DropReplay)
}
