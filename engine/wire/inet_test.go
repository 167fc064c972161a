package wire

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"
)

type primitiveVectors struct {
	Serialize []struct {
		Name, Input, String string
		Bytes               bin
	} `json:"inetaddress_serialize"`
	Deserialize []struct {
		Name, String string
		Bytes        bin
		OK           bool
		Consumed     int
	} `json:"inetaddress_deserialize"`
	Text []struct {
		Name, Input, String string
		Returns             bool
		IP                  bin `json:"ip_bytes"`
		Port                uint16
	} `json:"inetaddress_string"`
	Scopes []struct {
		Name, IP string
		Scope    Scope
	} `json:"ip_scope"`
	Prefixes []struct {
		Name, Prefix, Address string
		Contains              bool
		IsNetwork             bool `json:"is_network"`
		Netmask               *string
		Network               *string
		Broadcast             *string
		MatchingBits          int `json:"matching_prefix_bits"`
	} `json:"ip_prefix_ops"`
	Encode []struct {
		Name  string
		Added bool `json:"all_added"`
		Bytes bin
	} `json:"dictionary_encode"`
	Decode []struct {
		Name    string
		Bytes   bin
		Lookups []struct {
			Key    string
			Size   int `json:"dest_size"`
			Result int
			Value  bin
			Bool   bool
			UI     string
			I      string
		}
	} `json:"dictionary_decode"`
}

func TestInetBinary(t *testing.T) {
	t.Parallel()
	v := load[primitiveVectors](t, "primitives.json")
	for _, c := range v.Serialize {
		a, err := ParseInetText(c.Input)
		if err != nil {
			t.Errorf("%s: %v", c.Input, err)
		}
		got := AppendInet([]byte{0xee}, a)
		if !bytes.Equal(got[1:], c.Bytes) || InetLen(a) != len(c.Bytes) {
			t.Errorf("%s: %x, want %x", c.Input, got[1:], []byte(c.Bytes))
		}
		back, n, err := ParseInet(got[1:])
		if back != a || n != len(c.Bytes) || err != nil {
			t.Errorf("%s: parses as %s, %d, %v", c.Input, back, n, err)
		}
		want := c.String
		if want == "::1.2.3.4/1" {
			want = "::102:304/1" // netip prints only mapped addresses with dots
		}
		if FormatInet(a) != want {
			t.Errorf("%s prints as %q, want %q", c.Input, FormatInet(a), want)
		}
	}
	for _, c := range v.Deserialize {
		a, n, err := ParseInet(c.Bytes)
		if c.OK && c.Consumed > len(c.Bytes) {
			// The reference skips reserved types without checking that they are
			// there (cases 9 and 13); that is refused.
			if err != ErrTruncated || n != 0 {
				t.Errorf("%x: %d, %v", []byte(c.Bytes), n, err)
			}
			continue
		}
		if (err == nil) != c.OK || n != c.Consumed || FormatInet(a) != c.String {
			t.Errorf("%x: %q, %d, %v; want %q, %d, %v", []byte(c.Bytes), FormatInet(a), n, err, c.String, c.Consumed, c.OK)
		}
	}
}

func TestInetText(t *testing.T) {
	t.Parallel()
	// The reference reads an IP that does not parse as 0; here it is refused.
	unparsable := map[string]bool{
		"1.2.3/5": true, "300.1.1.1/5": true, "zz::/64": true, "fe80::1%eth0/64": true, "1.2.3.4 /5": true,
	}
	for _, c := range load[primitiveVectors](t, "primitives.json").Text {
		a, err := ParseInetText(c.Input)
		if want := c.Returns && !unparsable[c.Input]; (err == nil) != want {
			t.Errorf("%q: %v, want success %v", c.Input, err, want)
		}
		if err != nil {
			if a != (netip.AddrPort{}) {
				t.Errorf("%q: %s in spite of an error", c.Input, a)
			}
			continue
		}
		if !bytes.Equal(a.Addr().AsSlice(), c.IP) || a.Port() != c.Port || FormatInet(a) != c.String {
			t.Errorf("%q: %q, want %q", c.Input, FormatInet(a), c.String)
		}
	}
	for _, c := range []struct {
		in   string
		want string
	}{
		{"", ""}, {"1.2.3.4/5/6", "1.2.3.4/5"}, {"1.2.3.4/ 7", "1.2.3.4/7"}, {"::1/0x10", "::1/0"},
	} {
		if a, err := ParseInetText(c.in); err != nil || FormatInet(a) != c.want {
			t.Errorf("%q: %q, %v", c.in, FormatInet(a), err)
		}
	}
	if FormatInet(netip.MustParseAddrPort("[fe80::1%eth0]:9")) != "fe80::1/9" {
		t.Error("a zone is printed")
	}
}

