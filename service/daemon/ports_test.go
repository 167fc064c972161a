package daemon

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"orrery/service/store"
	"orrery/service/udp"
)

// TestPorts follows settings, keeps what still fits, and never opens a port
// that is not allowed.
func TestPorts(t *testing.T) {
	taken := map[int]bool{}
	p := ports{self: 0x1122334455, try: func(port int) error {
		if taken[port] {
			return errors.New("taken")
		}
		return nil
	}}
	if usual, err := p.begin(7001); err != nil || usual != 0 || p.get() != (udp.Ports{Primary: 7001}) {
		t.Fatal(usual, err, p.get())
	}
	s := store.Settings{AllowSecondaryPort: true, PortMapping: true}
	first, missing := p.follow(&s, false)
	if missing != nil || first.Primary != 7001 || first.Secondary < 20000 || first.Tertiary < 20000 || first.Secondary == first.Tertiary {
		t.Fatalf("%+v, %v", first, missing)
	}
	if again, _ := p.follow(&s, false); again != first {
		t.Errorf("%+v after %+v", again, first)
	}
	rotated, _ := p.follow(&s, true)
	if rotated.Secondary == first.Secondary || rotated.Secondary == 0 || rotated.Primary != 7001 || rotated.Tertiary != first.Tertiary {
		t.Errorf("rotated from %+v to %+v", first, rotated)
	}
	for _, c := range []struct {
		s     store.Settings
		fresh bool
		want  udp.Ports
		bad   int
	}{
		{store.Settings{}, false, udp.Ports{Primary: 7001}, 0},
		{store.Settings{PortMapping: true, ForceTCPRelay: true}, false, udp.Ports{Primary: 7001}, 0},
		{store.Settings{}, true, udp.Ports{Primary: 7001}, 0}, // the reference opens one
		{store.Settings{AllowSecondaryPort: true, SecondaryPort: 7002}, false, udp.Ports{Primary: 7001, Secondary: 7002}, 0},
		{store.Settings{AllowSecondaryPort: true, SecondaryPort: 7002}, true, udp.Ports{Primary: 7001, Secondary: 7002}, 0},
		{store.Settings{AllowSecondaryPort: true, SecondaryPort: 7001}, false, udp.Ports{Primary: 7001}, 1},
		{store.Settings{AllowSecondaryPort: true, SecondaryPort: 7666, PortMapping: true, TertiaryPort: 7003}, false, udp.Ports{Primary: 7001, Tertiary: 7003}, 1},
		{store.Settings{AllowSecondaryPort: true, SecondaryPort: 7003, PortMapping: true, TertiaryPort: 7004}, false, udp.Ports{Primary: 7001, Tertiary: 7004}, 1},
		{store.Settings{AllowSecondaryPort: true, SecondaryPort: 7003, PortMapping: true, TertiaryPort: 7004}, false, udp.Ports{Primary: 7001, Secondary: 7003, Tertiary: 7004}, 0},
	} {
		taken[7666] = true
		if got, missing := p.follow(&c.s, c.fresh); got != c.want || len(missing) != c.bad {
			t.Errorf("%+v: %+v, %v, want %+v", c.s, got, missing, c.want)
		}
	}
	if err := p.setPrimary(7666); err == nil || p.get().Primary != 7001 {
		t.Errorf("a port that is taken: %v, %+v", err, p.get())
	}
	taken[7003] = true // by us
	if err := p.setPrimary(7003); err != nil {
		t.Error(err)
	}
	got, _ := p.follow(&s, false)
	if got.Primary != 7003 || got.Secondary == 7003 || got.Secondary == 0 || got.Tertiary != 7004 {
		t.Errorf("%+v", got)
	}
}

