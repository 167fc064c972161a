package wire

import (
	"bytes"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// again checks that what was parsed, written and parsed again is the same.
func again[T any](t *testing.T, v T, err error, written []byte, parse func([]byte) (T, error)) {
	t.Helper()
	if err != nil {
		return
	}
	w, err := parse(written)
	if err != nil || !reflect.DeepEqual(v, w) {
		t.Fatalf("%+v is written as %x and parses as %+v, %v", v, written, w, err)
	}
}

// FuzzVerb feeds every verb's parser. What parses must survive being written.
func FuzzVerb(f *testing.F) {
	for _, v := range loadPackets().Verbs {
		f.Add(uint8(v.Verb), []byte(v.Payload))
	}
	f.Fuzz(func(t *testing.T, verb uint8, p []byte) {
		p = p[:len(p):len(p)]
		before := bytes.Clone(p)
		defer func() {
			if !bytes.Equal(p, before) {
				t.Fatal("parsing changed its input")
			}
		}()
		switch Verb(verb) {
		case VerbHello:
			fuzzHello(t, p)
		case VerbOK:
			fuzzOK(t, p)
		case VerbError:
			fuzzError(t, p)
		case VerbWhois:
			if a := ParseWhois(p); a.Len() != len(p)/5 {
				t.Fatalf("%d addresses in %d bytes", a.Len(), len(p))
			}
		case VerbRendezvous:
			m, err := ParseRendezvous(p)
			if m.At.IsValid() {
				again(t, m, err, m.Append(nil), ParseRendezvous)
			}
		case VerbFrame:
			m, err := ParseFrame(p)
			if len(m.Data) > 0 {
				again(t, m, err, m.Append(nil), ParseFrame)
			}
		case VerbExtFrame:
			m, err := ParseExtFrame(p)
			if !m.Empty {
				again(t, m, err, m.Append(nil), ParseExtFrame)
			}
		case VerbMulticastLike:
			m, _ := ParseMulticastLikes(p)
			var b []byte
			for i := range m.Len() {
				b = m.At(i).Append(b)
			}
			if !bytes.Equal(b, m) {
				t.Fatalf("%x is written as %x", []byte(m), b)
			}
		case VerbNetworkConfigRequest:
			m, err := ParseNetworkConfigRequest(p)
			again(t, m, err, m.Append(nil), ParseNetworkConfigRequest)
		case VerbNetworkConfig:
			fuzzChunk(t, p)
		case VerbMulticastGather:
			m, err := ParseMulticastGather(p)
			if m.COM == nil {
				m.Flags &^= GatherCOM
			}
			again(t, m, err, m.Append(nil), ParseMulticastGather)
		case VerbMulticastFrame:
			m, err := ParseMulticastFrame(p)
			again(t, m, err, m.Append(nil), ParseMulticastFrame)
		case VerbPushDirectPaths:
			fuzzPush(t, p)
		case VerbQOSMeasurement:
			m, _ := ParseQOSMeasurement(p)
			for i := range m.Len() {
				if b := m.At(i).Append(nil); !bytes.Equal(b, p[i*10:i*10+10]) {
					t.Fatalf("record %d is written as %x", i, b)
				}
			}
		case VerbUserMessage:
			m, err := ParseUserMessage(p)
			again(t, m, err, m.Append(nil), ParseUserMessage)
		case VerbRemoteTrace:
			for text, rest, ok := NextRemoteTrace(p); ok; text, rest, ok = NextRemoteTrace(rest) {
				if len(text) == 0 || len(text) > MaxRemoteTrace || bytes.IndexByte(text, 0) >= 0 {
					t.Fatalf("text %q", text)
				}
			}
		case VerbPathNegotiationRequest:
			m, err := ParsePathNegotiationRequest(p)
			again(t, m, err, m.Append(nil), ParsePathNegotiationRequest)
		}
	})
}

func fuzzHello(t *testing.T, p []byte) {
	h, tail, err := ParseHello(p)
	if err != nil {
		return
	}
	if tail < helloMinLen || tail > len(p) {
		t.Fatalf("tail at %d of %d", tail, len(p))
	}
	b := h.Append(nil)
	if b2, tail2, err := ParseHello(b); err != nil || !reflect.DeepEqual(h, b2) || tail2 != h.TailOffset() || tail2 != len(b)-2 {
		t.Fatalf("%+v is written as %x", h, b)
	}
	m, err := ParseHelloTail(p[tail:])
	if err == nil {
		for i := range m.Len() {
			m.At(i)
		}
	}
}

func fuzzOK(t *testing.T, p []byte) {
	o, err := ParseOK(p)
	if err != nil {
		return
	}
	again(t, o, nil, o.Append(nil), ParseOK)
	switch o.InRe {
	case VerbHello:
		m, err := ParseOKHello(o.Body)
		if m.Worlds != nil {
			again(t, m, err, m.Append(nil), ParseOKHello)
		}
	case VerbWhois:
		ids, _ := ParseWhoisReply(nil, o.Body)
		if len(ids)*71 > len(o.Body) {
			t.Fatalf("%d identities in %d bytes", len(ids), len(o.Body))
		}
	case VerbNetworkConfigRequest:
		fuzzChunk(t, o.Body)
	case VerbMulticastGather:
		m, err := ParseGatherResult(o.Body)
		again(t, m, err, m.Append(nil), ParseGatherResult)
	case VerbMulticastFrame:
		m, err := ParseOKMulticastFrame(o.Body)
		again(t, m, err, m.Append(nil), ParseOKMulticastFrame)
	}
}

func fuzzError(t *testing.T, p []byte) {
	e, err := ParseError(p)
	if err != nil {
		return
	}
	again(t, e, nil, e.Append(nil), ParseError)
	u, err := ParseUnwantedMulticast(e.Body)
	again(t, u, err, u.Append(nil), ParseUnwantedMulticast)
	if a, usable, err := ParseAuthentication(e.Body); err == nil && usable {
		b, usable2, err := ParseAuthentication(a.Append(nil))
		if err != nil || !usable2 || a != b {
			t.Fatalf("%+v is written as %+v, %v", a, b, err)
		}
	}
}

func fuzzChunk(t *testing.T, p []byte) {
	c, err := ParseConfigChunk(p)
	if err != nil || !c.Unsigned && c.Signature == nil {
		return
	}
	if b := c.Append(nil); !bytes.HasPrefix(p, b) {
		t.Fatalf("%x is written as %x", p, b)
	}
	if !c.Unsigned && !bytes.Equal(c.AppendSigned(nil), c.SignedPortion()) {
		t.Fatal("the signed portion differs")
	}
	c.Plausible(ConfigCapacity)
}

func fuzzPush(t *testing.T, p []byte) {
	r, err := ParsePushDirectPaths(p)
	n := 0
	for e, ok := r.Next(); ok; e, ok = r.Next() {
		if n++; e.Address.IsValid() {
			one := e.Append([]byte{0, 1})
			back, _ := ParsePushDirectPaths(one)
			if x, ok := back.Next(); !ok || !reflect.DeepEqual(x, e) {
				t.Fatalf("%+v is written as %x", e, one)
			}
		}
	}
	if n*5 > len(p) || err != nil && n > 0 {
		t.Fatalf("%d records in %d bytes", n, len(p))
	}
}

// FuzzDatagram feeds what sorts and joins datagrams, and decompression.
func FuzzDatagram(f *testing.F) {
	v := loadPackets()
	for _, d := range append(v.Fragments.Parts1, v.Fragments.Parts3...) {
		f.Add([]byte(d))
	}
	for _, c := range v.Verbs {
		f.Add([]byte(c.Packet))
		f.Add([]byte(c.Compressed))
	}
	for _, c := range load[lz4Vectors](f, "lz4.json").Uncompress {
		f.Add([]byte(c.Packet))
	}
	dst, comp := make([]byte, MaxPacketLen), new(Compressor)
	f.Fuzz(func(t *testing.T, b []byte) {
		switch Classify(b) {
		case KindBeacon:
			Beacon(b)
		case KindFragment:
			p := Fragment(b)
			if p.IncrementHops(); p.Valid() && (p.Number() >= p.Total() || len(p.Payload()) == 0) {
				t.Fatalf("valid fragment %x", b)
			}
		case KindPacket:
			p := Packet(bytes.Clone(b))
			p.IncrementHops()
			got, err := Decompress(p, dst)
			if err != nil {
				return
			}
			if got.Compressed() || len(got) > MaxPacketLen {
				t.Fatalf("%d bytes, compressed %v", len(got), got.Compressed())
			}
			want := bytes.Clone(got)
			small, _ := Compress(Packet(bytes.Clone(want)), comp)
			if back, err := Decompress(small, make([]byte, MaxPacketLen)); err != nil || !bytes.Equal(back, want) {
				t.Fatalf("compressed to %d bytes, then %v", len(small), err)
			}
		}
	})
}

// FuzzSplit cuts packets of any length at any MTU.
func FuzzSplit(f *testing.F) {
	f.Add(4000, 1432)
	f.Add(9928, 1432)
	f.Add(9929, 1432)
	f.Add(100, 16)
	f.Fuzz(func(t *testing.T, n, mtu int) {
		if n < HeaderLen || n > MaxPacketLen || mtu < -9 || mtu > 65535 {
			return
		}
		if parts, size := Split(n, mtu); parts > 0 && (parts > 1 || n <= mtu) && size >= HeaderLen {
			testCut(t, n, mtu, parts, size)
		}
	})
}

// FuzzInet reads addresses in binary.
func FuzzInet(f *testing.F) {
	v := load[primitiveVectors](f, "primitives.json")
	for _, c := range v.Deserialize {
		f.Add([]byte(c.Bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, n, err := ParseInet(b)
		if err != nil {
			if n != 0 || a != (netip.AddrPort{}) {
				t.Fatalf("%s, %d in spite of %v", a, n, err)
			}
			return
		}
		if n > len(b) || n < 1 {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
		w := AppendInet(nil, a)
		if a.IsValid() && !bytes.Equal(w, b[:n]) {
			t.Fatalf("%x is written as %x", b[:n], w)
		}
		ScopeOf(a.Addr())
		UsableForPath(a.Addr())
		p := PrefixOf(a)
		IsNetwork(p)
		BroadcastOf(p)
		Contains(p, a.Addr())
	})
}

// FuzzInetText reads addresses as text.
func FuzzInetText(f *testing.F) {
	for _, c := range load[primitiveVectors](f, "primitives.json").Text {
		f.Add(c.Input)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseInetText(s)
		if err != nil {
			return
		}
		if b, err := ParseInetText(FormatInet(a)); err != nil || a != b {
			t.Fatalf("%q prints as %q and reads as %s, %v", s, FormatInet(a), b, err)
		}
	})
}

// FuzzDictionary reads text, and writes and reads what it found.
func FuzzDictionary(f *testing.F) {
	for _, c := range load[primitiveVectors](f, "primitives.json").Decode {
		f.Add([]byte(c.Bytes), 256)
	}
	for _, c := range load[netconfVectors](f, "netconf.json").Decode {
		f.Add([]byte(c.RawHex), 0)
	}
	f.Fuzz(func(t *testing.T, b []byte, capacity int) {
		d := ParseDictionary(b, capacity)
		var w DictionaryWriter
		for i := range d.Len() {
			k, v := d.At(i)
			if !w.AddBytes(k, v) {
				t.Fatalf("%q = %q cannot be written", k, v)
			}
			if got, ok := d.Get(k); !ok || strings.ContainsAny(k, "\x00\r\n=") {
				t.Fatalf("key %q: %q, %v", k, got, ok)
			}
			d.Uint64(k, 0)
			d.Int64(k, 0)
			if d.Bool(k, false) != d.Bool(k, true) {
				t.Fatalf("%q takes its default", k)
			}
		}
		again := ParseDictionary(w.Bytes(), 0)
		if again.Len() != d.Len() {
			t.Fatalf("%d entries, written %d", d.Len(), again.Len())
		}
		for i := range d.Len() {
			k, v := d.At(i)
			if k2, v2 := again.At(i); k != k2 || !bytes.Equal(v, v2) {
				t.Fatalf("%q = %q became %q = %q", k, v, k2, v2)
			}
		}
	})
}

// FuzzPeerRecord reads cache records.
func FuzzPeerRecord(f *testing.F) {
	v := loadPackets().verb(f, "HELLO current, IPv4, no moons")
	h, _, err := ParseHello(v.Payload)
	if err != nil {
		f.Fatal(err)
	}
	r := PeerRecord{Identity: h.Identity, Protocol: 12, Major: 1, Paths: []netip.AddrPort{h.SentTo}}
	f.Add(r.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParsePeerRecord(b)
		again(t, r, err, r.Append(nil), ParsePeerRecord)
		if len(r.Paths) > MaxPeerPaths {
			t.Fatalf("%d paths", len(r.Paths))
		}
	})
}
