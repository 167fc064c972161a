package offload

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"orrery/engine/ether"
)

// room is the headroom of the tests' packets.
const room = 16

// spec describes a packet.
type spec struct {
	v6, udp   bool
	flow      byte
	seq       uint32
	size      int
	flags     byte // of TCP, tcpACK if 0
	options   int  // bytes of TCP options
	hops      byte
	bad       bool // a wrong checksum
	fragment  bool
	number    uint16 // IPv4 identification
	zeroCheck bool   // UDP without checksum
}

// packet makes it, after headroom.
func (s spec) packet() []byte {
	ipLen, headers, proto, place := ip4Len, tcpLen+s.options, uint8(ether.ProtoTCP), tcpSum
	if s.v6 {
		ipLen = ip6Len
	}
	if s.udp {
		headers, proto, place = udpLen, ether.ProtoUDP, udpSum
	}
	b := make([]byte, room+ipLen+headers+s.size)
	p := b[room:]
	if s.v6 {
		p[0], p[6], p[7], p[8], p[23], p[24], p[39] = 0x60, proto, 64-s.hops, 0xfd, 1, 0xfd, s.flow
	} else {
		p[0], p[8], p[9] = 0x45, 64-s.hops, proto
		p[6] = 0x40
		if s.fragment {
			p[6] = 0x20
		}
		binary.BigEndian.PutUint16(p[4:], s.number)
		copy(p[12:], []byte{10, 0, 0, 1, 10, 0, 0, s.flow})
	}
	setLength(p, ipLen, len(p))
	t := p[ipLen:]
	binary.BigEndian.PutUint16(t, 1000)
	binary.BigEndian.PutUint16(t[2:], 80)
	if s.udp {
		binary.BigEndian.PutUint16(t[4:], uint16(len(t)))
	} else {
		binary.BigEndian.PutUint32(t[4:], s.seq)
		t[12] = byte(headers / 4 << 4)
		if t[tcpFlag] = s.flags; s.flags == 0 {
			t[tcpFlag] = tcpACK
		}
		t[15] = 99 // window
		for i := range s.options {
			t[tcpLen+i] = 1
		}
	}
	for i := range s.size {
		t[headers+i] = byte(s.seq) + byte(i)
	}
	if s.zeroCheck {
		return b
	}
	sum := ether.TransportChecksum(addresses(p), proto, t)
	if s.udp && sum == 0 {
		sum = 0xffff
	}
	if s.bad {
		sum ^= 0x55
	}
	binary.BigEndian.PutUint16(t[place:], sum)
	return b
}

// join returns what a batch becomes, each with its header.
func join(j *Joiner, bufs [][]byte) (out [][]byte) {
	j.Begin(bufs, room)
	for p := j.Next(); p != nil; p = j.Next() {
		out = append(out, bytes.Join(p, nil))
	}
	return out
}

// split returns the packets of what a system hands over.
func split(t testing.TB, b []byte) (out [][]byte) {
	t.Helper()
	var s Splitter
	if err := s.Begin(b); err != nil {
		t.Fatal(err)
	}
	for s.More() {
		dst := make([]byte, 70000)
		n := s.Next(dst)
		if n < 0 {
			t.Fatal("no room")
		}
		out = append(out, dst[:n])
	}
	return out
}

func tcpRun(v6 bool, flow byte, seq uint32, sizes ...int) (out []spec) {
	for i, n := range sizes {
		out = append(out, spec{v6: v6, flow: flow, seq: seq, size: n, options: 12, number: uint16(i)})
		seq += uint32(n)
	}
	return out
}

