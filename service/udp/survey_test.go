package udp

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func addrs(places []Place) (all []netip.Addr) {
	for _, p := range places {
		all = append(all, p.Addr)
	}
	return all
}

func TestChoose(t *testing.T) {
	t.Parallel()
	ip := netip.MustParseAddr
	all := []localAddr{
		{ifname: "lo", index: 1, addr: ip("127.0.0.1"), up: true},
		{ifname: "lo", index: 1, addr: ip("10.9.9.9"), up: true},
		{ifname: "eth0", index: 2, addr: ip("2001:db8::7"), up: true},
		{ifname: "eth0", index: 2, addr: ip("192.168.1.2"), up: true},
		{ifname: "eth0", index: 2, addr: ip("192.168.1.2"), up: true},
		{ifname: "eth0", index: 2, addr: ip("fe80::1:2"), up: true},
		{ifname: "eth0", index: 2, addr: ip("169.254.3.4"), up: true},
		{ifname: "eth0", index: 2, addr: ip("2001:db8::8"), up: true, unfit: true},
		{ifname: "eth0", index: 2, addr: ip("2001:470::1"), up: true},
		{ifname: "eth0", index: 2, addr: ip("::ffff:8.8.4.4"), up: true},
		{ifname: "eth1", index: 3, addr: ip("192.168.2.2"), up: false},
		{ifname: "ztabcdefgh", index: 4, addr: ip("10.147.17.1"), up: true},
		{ifname: "tun0", index: 5, addr: ip("10.8.0.1"), up: true},
		{ifname: "tap0", index: 6, addr: ip("10.8.0.2"), up: true},
		{ifname: "ours", index: 7, addr: ip("10.8.0.3"), up: true},
		{ifname: "wg0", index: 8, addr: ip("10.10.0.1"), up: true},
		{ifname: "wg1", index: 9, addr: ip("192.168.1.2"), up: true},
		{ifname: "docker0", index: 10, addr: ip("172.17.0.1"), up: true},
	}
	rules := Rules{
		Own:     func(n string) bool { return n == "ours" },
		Exclude: func(n string, _ netip.Addr) bool { return n == "docker0" },
	}
	ignored := []string{"lo", "zt", "tun", "tap"}
	want := []netip.Addr{ip("8.8.4.4"), ip("192.168.1.2"), ip("2001:db8::7"), ip("10.10.0.1"), ip("192.168.1.2")}
	got := choose(all, ignored, rules)
	if !slices.Equal(addrs(got.Places), want) || !got.Link || got.Places[4].Device != "wg1" {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, c := range []struct {
		use  []localAddr
		link bool
	}{{nil, false}, {all[:1], false}, {all[5:7], false}, {all[10:11], false}, {all[14:15], false}, {all[12:13], true}, {all[17:], true}} {
		if got := choose(c.use, ignored, rules); got.Places != nil || got.Link != c.link {
			t.Errorf("%v: %+v, want link %v", c.use, got, c.link)
		}
	}
}

// TestOrder has a machine with many bridges, two uplinks and many addresses on
// one of them.
func TestOrder(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix
	var all []localAddr
	r := routes{}
	for i := range 40 {
		all = append(all, localAddr{ifname: fmt.Sprintf("br-%d", i), index: 3 + i, addr: netip.AddrFrom4([4]byte{172, 18, byte(i), 1}), up: true})
		r.add(3+i, netip.PrefixFrom(all[i].addr, 24).Masked())
	}
	for i := range 200 {
		all = append(all, localAddr{ifname: "eth0", index: 50, addr: netip.AddrFrom4([4]byte{11, 0, 0, byte(i)}), up: true})
	}
	all = append(all, localAddr{ifname: "wlan0", index: 51, addr: netip.MustParseAddr("192.168.1.2"), up: true},
		localAddr{ifname: "wlan0", index: 51, addr: netip.MustParseAddr("fd00::2"), up: true},
		localAddr{ifname: "dummy0", index: 52, addr: netip.MustParseAddr("11.1.1.1"), up: true})
	for _, i := range []int{50, 51} {
		r.add(i, prefix("0.0.0.0/0"))
		r.add(i, prefix("11.0.0.0/24"))
	}
	r.add(51, prefix("fd00::/64"))
	s := choose(all, nil, Rules{})
	s.order(r)
	for i, want := range []string{"11.0.0.0", "192.168.1.2", "11.0.0.1", "11.0.0.2"} {
		if p := s.Places[i]; p.Addr.String() != want || !p.Uplink || p.Reach != nil {
			t.Errorf("place %d is %+v, want %s", i, p, want)
		}
	}
	for _, p := range s.Places[201:] {
		want := r[p.Index]
		switch {
		case p.Uplink || p.Reach == nil:
			t.Errorf("%+v is an uplink", p)
		case p.Device == "dummy0" && len(p.Reach) != 0, want != nil && !slices.Equal(p.Reach, want[family(p.Addr.Is6())].prefixes):
			t.Errorf("%+v reaches %v", p, want)
		}
	}
	b := s.Bindings(Ports{Primary: 9993, Secondary: 20001, Tertiary: 20002})
	for i, want := range []string{"11.0.0.0:9993", "11.0.0.0:20001", "192.168.1.2:9993", "192.168.1.2:20001", "11.0.0.1:9993"} {
		if b[i].Local.String() != want || b[i].Role != Role(i%2) || b[i].Device == "" || b[i].Index == 0 {
			t.Errorf("binding %d is %+v, want %s", i, b[i], want)
		}
	}
	if n := len(s.Places); len(b) != 3*n || b[2*n].Role != Tertiary || b[2*n].Local.String() != "11.0.0.0:20002" {
		t.Errorf("%d bindings for %d places, the first tertiary one is %+v", len(b), n, b[2*n])
	}
	s.order(nil)
	if p := s.Places[0]; !slices.ContainsFunc(s.Places, func(p Place) bool { return p.Reach == nil }) {
		t.Errorf("without routes: %+v", p)
	}
}

func TestManyRoutes(t *testing.T) {
	t.Parallel()
	r := routes{}
	for i := range 2 * maxReach {
		r.add(3, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / 2), 0, 0}), 16))
	}
	if l := r[3][0]; l.uplink || len(l.prefixes) != maxReach {
		t.Errorf("%+v", l)
	}
	r.add(3, netip.MustParsePrefix("10.99.0.0/16"))
	if l := r[3][0]; !l.uplink || l.prefixes != nil || r[3][1].uplink {
		t.Errorf("%+v", r[3])
	}
}