// TestSteadyPort: ports are the same at every start, unless they are taken, and
// one that was blocked is not taken again.
func TestSteadyPort(t *testing.T) {
	free := func(int) error { return nil }
	a, b := ports{self: 0xdeadbeef01, try: free}, ports{self: 0xdeadbeef02, try: free}
	s := store.Settings{AllowSecondaryPort: true, PortMapping: true}
	x, _ := a.follow(&s, false)
	y, _ := b.follow(&s, false)
	again := ports{self: a.self, try: free}
	usual := func(port int) bool { return port >= 20000 && port < 65500 }
	if z, _ := again.follow(&s, false); z != x || x.Tertiary == y.Tertiary || x.Secondary == y.Secondary || x.Secondary == x.Tertiary || !usual(x.Secondary) || !usual(x.Tertiary) {
		t.Errorf("%v, %v, %v", x, z, y)
	}
	other := ports{self: a.self, try: func(port int) error {
		if port == x.Tertiary || port == x.Secondary {
			return errors.New("taken")
		}
		return nil
	}}
	if z, missing := other.follow(&s, false); z.Tertiary == 0 || z.Tertiary == x.Tertiary || z.Secondary == 0 || z.Secondary == x.Secondary || missing != nil {
		t.Errorf("%v, %v", z, missing)
	}
	rotated, _ := a.follow(&s, true)
	none := store.Settings{PortMapping: true}
	a.follow(&none, false)
	if z, _ := a.follow(&s, false); z != rotated || z.Secondary == x.Secondary {
		t.Errorf("%v, %v after that was switched off and on", rotated, z)
	}
}

func TestReachable(t *testing.T) {
	ip, ep := netip.MustParseAddr, netip.MustParseAddrPort
	s := udp.Survey{Places: []udp.Place{{Addr: ip("192.0.2.1"), Index: 2}, {Addr: ip("2001:db8::1"), Index: 2}, {Addr: ip("192.0.2.1"), Index: 3}}}
	p := udp.Ports{Primary: 1, Secondary: 2, Tertiary: 3}
	outside := ep("203.0.113.5:3")
	for _, c := range []struct {
		bind []netip.Addr
		want []netip.AddrPort
	}{
		{nil, []netip.AddrPort{outside, ep("192.0.2.1:1"), ep("192.0.2.1:2"), ep("[2001:db8::1]:1"), ep("[2001:db8::1]:2")}},
		{[]netip.Addr{ip("::")}, []netip.AddrPort{outside, ep("[2001:db8::1]:1"), ep("[2001:db8::1]:2")}},
		{[]netip.Addr{ip("192.0.2.1"), ip("192.0.2.9")}, []netip.AddrPort{outside, ep("192.0.2.1:1"), ep("192.0.2.1:2")}},
	} {
		if got := reachable(&s, &store.Settings{Bind: c.bind}, p, outside); !slices.Equal(got, c.want) {
			t.Errorf("bind %v: %v, want %v", c.bind, got, c.want)
		}
	}
}

func TestMoved(t *testing.T) {
	ip := netip.MustParseAddr
	place := func(addr string, index int, up bool) udp.Place {
		return udp.Place{Addr: ip(addr), Index: index, Uplink: up}
	}
	at := func(places ...udp.Place) []uplink { return uplinks(&udp.Survey{Places: places}) }
	lan, wlan, bridge := place("10.0.0.2", 2, true), place("10.1.0.2", 3, true), place("172.17.0.1", 4, false)
	for _, c := range []struct {
		name        string
		before, now []uplink
		same, want  bool
	}{
		{"nothing", at(lan), at(lan), true, false},
		{"a bridge comes", at(lan), at(lan, bridge), false, false},
		{"a bridge goes", at(lan, bridge), at(lan), false, false},
		{"another way out comes", at(lan), at(wlan, lan), false, false},
		{"a way out goes", at(wlan, lan), at(lan), false, true},
		{"another address", at(lan), at(place("10.0.0.3", 2, true)), false, true},
		{"the default route moves", at(lan, place("10.1.0.2", 3, false)), at(wlan, place("10.0.0.2", 2, false)), true, true},
		{"a default route where there was none", at(place("10.0.0.2", 2, false), bridge), at(lan, bridge), true, true},
		{"no default routes, another address", at(bridge), at(place("172.17.0.2", 4, false)), false, true},
	} {
		if got := moved(c.before, c.now, c.same); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
