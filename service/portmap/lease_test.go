package portmap

import (
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEpoch(t *testing.T) {
	t.Parallel()
	type reading struct {
		server uint32
		after  time.Duration
		lost   bool
	}
	for name, readings := range map[string][]reading{
		"first":                  {{server: 12345}},
		"in step":                {{server: 100}, {server: 400, after: 300 * time.Second}, {server: 4000, after: time.Hour}},
		"back by a second":       {{server: 100}, {server: 99, after: time.Second}},
		"back":                   {{server: 100}, {server: 98, lost: true}, {server: 99, after: time.Second}},
		"restarted long ago":     {{server: 100}, {server: 7000, after: 2 * time.Hour}, {server: 3600, after: 2 * time.Hour, lost: true}},
		"restarted, more uptime": {{server: 100}, {server: 300, after: time.Hour, lost: true}},
		"jumped ahead":           {{server: 100}, {server: 5000, after: time.Minute, lost: true}},
		"a sixteenth off":        {{server: 0}, {server: 1600 - 100, after: 1600 * time.Second}},
		"wrapped":                {{server: math.MaxUint32}, {server: 10, after: 11 * time.Second, lost: true}},
	} {
		var e epoch
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i, r := range readings {
			now = now.Add(r.after)
			if got := e.lost(r.server, now); got != r.lost {
				t.Errorf("%s, reading %d: %v, want %v", name, i, got, r.lost)
			}
		}
	}
}

func TestGrantCheck(t *testing.T) {
	t.Parallel()
	w := want{link: link{gateway: netip.MustParseAddr("192.168.1.1"), local: netip.MustParseAddr("192.168.1.2")}, port: 9994}
	avoid := func(a netip.Addr) bool { return a == netip.MustParseAddr("9.9.9.9") }
	for _, c := range []struct {
		external string
		life     time.Duration
		code     Code
	}{
		{"5.6.7.8:9994", time.Hour, ""},
		{"5.6.7.8:9994", 0, ""}, // permanent
		{"5.6.7.8:9994", leastLife - time.Second, Refused},
		{"5.6.7.8:0", time.Hour, Misbehaves},
		{"10.1.1.1:9994", time.Hour, DoubleNAT},
		{"192.168.0.3:9994", time.Hour, DoubleNAT},
		{"100.64.0.1:9994", time.Hour, DoubleNAT}, // a carrier's NAT
		{"127.0.0.1:9994", time.Hour, DoubleNAT},
		{"224.0.0.1:9994", time.Hour, DoubleNAT},
		{"9.9.9.9:9994", time.Hour, DoubleNAT}, // of our own virtual network
		{"192.168.1.2:9994", time.Hour, NoNAT},
		{"0.0.0.0:9994", time.Hour, NoExternal},
		{"[::]:9994", time.Hour, NoExternal},
		{"[2001:db8::1]:9994", time.Hour, NoExternal},
	} {
		g := grant{external: netip.MustParseAddrPort(c.external), life: c.life}
		var code Code
		if err := g.check(&w, avoid); err != nil {
			code = problemOf(err).code
		}
		if code != c.code {
			t.Errorf("%s for %v: %q, want %q", c.external, c.life, code, c.code)
		}
	}
	g := grant{external: netip.MustParseAddrPort("5.6.7.8:1"), life: math.MaxUint32 * time.Second}
	if err := g.check(&w, avoid); err != nil || g.life != mostLife {
		t.Errorf("136 years: %v, %v", g.life, err)
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		port, hint uint16
		want       []uint16
	}{
		{9994, 0, []uint16{9994, 9995, 9996, 9997, 9998, 9999, 10000, 10001}},
		{9994, 9996, []uint16{9996, 9994, 9995, 9997, 9998, 9999, 10000, 10001}},
		{9994, 40000, []uint16{40000, 9994, 9995, 9996, 9997, 9998, 9999, 10000}},
		{65533, 0, []uint16{65533, 65534, 65535, 1025, 1026, 1027, 1028, 1029}},
	} {
		w := want{port: c.port, hint: netip.AddrPortFrom(netip.Addr{}, c.hint)}
		if got := candidates(w); !slices.Equal(got, c.want) {
			t.Errorf("%d, wanting %d: %v, want %v", c.port, c.hint, got, c.want)
		}
	}
}

func TestReadable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                       "",
		"fine":                   "fine",
		" a \n\x1b[31mred\x00 b": "a [31mred b",
		"\xff\u202ex":            "\ufffd x",
	} {
		if got := readable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := readable(strings.Repeat("é", 10000)); len(got) > 200 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	var got []time.Duration
	for i := range 12 {
		got = append(got, pauseAfter(i+1))
	}
	want := []time.Duration{5e8, 1e9, 2e9, 4e9, 8e9, 16e9, 32e9, 64e9, 128e9, 256e9, 512e9, 600e9}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if d := pauseAfter(math.MaxInt32); d != longestPause {
		t.Errorf("at last %v", d)
	}
}

func TestNonce(t *testing.T) {
	t.Parallel()
	a, b := newNonce([]byte("secret"), 1), newNonce([]byte("secret"), 1)
	if a != b || a == newNonce([]byte("secret"), 2) || a == newNonce([]byte("other"), 1) || a == (nonce{}) {
		t.Error("a nonce is made of the seed and the port")
	}
	if c, d := newNonce(nil, 1), newNonce(nil, 1); c == d {
		t.Error("without a seed it is random")
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	addr := netip.MustParseAddr
	wlan := route{gateway: addr("192.168.1.1"), metric: 600, addresses: []netip.Prefix{
		netip.MustParsePrefix("fe80::1/64"), netip.MustParsePrefix("10.9.9.9/24"), netip.MustParsePrefix("192.168.1.2/24"),
	}}
	lan := route{gateway: addr("10.0.0.1"), metric: 100, addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")}}
	virtual := route{gateway: addr("10.147.17.1"), addresses: []netip.Prefix{netip.MustParsePrefix("10.147.17.2/24")}}
	sourced := lan
	sourced.source = addr("10.0.0.77")
	same := route{gateway: addr("10.0.0.9"), metric: 100, addresses: lan.addresses}
	remote := route{gateway: addr("172.31.1.1"), addresses: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}}
	none := route{gateway: addr("10.0.0.1")}
	for name, c := range map[string]struct {
		routes []route
		want   string
	}{
		"nothing":              {nil, ""},
		"one":                  {[]route{wlan}, "192.168.1.1 192.168.1.2"},
		"lowest metric":        {[]route{wlan, lan}, "10.0.0.1 10.0.0.2"},
		"not a virtual one":    {[]route{virtual, wlan}, "192.168.1.1 192.168.1.2"},
		"only a virtual one":   {[]route{virtual}, ""},
		"preferred source":     {[]route{sourced}, "10.0.0.1 10.0.0.77"},
		"always the same":      {[]route{same, lan}, "10.0.0.1 10.0.0.2"},
		"gateway of no subnet": {[]route{remote}, "172.31.1.1 198.51.100.7"},
		"no address":           {[]route{none, wlan}, "192.168.1.1 192.168.1.2"},
		"no gateway":           {[]route{{gateway: addr("0.0.0.0"), addresses: lan.addresses}, {gateway: addr("fe80::1"), addresses: lan.addresses}}, ""},
	} {
		avoid := func(a netip.Addr) bool { return netip.MustParsePrefix("10.147.17.0/24").Contains(a) }
		l, err := choose(c.routes, avoid)
		got := ""
		if err == nil {
			got = l.gateway.String() + " " + l.local.String()
		}
		if got != c.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, c.want)
		}
	}
}
