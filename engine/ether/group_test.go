package ether

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// igmp completes an IGMP message with its checksum.
func igmp(b ...byte) []byte {
	binary.BigEndian.PutUint16(b[2:], Checksum(b))
	return b
}

func list(m Memberships) string {
	var s []string
	for g, joined, ok := m.Next(); ok; g, joined, ok = m.Next() {
		sign := "-"
		if joined {
			sign = "+"
		}
		s = append(s, sign+g.String())
	}
	return strings.Join(s, " ")
}

func TestParseIGMP(t *testing.T) {
	t.Parallel()
	records := igmp(
		0x22, 0, 0, 0, 0, 0, 0, 10,
		4, 0, 0, 0, 224, 0, 0, 251, // to exclude nothing: joined
		3, 0, 0, 0, 239, 1, 1, 1, // to include nothing: left
		2, 1, 0, 0, 239, 2, 2, 2, 9, 9, 9, 9, // is exclude, auxiliary data
		1, 0, 0, 1, 232, 1, 1, 1, 10, 0, 0, 1, // is include a source
		1, 0, 0, 0, 232, 1, 1, 2, // is include nothing: says nothing
		3, 0, 0, 1, 232, 1, 1, 3, 10, 0, 0, 1, // to include a source
		6, 0, 0, 1, 232, 1, 1, 4, 10, 0, 0, 1, // block a source: says nothing
		5, 0, 0, 1, 232, 1, 1, 5, 10, 0, 0, 1, // allow a source
		4, 0, 0, 0, 10, 0, 0, 1, // not a group
		4, 0, 0, 0, 239, 3, 3, 3, // what follows counts
	)
	for name, c := range map[string]struct {
		b    []byte
		want string
		err  error
	}{
		"version 1":          {igmp(0x12, 0, 0, 0, 224, 0, 0, 251), "+224.0.0.251", nil},
		"version 2":          {igmp(0x16, 0, 0, 0, 239, 255, 255, 250), "+239.255.255.250", nil},
		"leave":              {igmp(0x17, 0, 0, 0, 239, 255, 255, 250), "-239.255.255.250", nil},
		"version 3":          {records, "+224.0.0.251 -239.1.1.1 +239.2.2.2 +232.1.1.1 +232.1.1.3 +232.1.1.5 +239.3.3.3", nil},
		"fewer records":      {igmp(0x22, 0, 0, 0, 0, 0, 0, 3, 4, 0, 0, 0, 224, 0, 0, 251), "+224.0.0.251", nil},
		"more sources":       {igmp(0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 255, 255, 224, 0, 0, 251), "", nil},
		"query":              {igmp(0x11, 100, 0, 0, 0, 0, 0, 0), "", ErrKind},
		"no group":           {igmp(0x16, 0, 0, 0, 10, 0, 0, 1), "", ErrFormat},
		"wrong checksum":     {[]byte{0x16, 0, 1, 0, 224, 0, 0, 251}, "", ErrChecksum},
		"truncated":          {igmp(0x16, 0, 0, 0, 224, 0, 0), "", ErrTruncated},
		"version 3, nothing": {igmp(0x22, 0, 0, 0, 0, 0, 0, 0), "", nil},
	} {
		m, err := ParseIGMP(c.b)
		if got := list(m); got != c.want || err != c.err {
			t.Errorf("%s: %q, %v, want %q, %v", name, got, err, c.want, c.err)
		}
	}
}

// mld builds a report behind the hop-by-hop header with which hosts send it.
func mld(message []byte) IPv6 {
	src, dst := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("ff02::16")
	b := appendIPv6(nil, src, dst, ProtoHopByHop, 1, 8+len(message))
	b = append(b, ProtoICMPv6, 0, 5, 2, 0, 0, 1, 0)
	start := len(b)
	b = append(b, message...)
	return finishICMPv6(b, start, src, dst)
}

