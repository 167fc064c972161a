package netconf

import (
	"errors"
	"net/netip"
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
		if p, err := netip.ParsePrefix(target); err == nil && again.Allows(p) != s.Allows(p) {
			t.Fatalf("%v: %v before, %v after", p, s.Allows(p), again.Allows(p))
		}
	})
}