func TestScopeOf(t *testing.T) {
	t.Parallel()
	for _, c := range load[primitiveVectors](t, "primitives.json").Scopes {
		a, err := ParseInetText(c.IP)
		if err != nil {
			t.Fatal(err)
		}
		if got := ScopeOf(a.Addr()); got != c.Scope {
			t.Errorf("%s: %s, want %s", c.IP, got, c.Scope)
		}
	}
}

func TestUsableForPath(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"198.51.100.1": true, "10.0.0.1": true, "11.0.0.1": true, "8.8.8.8": true, "fd00::1": true, "2001:db8::1": true,
		"2001:470::1": false, "2001:470:ffff::1": false, "2001:471::1": true, "127.0.0.1": false, "::1": false,
		"169.254.1.1": false, "fe80::5": false, "224.0.0.1": false, "ff02::1": false, "0.0.0.0": false, "255.255.255.255": false, "::": false,
	} {
		if got := UsableForPath(netip.MustParseAddr(s)); got != want {
			t.Errorf("%s: %v", s, got)
		}
	}
	if UsableForPath(netip.Addr{}) {
		t.Error("no address is usable")
	}
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	text := func(a netip.Addr) string {
		if !a.IsValid() {
			return ""
		}
		return a.String()
	}
	for _, c := range load[primitiveVectors](t, "primitives.json").Prefixes {
		a, err := ParseInetText(c.Prefix)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ParseInetText(c.Address)
		if err != nil {
			t.Fatal(err)
		}
		p := PrefixOf(a)
		if InetOf(p) != a {
			t.Errorf("%s: back as %s", c.Prefix, InetOf(p))
		}
		if got := Contains(p, b.Addr()); got != c.Contains {
			t.Errorf("%s contains %s: %v", c.Prefix, c.Address, got)
		}
		if got := IsNetwork(p); got != c.IsNetwork {
			t.Errorf("%s is a network: %v", c.Prefix, got)
		}
		if got := MatchingBits(a.Addr(), b.Addr()); got != c.MatchingBits {
			t.Errorf("%s and %s: %d bits", c.Prefix, c.Address, got)
		}
		for name, x := range map[string]struct {
			want *string
			got  netip.Addr
		}{
			"netmask": {c.Netmask, Netmask(p)}, "network": {c.Network, p.Masked().Addr()}, "broadcast": {c.Broadcast, BroadcastOf(p)},
		} {
			if x.want != nil && text(x.got) != *x.want {
				t.Errorf("%s of %s: %s, want %s", name, c.Prefix, text(x.got), *x.want)
			}
		}
	}
	// Where the reference shifts by a whole word, the obvious result.
	zero, host := netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("10.1.2.3/32")
	if text(Netmask(zero)) != "0.0.0.0" || text(BroadcastOf(zero)) != "255.255.255.255" || text(BroadcastOf(host)) != "10.1.2.3" {
		t.Errorf("%s, %s, %s", Netmask(zero), BroadcastOf(zero), BroadcastOf(host))
	}
	if all := netip.MustParsePrefix("::/0"); !Contains(all, netip.MustParseAddr("2001:db8::1")) || text(Netmask(all)) != "::" {
		t.Error("::/0 does not contain everything")
	}
	if bad := PrefixOf(netip.MustParseAddrPort("10.0.0.1:33")); bad.IsValid() || IsNetwork(bad) || Netmask(bad).IsValid() || InetOf(bad).IsValid() {
		t.Errorf("a prefix of 33 bits is %s", bad)
	}
}

// TestReservedInet walks a list of reserved types, as worlds may have them.
func TestReservedInet(t *testing.T) {
	t.Parallel()
	b, err := hex.DecodeString("0001aaaaaaaaaaaa02bbbbbbbbbbbb030002cccc04010203042709")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for len(b) > 0 {
		a, n, err := ParseInet(b)
		if err != nil {
			t.Fatal(err)
		}
		got, b = append(got, FormatInet(a)), b[n:]
	}
	if len(got) != 5 || got[4] != "1.2.3.4/9993" || got[0]+got[1]+got[2]+got[3] != "" {
		t.Errorf("%q", got)
	}
}

func TestScopeNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for s := range ScopePrivate + 2 {
		name := s.String()
		if seen[name] || (name == "undefined") != (s > ScopePrivate) {
			t.Errorf("scope %d is named %q", s, name)
		}
		seen[name] = true
	}
}