func TestParseMLD(t *testing.T) {
	t.Parallel()
	group := netip.MustParseAddr("ff02::fb").As16()
	source := netip.MustParseAddr("fd00::1").As16()
	v1 := func(kind byte) []byte { return append([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, group[:]...) }
	v2 := func(count byte, records ...[]byte) []byte {
		b := []byte{143, 0, 0, 0, 0, 0, 0, count}
		for _, r := range records {
			b = append(b, r...)
		}
		return b
	}
	record := func(kind, sources byte) []byte {
		b := append([]byte{kind, 0, 0, sources}, group[:]...)
		for range sources {
			b = append(b, source[:]...)
		}
		return b
	}
	broken := mld(v1(131))
	broken[len(broken)-1] ^= 1
	for name, c := range map[string]struct {
		p    IPv6
		want string
		err  error
	}{
		"report":         {mld(v1(131)), "+ff02::fb", nil},
		"done":           {mld(v1(132)), "-ff02::fb", nil},
		"version 2":      {mld(v2(3, record(4, 0), record(3, 0), record(5, 2))), "+ff02::fb -ff02::fb +ff02::fb", nil},
		"fewer records":  {mld(v2(2, record(2, 1))), "+ff02::fb", nil},
		"query":          {mld(v1(130)), "", ErrKind},
		"echo":           {mld([]byte{128, 0, 0, 0, 0, 0, 0, 0}), "", ErrKind},
		"truncated":      {mld(v1(131)[:20]), "", ErrTruncated},
		"very truncated": {mld(v1(131)[:7]), "", ErrTruncated},
		"no group":       {mld(append([]byte{131, 0, 0, 0, 0, 0, 0, 0}, source[:]...)), "", ErrFormat},
		"wrong checksum": {broken, "", ErrChecksum},
	} {
		m, err := ParseMLD(c.p)
		if got := list(m); got != c.want || err != c.err {
			t.Errorf("%s: %q, %v, want %q, %v", name, got, err, c.want, c.err)
		}
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	b := AppendIGMPQuery(nil)
	p, err := ParseIPv4(b)
	if err != nil || Checksum(b[:24]) != 0 || Checksum(p.Payload()) != 0 {
		t.Fatalf("%x, %v", b, err)
	}
	// Written out from RFC 3376 §4.1: router alert, TTL 1, type 0x11, 10 s, general.
	if got := fmt.Sprintf("%x", b); got != "46000024000000000102"+got[20:24]+"00000000e000000194040000"+"1164"+got[52:56]+"00000000"+"027d0000" {
		t.Errorf("%s", got)
	}
	src := netip.MustParseAddr("fe80::1")
	q := parse6(t, AppendMLDQuery(nil, src))
	proto, m, ok := q.Upper()
	if !ok || proto != ProtoICMPv6 || q.HopLimit() != 1 || q.Dst() != AllNodesAddr() || Checksum6(src, q.Dst(), proto, m) != 0 {
		t.Errorf("%x", []byte(q))
	}
	if got := fmt.Sprintf("%x", m); got != "8200"+got[4:8]+"27100000"+strings.Repeat("00", 16)+"027d0000" {
		t.Errorf("%s", got)
	}
}

func FuzzFrames(f *testing.F) {
	for _, c := range frames(f) {
		f.Add([]byte(c.Frame))
		for _, in := range c.Injected {
			f.Add([]byte(in.Payload))
		}
	}
	f.Add(AppendIGMPQuery(nil))
	f.Add(AppendMLDQuery(nil, ip6))
	f.Add([]byte(mld([]byte{131, 0, 0, 0, 0, 0, 0, 0})))
	f.Add(igmp(0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 224, 0, 0, 251))
	f.Fuzz(func(t *testing.T, b []byte) {
		if fr, err := ParseFrame(b); err == nil && len(fr.Payload) != len(b)-HeaderLen {
			t.Error("payload length")
		}
		if a, err := ParseARP(b); err == nil && string(a.Append(nil)) != string(b[:ARPLen]) {
			t.Error("ARP does not round-trip")
		}
		if m, err := ParseIGMP(b); err == nil {
			list(m)
		}
		if p, err := ParseIPv4(b); err == nil {
			_ = p.Payload()
			if e := AppendFragmentationNeeded(nil, p, 1400); len(e) > 576 {
				t.Error("error too long")
			}
		}
		if p, err := ParseIPv6(b); err == nil {
			if n, err := ParseNeighbor(p); err == nil && n.Target.IsMulticast() {
				t.Error("multicast target")
			}
			if m, err := ParseMLD(p); err == nil {
				list(m)
			}
			if e := AppendPacketTooBig(nil, p, 1400); len(e) > 1280 {
				t.Error("error too long")
			}
		}
	})
}