// TestRoutesAreReadAnew: routes are read whenever it is asked for, however long
// that takes on a busy machine; but not very many of them, for a while.
func TestRoutesAreReadAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads, many := 0, 10
		v := Surveyor{read: func() (routes, error) {
			reads++
			time.Sleep(2 * time.Second) // of the bubble: others have their turn
			r := routes{}
			for range many {
				r.add(reads, netip.MustParsePrefix("10.0.0.0/16"))
			}
			return r, nil
		}}
		look := func(what string, want int) {
			t.Helper()
			if r := v.look(); reads != want || r[want] == nil {
				t.Errorf("%s: %d readings, want %d; %v", what, reads, want, r)
			}
		}
		look("few routes", 1)
		look("at once again", 2)
		many = 2 * plenty
		look("many routes for the first time", 3)
		look("at once again", 3)
		time.Sleep(2 * plenty * perRoute)
		look("after a while", 4)
	})
}

func TestBindingsWithoutPlaces(t *testing.T) {
	t.Parallel()
	var s Survey
	if b := s.Bindings(Ports{Primary: 9993}); !reflect.DeepEqual(b, Wildcard(9993, Primary)) {
		t.Errorf("%+v", b)
	}
	b := Exact([]netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.2")}, Ports{Primary: 1, Tertiary: 3})
	want := slices.Concat(at("192.0.2.1", Primary, 1), at("192.0.2.2", Primary, 1), at("192.0.2.1", Tertiary, 3), at("192.0.2.2", Tertiary, 3))
	if !reflect.DeepEqual(b, want) {
		t.Errorf("%+v", b)
	}
}

func TestSurvey(t *testing.T) {
	t.Parallel()
	var v Surveyor
	for range 2 {
		s, err := v.Survey(Rules{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range s.Places {
			if ip := p.Addr; ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.Zone() != "" || ip.Is4In6() || p.Device == "" || p.Index == 0 {
				t.Errorf("%+v is no endpoint", p)
			}
		}
		if len(s.Places) > 0 && !s.Link {
			t.Errorf("%+v", s)
		}
	}
}
