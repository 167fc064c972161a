package wire

import (
	"net/netip"
	"testing"
)

// noAllocations fails if f allocates.
func noAllocations(t *testing.T, name string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(200, f); n != 0 {
		t.Errorf("%s: %v allocations", name, n)
	}
}

// TestHotPathsDoNotAllocate covers what is done per packet or per frame, in both
// directions, and the iterators.
func TestHotPathsDoNotAllocate(t *testing.T) {
	v := loadPackets()
	buf := make([]byte, 0, 2*MaxPacketLen)
	frame := v.verb(t, "FRAME compressible 1300 bytes").Payload
	ext := v.verb(t, "EXT_FRAME with ack request").Payload
	multicast := v.verb(t, "MULTICAST_FRAME gather limit and source MAC").Payload
	push := v.verb(t, "PUSH_DIRECT_PATHS IPv4 and IPv6").Payload
	likes := v.verb(t, "MULTICAST_LIKE three").Payload
	hello := v.verb(t, "HELLO current, IPv6, two moons (one wanted, timestamp 0)").Payload
	sealed := Packet(v.Fragments.Wire)
	paths := []netip.AddrPort{netip.MustParseAddrPort("198.51.100.1:9993"), netip.MustParseAddrPort("[2001:db8::1]:9993")}
	noAllocations(t, "header", func() { _ = Packet(AppendHeader(buf, 1, 2, 3, VerbFrame)).ID() })
	noAllocations(t, "parts", func() {
		parts, size := Split(len(sealed), DefaultMTU)
		for i := range parts {
			_ = AppendPart(buf, sealed, parts, size, i)
		}
	})
	noAllocations(t, "FRAME", func() {
		f, _ := ParseFrame(frame)
		_ = f.Append(buf)
	})
	noAllocations(t, "EXT_FRAME", func() {
		f, _ := ParseExtFrame(ext)
		_ = f.Append(buf)
		_ = AppendExtFrameHead(buf, f.Network, f.Flags, f.To, f.From, f.EtherType)
	})
	noAllocations(t, "MULTICAST_FRAME", func() {
		f, _ := ParseMulticastFrame(multicast)
		_ = f.Append(buf)
	})
	noAllocations(t, "PUSH_DIRECT_PATHS", func() {
		r, _ := ParsePushDirectPaths(push)
		for _, ok := r.Next(); ok; _, ok = r.Next() {
			continue
		}
		_, _ = AppendPushDirectPaths(buf, paths)
	})
	noAllocations(t, "MULTICAST_LIKE", func() {
		m, _ := ParseMulticastLikes(likes)
		for i := range m.Len() {
			_ = m.At(i).Append(buf)
		}
	})
	noAllocations(t, "HELLO", func() {
		h, tail, _ := ParseHello(hello)
		_, _ = ParseHelloTail(hello[tail:])
		_ = h.Append(buf)
	})
}

func BenchmarkHeader(b *testing.B) {
	buf := make([]byte, 0, HeaderLen)
	b.SetBytes(HeaderLen)
	b.ReportAllocs()
	for b.Loop() {
		p := Packet(AppendHeader(buf, 0x0102030405060708, 0x1112131415, 0x2122232425, VerbFrame))
		if p.ID() == 0 || p.Destination() == p.Source() || p.Verb() != VerbFrame || p.Fragmented() {
			b.Fatal("header is wrong")
		}
	}
}

func BenchmarkFrameParse(b *testing.B) {
	p := loadPackets().verb(b, "FRAME compressible 1300 bytes").Payload
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if f, err := ParseFrame(p); err != nil || len(f.Data) != len(p)-FrameHeadLen {
			b.Fatal(err)
		}
	}
}

func BenchmarkExtFrameParse(b *testing.B) {
	p := loadPackets().verb(b, "EXT_FRAME normal/bridged").Payload
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if f, err := ParseExtFrame(p); err != nil || f.Empty {
			b.Fatal(err)
		}
	}
}

func BenchmarkFrameAppend(b *testing.B) {
	buf, data := make([]byte, 0, MaxPacketLen), make([]byte, 1400)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		p := AppendHeader(buf, 1, 2, 3, VerbFrame)
		p = AppendFrameHead(p, 0x10a0603f08abcdef, 0x0800)
		if p = append(p, data...); len(p) != HeaderLen+FrameHeadLen+1400 {
			b.Fatal(len(p))
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	p := Packet(loadPackets().Fragments.Wire)
	buf := make([]byte, 0, MaxPacketLen+MaxFragments*FragmentHeaderLen)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		parts, size := Split(len(p), DefaultMTU)
		out := buf
		for i := range parts {
			out = AppendPart(out, p, parts, size, i)
		}
		if len(out) != len(p)+2*FragmentHeaderLen {
			b.Fatal(len(out))
		}
	}
}

func BenchmarkCompress(b *testing.B) {
	v := loadPackets().verb(b, "NETWORK_CREDENTIALS one of each")
	c, dst, buf := new(Compressor), make([]byte, MaxPacketLen), make([]byte, len(v.Packet))
	b.SetBytes(int64(len(v.Packet)))
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, v.Packet)
		p, did := Compress(Packet(buf), c)
		if !did {
			b.Fatal("not compressed")
		}
		if _, err := Decompress(p, dst); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDictionary(b *testing.B) {
	var w DictionaryWriter
	for _, k := range []string{"v", "nwid", "ts", "r", "id", "mtu", "ml", "t", "f", "ctmd", "tl"} {
		w.AddUint64(k, 0x10a0603f08abcdef)
	}
	w.AddText("n", "a network = a name")
	w.AddBytes("C", make([]byte, 272))
	text := w.Bytes()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d := ParseDictionary(text, ConfigCapacity)
		if d.Uint64("tl", 0) == 0 || d.Text("n", "") == "" || d.Bool("none", false) {
			b.Fatal("a value is missing")
		}
		if c, ok := d.Get("C"); !ok || len(c) != 272 {
			b.Fatal("the certificate is missing")
		}
	}
}

func BenchmarkDictionaryWriter(b *testing.B) {
	buf, com := make([]byte, 0, 4096), make([]byte, 272)
	b.ReportAllocs()
	for b.Loop() {
		d := NewDictionaryWriter(buf, ConfigCapacity)
		d.AddUint64("nwid", 0x10a0603f08abcdef)
		d.AddUint64("id", 1)
		d.AddText("n", "a network = a name")
		d.AddBytes("C", com)
		b.SetBytes(int64(len(d.Bytes())))
	}
}
