package ether

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"testing"

	"orrery/engine/identity"
)

// octets is a byte string in hex.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

type frameCase struct {
	Name      string
	From      string
	EtherType uint16
	Frame     octets
	Injected  []struct {
		SrcMAC  string
		Payload octets
	} `json:"injectedToHost"`
}

func frames(tb testing.TB) []frameCase {
	tb.Helper()
	raw, err := os.ReadFile("testdata/local_ethernet.json")
	if err != nil {
		tb.Fatal(err)
	}
	var v struct{ Cases []frameCase }
	if err := json.Unmarshal(raw, &v); err != nil || len(v.Cases) == 0 {
		tb.Fatal("no vectors", err)
	}
	return v.Cases
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

var (
	ip4 = netip.MustParseAddr("10.147.17.5")
	ip6 = netip.MustParseAddr("fd00::5")
)

// What the reference's emulation answers must be what we would write and read.
func TestRecordedFrames(t *testing.T) {
	t.Parallel()
	answers := 0
	for _, c := range frames(t) {
		own, err := identity.ParseMAC(c.From)
		if err != nil {
			t.Fatal(err)
		}
		if c.EtherType == TypeARP {
			a, err := ParseARP(c.Frame)
			if err != nil {
				continue // malformed on purpose, see TestARP
			}
			if a.SenderMAC != own || !bytes.Equal(a.Append(nil), c.Frame[:ARPLen]) {
				t.Errorf("%s: %+v does not round-trip", c.Name, a)
			}
			continue
		}
		for _, in := range c.Injected {
			answers++
			ip, err := ParseIPv6(in.Payload)
			if err != nil {
				t.Fatal(err)
			}
			n, err := ParseNeighbor(ip)
			if err != nil || n.LinkLayer.String() != identityMAC(t, in.SrcMAC).String() {
				t.Errorf("%s: the answer parses to %+v, %v", c.Name, n, err)
			}
			got := AppendAdvertisement(nil, n.Src, n.Dst, n.Target, n.LinkLayer, n.Flags)
			if !bytes.Equal(got, in.Payload) {
				t.Errorf("%s: answer\n%x, want\n%x", c.Name, got, in.Payload)
			}
		}
	}
	if answers == 0 {
		t.Error("no answers in the vectors")
	}
}

func identityMAC(tb testing.TB, s string) identity.MAC {
	tb.Helper()
	m, err := identity.ParseMAC(s)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func TestFrame(t *testing.T) {
	t.Parallel()
	b := append(AppendHeader(nil, 0x020000000001, 0x020000000002, TypeIPv6), "payload"...)
	f, err := ParseFrame(b)
	if err != nil || f.Dst != 0x020000000001 || f.Src != 0x020000000002 || f.Type != TypeIPv6 || string(f.Payload) != "payload" {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := ParseFrame(b[:13]); err != ErrTruncated {
		t.Errorf("13 bytes: %v", err)
	}
}

func TestMulticastMAC(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"224.0.0.1":       "01:00:5e:00:00:01",
		"224.0.0.251":     "01:00:5e:00:00:fb",
		"239.255.255.250": "01:00:5e:7f:ff:fa",
		"225.128.1.2":     "01:00:5e:00:01:02",
		"ff02::1":         "33:33:00:00:00:01",
		"ff02::fb":        "33:33:00:00:00:fb",
		"ff05::1:3":       "33:33:00:01:00:03",
	} {
		if got := MulticastMAC(netip.MustParseAddr(ip)).String(); got != want {
			t.Errorf("%s maps to %s, want %s", ip, got, want)
		}
	}
}

// The sum of RFC 1071 §3 is ddf2, and odd lengths are padded with a zero.
func TestChecksum(t *testing.T) {
	t.Parallel()
	if got := Checksum(unhex(t, "0001f203f4f5f6f7")); got != ^uint16(0xddf2) {
		t.Errorf("checksum %#x", got)
	}
	header := unhex(t, "450000730000400040110000c0a80001c0a800c7")
	if got := Checksum(header); got != 0xb861 {
		t.Errorf("header checksum %#x", got)
	}
	for n := range 70 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(i*37 + n)
		}
		var slow uint32
		for i := 0; i < n; i += 2 {
			slow += uint32(b[i]) << 8
			if i+1 < n {
				slow += uint32(b[i+1])
			}
		}
		for slow>>16 != 0 {
			slow = slow&0xffff + slow>>16
		}
		if got := Checksum(b); got != ^uint16(slow) {
			t.Errorf("%d bytes: %#x, want %#x", n, got, ^uint16(slow))
		}
	}
	// All ones must not lose its carry.
	if got := Checksum(bytes.Repeat([]byte{0xff}, 64)); got != 0 {
		t.Errorf("checksum of ones is %#x", got)
	}
}

