package ether

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/identity"
)

func TestParseNeighbor(t *testing.T) {
	t.Parallel()
	target := netip.MustParseAddr("fe80::1:2:3:4")
	ns := AppendSolicitation(nil, ip6, SolicitedNode(target), target, 0x020000000001)
	na := AppendAdvertisement(nil, target, ip6, target, 0x020000000002, NeighborSolicited|NeighborOverride)
	if len(ns) != 72 || len(na) != 72 {
		t.Fatalf("%d and %d bytes", len(ns), len(na))
	}
	got, err := ParseNeighbor(parse6(t, ns))
	want := Neighbor{Type: TypeNeighborSolicitation, Src: ip6, Dst: netip.MustParseAddr("ff02::1:ff03:4"), Target: target, LinkLayer: 0x020000000001, HasLinkLayer: true}
	if got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = ParseNeighbor(parse6(t, na))
	want = Neighbor{Type: TypeNeighborAdvertisement, Flags: 0x60, Src: target, Dst: ip6, Target: target, LinkLayer: 0x020000000002, HasLinkLayer: true}
	if got != want || err != nil {
		t.Errorf("%+v, %v", got, err)
	}

	// sealed corrects the checksum after an edit.
	sealed := func(packet []byte, edit func(b []byte) []byte) []byte {
		b := edit(slices.Clone(packet))
		b[42], b[43] = 0, 0
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		p := parse6(t, b)
		return finishICMPv6(b, 40, p.Src(), p.Dst())
	}
	set := func(at int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at] = v; return b }
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	from := func(src netip.Addr) func([]byte) []byte {
		return func(b []byte) []byte { s := src.As16(); copy(b[8:], s[:]); return b }
	}
	unspecified := netip.IPv6Unspecified()
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"hop limit 254":              {set(7, 254)(slices.Clone(ns)), ErrFormat},
		"wrong checksum":             {set(43, ns[43]^1)(slices.Clone(ns)), ErrChecksum},
		"code 1":                     {sealed(ns, set(41, 1)), ErrFormat},
		"multicast target":           {sealed(ns, set(48, 0xff)), ErrFormat},
		"truncated":                  {sealed(ns, cut(63)), ErrTruncated},
		"option of length 0":         {sealed(ns, set(65, 0)), ErrFormat},
		"option beyond the end":      {sealed(ns, set(65, 2)), ErrFormat},
		"rest of an option":          {sealed(ns, cut(70)), ErrFormat},
		"solicited to a group":       {sealed(AppendAdvertisement(nil, target, AllNodesAddr(), target, 2, 0x40), set(40, 136)), ErrFormat},
		"no option":                  {sealed(ns, cut(64)), nil},
		"other option":               {sealed(ns, set(64, 14)), nil},
		"duplicate search":           {sealed(ns, func(b []byte) []byte { return from(unspecified)(b[:64]) }), nil},
		"duplicate search, option":   {sealed(ns, from(unspecified)), ErrFormat},
		"duplicate search, unicast":  {sealed(AppendSolicitation(nil, unspecified, target, target, 1), cut(64)), ErrFormat},
		"echo request":               {sealed(ns, set(40, 128)), ErrKind},
		"not ICMPv6":                 {set(6, 17)(slices.Clone(ns)), ErrKind},
		"extension header malformed": {set(6, 0)(slices.Clone(ns)), ErrKind},
	} {
		if _, err := ParseNeighbor(parse6(t, c.b)); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestLinkLayerOption: the first option of the right type counts, and no other.
func TestLinkLayerOption(t *testing.T) {
	t.Parallel()
	mac := func(kind, last byte) []byte { return []byte{kind, 1, 2, 0, 0, 0, 0, last} }
	for name, c := range map[string]struct {
		options []byte
		want    identity.MAC
		has     bool
	}{
		"two":           {slices.Concat(mac(optionSource, 1), mac(optionSource, 2)), 0x020000000001, true},
		"another first": {slices.Concat(mac(optionTarget, 1), mac(optionSource, 2)), 0x020000000002, true},
		"too long":      {append([]byte{optionSource, 2}, make([]byte, 14)...), 0, false},
		"long, then it": {slices.Concat(append([]byte{optionSource, 2}, make([]byte, 14)...), mac(optionSource, 3)), 0x020000000003, true},
	} {
		target := netip.MustParseAddr("fe80::1:2:3:4")
		b := appendIPv6(nil, ip6, SolicitedNode(target), ProtoICMPv6, ndpHopLimit, neighborLen+len(c.options))
		b = append(b, TypeNeighborSolicitation, 0, 0, 0, 0, 0, 0, 0)
		b = append(append(b, target.AsSlice()...), c.options...)
		n, err := ParseNeighbor(parse6(t, finishICMPv6(b, 40, ip6, SolicitedNode(target))))
		if err != nil || n.LinkLayer != c.want || n.HasLinkLayer != c.has {
			t.Errorf("%s: %v, %v, %v", name, n.LinkLayer, n.HasLinkLayer, err)
		}
	}
}

func parse6(tb testing.TB, b []byte) IPv6 {
	tb.Helper()
	p, err := ParseIPv6(b)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestErrors4(t *testing.T) {
	t.Parallel()
	good := unhex(t, "45000020123440004011000001020304050607081388003500000000ffffffff")
	p, err := ParseIPv4(good)
	if err != nil {
		t.Fatal(err)
	}
	b := AppendFragmentationNeeded(nil, p, 1400)
	e, err := ParseIPv4(b)
	if err != nil || e.Src() != p.Dst() || e.Dst() != p.Src() || e.Protocol() != ProtoICMP || Checksum(b[:20]) != 0 || Checksum(e.Payload()) != 0 {
		t.Fatalf("%x, %v", b, err)
	}
	m := e.Payload()
	if m[0] != 3 || m[1] != 4 || binary.BigEndian.Uint32(m[4:]) != 1400 || !slices.Equal(m[8:], good) {
		t.Errorf("%x", m)
	}
	if e := AppendHostUnreachable(nil, p); e[20] != 3 || e[21] != 1 {
		t.Errorf("%x", e)
	}
	long := append(slices.Clone(good), make([]byte, 3000)...)
	binary.BigEndian.PutUint16(long[2:], uint16(len(long)))
	if e := AppendHostUnreachable(nil, IPv4(long)); len(e) != 576 {
		t.Errorf("an error of %d bytes", len(e))
	}
	edit := func(at int, v ...byte) IPv4 {
		q := slices.Clone(good)
		copy(q[at:], v)
		return q
	}
	for name, q := range map[string]IPv4{
		"source 0.0.0.0":    edit(12, 0, 0, 0, 0),
		"source loopback":   edit(12, 127),
		"source multicast":  edit(12, 224),
		"to a group":        edit(16, 224),
		"to all":            edit(16, 255, 255, 255, 255),
		"later fragment":    edit(6, 0, 7),
		"ICMP unreachable":  edit(9, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 3),
		"ICMP time exceed":  edit(9, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 11),
		"ICMP without type": edit(9, 1)[:20],
	} {
		if b := AppendHostUnreachable(nil, q); len(b) != 0 {
			t.Errorf("%s is answered with %x", name, b)
		}
	}
	if b := AppendHostUnreachable(nil, edit(9, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 8)); len(b) == 0 {
		t.Error("an echo request is not answered")
	}
}

func TestErrors6(t *testing.T) {
	t.Parallel()
	build := func(src, dst netip.Addr, next byte, payload []byte) IPv6 {
		return append(appendIPv6(nil, src, dst, next, 64, len(payload)), payload...)
	}
	dst := netip.MustParseAddr("fd00::6")
	p := build(ip6, dst, 17, []byte("some data"))
	b := AppendPacketTooBig(nil, p, 1300)
	e := parse6(t, b)
	if e.Src() != dst || e.Dst() != ip6 || Checksum6(dst, ip6, ProtoICMPv6, e[40:]) != 0 || e[40] != 2 || e[41] != 0 ||
		binary.BigEndian.Uint32(e[44:]) != 1300 || !slices.Equal(e[48:], p) {
		t.Errorf("%x", b)
	}
	if e := AppendAddressUnreachable(nil, p); e[40] != 1 || e[41] != 3 {
		t.Errorf("%x", e)
	}
	if e := AppendAddressUnreachable(nil, build(ip6, dst, 17, make([]byte, 3000))); len(e) != 1280 {
		t.Errorf("an error of %d bytes", len(e))
	}
	for name, q := range map[string]IPv6{
		"from ::":       build(netip.IPv6Unspecified(), dst, 17, nil),
		"to a group":    build(ip6, AllNodesAddr(), 17, nil),
		"ICMPv6 error":  build(ip6, dst, 58, []byte{1, 3}),
		"redirect":      build(ip6, dst, 58, []byte{137, 0}),
		"empty ICMPv6":  build(ip6, dst, 58, nil),
		"broken header": build(ip6, dst, 0, nil),
	} {
		if b := AppendAddressUnreachable(nil, q); len(b) != 0 {
			t.Errorf("%s is answered with %x", name, b)
		}
	}
	if b := AppendAddressUnreachable(nil, build(ip6, dst, 58, []byte{128, 0})); len(b) == 0 {
		t.Error("an echo request is not answered")
	}
}
