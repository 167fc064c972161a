package portmap

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"orrery/service/device/devicetest"
)

// TestLinuxGateway reads real routing tables.
func TestLinuxGateway(t *testing.T) {
	ns := devicetest.NewNamespace(t)
	nobody := func(netip.Addr) bool { return false }
	find := func() string {
		t.Helper()
		routes, err := defaultRoutes()
		if err != nil {
			t.Fatal(err)
		}
		l, err := choose(routes, nobody)
		if err != nil {
			return ""
		}
		return l.gateway.String() + " " + l.local.String()
	}
	add := func(r *netlink.Route) {
		t.Helper()
		if err := netlink.RouteAdd(r); err != nil {
			t.Fatalf("%v: %v", r, err)
		}
	}
	check := func(what, want string) {
		t.Helper()
		if got := find(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	ns.Do(func() {
		check("an empty machine", "")
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "lan"}, PeerName: "router"}); err != nil {
			t.Skipf("cannot make interfaces: %v", err)
		}
		devicetest.Up(t, "router")
		devicetest.Up(t, "lan", netip.MustParsePrefix("10.5.0.9/16"), netip.MustParsePrefix("192.168.77.5/24"))
		link, err := netlink.LinkByName("lan")
		if err != nil {
			t.Fatal(err)
		}
		index := link.Attrs().Index
		check("no default route", "")
		_, half, _ := net.ParseCIDR("0.0.0.0/1")
		add(&netlink.Route{LinkIndex: index, Dst: half, Gw: net.ParseIP("10.5.0.1")})
		check("half of a default route", "")
		add(&netlink.Route{LinkIndex: index, Gw: net.ParseIP("192.168.77.1"), Priority: 600})
		check("one", "192.168.77.1 192.168.77.5")
		add(&netlink.Route{LinkIndex: index, Gw: net.ParseIP("10.5.0.2"), Priority: 50, Table: 77})
		add(&netlink.Route{Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}, Priority: 1, Type: unix.RTN_UNREACHABLE})
		check("of another table, and unreachable", "192.168.77.1 192.168.77.5")
		add(&netlink.Route{LinkIndex: index, Gw: net.ParseIP("10.5.0.1"), Priority: 100})
		check("a better one", "10.5.0.1 10.5.0.9")
		add(&netlink.Route{LinkIndex: index, Gw: net.ParseIP("10.5.0.1"), Src: net.ParseIP("192.168.77.5"), Priority: 20})
		check("with a source", "10.5.0.1 192.168.77.5")
	})
}

// TestLinuxWhole runs a mapper as the service does, with everything found by
// itself: a machine in one namespace, its gateway in another.
func TestLinuxWhole(t *testing.T) {
	machine, router := wired(t)
	var g *gateway
	router.Do(func() { g = newGatewayAt(t, netip.MustParseAddr("10.5.0.1"), newManual(), switches{pcp: true}) })
	offers := make(chan netip.AddrPort, 4)
	m := New(Config{Port: 9994, Log: quiet, External: func(a netip.AddrPort, _ bool) { offers <- a }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); machine.Do(func() { m.Run(ctx) }) }()
	if a := receive(t, offers); a != netip.AddrPortFrom(outside, 9994) {
		t.Errorf("offered %v", a)
	}
	if got := g.table(); got[9994] != "10.5.0.9:9994" {
		t.Errorf("mapped %v", got)
	}
	if s := m.Status(); s.Code != Mapped || s.Method != PCP || s.Left <= 0 || s.Local != netip.MustParseAddr("10.5.0.9") {
		t.Errorf("%+v", s)
	}
	cancel()
	if a := receive(t, offers); a.IsValid() {
		t.Errorf("offered %v in the end", a)
	}
	receive(t, done)
	g.expect(t, nil)
}

// TestLinuxMulticast finds a gateway that hears only what is sent to the group,
// by the interface that leads to it and not by another with a better route.
func TestLinuxMulticast(t *testing.T) {
	machine, router := wired(t)
	var group net.PacketConn
	router.Do(func() {
		lan, err := net.InterfaceByName("lan")
		if err != nil {
			t.Fatal(err)
		}
		if group, err = net.ListenMulticastUDP("udp4", lan, net.UDPAddrFromAddrPort(multicastSSDP)); err != nil {
			t.Fatal(err)
		}
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			_, from, err := group.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = group.WriteTo([]byte("HTTP/1.1 200 OK\r\nST: "+searchTargets[0]+"\r\nLocation: http://10.5.0.1/desc.xml\r\n\r\n"), from)
		}
	}()
	w := want{link: link{netip.MustParseAddr("10.5.0.1"), netip.MustParseAddr("10.5.0.9")}, port: 9994}
	var places []string
	var err error
	machine.Do(func() {
		err = search(t.Context(), dialer{}, w, multicastSSDP, long, func(u *url.URL) bool {
			places = append(places, u.String())
			return true
		})
	})
	if err != nil || len(places) != 1 || places[0] != "http://10.5.0.1/desc.xml" {
		t.Errorf("found %q, %v", places, err)
	}
	_ = group.Close()
	receive(t, done)
}

// wired is a machine with its default route to a router, and a second
// interface that multicasts would go to.
func wired(t *testing.T) (machine, router *devicetest.Namespace) {
	t.Helper()
	machine, router = devicetest.NewNamespace(t), devicetest.NewNamespace(t)
	devicetest.Wire(t, machine, router, "wan", "lan", 1500,
		[]netip.Prefix{netip.MustParsePrefix("10.5.0.9/24")}, []netip.Prefix{netip.MustParsePrefix("10.5.0.1/24")})
	devicetest.Wire(t, machine, router, "other", "trap", 1500, []netip.Prefix{netip.MustParsePrefix("10.6.0.9/24")}, nil)
	machine.Do(func() {
		wan, err := netlink.LinkByName("wan")
		if err != nil {
			t.Fatal(err)
		}
		other, err := netlink.LinkByName("other")
		if err != nil {
			t.Fatal(err)
		}
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: wan.Attrs().Index, Gw: net.ParseIP("10.5.0.1")}); err != nil {
			t.Fatal(err)
		}
		_, groups, _ := net.ParseCIDR("224.0.0.0/4")
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: other.Attrs().Index, Dst: groups}); err != nil {
			t.Fatal(err)
		}
	})
	return machine, router
}

func receive[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(long):
		t.Fatal("nothing happens")
	}
	return v
}
