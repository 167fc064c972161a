package dns

import (
	"strings"
	"testing"
)

func TestParseDomain(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(strings.Repeat("a", 63)+".", 3) + strings.Repeat("b", 61)
	for _, c := range []struct {
		in, want string // no want: refused
		whole    bool
		says     string
	}{
		{in: "corp.example.com", want: "corp.example.com"},
		{in: "Team.Home.ARPA", want: "team.home.arpa"},
		{in: "home.arpa", want: "home.arpa"},
		{in: "internal", want: "internal"},
		{in: "lan.", want: "lan"},
		{in: "local", want: "local"},
		{in: "office.local", want: "office.local"},
		{in: "example.com", want: "example.com"},
		{in: "xn--bcher-kva.example", want: "xn--bcher-kva.example"},
		{in: "me.github.io", want: "me.github.io"},
		{in: "a-1.2b.internal", want: "a-1.2b.internal"},
		{in: long, want: long},
		{in: "zt", want: "zt", whole: true},
		{in: "com", want: "com", whole: true},

		{in: "com", says: "public suffix"},
		{in: "co.uk", says: "public suffix"},
		{in: "github.io", says: "public suffix"},
		{in: "zt", says: "single label"},
		{in: "onion", says: `belongs to ".onion"`, whole: true},
		{in: "x.localhost", says: "belongs to"},
		{in: "10.in-addr.arpa", says: `belongs to ".arpa"`},
		{in: "arpa", says: "belongs to"},
		{in: "", says: "is empty", whole: true},
		{in: ".", says: "is empty", whole: true},
		{in: "..", says: "empty label", whole: true},
		{in: ".corp.internal", says: "empty label"},
		{in: "corp..internal", says: "empty label"},
		{in: "corp.internal..", says: "empty label"},
		{in: "~corp.internal", says: "characters"},
		{in: "~.", says: "characters", whole: true},
		{in: "corp internal", says: "characters"},
		{in: "corp.internal\nnameserver 8.8.8.8", says: "characters"},
		{in: "corp/internal", says: "characters"},
		{in: "*.internal", says: "characters"},
		{in: "_ldap.internal", says: "characters"},
		{in: "bücher.example", says: "characters"},
		{in: "-a.internal", says: "hyphen"},
		{in: "a-.internal", says: "hyphen"},
		{in: "192.168.1.1", says: "ends with a number"},
		{in: strings.Repeat("a", 64) + ".internal", says: "63"},
		{in: long + "bc", says: "253"},
	} {
		got, err := ParseDomain(c.in, c.whole)
		switch {
		case c.says == "" && (err != nil || got != c.want):
			t.Errorf("%q: %q, %v", c.in, got, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%q: %q, %v; want one that says %q", c.in, got, err, c.says)
		}
	}
}

// FuzzParseDomain checks that whatever is taken is safe in a file or message of
// a resolver, and is taken again unchanged.
func FuzzParseDomain(f *testing.F) {
	for _, s := range []string{"corp.internal", "COM", "a..b", "\x00", "xn--a.de.", "1.2.3.4", strings.Repeat("a.", 200)} {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, in string, whole bool) {
		d, err := ParseDomain(in, whole)
		if err != nil {
			if d != "" {
				t.Fatalf("%q: %q with an error", in, d)
			}
			return
		}
		if d == "" || len(d) > maxDomain || strings.Trim(d, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" ||
			strings.HasPrefix(d, ".") || strings.HasSuffix(d, ".") || strings.Contains(d, "..") {
			t.Fatalf("%q gives %q", in, d)
		}
		if again, err := ParseDomain(d, whole); err != nil || again != d {
			t.Fatalf("%q gives %q, which gives %q, %v", in, d, again, err)
		}
	})
}
