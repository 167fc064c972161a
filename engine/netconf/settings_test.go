package netconf

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// wide are targets for which the reference asks only for allowGlobal.
var wide = map[string]bool{"128.0.0.0/1": true, "2000::/3": true, "8000::/1": true}

func TestAllowsVectors(t *testing.T) {
	t.Parallel()
	for _, c := range load(t).IPScope {
		p, err := netip.ParsePrefix(c.In)
		if err != nil {
			continue // not an address with a length
		}
		for _, s := range []Settings{
			{AllowManaged: true},
			{AllowManaged: true, AllowGlobal: true},
			{AllowManaged: true, AllowDefault: true},
			{AllowManaged: true, AllowGlobal: true, AllowDefault: true},
			{AllowGlobal: true, AllowDefault: true},
		} {
			want := false
			switch c.Requires {
			case "always":
				want = true
			case "allowGlobal":
				want = s.AllowGlobal && (s.AllowDefault || !wide[c.In])
			case "allowDefault":
				want = s.AllowDefault
			}
			if got := s.Allows(p); got != (want && s.AllowManaged) {
				t.Errorf("%s under %+v: %v", c.In, s, got)
			}
		}
	}
}

func TestAllows(t *testing.T) {
	t.Parallel()
	p := netip.MustParsePrefix
	list := Settings{AllowManaged: true, AllowGlobal: true, ManagedOnly: []netip.Prefix{p("10.1.2.3/16"), p("fd00::5/64"), p("0.0.0.0/0")}}
	list.ManagedOnly = list.ManagedOnly[:2]
	open := Settings{AllowManaged: true}
	full := Settings{AllowManaged: true, AllowGlobal: true, AllowDefault: true}
	cases := []struct {
		s    *Settings
		in   netip.Prefix
		want bool
	}{
		{&list, p("10.1.255.1/24"), true},
		{&list, p("10.1.0.0/16"), true},
		{&list, p("10.1.0.0/15"), false}, // wider than the entry
		{&list, p("10.2.0.0/24"), false},
		{&list, p("fd00::1/64"), true}, // entries are masked, unlike in the reference
		{&list, p("fd00:0:0:1::1/64"), false},
		{&list, p("8.8.8.8/32"), false},
		// A private address with a length that takes in the public Internet.
		{&open, p("10.0.0.1/1"), false},
		{&open, p("192.168.0.1/2"), false},
		{&open, p("10.0.0.0/7"), true}, // 10/8 and 11/8 are both not public
		{&full, p("192.168.0.1/2"), true},
		{&open, p("fd00::1/8"), true},
		{&open, p("fd00::1/7"), true},
		{&open, p("fd00::1/6"), false},
		{&open, p("fc00::/2"), false},
		{&open, netip.Prefix{}, false},
	}
	for _, c := range cases {
		if got := c.s.Allows(c.in); got != c.want {
			t.Errorf("%v: %v", c.in, got)
		}
	}
}