func TestJoin(t *testing.T) {
	t.Parallel()
	push := tcpRun(false, 1, 1, 100, 100, 100)
	push[1].flags = tcpACK | tcpPSH
	fin := tcpRun(true, 1, 1, 100, 100, 100)
	fin[1].flags = tcpACK | 0x01
	hops := tcpRun(false, 1, 1, 100, 100)
	hops[1].hops = 1
	fragment := tcpRun(false, 1, 1, 100, 100)
	fragment[1].fragment = true
	badFirst, badSecond := tcpRun(true, 1, 1, 100, 100, 100), tcpRun(false, 1, 1, 100, 100, 100)
	badFirst[0].bad, badSecond[1].bad = true, true
	mixed := slices.Concat(tcpRun(false, 1, 1, 100), tcpRun(true, 1, 1, 50), tcpRun(false, 2, 1, 100), tcpRun(false, 1, 101, 100), tcpRun(true, 1, 51, 50))
	for _, c := range []struct {
		name  string
		in    []spec
		udp   bool
		sizes []int // of the runs, in packets
	}{
		{"a flow", tcpRun(false, 1, 1, 1000, 1000, 1000, 300), false, []int{4}},
		{"a flow over IPv6", tcpRun(true, 1, 0xffffff00, 1000, 1000, 1000), false, []int{3}},
		{"a short one ends it", tcpRun(false, 1, 1, 1000, 999, 1000), false, []int{2, 1}},
		{"a longer one does not follow", tcpRun(false, 1, 1, 999, 1000), false, []int{1, 1}},
		{"a gap", slices.Concat(tcpRun(false, 1, 1, 100), tcpRun(false, 1, 102, 100, 100)), false, []int{1, 2}},
		{"as much as fits", tcpRun(false, 1, 1, slices.Repeat([]int{1400}, 60)...), false, []int{46, 14}},
		{"push is kept", push, false, []int{2, 1}},
		{"the end is not overtaken", fin, false, []int{1, 1, 1}},
		{"other hops", hops, false, []int{1, 1}},
		{"fragments", fragment, false, []int{1, 1}},
		{"a wrong checksum first", badFirst, false, []int{1, 2}},
		{"a wrong checksum", badSecond, false, []int{1, 1, 1}},
		{"several flows", mixed, false, []int{2, 2, 1}},
		{"empty segments", []spec{{seq: 1}, {seq: 1}}, false, []int{1, 1}},
		{"datagrams", []spec{{udp: true, size: 500}, {udp: true, size: 500}, {udp: true, size: 20}, {udp: true, size: 20}}, true, []int{3, 1}},
		{"datagrams that the system does not take joined", []spec{{udp: true, size: 500}, {udp: true, size: 500}}, false, []int{1, 1}},
		{"datagrams without checksum", []spec{{udp: true, size: 500, zeroCheck: true}, {udp: true, size: 500, zeroCheck: true}}, true, []int{1, 1}},
		{"no more datagrams than a system takes", slices.Repeat([]spec{{udp: true, size: 9}}, 100), true, []int{64, 36}},
	} {
		j := Joiner{UDP: c.udp}
		for range 2 { // the second batch finds the first's table
			check(t, c.name, &j, c.in, c.sizes)
		}
	}
}

// check joins packets and splits them again.
func check(t *testing.T, name string, j *Joiner, in []spec, sizes []int) {
	t.Helper()
	var bufs, want [][]byte
	for _, s := range in {
		bufs = append(bufs, s.packet())
		want = append(want, s.packet()[room:])
	}
	var got [][]byte
	var runs []int
	for _, b := range join(j, bufs) {
		out := split(t, b)
		runs = append(runs, len(out))
		got = append(got, out...)
	}
	if !slices.Equal(runs, sizes) {
		t.Errorf("%s: runs of %v packets, want %v", name, runs, sizes)
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d packets became %d", name, len(want), len(got))
	}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(g []byte) bool { return bytes.Equal(normal(g), normal(w)) }) {
			t.Errorf("%s: lost % x, have\n% x", name, w, got)
		}
	}
}

// normal is a packet without its IPv4 identification, which is its place in the
// run after splitting.
func normal(p []byte) []byte {
	p = slices.Clone(p)
	if p[0]>>4 == 4 {
		clear(p[4:6])
		clear(p[10:12])
	}
	return p
}

func TestSplitChecksum(t *testing.T) {
	t.Parallel()
	whole := spec{v6: true, size: 77, seq: 3}.packet()
	b := bytes.Clone(whole[room-HeaderLen:])
	header{flags: flagNeedsChecksum, sumStart: ip6Len, sumPlace: tcpSum}.put(b)
	p := b[HeaderLen:]
	binary.BigEndian.PutUint16(p[ip6Len+tcpSum:], ether.PseudoHeader(addresses(p), ether.ProtoTCP, len(p)-ip6Len))
	if got := split(t, b); len(got) != 1 || !bytes.Equal(got[0], whole[room:]) {
		t.Errorf("got % x", got)
	}
	var s Splitter
	if err := s.Begin(b); err != nil || s.Next(make([]byte, 100)) != -1 || s.More() {
		t.Error("a packet found room where there is none")
	}
}

