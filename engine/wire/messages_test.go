package wire

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"orrery/engine/identity"
)

func TestConfigChunkLimits(t *testing.T) {
	t.Parallel()
	v := loadPackets().verb(t, "NETWORK_CONFIG chunk 2 of 2, relayed by a member")
	c, err := ParseConfigChunk(append(bytes.Clone(v.Payload), "ignored"...))
	if err != nil || !c.Plausible(ConfigCapacity) {
		t.Fatalf("with bytes behind the signature: %v", err)
	}
	var want uint64
	for i, b := range c.Signature[:16] { // the fold of spec 04 §4.3
		want ^= uint64(b) << (56 - 8*(i%8))
	}
	if c.ID() != want {
		t.Errorf("chunk ID %x, want %x", c.ID(), want)
	}
	for name, change := range map[string]func(c *ConfigChunk){
		"outside the dictionary":  func(c *ConfigChunk) { c.Index++ },
		"index that wraps around": func(c *ConfigChunk) { c.Index = 1<<32 - 20 },
		"too long a dictionary":   func(c *ConfigChunk) { c.Total = ConfigCapacity },
		"longest number":          func(c *ConfigChunk) { c.Total = 1<<32 - 1 },
		"no signature":            func(c *ConfigChunk) { c.Signature = nil },
	} {
		x := c
		if change(&x); x.Plausible(ConfigCapacity) {
			t.Errorf("%s is plausible", name)
		}
	}
	c.Total = ConfigCapacity - 1
	if !c.Plausible(ConfigCapacity) {
		t.Error("the longest dictionary is not plausible")
	}
}

// TestConfigChunkOtherSignatures: other types and lengths are to be ignored, and
// the packet still counts as received.
func TestConfigChunkOtherSignatures(t *testing.T) {
	t.Parallel()
	v := loadPackets().verb(t, "NETWORK_CONFIG single chunk")
	at := len(v.Payload) - identity.SignatureLen - 3
	for name, tail := range map[string][]byte{"type 2": {2, 0, 96}, "95 bytes": {1, 0, 95}, "none": {0, 0, 0}} {
		c, err := ParseConfigChunk(append(bytes.Clone(v.Payload[:at]), tail...))
		if err != nil || c.Signature != nil || c.Plausible(ConfigCapacity) || c.ID() != 0 {
			t.Errorf("%s: %v, plausible %v", name, err, c.Plausible(ConfigCapacity))
		}
	}
}

func TestNetworkConfigRequestCut(t *testing.T) {
	t.Parallel()
	v := loadPackets().verb(t, "NETWORK_CONFIG_REQUEST refresh")
	for n := range v.Payload {
		r, err := ParseNetworkConfigRequest(v.Payload[:n])
		if want := n >= 70; (err == nil) != want || (r.Network != 0) != (n >= 8) || (len(r.Metadata) > 0) != want {
			t.Errorf("%d bytes: %+v, %v", n, r, err)
		}
	}
}

func TestExtFrameEmpty(t *testing.T) {
	t.Parallel()
	v := loadPackets().verb(t, "EXT_FRAME with ack request")
	for n := 9; n <= len(v.Payload); n++ {
		f, err := ParseExtFrame(v.Payload[:n])
		if err != nil || f.Empty != (n <= ExtFrameHeadLen) || f.Empty != (f.From == 0) {
			t.Errorf("%d bytes: %+v, %v", n, f, err)
		}
	}
	// The certificate counts for the length, though it is not of the frame.
	v = loadPackets().verb(t, "EXT_FRAME legacy inline COM")
	b := bytes.Clone(v.Payload)
	b[9] = 2
	if _, err := ParseExtFrame(b); err != ErrFormat {
		t.Errorf("a bad certificate: %v", err)
	}
	empty := append(v.Payload[:9:9], 1, 0, 0, 0, 0, 0, 0, 0)
	if f, err := ParseExtFrame(empty); err != nil || !f.Empty || len(f.COM) != 8 {
		t.Errorf("an empty certificate alone: %+v, %v", f, err)
	}
	if _, err := ParseExtFrame(append(empty, make([]byte, 7)...)); err != ErrTruncated {
		t.Errorf("an empty certificate and half a head: %v", err)
	}
}

func TestGatherIgnoresBadCertificate(t *testing.T) {
	t.Parallel()
	v := loadPackets().verb(t, "MULTICAST_GATHER with COM")
	for n := 23; n < len(v.Payload); n++ {
		if m, err := ParseMulticastGather(v.Payload[:n]); err != nil || m.COM != nil || m.Limit != 32 {
			t.Fatalf("%d bytes: %+v, %v", n, m, err)
		}
	}
}