func TestParseIPv4(t *testing.T) {
	t.Parallel()
	good := unhex(t, "4500002012344000401100000a931105ffffffff13880035000c000064617461")
	padded := append(slices.Clone(good), 0, 0, 0)
	p, err := ParseIPv4(padded)
	if err != nil || len(p) != 32 || p.Src() != ip4 || p.Dst().String() != "255.255.255.255" || p.Protocol() != 17 ||
		!p.DontFragment() || !p.FirstFragment() || len(p.Payload()) != 12 {
		t.Errorf("%x, %v", p, err)
	}
	edit := func(at int, v byte) []byte {
		b := slices.Clone(good)
		b[at] = v
		return b
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"empty":                     {nil, ErrTruncated},
		"19 bytes":                  {good[:19], ErrTruncated},
		"version 6":                 {edit(0, 0x65), ErrFormat},
		"header of 16 bytes":        {edit(0, 0x44), ErrFormat},
		"header beyond the total":   {edit(0, 0x4f), ErrFormat},
		"total beyond the bytes":    {edit(3, 33), ErrTruncated},
		"total less than a header":  {edit(3, 19), ErrFormat},
		"header equal to the total": {edit(0, 0x48), nil},
	} {
		if _, err := ParseIPv4(c.b); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if p, _ := ParseIPv4(edit(7, 1)); p.FirstFragment() {
		t.Error("a later fragment counts as the first")
	}
}

func TestParseIPv6(t *testing.T) {
	t.Parallel()
	build := func(next byte, payload string) []byte {
		return append(appendIPv6(nil, ip6, ip6, next, 64, len(payload)), payload...)
	}
	type walk struct {
		proto   uint8
		payload string
		ok      bool
	}
	for name, c := range map[string]struct {
		b    []byte
		want walk
	}{
		"plain":                   {build(17, "udp"), walk{17, "udp", true}},
		"empty":                   {build(59, ""), walk{59, "", true}},
		"hop-by-hop":              {build(0, "\x3a\x00......icmp"), walk{58, "icmp", true}},
		"three headers":           {build(0, "\x2b\x00......\x3c\x01..............\x06\x00......tcp"), walk{6, "tcp", true}},
		"mobility":                {build(135, "\x3b\x00......"), walk{59, "", true}},
		"fragment stops":          {build(44, "\x3a\x00......icmp"), walk{44, "\x3a\x00......icmp", true}},
		"header truncated":        {build(0, "\x3a\x00....."), walk{}},
		"header beyond the end":   {build(60, "\x3a\x01......icmp"), walk{}},
		"padding is not a header": {append(build(0, ""), "\x3a\x00......icmp"...), walk{}},
	} {
		p, err := ParseIPv6(c.b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		proto, payload, ok := p.Upper()
		if got := (walk{proto, string(payload), ok}); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	good := build(17, "udp")
	if p, err := ParseIPv6(append(good, 0, 0)); err != nil || len(p) != 43 || p.Src() != ip6 || p.Dst() != ip6 || p.HopLimit() != 64 {
		t.Errorf("%x, %v", p, err)
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"39 bytes":  {good[:39], ErrTruncated},
		"truncated": {good[:42], ErrTruncated},
		"version":   {append([]byte{0x45}, good[1:]...), ErrFormat},
	} {
		if _, err := ParseIPv6(c.b); err != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestARP(t *testing.T) {
	t.Parallel()
	a := ARP{Op: ARPReply, SenderMAC: 1, SenderIP: ip4, TargetMAC: 2, TargetIP: netip.MustParseAddr("10.1.2.3")}
	b := a.Append(nil)
	if got, err := ParseARP(append(b, make([]byte, 18)...)); got != a || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for at, want := range map[int]error{0: ErrKind, 2: ErrKind, 4: ErrKind, 5: ErrKind, 6: ErrKind, 7: ErrKind} {
		bad := slices.Clone(b)
		bad[at] ^= 0x44
		if _, err := ParseARP(bad); err != want {
			t.Errorf("byte %d: %v", at, err)
		}
	}
	if _, err := ParseARP(b[:27]); err != ErrTruncated {
		t.Errorf("27 bytes: %v", err)
	}
}

// Appending must not allocate when there is room.
func TestNoAllocations(t *testing.T) {
	buf := make([]byte, 0, 2048)
	packet, _ := ParseIPv4(unhex(t, "45000020123440004011000001020304050607081388003500000000ffffffff"))
	packet6, _ := ParseIPv6(append(appendIPv6(nil, ip6, netip.MustParseAddr("fd00::6"), 17, 64, 4), "data"...))
	report := AppendSolicitation(nil, ip6, SolicitedNode(ip6), ip6, 1)
	for name, f := range map[string]func(){
		"ARP":           func() { ARP{Op: 1, SenderIP: ip4, TargetIP: ip4}.Append(buf) },
		"solicitation":  func() { AppendSolicitation(buf, ip6, SolicitedNode(ip6), ip6, 1) },
		"advertisement": func() { AppendAdvertisement(buf, ip6, AllNodesAddr(), ip6, 1, 0x60) },
		"unreachable":   func() { AppendHostUnreachable(buf, packet) },
		"too big":       func() { AppendPacketTooBig(buf, packet6, 1400) },
		"IGMP query":    func() { AppendIGMPQuery(buf) },
		"MLD query":     func() { AppendMLDQuery(buf, ip6) },
		"neighbor":      func() { _, _ = ParseNeighbor(IPv6(report)) },
	} {
		if n := testing.AllocsPerRun(50, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
