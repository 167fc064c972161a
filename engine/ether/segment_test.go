package ether

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// opening is the packet of a TCP segment with these flags and options, the latter
// filled up to a multiple of four, behind extension headers if it is of IPv6.
func opening(v6 bool, flags byte, extension, options []byte) []byte {
	for len(options)%4 != 0 {
		options = append(options, tcpEnd)
	}
	tcp := make([]byte, 20, 64)
	tcp[0], tcp[1], tcp[2], tcp[3] = 0xc3, 0x50, 0, 22
	tcp[12], tcp[13] = byte(20+len(options))/4<<4, flags
	tcp[14] = 0xfa
	tcp = append(append(tcp, options...), "data"...)
	if !v6 {
		a, b := netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("10.0.0.9")
		p := appendIPv4(nil, a, b, ProtoTCP, 64, len(tcp), len(extension) > 0)
		p = append(p, tcp...)
		binary.BigEndian.PutUint16(p[len(p)-len(tcp)+16:], sum4(p, tcp))
		return p
	}
	a, b := netip.MustParseAddr("fd00::5"), netip.MustParseAddr("fd00::9")
	next := ProtoTCP
	if len(extension) > 0 {
		next = ProtoDestination
	}
	p := appendIPv6(nil, a, b, next, 64, len(extension)+len(tcp))
	p = append(append(p, extension...), tcp...)
	binary.BigEndian.PutUint16(p[len(p)-len(tcp)+16:], Checksum6(a, b, ProtoTCP, tcp))
	return p
}

// sum4 is the checksum of a segment between the addresses of an IPv4 packet.
func sum4(p, tcp []byte) uint16 {
	pseudo := slices.Concat(p[12:20], []byte{0, ProtoTCP, byte(len(tcp) >> 8), byte(len(tcp))}, tcp)
	return Checksum(pseudo)
}

// segmentOf is the maximum segment size of a packet, whose checksum must be
// right.
func segmentOf(t *testing.T, p []byte) int {
	t.Helper()
	etherType := TypeIPv4
	if p[0]>>4 == 6 {
		etherType = TypeIPv6
		q, err := ParseIPv6(p)
		if err != nil {
			t.Fatal(err)
		}
		if proto, tcp, ok := q.Upper(); !ok || proto != ProtoTCP || Checksum6(q.Src(), q.Dst(), ProtoTCP, tcp) != 0 {
			t.Error("the checksum is wrong")
		}
	} else if q, err := ParseIPv4(p); err != nil || sum4(q, q.Payload()) != 0 {
		t.Error("the checksum is wrong", err)
	}
	at, _, _ := segmentOption(etherType, p)
	if at == 0 {
		return 0
	}
	return int(binary.BigEndian.Uint16(p[at:]))
}

func TestClampSegment(t *testing.T) {
	t.Parallel()
	mss := func(n uint16) []byte { return []byte{tcpMaxSegment, 4, byte(n >> 8), byte(n)} }
	options := map[string][]byte{
		"first":        mss(2760),
		"as Linux":     append(mss(2760), 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7),
		"odd place":    append([]byte{tcpNothing}, mss(2760)...),
		"odd, later":   append([]byte{3, 3, 7}, mss(2760)...),
		"after others": append([]byte{1, 1, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 4, 2}, mss(0xfffe)...),
	}
	destination := []byte{ProtoTCP, 0, 1, 4, 0, 0, 0, 0}
	for name, o := range options {
		for _, flags := range []byte{tcpSYN, tcpSYN | 0x10, tcpSYN | 0xc0} {
			for _, v6 := range []bool{false, true} {
				for _, extension := range [][]byte{nil, destination} {
					p := opening(v6, flags, extension, o)
					etherType, want := TypeIPv4, 1254-40
					if v6 {
						etherType, want = TypeIPv6, 1254-60
					}
					what := fmt.Sprintf("%s, flags %x, IPv6 %v, extension %v", name, flags, v6, extension != nil)
					before := bytes.Clone(p)
					if !OpensTCP(etherType, p) || !ClampSegment(etherType, p, 1254) || segmentOf(t, p) != want {
						t.Errorf("%s: %d, want %d", what, segmentOf(t, p), want)
					}
					if len(p) != len(before) || ClampSegment(etherType, p, 1254) {
						t.Errorf("%s: changed twice", what)
					}
				}
			}
		}
	}
}

