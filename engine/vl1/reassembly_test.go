package vl1

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"

	"orrery/engine/clock"
)

var fragmentPeer = pathKey{netip.MustParseAddrPort("198.51.100.11:9993"), 1}

// cut cuts a packet into parts.
func cut(packet []byte, n int) [][]byte {
	var parts [][]byte
	size := (len(packet) + n - 1) / n
	for len(packet) > 0 {
		k := min(size, len(packet))
		parts = append(parts, packet[:k])
		packet = packet[k:]
	}
	return parts
}

func (r *reassembly) part(now clock.Mono, id uint64, i, total int, data []byte, from pathKey, proven bool) []byte {
	t := total
	if i == 0 {
		t = 0
	}
	buf, _ := r.add(now, id, i, t, data, from, proven)
	return buf
}

func TestPartsInAnyOrderAndByTwoPaths(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	other := pathKey{netip.MustParseAddrPort("203.0.113.9:9993"), 2}
	for round := range 500 {
		var r reassembly
		packet := make([]byte, 100+rnd.IntN(9000))
		for i := range packet {
			packet[i] = byte(rnd.Uint32())
		}
		parts := cut(packet, 2+rnd.IntN(6))
		var got []byte
		for _, i := range rnd.Perm(len(parts)) {
			from := fragmentPeer
			if round%2 == 1 && rnd.IntN(2) == 0 {
				from = other
			}
			if b := r.part(clock.Hour, 7, i, len(parts), parts[i], from, true); b != nil {
				got = append([]byte(nil), b...)
			}
		}
		if !bytes.Equal(got, packet) {
			t.Fatalf("round %d: %d parts of %d bytes gave %d bytes", round, len(parts), len(packet), len(got))
		}
	}
}

// Whoever guesses or sees the ID of a packet and sends parts of his own from
// elsewhere, before, between and after the true ones, does not keep the packet
// from being joined.
func TestForgedPartsDoNotSpoilAPacket(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	forger := pathKey{netip.MustParseAddrPort("203.0.113.66:4444"), 1}
	for round := range 300 {
		var r reassembly
		packet := bytes.Repeat([]byte{byte(round), 1}, 3000)
		parts := cut(packet, 5)
		whole := false
		forge := func() {
			for range rnd.IntN(3) {
				i, total := rnd.IntN(7), 2+rnd.IntN(6)
				if b := r.part(clock.Hour, 9, i, total, []byte("forged"), forger, false); b != nil {
					whole = whole || bytes.Equal(b, packet)
				}
			}
		}
		for _, i := range rnd.Perm(len(parts)) {
			forge()
			if b := r.part(clock.Hour, 9, i, len(parts), parts[i], fragmentPeer, true); b != nil {
				whole = whole || bytes.Equal(b, packet)
			}
		}
		if !whole {
			t.Fatalf("round %d: forged parts kept a packet from being joined", round)
		}
	}
}

// Ten thousand stray parts a second from as many addresses take each other's
// place, not that of a peer whose address is proven and whose parts are late.
func TestStrayPartsDoNotPushOutAPeers(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 6))
	var r reassembly
	packet := bytes.Repeat([]byte{4, 2}, 2000)
	parts := cut(packet, 3)
	now, joined, sent := clock.Hour, 0, 0
	for i := range 10000 {
		now += clock.Millisecond / 10
		from := pathKey{netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(rnd.Uint32()), byte(rnd.Uint32()), 1}), uint16(1+rnd.Uint32N(60000))), 1}
		r.part(now, rnd.Uint64(), rnd.IntN(2), 2+rnd.IntN(6), make([]byte, 1400), from, false)
		// Each part of the peer's comes 20 ms after the one before it.
		if i%200 == 0 {
			id := uint64(i / 600)
			sent++
			if b := r.part(now, id, i/200%3, 3, parts[i/200%3], fragmentPeer, true); bytes.Equal(b, packet) {
				joined++
			}
		}
	}
	if joined != sent/3 {
		t.Errorf("%d of %d packets were joined", joined, sent/3)
	}
	if n := r.busy(now); n > reassemblySlots {
		t.Errorf("%d packets are incomplete", n)
	}
	held := len(r.joint)
	for i := range r.slots {
		held += cap(r.slots[i].buf)
	}
	if held > (reassemblySlots+1)*16<<10 {
		t.Errorf("%d bytes are held", held)
	}
}

// One address cannot take all places.
func TestOneSourceHoldsHalf(t *testing.T) {
	t.Parallel()
	var r reassembly
	for i := range uint64(1000) {
		r.part(clock.Hour, i, 1, 3, []byte("x"), fragmentPeer, true)
	}
	if n := r.busy(clock.Hour); n != slotsPerSource {
		t.Errorf("one address holds %d places", n)
	}
}