func TestPushDirectPathsRecords(t *testing.T) {
	t.Parallel()
	// Length 8 for IPv4 skips two bytes of padding; the last one's may be missing.
	p := []byte{0, 3, 0, 0, 0, 4, 8, 1, 2, 3, 4, 0, 5, 0xee, 0xee, 0, 0, 0, 9, 200}
	r, err := ParsePushDirectPaths(p)
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := r.Next(); !ok || FormatInet(e.Address) != "1.2.3.4/5" {
		t.Errorf("first record: %+v, %v", e, ok)
	}
	if e, ok := r.Next(); !ok || e.Address.IsValid() {
		t.Errorf("record of unknown type: %+v, %v", e, ok)
	}
	if _, ok := r.Next(); ok || r.Err() != ErrTruncated {
		t.Errorf("third record: %v", r.Err())
	}
	if _, ok := r.Next(); ok {
		t.Error("a record after the error")
	}
	// Bytes behind the announced records are nobody's.
	r, _ = ParsePushDirectPaths(append([]byte{0, 0}, p[2:]...))
	if _, ok := r.Next(); ok || r.Err() != nil {
		t.Errorf("none announced: %v", r.Err())
	}
}

func TestAppendPushDirectPaths(t *testing.T) {
	t.Parallel()
	var paths []netip.AddrPort
	for i := range 150 {
		switch i % 3 {
		case 0:
			paths = append(paths, netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 168, 0, byte(i)}), 9993))
		case 1:
			paths = append(paths, netip.AddrPortFrom(netip.AddrFrom16([16]byte{0xfd, 15: byte(i)}), 9993))
		default:
			paths = append(paths, netip.AddrPort{})
		}
	}
	var got []netip.AddrPort
	packets := 0
	for rest := paths; len(rest) > 0; packets++ {
		b, done := AppendPushDirectPaths([]byte("before"), rest)
		b = b[6:]
		if n := HeaderLen + len(b); done == 0 || n >= maxPushPacket {
			t.Fatalf("packet of %d bytes with %d paths", n, done)
		}
		rest = rest[done:]
		r, err := ParsePushDirectPaths(b)
		if err != nil {
			t.Fatal(err)
		}
		for e, ok := r.Next(); ok; e, ok = r.Next() {
			got = append(got, e.Address)
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	want := slices.DeleteFunc(slices.Clone(paths), func(a netip.AddrPort) bool { return !a.IsValid() })
	if packets != 2 || !slices.Equal(got, want) {
		t.Errorf("%d packets with %d paths, want %d", packets, len(got), len(want))
	}
	if b, done := AppendPushDirectPaths(nil, nil); len(b) != 2 || done != 0 {
		t.Errorf("no paths: %x, %d", b, done)
	}
}

func TestQOSLimits(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]error{0: ErrTruncated, 8: ErrTruncated, 9: nil, 10: nil, 19: nil, 1400: nil, 1401: ErrTooLong} {
		r, err := ParseQOSMeasurement(make([]byte, n))
		if err != want || err == nil && r.Len() != n/10 {
			t.Errorf("%d bytes: %d records, %v", n, r.Len(), err)
		}
	}
	for n, want := range map[int]error{0: ErrTruncated, 1: ErrTruncated, 2: nil, 3: ErrTooLong} {
		if _, err := ParsePathNegotiationRequest(make([]byte, n)); err != want {
			t.Errorf("negotiation of %d bytes: %v", n, err)
		}
	}
}

func TestRemoteTraceLimits(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("x", MaxRemoteTrace)
	p := "\x00" + longest + "y\x00" + longest + "\x00\x00a=1\x00not ended"
	var got []string
	for rest := []byte(p); ; {
		text, next, ok := NextRemoteTrace(rest)
		if !ok {
			break
		}
		got, rest = append(got, string(text)), next
	}
	if len(got) != 2 || got[0] != longest || got[1] != "a=1" {
		t.Errorf("%d texts", len(got))
	}
}

