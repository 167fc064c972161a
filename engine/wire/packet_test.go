package wire

import (
	"testing"

	"orrery/engine/armor"
	"orrery/engine/identity"
)

func TestPacketHeader(t *testing.T) {
	t.Parallel()
	const id, dst, src = 0x0102030405060708, identity.Address(0x1112131415), identity.Address(0x2122232425)
	p := Packet(append(AppendHeader([]byte("before"), id, dst, src, VerbEcho), "data"...)[6:])
	if p.ID() != id || p.Destination() != dst || p.Source() != src || p.Verb() != VerbEcho || string(p.Payload()) != "data" {
		t.Errorf("header reads %x to %s from %s, %s %q", p.ID(), p.Destination(), p.Source(), p.Verb(), p.Payload())
	}
	if p.Flags() != 0 || p.MAC() != 0 || p.Compressed() || p.Fragmented() || p.Hops() != 0 || p.Cipher() != armor.Poly1305None {
		t.Errorf("a new packet has flags %#x, MAC %x", p.Flags(), p.MAC())
	}
	p.SetID(0xfffefdfcfbfaf9f8)
	p.SetDestination(src)
	p.SetMAC(0x8182838485868788)
	if p.ID() != 0xfffefdfcfbfaf9f8 || p.Destination() != src || p.Source() != src || p.MAC() != 0x8182838485868788 {
		t.Errorf("header reads %x", []byte(p))
	}
}

func TestPacketFlags(t *testing.T) {
	t.Parallel()
	p := Packet(AppendHeader(nil, 1, 2, 3, VerbFrame))
	p[offFlags] = 0xb8 // encrypted, suite 7
	p.SetFragmented(true)
	p.SetHops(5)
	if p.Flags() != 0xfd || !p.Fragmented() || p.Hops() != 5 || p.Cipher() != 7 {
		t.Errorf("flags %#x", p.Flags())
	}
	for want := range 3 {
		p.IncrementHops()
		if int(p.Hops()) != (6+want)%8 || p.Flags()&^hopsMask != 0xf8 {
			t.Errorf("flags %#x after %d more hops", p.Flags(), want+1)
		}
	}
	p.SetFragmented(false)
	if p.Flags() != 0xb8 {
		t.Errorf("flags %#x", p.Flags())
	}
	p.SetFragmented(true)
	p.SetTrustedPath(77)
	if p.Flags() != 0x50 || p.Cipher() != armor.TrustedPath || p.MAC() != 77 {
		t.Errorf("trusted path has flags %#x, MAC %d", p.Flags(), p.MAC())
	}
	p[offVerb] = 0xe8 // the two bits between are ignored
	if p.Verb() != VerbEcho || !p.Compressed() {
		t.Errorf("verb byte e8 is %s, compressed %v", p.Verb(), p.Compressed())
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	fragment := func(n int) []byte {
		b := make([]byte, n)
		b[offReserved] = 0xff
		return b
	}
	for _, c := range []struct {
		name string
		b    []byte
		want Kind
	}{
		{"empty", nil, KindIgnore},
		{"NAT opener", make([]byte, 4), KindIgnore},
		{"beacon", make([]byte, 13), KindBeacon},
		{"as long as a fragment's header", fragment(16), KindIgnore},
		{"shortest fragment", fragment(17), KindFragment},
		{"fragment as long as a packet", fragment(1432), KindFragment},
		{"shorter than a header", make([]byte, 27), KindIgnore},
		{"shortest packet", make([]byte, 28), KindPacket},
		{"longest packet", make([]byte, 10024), KindPacket},
		{"too long", make([]byte, 10025), KindIgnore},
		{"too long a fragment", fragment(10025), KindIgnore},
	} {
		if got := Classify(c.b); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if a := Beacon([]byte{8: 1, 2, 3, 4, 5}); a != 0x0102030405 {
		t.Errorf("beacon of %s", a)
	}
}

func TestFragmentHeader(t *testing.T) {
	t.Parallel()
	f := Fragment(append(AppendFragmentHeader(nil, 0x0102030405060708, 0x1112131415, 7, 3), "part"...))
	if Classify(f) != KindFragment || f.PacketID() != 0x0102030405060708 || f.Destination() != 0x1112131415 ||
		f.Total() != 7 || f.Number() != 3 || f.Hops() != 0 || !f.Valid() || string(f.Payload()) != "part" {
		t.Errorf("fragment reads %x", []byte(f))
	}
	f[offFragmentHops] = 0xf6
	for _, want := range []uint8{7, 0, 1} {
		if f.IncrementHops(); f.Hops() != want {
			t.Errorf("%d hops, want %d", f.Hops(), want)
		}
	}
	for total := range 16 {
		for number := range 16 {
			f[offParts] = byte(total<<4 | number)
			want := total >= 2 && total <= 7 && number >= 1 && number < total
			if f.Valid() != want {
				t.Errorf("part %d of %d: valid %v", number, total, f.Valid())
			}
		}
	}
}