// What is no opening of a connection, has no such option or asks for less stays
// as it is.
func TestClampLeavesAlone(t *testing.T) {
	t.Parallel()
	mss := []byte{tcpMaxSegment, 4, 0x0a, 0xc8}
	fragment := opening(false, tcpSYN, nil, mss)
	fragment[7] = 1
	udp := opening(false, tcpSYN, nil, mss)
	udp[9] = ProtoUDP
	for name, p := range map[string][]byte{
		"no SYN":            opening(false, 0x10, nil, mss),
		"no SYN, IPv6":      opening(true, 0x10, nil, mss),
		"small":             opening(false, tcpSYN, nil, []byte{tcpMaxSegment, 4, 2, 0}),
		"no option":         opening(true, tcpSYN, nil, nil),
		"after the end":     opening(false, tcpSYN, nil, append([]byte{tcpEnd, 0, 0, 0}, mss...)),
		"length 0":          opening(false, tcpSYN, nil, append([]byte{8, 0}, mss...)),
		"past the end":      opening(false, tcpSYN, nil, append([]byte{8, 60}, mss...)),
		"another length":    opening(false, tcpSYN, nil, []byte{tcpMaxSegment, 6, 9, 9, 9, 9}),
		"cut":               opening(false, tcpSYN, nil, []byte{tcpNothing, tcpNothing, tcpNothing, tcpMaxSegment}),
		"later fragment":    fragment,
		"another protocol":  udp,
		"shorter than said": opening(true, tcpSYN, nil, mss)[:60],
		"empty":             {},
	} {
		before := bytes.Clone(p)
		for _, etherType := range []uint16{TypeIPv4, TypeIPv6, TypeARP} {
			if ClampSegment(etherType, p, 1254) || !bytes.Equal(p, before) {
				t.Errorf("%s as %x was changed", name, etherType)
			}
		}
	}
	if p := opening(false, tcpSYN, nil, mss); ClampSegment(TypeIPv4, p, 40) || ClampSegment(TypeIPv4, p, 0) {
		t.Error("clamped to nothing")
	}
}

func BenchmarkOpensTCP(b *testing.B) {
	p := opening(false, 0x10, nil, nil)
	for b.Loop() {
		if OpensTCP(TypeIPv4, p) {
			b.Fatal()
		}
	}
}

// A packet keeps its length and everything but option and checksum, which stays
// right if it was.
func FuzzClampSegment(f *testing.F) {
	mss := []byte{tcpMaxSegment, 4, 0x0a, 0xc8}
	for _, v6 := range []bool{false, true} {
		f.Add(v6, uint16(1254), opening(v6, tcpSYN, nil, mss))
		f.Add(v6, uint16(1000), opening(v6, tcpSYN|0x10, []byte{ProtoTCP, 0, 1, 4, 0, 0, 0, 0}, append([]byte{1, 3, 3, 7}, mss...)))
	}
	f.Fuzz(func(t *testing.T, v6 bool, mtu uint16, p []byte) {
		etherType := TypeIPv4
		if v6 {
			etherType = TypeIPv6
		}
		before := bytes.Clone(p)
		at, checksum, _ := segmentOption(etherType, p)
		changed := ClampSegment(etherType, p, int(mtu))
		if changed && !OpensTCP(etherType, before) {
			t.Error("changed what does not look like an opening")
		}
		if !changed && !bytes.Equal(p, before) {
			t.Error("changed unsaid")
		}
		if !changed {
			return
		}
		tcp := checksum - 16
		sumOf := func(b []byte) uint16 { return Checksum(b[tcp : tcp+len(p[tcp:])/2*2]) }
		// The sum over the segment does not change, but for the two forms of zero.
		if x, y := sumOf(before), sumOf(p); x != y && x^y != 0xffff {
			t.Errorf("checksum %04x, was %04x", y, x)
		}
		clear(before[at : at+2])
		clear(p[at : at+2])
		clear(before[checksum : checksum+2])
		clear(p[checksum : checksum+2])
		if !bytes.Equal(p, before) {
			t.Error("changed something else")
		}
	})
}