func TestRendezvousOddAddress(t *testing.T) {
	t.Parallel()
	// A length of neither family is well-formed, but nothing to act on.
	r, err := ParseRendezvous([]byte{0, 1, 2, 3, 4, 5, 0x27, 9, 5, 1, 2, 3, 4, 5})
	if err != nil || r.At.IsValid() || r.Peer != 0x0102030405 {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := ParseRendezvous((Rendezvous{Peer: 7}).Append(nil)); err != nil || r.At.IsValid() || r.Peer != 7 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestOKHelloWorlds(t *testing.T) {
	t.Parallel()
	v := loadPackets().verb(t, "OK(HELLO) IPv6, planet and moon update")
	body := v.Payload[OKPrefixLen:]
	whole, err := ParseOKHello(body)
	if err != nil || len(whole.Worlds) != 530 {
		t.Fatalf("%d bytes of worlds, %v", len(whole.Worlds), err)
	}
	// Bytes behind the worlds are not part of them; worlds that are cut are none.
	if o, err := ParseOKHello(append(bytes.Clone(body), 1, 2, 3)); err != nil || !bytes.Equal(o.Worlds, whole.Worlds) {
		t.Errorf("with bytes behind: %d, %v", len(o.Worlds), err)
	}
	for _, cut := range []int{1, 100, len(whole.Worlds)} {
		if o, err := ParseOKHello(body[:len(body)-cut]); err != ErrTruncated || o.Worlds != nil {
			t.Errorf("%d bytes cut: %d, %v", cut, len(o.Worlds), err)
		}
	}
	// Without the length of the worlds, or half of it, there are none.
	for cut := range 2 {
		if o, err := ParseOKHello(body[:len(body)-len(whole.Worlds)-1-cut]); err != nil || o.Worlds != nil || !o.SeenAt.IsValid() {
			t.Errorf("without worlds: %+v, %v", o, err)
		}
	}
}

func TestAuthenticationLimits(t *testing.T) {
	t.Parallel()
	parse := func(text string) (Authentication, bool) {
		body := append(identity.NetworkID(7).Append(nil), byte(len(text)>>8), byte(len(text)))
		a, usable, err := ParseAuthentication(append(body, text...))
		if err != nil || a.Network != 7 {
			t.Fatalf("%q: %v", text, err)
		}
		return a, usable
	}
	long := strings.Repeat("u", 3000)
	for _, c := range []struct {
		text   string
		usable bool
		want   Authentication
	}{
		{"aU=x", true, Authentication{URL: "x"}},
		{"aV=0\naU=", true, Authentication{}},
		{"aV=0", true, Authentication{}},
		{"aV=2\naU=x", false, Authentication{Version: 2}},
		{"aV=1", true, Authentication{Version: 1, Provider: "default"}},
		{"aU=" + long[:2047], true, Authentication{URL: long[:2047]}},
		{"aU=" + long[:2048], true, Authentication{}},
		{"aV=1\niU=" + long[:2047] + "\naCU=" + long[:2047] + "\naN=" + long[:63], true, Authentication{
			Version: 1, Issuer: long[:2047], Central: long[:2047], Provider: "default", Nonce: long[:63],
		}},
		{"aV=1\niU=" + long[:2048] + "\naCU=" + long[:2048] + "\naN=" + long[:64], true, Authentication{Version: 1, Provider: "default"}},
		{"aV=1\naS=" + long[:127] + "\naCID=" + long[:255] + "\naSSOp=" + long[:63], true, Authentication{
			Version: 1, State: long[:127], ClientID: long[:255], Provider: long[:63],
		}},
		{"aV=1\naS=" + long[:128] + "\naCID=" + long[:256] + "\naSSOp=" + long[:64], true, Authentication{Version: 1, Provider: "default"}},
		// The dictionary's own limit cuts what is behind 8191 bytes.
		{"aV=1\nx=" + strings.Repeat("u", 8179) + "\naN=12", true, Authentication{Version: 1, Nonce: "1", Provider: "default"}},
	} {
		c.want.Network = 7
		if got, usable := parse(c.text); got != c.want || usable != c.usable {
			t.Errorf("%.40q: usable %v, %+v", c.text, usable, got)
		}
	}
	if a, usable, err := ParseAuthentication(append(identity.NetworkID(7).Append(nil), 0)); err != nil || !usable || a.URL != "" {
		t.Errorf("one byte of data: %v, %v", usable, err)
	}
}

func TestPeerRecord(t *testing.T) {
	t.Parallel()
	id, err := identity.Parse(loadPackets().Identities["alice"])
	if err != nil {
		t.Fatal(err)
	}
	r := PeerRecord{Identity: id, Protocol: 12, Major: 1, Minor: 14, Revision: 258}
	for i := range MaxPeerPaths + 5 {
		r.Paths = append(r.Paths, netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 15: byte(i)}), 9993))
	}
	b := r.Append(nil)
	// The longest record of spec 03 §1.4.
	if len(b) != 1298 {
		t.Errorf("%d bytes", len(b))
	}
	if head := []byte{0, 12, 0, 1, 0, 14, 1, 2, 0, 64, 6}; b[0] != 2 || !bytes.Equal(b[72:83], head) {
		t.Errorf("record has %x, then %x", b[0], b[72:83])
	}
	for n := range len(b) + 1 {
		got, err := ParsePeerRecord(b[:n])
		if n < 82 {
			if err != ErrTruncated {
				t.Errorf("%d bytes: %v", n, err)
			}
			continue
		}
		if err != nil || got.Identity != id || got.Revision != 258 || !slices.Equal(got.Paths, r.Paths[:(n-82)/InetIPv6Len]) {
			t.Errorf("%d bytes: %d paths, %v", n, len(got.Paths), err)
		}
	}
	bad := bytes.Clone(b)
	bad[0] = 1
	if _, err := ParsePeerRecord(bad); err != ErrFormat {
		t.Errorf("version 1: %v", err)
	}
	bad = bytes.Clone(b)
	clear(bad[1:6])
	if _, err := ParsePeerRecord(bad); err != ErrFormat {
		t.Errorf("null identity: %v", err)
	}
	bad = bytes.Clone(b)
	bad[82], bad[83] = 0, 0x05 // a nil path, then one of no type
	if got, err := ParsePeerRecord(bad); err != nil || len(got.Paths) != 0 {
		t.Errorf("malformed path: %v, %v", got.Paths, err)
	}
}
