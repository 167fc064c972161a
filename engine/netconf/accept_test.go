package netconf

import (
	"net/netip"
	"testing"
)

func TestAcceptAndIgnore(t *testing.T) {
	t.Parallel()
	p := netip.MustParsePrefix
	s := Settings{
		AllowManaged: true,
		AcceptRoutes: []netip.Prefix{p("8.8.0.0/16"), p("0.0.0.0/0"), p("10.0.0.0/8")},
		IgnoreRoutes: []netip.Prefix{p("10.5.0.0/16"), p("::/0")},
	}
	for _, c := range []struct {
		target           string
		allows, accepted bool
	}{
		{"8.8.0.0/16", true, true},
		{"8.8.8.0/24", true, true},
		{"8.0.0.0/8", false, false},  // wider than the entry
		{"9.9.9.0/24", false, false}, // an entry for everything is the default route
		{"0.0.0.0/0", true, true},
		{"::/0", false, false},
		{"fd00::/64", true, false},
		{"10.1.0.0/16", true, true},
		{"10.5.0.0/16", false, false}, // ignoring outranks
		{"10.5.1.0/24", false, false},
		{"10.4.0.0/15", true, true},
		{"127.0.0.0/8", false, false},
	} {
		if got := s.AllowsRoute(p(c.target)); got != c.allows {
			t.Errorf("%s allowed: %v", c.target, got)
		}
		if got := s.Accepts(p(c.target)); got != c.accepted {
			t.Errorf("%s accepted: %v", c.target, got)
		}
	}
	if !s.AllowsAddress(p("10.5.1.1/16")) {
		t.Error("an ignored route takes its address along")
	}
	s.AllowManaged = false
	if s.AllowsRoute(p("8.8.0.0/16")) || s.AllowsAddress(p("10.1.1.1/24")) {
		t.Error("accepted without allowManaged")
	}
	s.AllowManaged, s.ManagedOnly = true, []netip.Prefix{p("192.168.0.0/16")}
	if s.AllowsRoute(p("8.8.0.0/16")) {
		t.Error("accepted beside the list")
	}
}
