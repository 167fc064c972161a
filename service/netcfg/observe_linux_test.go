package netcfg

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"orrery/engine/identity"
	"orrery/service/device/devicetest"
)

func TestObserve(t *testing.T) {
	inNamespace(t, func(journal string) {
		m := linuxManager(t, journal)
		defer m.Close()
		apply(t, m, State{
			Interface: "zt0", Up: true, LinkLocal: netip.MustParseAddr("fe80::9"), Addresses: prefixes("10.147.17.5/24"),
			Routes: []Route{routeTo("10.9.0.0/16", "10.147.17.9")},
		})
		zt, err := netlink.LinkByName("zt0")
		if err != nil {
			t.Fatal(err)
		}
		// The user adds an address, and a route through a member.
		devicetest.Up(t, "zt0", netip.MustParsePrefix("10.200.1.1/24"))
		_, target, _ := net.ParseCIDR("10.50.0.0/16")
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: zt.Attrs().Index, Dst: target, Gw: net.ParseIP("10.147.17.77")}); err != nil {
			t.Fatal(err)
		}
		// Another interface's are not ours.
		devicetest.Up(t, "far", netip.MustParsePrefix("192.168.9.1/24"))
		c, err := net.ListenMulticastUDP("udp4", &net.Interface{Index: zt.Attrs().Index, Name: "zt0"}, &net.UDPAddr{IP: net.ParseIP("239.1.2.3"), Port: 5353})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		o, err := m.Observe("zt0")
		for begun := time.Now(); err == nil && !slices.Contains(o.Groups, netip.MustParseAddr("ff02::1:ff00:9")) && time.Since(begun) < 2*time.Minute; {
			<-time.After(5 * time.Millisecond) // the kernel joins it in its own time
			o, err = m.Observe("zt0")
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := prefixes("10.147.17.5/24", "10.200.1.1/24", "fe80::9/64"); !slices.Equal(o.Addresses, want) {
			t.Errorf("addresses %v, want %v", o.Addresses, want)
		}
		via := map[netip.Prefix]netip.Addr{}
		for _, r := range o.Routes {
			via[r.Target] = r.Via
		}
		for target, want := range map[string]string{"10.9.0.0/16": "10.147.17.9", "10.50.0.0/16": "10.147.17.77"} {
			if got := via[netip.MustParsePrefix(target)]; got != netip.MustParseAddr(want) {
				t.Errorf("route %s via %v, want %s", target, got, want)
			}
		}
		if _, there := via[netip.MustParsePrefix("192.168.9.0/24")]; there || len(o.Routes) < 5 {
			t.Errorf("routes %v", o.Routes)
		}
		for _, g := range []string{"239.1.2.3", "224.0.0.1", "ff02::1", "ff02::1:ff00:9"} {
			if !slices.Contains(o.Groups, netip.MustParseAddr(g)) {
				t.Errorf("group %s is not in %v", g, o.Groups)
			}
		}
		for _, mac := range []identity.MAC{0x01005e010203, 0x333300000001} {
			if !slices.Contains(o.EthernetGroups, mac) {
				t.Errorf("group %v is not in %v", mac, o.EthernetGroups)
			}
		}
	})
}

const (
	igmpText = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n" +
		"1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n" +
		"12\tztmjfmfyq5:     2      V3\n\t\t\t\tFB0000E0     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n"
	igmp6Text = "1    lo              ff020000000000000000000000000001     1 0000000C 0\n" +
		"12   ztmjfmfyq5      ff0200000000000000000001ff000009     1 00000004 0\n"
	devText = "4    eth0            1     0     333300000001\n12   ztmjfmfyq5      1     0     01005e0000fb\n"
)

func TestGroupLists(t *testing.T) {
	t.Parallel()
	got := parseIGMP6(parseIGMP(nil, []byte(igmpText), "ztmjfmfyq5"), []byte(igmp6Text), "ztmjfmfyq5")
	want := []netip.Addr{netip.MustParseAddr("224.0.0.251"), netip.MustParseAddr("224.0.0.1"), netip.MustParseAddr("ff02::1:ff00:9")}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := parseDevMcast([]byte(devText), "ztmjfmfyq5"); !slices.Equal(got, []identity.MAC{0x01005e0000fb}) {
		t.Errorf("MACs %v", got)
	}
}

func FuzzGroupLists(f *testing.F) {
	for _, s := range []string{igmpText, igmp6Text, devText} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		parseIGMP6(parseIGMP(nil, b, "lo"), b, "lo")
		parseDevMcast(b, "lo")
	})
}