func TestSettingsFile(t *testing.T) {
	t.Parallel()
	p := netip.MustParsePrefix
	const defaults = "allowManaged=1\nallowGlobal=0\nallowDefault=0\nallowDNS=0\n"
	cases := []struct {
		name, text string
		want       Settings
		again      string // what is written back
		err        error
	}{
		{"missing", "", DefaultSettings(), "allowManaged=1\nallowGlobal=0\nallowDefault=0\nallowDNS=0\n", nil},
		{"reference", "allowManaged=1\nallowGlobal=1\nallowDefault=1\nallowDNS=1\n",
			Settings{AllowManaged: true, AllowGlobal: true, AllowDefault: true, AllowDNS: true}, "allowManaged=1\nallowGlobal=1\nallowDefault=1\nallowDNS=1\n", nil},
		{"off", "allowManaged=0", Settings{}, "allowManaged=0\nallowGlobal=0\nallowDefault=0\nallowDNS=0\n", nil},
		{"words", "allowManaged=True\r\nallowDNS=t\r\nallowGlobal=yes", Settings{AllowManaged: true, AllowDNS: true}, "allowManaged=1\nallowGlobal=0\nallowDefault=0\nallowDNS=1\n", nil},
		{"list", "allowManaged=10.0.0.0/8, fd00::/64 ,192.168.7.1\n",
			Settings{AllowManaged: true, ManagedOnly: []netip.Prefix{p("10.0.0.0/8"), p("fd00::/64"), p("192.168.7.1/32")}},
			"allowManaged=10.0.0.0/8,fd00::/64,192.168.7.1/32\nallowGlobal=0\nallowDefault=0\nallowDNS=0\n", nil},
		{"short list", "allowManaged=::/0,::/0\n", Settings{AllowManaged: true, ManagedOnly: []netip.Prefix{p("::/0"), p("::/0")}},
			"allowManaged=::/0,::/0\nallowGlobal=0\nallowDefault=0\nallowDNS=0\n", nil},
		{"list kept while off", "allowManaged=0\nallowManagedPrefixes=10.0.0.0/8\n", Settings{ManagedOnly: []netip.Prefix{p("10.0.0.0/8")}},
			"allowManaged=0\nallowGlobal=0\nallowDefault=0\nallowDNS=0\nallowManagedPrefixes=10.0.0.0/8\n", nil},
		{"half a list", "allowManaged=10.0.0.0/8,junk\n", Settings{AllowManaged: true, ManagedOnly: []netip.Prefix{p("10.0.0.0/8")}},
			"allowManaged=10.0.0.0/8\nallowGlobal=0\nallowDefault=0\nallowDNS=0\n", ErrSetting},
		{"list of rubbish", "allowManaged=everything", Settings{}, "allowManaged=0\nallowGlobal=0\nallowDefault=0\nallowDNS=0\n", ErrSetting},
		{"own settings", "port=tap\nverifiedOnly=1\n", Settings{AllowManaged: true, Port: "tap", VerifiedOnly: true},
			"allowManaged=1\nallowGlobal=0\nallowDefault=0\nallowDNS=0\nport=tap\nverifiedOnly=1\n", nil},
		{"all own settings", "token=let\\eme in\nignoreRoutes=10.9.0.0/16\nacceptRoutes=0.0.0.0/0, 8.8.8.8\nmtu=1400\nremoteTrace=1\nlanDiscovery=1\nport=tun\ndnsDefault=1\n",
			Settings{AllowManaged: true, Port: PortTUN, LANDiscovery: true, RemoteTrace: true, DNSDefault: true, MTU: 1400, Token: "let=me in",
				AcceptRoutes: []netip.Prefix{p("0.0.0.0/0"), p("8.8.8.8/32")}, IgnoreRoutes: []netip.Prefix{p("10.9.0.0/16")}},
			"allowManaged=1\nallowGlobal=0\nallowDefault=0\nallowDNS=0\nport=tun\nlanDiscovery=1\ndnsDefault=1\nremoteTrace=1\nmtu=1400\n" +
				"acceptRoutes=0.0.0.0/0,8.8.8.8/32\nignoreRoutes=10.9.0.0/16\ntoken=let\\eme in\n", nil},
		{"verified, perhaps", "verifiedOnly=maybe\nlanDiscovery=maybe\n", Settings{AllowManaged: true, VerifiedOnly: true}, defaults + "verifiedOnly=1\n", ErrSetting},
		{"words", "verifiedOnly=yes\nlanDiscovery=True\ndnsDefault=off\nremoteTrace=0\n", Settings{AllowManaged: true, VerifiedOnly: true, LANDiscovery: true}, defaults + "verifiedOnly=1\nlanDiscovery=1\n", nil},
		{"zero MTU", "mtu=0\n", DefaultSettings(), defaults, nil},
		{"low MTU", "mtu=1279\n", DefaultSettings(), defaults, ErrSetting},
		{"high MTU", "mtu=10001\n", DefaultSettings(), defaults, ErrSetting},
		{"hex MTU", "mtu=0x578\n", DefaultSettings(), defaults, ErrSetting},
		{"no such port", "port=serial\n", DefaultSettings(), defaults, ErrSetting},
		{"bad accepted route", "acceptRoutes=junk,10.0.0.0/8\n", Settings{AllowManaged: true, AcceptRoutes: []netip.Prefix{p("10.0.0.0/8")}},
			defaults + "acceptRoutes=10.0.0.0/8\n", ErrSetting},
		{"bad ignored route", "acceptRoutes=10.0.0.0/8\nignoreRoutes=10.0.0.0/33,10.1.0.0/16\n", Settings{AllowManaged: true, IgnoreRoutes: []netip.Prefix{p("10.1.0.0/16")}},
			defaults + "ignoreRoutes=10.1.0.0/16\n", ErrSetting},
		{"long token", "token=" + strings.Repeat("x", MaxToken+1), DefaultSettings(), defaults, ErrSetting},
		{"token with controls", "token=a\x01b", DefaultSettings(), defaults, ErrSetting},
		{"unknown", "later=a\\eb\nallowDNS=1\nlater=c\n", Settings{AllowManaged: true, AllowDNS: true},
			"allowManaged=1\nallowGlobal=0\nallowDefault=0\nallowDNS=1\nlater=a\\eb\n", nil},
	}
	for _, c := range cases {
		s, err := ParseSettings([]byte(c.text))
		if !errors.Is(err, c.err) || !s.Equal(&c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.name, s, err, c.want)
		}
		if got := string(s.Append(nil)); got != c.again {
			t.Errorf("%s: wrote %q, want %q", c.name, got, c.again)
		}
	}
	one := Settings{AllowManaged: true, ManagedOnly: []netip.Prefix{p("::/0")}}
	back, err := ParseSettings(one.Append(nil))
	if err != nil || !back.AllowManaged || len(back.ManagedOnly) == 0 || back.ManagedOnly[0] != one.ManagedOnly[0] {
		t.Errorf("a list as short as a boolean: %+v, %v", back, err)
	}
}

