package udp

import (
	"net/netip"
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	ip := netip.MustParseAddr
	all := []localAddr{
		{ifname: "lo", addr: ip("127.0.0.1"), up: true},
		{ifname: "lo", addr: ip("10.9.9.9"), up: true},
		{ifname: "eth0", addr: ip("192.168.1.2"), up: true},
		{ifname: "eth0", addr: ip("192.168.1.2"), up: true},
		{ifname: "eth0", addr: ip("fe80::1:2"), up: true},
		{ifname: "eth0", addr: ip("169.254.3.4"), up: true},
		{ifname: "eth0", addr: ip("2001:db8::7"), up: true},
		{ifname: "eth0", addr: ip("2001:db8::8"), up: true, unfit: true},
		{ifname: "eth0", addr: ip("2001:470::1"), up: true},
		{ifname: "eth0", addr: ip("::ffff:8.8.4.4"), up: true},
		{ifname: "eth1", addr: ip("192.168.2.2"), up: false},
		{ifname: "ztabcdefgh", addr: ip("10.147.17.1"), up: true},
		{ifname: "tun0", addr: ip("10.8.0.1"), up: true},
		{ifname: "tap0", addr: ip("10.8.0.2"), up: true},
		{ifname: "wg0", addr: ip("10.10.0.1"), up: true},
		{ifname: "docker0", addr: ip("172.17.0.1"), up: true},
	}
	want := []netip.Addr{ip("8.8.4.4"), ip("10.10.0.1"), ip("192.168.1.2"), ip("2001:db8::7")}
	got := choose(all, []string{"lo", "zt", "tun", "tap"}, func(n string, _ netip.Addr) bool { return n == "docker0" })
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestLocalAddrs(t *testing.T) {
	t.Parallel()
	got, err := LocalAddrs(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, ip := range got {
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.Zone() != "" || ip.Is4In6() {
			t.Errorf("%v is no endpoint", ip)
		}
	}
}
