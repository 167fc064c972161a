package vl2

import (
	"encoding/binary"

	"orrery/engine/clock"
)

// A frame that goes round in a loop of bridges may look the same from everywhere:
// here it always comes from our LAN, there always from the network. What gives it
// away is that it comes again and again, byte for byte and quickly.
const (
	echoSlots = 1024 // a power of two
	echoGap   = 200 * clock.Millisecond
	maxEchoes = 16 // repeats in a row that programs may send
	echoPace  = clock.Second
)

// echoes finds frames that repeat, in fixed memory. Frames that share a slot
// displace each other: a flood of different ones is for others to limit.
type echoes struct {
	slots []echo // nil until first used
	seed  uint64
}

type echo struct {
	hash       uint64
	last, pass clock.Mono
	repeats    int
}

// allow reports whether a frame may enter the network. One that repeats too often
// may once a second, as long as it goes on.
func (t *echoes) allow(now clock.Mono, f *frame, random func() uint64) bool {
	if t.slots == nil {
		t.slots, t.seed = make([]echo, echoSlots), random()
	}
	h := f.hash(t.seed)
	e := &t.slots[h%echoSlots]
	if e.hash != h || now-e.last >= echoGap {
		*e = echo{hash: h, last: now, pass: now}
		return true
	}
	e.last = now
	if e.repeats++; e.repeats <= maxEchoes {
		e.pass = now
		return true
	}
	if now-e.pass < echoPace {
		return false
	}
	e.pass = now
	return true
}

// hash mixes all of a frame into a number.
func (f *frame) hash(seed uint64) uint64 {
	const odd = 0x9e3779b97f4a7c15
	h := seed
	mix := func(x uint64) {
		h = (h ^ x) * odd
		h ^= h >> 29
	}
	mix(uint64(f.src))
	mix(uint64(f.dst)<<16 | uint64(f.etherType))
	b := f.payload
	for ; len(b) >= 8; b = b[8:] {
		mix(binary.LittleEndian.Uint64(b))
	}
	var rest [8]byte
	rest[7] = byte(copy(rest[:7], b))
	mix(binary.LittleEndian.Uint64(rest[:]))
	h ^= h >> 32
	return h | 1 // never that of an empty slot
}
