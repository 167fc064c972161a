package netcfg

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"orrery/service/device/devicetest"
)

// With discovery the kernel sends broadcasts and multicast by the network's
// interface though another one has the default route, and not any more once it is
// switched off, or the next run has tidied up after a crash. Two networks may
// both have it.
func TestDiscoveryRoutes(t *testing.T) {
	inNamespace(t, func(journal string) {
		devicetest.Up(t, "lo")
		lan := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "lan0", MTU: 1500}, PeerName: "lanfar"}
		if err := netlink.LinkAdd(lan); err != nil {
			t.Fatal(err)
		}
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "zt1", MTU: 1500}, PeerName: "far1"}); err != nil {
			t.Fatal(err)
		}
		devicetest.Up(t, "lanfar")
		devicetest.Up(t, "far1")
		devicetest.Up(t, "lan0", netip.MustParsePrefix("192.168.1.2/24"))
		index := func(name string) int {
			i, err := net.InterfaceByName(name)
			if err != nil {
				t.Fatal(err)
			}
			return i.Index
		}
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: index("lan0"), Gw: net.ParseIP("192.168.1.1")}); err != nil {
			t.Fatal(err)
		}
		leaves := func(what, by string) {
			t.Helper()
			for _, to := range []string{"255.255.255.255", "224.0.0.251", "239.255.255.250"} {
				r, err := netlink.RouteGet(net.ParseIP(to))
				if err != nil || len(r) != 1 || r[0].LinkIndex != index(by) {
					t.Errorf("%s: %s leaves by %v, %v, want %s", what, to, r, err, by)
				}
			}
		}
		leaves("before", "lan0")
		before := everything(t, "zt0")
		m := linuxManager(t, journal)
		want := State{Interface: "zt0", Up: true, Addresses: prefixes("10.147.17.5/24"), Discovery: true}
		other := State{Interface: "zt1", Up: true, Addresses: prefixes("10.147.18.5/24"), Discovery: true}
		for range 2 {
			if _, err := m.Apply(want); err != nil {
				t.Fatal(err)
			}
			leaves("on", "zt0")
		}
		if _, err := m.Apply(other); err != nil {
			t.Error("a second network:", err)
		}
		want.Discovery, other.Discovery = false, false
		for _, s := range []State{want, other} {
			if _, err := m.Apply(s); err != nil {
				t.Fatal(err)
			}
		}
		leaves("off", "lan0")
		want.Discovery = true
		if _, err := m.Apply(want); err != nil {
			t.Fatal(err)
		}
		linuxManager(t, journal) // another run, after this one was killed
		leaves("after a crash", "lan0")
		if got := strings.Join(everything(t, "zt0"), "\n"); got != strings.Join(before, "\n") {
			t.Errorf("left behind:\n%s", got)
		}
	})
}