func TestSplitRefuses(t *testing.T) {
	t.Parallel()
	good := join(&Joiner{}, [][]byte{spec{seq: 1, size: 100}.packet(), spec{seq: 101, size: 100}.packet()})
	if len(good) != 1 {
		t.Fatal("not joined")
	}
	var s Splitter
	for name, spoil := range map[string]func(h *header, b []byte){
		"another family":    func(h *header, _ []byte) { h.kind = kindTCP6 },
		"unknown kind":      func(h *header, _ []byte) { h.kind = 99 },
		"no segments":       func(h *header, _ []byte) { h.segment = 0 },
		"start at the end":  func(h *header, _ []byte) { h.sumStart = 60000 },
		"start too early":   func(h *header, _ []byte) { h.sumStart = 4 },
		"checksum outside":  func(h *header, _ []byte) { h.sumPlace = 300 },
		"no version":        func(_ *header, b []byte) { b[HeaderLen] = 0 },
		"headers too short": func(_ *header, b []byte) { b[HeaderLen+ip4Len+12] = 0x10 },
	} {
		b := bytes.Clone(good[0])
		h := parseHeader(b)
		spoil(&h, b)
		h.put(b)
		if err := s.Begin(b); !errors.Is(err, ErrHeader) || s.More() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Begin(good[0][:HeaderLen]); !errors.Is(err, ErrHeader) {
		t.Errorf("nothing after the header: %v", err)
	}
}

// FuzzSplit checks that no header and packet make it fail.
func FuzzSplit(f *testing.F) {
	for _, b := range join(&Joiner{UDP: true}, [][]byte{spec{seq: 1, size: 9}.packet(), spec{seq: 10, size: 9}.packet(), spec{udp: true, v6: true, size: 5}.packet()}) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Splitter
		if s.Begin(b) != nil {
			return
		}
		dst := make([]byte, 3000)
		for n := 0; s.More(); n++ {
			if size := s.Next(dst); size > len(dst) || n > 65536 {
				t.Fatalf("packet %d of %d bytes", n, size)
			}
		}
	})
}

// FuzzJoin checks that splitting undoes joining, and that no packet of a flow
// overtakes another, for batches that the input describes.
func FuzzJoin(f *testing.F) {
	f.Add([]byte{0, 50, 0, 50, 0, 50, 8, 50, 1, 9, 64, 7})
	f.Add([]byte{3, 50, 3, 50, 19, 50, 35, 9, 3, 9, 130, 1, 2, 1, 66, 2})
	f.Fuzz(func(t *testing.T, in []byte) {
		next := map[spec]uint32{}
		var bufs, want [][]byte
		for ; len(in) >= 2 && len(bufs) < MaxBatch; in = in[2:] {
			k := in[0]
			flow := spec{v6: k&1 != 0, udp: k&2 != 0, flow: k >> 2 & 1}
			s := flow
			s.seq, s.size, s.bad, s.fragment, s.zeroCheck = next[flow], int(in[1]), k&16 != 0, k&32 != 0 && !s.v6, k&64 != 0 && s.udp && !s.v6
			if k&128 != 0 {
				s.flags = tcpACK | tcpPSH
			}
			next[flow] += uint32(s.size)
			bufs, want = append(bufs, s.packet()), append(want, s.packet()[room:])
		}
		j := Joiner{UDP: true}
		var got [][]byte
		for _, b := range join(&j, bufs) {
			got = append(got, split(t, b)...)
		}
		if len(got) != len(want) {
			t.Fatalf("%d packets became %d", len(want), len(got))
		}
		for _, w := range want {
			// The first of the flow must be this one.
			i := slices.IndexFunc(got, func(g []byte) bool { return sameFlow(g, w) })
			if i < 0 || !bytes.Equal(normal(got[i]), normal(w)) {
				t.Fatalf("% x\nis not the next of its flow", w)
			}
			got = slices.Delete(got, i, i+1)
		}
	})
}

func sameFlow(a, b []byte) bool {
	if a[0] != b[0] || !bytes.Equal(addresses(a), addresses(b)) {
		return false
	}
	if a[0]>>4 == 4 {
		return a[9] == b[9] && a[6] == b[6] // fragments may be elsewhere
	}
	return a[6] == b[6]
}

func BenchmarkJoin(b *testing.B) {
	bufs := make([][]byte, MaxBatch)
	var j Joiner
	for b.Loop() {
		b.StopTimer()
		for i := range bufs {
			bufs[i] = spec{flow: byte(i % 3), seq: uint32(i / 3 * 1300), size: 1300}.packet()
		}
		b.StartTimer()
		j.Begin(bufs, room)
		for j.Next() != nil {
			continue
		}
	}
	b.SetBytes(MaxBatch * 1340)
}
