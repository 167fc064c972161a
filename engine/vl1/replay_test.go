package vl1

import (
	"math/rand/v2"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

func newReplay() (*replay, *rand.Rand, func() uint64) {
	r := rand.New(rand.NewPCG(3, 5))
	return new(replay), r, r.Uint64
}

func TestReplayRemembers(t *testing.T) {
	t.Parallel()
	f, r, random := newReplay()
	now := clock.Hour
	ids := make([]uint64, 20000)
	for i := range ids {
		ids[i] = r.Uint64()
		now += clock.Millisecond / 10
		if f.seen(now, 1, ids[i], random) {
			t.Fatalf("packet %d was never seen", i)
		}
	}
	forgotten := 0
	for _, id := range ids {
		if !f.seen(now, 1, id, random) {
			forgotten++
		}
	}
	if forgotten > len(ids)/50 {
		t.Errorf("%d of %d packets of the last two seconds were forgotten", forgotten, len(ids))
	}
	if f.seen(now, 2, ids[0], random) {
		t.Error("another peer's packet with the same ID counts as seen")
	}
	if f.seen(now+replayFor*3, 1, ids[0], random) {
		t.Error("a packet is remembered for ever")
	}
}

// An ID is remembered for fifteen seconds at least.
func TestReplayWindow(t *testing.T) {
	t.Parallel()
	f, r, random := newReplay()
	for start := clock.Hour; start < 2*clock.Hour; start += 7 * clock.Second {
		id := r.Uint64()
		if f.seen(start, 9, id, random) {
			t.Fatal("a new packet counts as seen")
		}
		for after := clock.Mono(0); after < replayFor; after += clock.Second {
			f.seen(start+after, 9, r.Uint64(), random)
		}
		if !f.seen(start+replayFor-1, 9, id, random) {
			t.Fatal("a packet was forgotten within fifteen seconds")
		}
	}
}

// A flood of packets does not make the table larger than its bound, and a node
// that falls quiet gives the memory back.
func TestReplayIsBounded(t *testing.T) {
	t.Parallel()
	f, r, random := newReplay()
	now := clock.Hour
	if f.size() != 0 {
		t.Error("a node that heard nothing has a table")
	}
	for range 400000 {
		now += clock.Millisecond / 1000
		f.seen(now, identity.Address(r.Uint64N(1000)), r.Uint64(), random)
	}
	if f.size() > 4*replayMax {
		t.Errorf("%d places", f.size())
	}
	for range 20 {
		now += replayFor
		f.seen(now, 1, r.Uint64(), random)
	}
	if f.size() > 4*replayMin*replaySet {
		t.Errorf("%d places long after the flood", f.size())
	}
}

// Whatever IDs a peer chooses, no look-up takes longer and nothing panics.
func TestReplayChosenIDs(t *testing.T) {
	f, _, random := newReplay()
	for i := range uint64(70000) {
		f.seen(clock.Hour, 1, i<<40, random)
	}
	for _, id := range []uint64{0, 1, 1 << 63, ^uint64(0)} {
		f.seen(clock.Hour, 0, id, random)
		if !f.seen(clock.Hour, 0, id, random) {
			t.Errorf("ID %x is not remembered", id)
		}
	}
	if n := testing.AllocsPerRun(100, func() { f.seen(clock.Hour, 1, 77, random) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReplay(b *testing.B) {
	f, r, random := newReplay()
	now := clock.Hour
	b.ReportAllocs()
	for b.Loop() {
		now += clock.Millisecond / 500
		f.seen(now, 1, r.Uint64(), random)
	}
}
