package vl1

import "orrery/engine/identity"

// Outbox collects what VL1 wants done. The caller owns it, drains it after
// each call into the core, and then resets it; its memory is reused.
type Outbox struct {
	// Send has datagrams for the physical network, in order.
	Send []Datagram
	// Work has slow jobs, answered through [Wire.Done].
	Work []Work
	// Store has peer records to keep or delete, and worlds to keep.
	Store []Store
	// Rotate asks for a new local port, since the present ones seem to be blocked:
	// the caller opens one, closes the last that it chose itself, and says so by
	// [Wire.SetSockets].
	Rotate bool
	// Burst asks for short-lived sockets, answered through [Wire.BurstReady].
	Burst []Burst
	// Close has sockets of bursts that are of no use any more.
	Close []SocketID
	// Reach tells of peers that are reached in another way than before.
	Reach []ReachChange

	arena arena
}

// Reset forgets everything and makes the memory available again.
func (o *Outbox) Reset() {
	o.Send = o.Send[:0]
	clear(o.Work)
	o.Work = o.Work[:0]
	clear(o.Store)
	o.Store = o.Store[:0]
	o.Rotate = false
	o.Burst = o.Burst[:0]
	o.Close = o.Close[:0]
	o.Reach = o.Reach[:0]
	o.arena.reset()
}

// Alloc returns n bytes, not cleared, that live until Reset. Appending to them
// never reaches a neighbour.
func (o *Outbox) Alloc(n int) []byte { return o.arena.alloc(n) }

// Work is a slow job that must not run on the packet path: the memory-hard
// validation of an identity (spec 01 §3.3).
type Work struct {
	ID       uint64
	Identity identity.Identity
}

// WorkResult answers a [Work].
type WorkResult struct {
	ID    uint64
	Valid bool
}

// StoreKind says what a [Store] keeps.
type StoreKind uint8

// What VL1 persists (spec 03 §1.3).
const (
	StorePeer StoreKind = iota
	StorePlanet
	StoreMoon
	// StoreOrbits is the text of [world.Orbits]: what is wanted, and by which keys
	// worlds were verified.
	StoreOrbits
)

// Store is state to persist. Nil Data deletes.
type Store struct {
	Kind StoreKind
	// ID is a peer's address or a world's ID.
	ID   uint64
	Data []byte
}

// arenaChunk is the unit in which an arena grows.
const arenaChunk = 256 << 10

// arena hands out short-lived byte slices without an allocation for each.
type arena struct {
	chunks [][]byte
	cur    int
	off    int
}

func (a *arena) alloc(n int) []byte {
	for a.cur < len(a.chunks) {
		if c := a.chunks[a.cur]; a.off+n <= len(c) {
			b := c[a.off : a.off+n : a.off+n]
			a.off += n
			return b
		}
		a.cur++
		a.off = 0
	}
	a.chunks = append(a.chunks, make([]byte, max(arenaChunk, n)))
	a.off = n
	return a.chunks[a.cur][:n:n]
}

// reset keeps at most eight chunks, so that one burst does not hold memory.
func (a *arena) reset() {
	a.cur, a.off = 0, 0
	if len(a.chunks) > 8 {
		clear(a.chunks[8:])
		a.chunks = a.chunks[:8]
	}
}