// FuzzSettings checks that settings survive being written, and that rewriting a
// file never allows more than it did.
func FuzzSettings(f *testing.F) {
	f.Add([]byte("allowManaged=10.0.0.0/8,fd00::/64\nallowGlobal=1\n"), "10.0.0.1/24")
	f.Add([]byte("allowManaged=0\nallowManagedPrefixes=::/0\nport=tap\nverifiedOnly=1"), "::/0")
	f.Add([]byte("token=a\\eb\nmtu=1400\nlanDiscovery=1\nacceptRoutes=::/0\nignoreRoutes=10.0.0.0/8,10.0.0.1"), "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, b []byte, target string) {
		s, _ := ParseSettings(b)
		text := s.Append(nil)
		again, err := ParseSettings(text)
		if len(text) >= settingsCapacity {
			return
		}
		if err != nil || string(again.Append(nil)) != string(text) {
			t.Fatalf("%q: %v", text, err)
		}
		x, y := s, again
		x.ManagedOnly, y.ManagedOnly = nil, nil // a short one is written twice
		if !x.Equal(&y) || !ValidMTU(s.MTU) || !ValidToken(s.Token) {
			t.Fatalf("%+v became %+v", s, again)
		}
		if p, err := netip.ParsePrefix(target); err == nil && again.Allows(p) != s.Allows(p) {
			t.Fatalf("%v: %v before, %v after", p, s.Allows(p), again.Allows(p))
		}
	})
}

// TestSettingsEqual checks that no setting can change unnoticed.
func TestSettingsEqual(t *testing.T) {
	t.Parallel()
	list := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	base := DefaultSettings()
	for i, change := range []func(s *Settings){
		func(s *Settings) { s.AllowManaged = false }, func(s *Settings) { s.ManagedOnly = list }, func(s *Settings) { s.AllowGlobal = true },
		func(s *Settings) { s.AllowDefault = true }, func(s *Settings) { s.AllowDNS = true }, func(s *Settings) { s.Port = PortTAP },
		func(s *Settings) { s.VerifiedOnly = true }, func(s *Settings) { s.LANDiscovery = true }, func(s *Settings) { s.RemoteTrace = true }, func(s *Settings) { s.DNSDefault = true }, func(s *Settings) { s.MTU = 1400 },
		func(s *Settings) { s.AcceptRoutes = list }, func(s *Settings) { s.IgnoreRoutes = list }, func(s *Settings) { s.Token = "x" },
	} {
		s := DefaultSettings()
		if change(&s); s.Equal(&base) || !s.Equal(&s) {
			t.Errorf("change %d is not seen", i)
		}
	}
}
