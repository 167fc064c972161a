package portmap

import (
	"net"
	"net/netip"
	"testing"

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
