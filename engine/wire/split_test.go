package wire

import (
	"bytes"
	"testing"
)

// join does what a receiver does with the datagrams of one packet.
func join(t *testing.T, datagrams []bin) []byte {
	t.Helper()
	if Classify(datagrams[0]) != KindPacket {
		t.Fatal("the first datagram is no packet")
	}
	head := Packet(datagrams[0])
	if head.Fragmented() != (len(datagrams) > 1) {
		t.Fatal("the head's mark is wrong")
	}
	out := bytes.Clone(head)
	for i, d := range datagrams[1:] {
		if Classify(d) != KindFragment {
			t.Fatalf("datagram %d is no fragment", i+1)
		}
		f := Fragment(d)
		if !f.Valid() || f.Total() != len(datagrams) || f.Number() != i+1 || f.PacketID() != head.ID() || f.Destination() != head.Destination() {
			t.Fatalf("fragment %d has header %x", i+1, d[:FragmentHeaderLen])
		}
		out = append(out, f.Payload()...)
	}
	return out
}

// cut makes the datagrams of a packet by [AppendPart].
func cut(p Packet, parts, size int) (out []bin) {
	for i := range parts {
		out = append(out, AppendPart(nil, p, parts, size, i))
	}
	return out
}

func TestFragmentsOfTheReference(t *testing.T) {
	t.Parallel()
	v := loadPackets().Fragments
	if got := join(t, v.Parts1); !bytes.Equal(got, v.Wire) {
		t.Error("the reference's datagrams do not join to its packet")
	}
	join(t, v.Parts3)
	// Cut at the same place, ours are the same datagrams.
	got := cut(Packet(v.Wire), 3, v.MTU)
	if len(got) != 3 {
		t.Fatalf("%d datagrams", len(got))
	}
	for i := range got {
		if !bytes.Equal(got[i], v.Parts1[i]) {
			t.Errorf("datagram %d is %x..., want %x...", i, got[i][:20], v.Parts1[i][:20])
		}
	}
}

// TestSplit cuts the lengths of the vectors: in as many parts as the reference,
// but of equal size, and not at all what no receiver would join.
func TestSplit(t *testing.T) {
	t.Parallel()
	for _, c := range loadPackets().FragmentSizes {
		parts, size := Split(c.Length, c.MTU)
		if !c.Accepted {
			if parts != 0 {
				t.Errorf("%d bytes at %d: %d parts", c.Length, c.MTU, parts)
			}
			continue
		}
		if parts != c.Total || parts != len(c.Lengths) {
			t.Errorf("%d bytes at %d: %d parts, want %d", c.Length, c.MTU, parts, c.Total)
		}
		testCut(t, c.Length, c.MTU, parts, size)
	}
}

func testCut(t *testing.T, n, mtu, parts, size int) {
	t.Helper()
	if size > mtu {
		t.Errorf("%d bytes at %d: datagrams of %d", n, mtu, size)
	}
	p := Packet(AppendHeader(make([]byte, 0, n), 0x0102030405060708, 1, 2, VerbFrame))
	for len(p) < n {
		p = append(p, byte(len(p)*7>>3))
	}
	p.SetFragmented(parts > 1)
	datagrams := cut(p, parts, size)
	for i, d := range datagrams[:parts-1] {
		// Equal parts: the kernel may send them in one call.
		if len(d) != size {
			t.Errorf("%d bytes at %d: datagram %d of %d has %d bytes, not %d", n, mtu, i, parts, len(d), size)
		}
	}
	if short := size - len(datagrams[parts-1]); short >= parts {
		t.Errorf("%d bytes at %d: the last of %d is %d bytes short", n, mtu, parts, short)
	}
	if !bytes.Equal(join(t, datagrams), p) {
		t.Errorf("%d bytes at %d do not join", n, mtu)
	}
}

func TestSplitEveryLength(t *testing.T) {
	t.Parallel()
	for _, mtu := range []int{68, 1200, 1280, 1400, 1432, 1444, 1472, 9000} {
		limit := MaxJoinable(mtu)
		for n := HeaderLen; n <= MaxPacketLen; n++ {
			parts, size := Split(n, mtu)
			if (parts == 0) != (n > limit) {
				t.Fatalf("%d bytes at %d: %d parts, joinable up to %d", n, mtu, parts, limit)
			}
			if n <= mtu && (parts != 1 || size != n) {
				t.Fatalf("%d bytes at %d: %d parts of %d", n, mtu, parts, size)
			}
			if parts > 0 && n%37 == 0 {
				testCut(t, n, mtu, parts, size)
			}
		}
	}
	for _, mtu := range []int{-1, 0, 15, 16} {
		if parts, _ := Split(100, mtu); parts != 0 {
			t.Errorf("MTU %d: %d parts", mtu, parts)
		}
	}
}

func TestMaxJoinable(t *testing.T) {
	t.Parallel()
	for mtu, want := range map[int]int{1400: 9704, 1432: 9928, 9000: MaxPacketLen} {
		if got := MaxJoinable(mtu); got != want {
			t.Errorf("at %d: %d, want %d", mtu, got, want)
		}
	}
}
