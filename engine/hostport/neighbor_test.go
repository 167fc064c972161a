package hostport

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

const (
	ask4   = "net all who-has 10.0.0.9 tell 10.0.0.5"
	sent4  = "net peer 10.0.0.5>10.0.0.9 proto 17 len 24"
	probe4 = "net peer who-has 10.0.0.9 tell 10.0.0.5"
	lost4  = "host 10.0.0.9>10.0.0.5 unreachable 1"
	ask6   = "net 33:33:ff:00:00:09 solicit fd00::9 from fd00::5 to ff02::1:ff00:9, option own <nil>"
)

func TestResolution(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v4)
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(ask4)
	b.host(packet("10.0.0.5", "10.0.0.9", 17, 1))
	b.expect()
	// Asked again after 1, 2, 3 and 4 s.
	for range 4 {
		b.run(999 * clock.Millisecond)
		b.expect()
		b.run(clock.Millisecond)
		b.expect(ask4)
	}
	b.run(999 * clock.Millisecond)
	b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, peerMAC, "10.0.0.9", "10.0.0.5"))
	b.expect(sent4, "net peer 10.0.0.5>10.0.0.9 proto 17 len 21")
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(sent4)
	b.run(50 * clock.Second)
	b.expect()
}

func TestResolutionFails(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v4)
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.host(packet("10.0.0.5", "10.0.0.9", 17, 1))
	b.run(5 * clock.Second)
	b.expect(ask4, ask4, ask4, ask4, ask4, lost4)
	b.expectDrops(DropUnresolved, 2)
	// For 3 s packets are dropped with at most one query per second.
	for range 3 {
		b.host(udp("10.0.0.5", "10.0.0.9"))
		b.host(udp("10.0.0.5", "10.0.0.9"))
		b.run(clock.Second)
	}
	b.expect(ask4, ask4, ask4)
	b.expectDrops(DropUnresolved, 8)
	// Then it starts anew.
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(ask4)
	b.run(5 * clock.Second)
	b.expect(ask4, ask4, ask4, ask4, lost4)
	// An answer that is late is taken.
	b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, peerMAC, "10.0.0.9", "10.0.0.5"))
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(sent4)
}

func TestUnreachableIsRateLimited(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v4)
	for i := range 20 {
		b.host(udp("10.0.0.5", fmt.Sprintf("10.0.0.%d", 100+i)))
	}
	b.run(6 * clock.Second)
	n := 0
	for _, line := range b.log {
		if strings.Contains(line, "unreachable") {
			n++
		}
	}
	if n != maxErrors {
		t.Errorf("%d errors, want %d", n, maxErrors)
	}
}

// A stale neighbour is used and probed; one that is gone is asked for in the
// group while still used, and then given up.
func TestStale(t *testing.T) {
	t.Parallel()
	b := resolved4(t)
	b.run(60 * clock.Second)
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(sent4)
	b.run(clock.Millisecond)
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(probe4, sent4)
	b.run(clock.Second)
	b.expect(probe4)
	b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, peerMAC, "10.0.0.9", "10.0.0.5"))
	b.run(30 * clock.Second)
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(sent4)

	b.run(61 * clock.Second)
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.run(2999 * clock.Millisecond)
	b.expect(probe4, sent4, probe4, probe4)
	b.run(clock.Millisecond)
	b.expect(ask4)
	for range 4 {
		b.host(udp("10.0.0.5", "10.0.0.9"))
		b.run(clock.Second)
		b.expect(sent4, ask4)
	}
	b.run(clock.Second)
	b.expect()
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(ask4)
	b.expectDrops(DropUnresolved, 1)
}

// Traffic from the neighbour's own address confirms it as well as an answer.
func TestConfirmedByTraffic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		src  identity.MAC
		from string
		want bool
	}{
		"its own":         {peerMAC, "10.0.0.9", true},
		"another MAC":     {thirdMAC, "10.0.0.9", false},
		"another address": {peerMAC, "10.0.0.10", false},
	} {
		b := resolved4(t)
		b.run(61 * clock.Second)
		b.net(c.src, ownMAC, ether.TypeIPv4, udp(c.from, "10.0.0.5"))
		b.log = nil
		b.host(udp("10.0.0.5", "10.0.0.9"))
		if c.want {
			b.expect(sent4)
		} else {
			b.expect(probe4, sent4)
		}
		// While it is probed, too.
		b.net(c.src, ownMAC, ether.TypeIPv4, udp(c.from, "10.0.0.5"))
		b.log = nil
		b.run(3 * clock.Second)
		if c.want {
			b.expect()
		} else if len(b.log) == 0 {
			t.Errorf("%s: no more probes", name)
		}
	}
}

func TestDeletedAfterTenMinutes(t *testing.T) {
	t.Parallel()
	b := resolved4(t)
	b.run(600 * clock.Second)
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(probe4, sent4)
	b = resolved4(t)
	b.run(600*clock.Second + 1)
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(ask4)
	b = resolved4(t)
	b.run(630 * clock.Second)
	if len(b.p.order) != 0 || len(b.p.neighbors) != 0 {
		t.Errorf("%d entries", len(b.p.order))
	}
	b.log = nil
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.expect(ask4)
}

func TestFlushedWithAddresses(t *testing.T) {
	t.Parallel()
	b := resolved4(t)
	b.p.Configure(b.at, Settings{Assigned: prefixes("10.0.0.5/24"), MTU: 1500, Routes: []Route{{Prefix: prefix("10.9.0.0/16"), Via: ip("10.0.0.9")}}})
	b.host(udp("10.0.0.5", "10.9.1.1"))
	b.expect("net peer 10.0.0.5>10.9.1.1 proto 17 len 24") // routes alone keep the table
	b.p.Configure(b.at, Settings{Assigned: prefixes("10.0.0.6/24"), MTU: 1500})
	b.host(udp("10.0.0.6", "10.0.0.9"))
	b.expect("net all who-has 10.0.0.9 tell 10.0.0.6")
}

func TestResolution6(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v6)
	b.host(udp("fd00::5", "fd00::9"))
	b.run(clock.Second)
	b.expect(ask6, ask6)
	b.net(peerMAC, ownMAC, ether.TypeIPv6, ether.AppendAdvertisement(nil, ip("fd00::9"), ip("fd00::5"), ip("fd00::9"), peerMAC, 0x60))
	b.expect("net peer fd00::5>fd00::9 proto 17 len 44")
	b.run(61 * clock.Second)
	b.host(udp("fd00::5", "fd00::9"))
	b.expect("net peer solicit fd00::9 from fd00::5 to fd00::9, option own <nil>", "net peer fd00::5>fd00::9 proto 17 len 44")
	b.host(udp("fd00::5", "fd00::a"))
	b.log = nil
	b.run(5 * clock.Second)
	if last := b.log[len(b.log)-2:]; !slices.Contains(last, "host fd00::a>fd00::5 error 1/3") {
		t.Errorf("no error among %q", last)
	}
}

func TestQuerySource(t *testing.T) {
	t.Parallel()
	all := Settings{
		Assigned: prefixes("10.0.0.5/24", "10.1.0.5/24", "fd00::5/64", "fd01::5/64"), Added: prefixes("fe80::5/64"),
		HostRoutes: []Route{{Prefix: prefix("192.168.0.0/16"), Via: ip("172.16.0.1")}},
	}
	for _, c := range []struct {
		name, src, dst, want string
		set                  Settings
	}{
		{"in the subnet", "10.0.0.5", "10.1.0.9", "net all who-has 10.1.0.9 tell 10.1.0.5", all},
		{"the packet's", "10.1.0.5", "172.16.0.9", "net all who-has 172.16.0.9 tell 10.1.0.5", all},
		{"the first, as the packet is routed", "1.2.3.4", "172.16.0.9", "net all who-has 172.16.0.9 tell 10.0.0.5", all},
		{"for the gateway", "10.1.0.5", "192.168.7.7", "net all who-has 172.16.0.1 tell 10.1.0.5", all},
		{"no IPv4", "10.0.0.5", "10.0.0.9", "", v6},
		{"IPv6 in the subnet", "fd00::5", "fd01::9", "net 33:33:ff:00:00:09 solicit fd01::9 from fd01::5 to ff02::1:ff00:9, option own <nil>", all},
		{"IPv6 of the packet", "fd01::5", "fd02::9", "net 33:33:ff:00:00:09 solicit fd02::9 from fd01::5 to ff02::1:ff00:9, option own <nil>", all},
		{"IPv6 first", "2001:db8::1", "fd02::9", "net 33:33:ff:00:00:09 solicit fd02::9 from fd00::5 to ff02::1:ff00:9, option own <nil>", all},
		{"link-local", "fd00::5", "fe80::9", "net 33:33:ff:00:00:09 solicit fe80::9 from fe80::5 to ff02::1:ff00:9, option own <nil>", all},
		{"only link-local", "fe80::5", "fd02::9", "net 33:33:ff:00:00:09 solicit fd02::9 from fe80::5 to ff02::1:ff00:9, option own <nil>", Settings{Added: prefixes("fe80::5/64")}},
		{"no IPv6", "fd00::5", "fd00::9", "", v4},
	} {
		b := settled(t, Config{}, c.set)
		b.host(udp(c.src, c.dst))
		if c.want == "" {
			b.expect()
			b.expectDrops(DropNoSource, 1)
			continue
		}
		t.Log(c.name)
		b.expect(c.want)
	}
}

func TestNextHop(t *testing.T) {
	t.Parallel()
	b := newBench(t, Config{}, Settings{
		Assigned: prefixes("10.0.0.5/24", "fd00::5/64"),
		Routes: []Route{
			{Prefix: prefix("10.0.0.0/24"), Via: ip("10.0.0.1")}, // our own subnet goes first
			{Prefix: prefix("10.2.0.0/16"), Via: ip("10.0.0.2"), Metric: 9},
			{Prefix: prefix("10.2.0.0/16"), Via: ip("10.0.0.3"), Metric: 5},
			{Prefix: prefix("10.2.0.0/16"), Via: ip("10.0.0.4"), Metric: 5},
			{Prefix: prefix("10.2.3.0/24"), Via: ip("10.0.0.6")},
			{Prefix: prefix("10.3.0.0/16")},
			{Prefix: prefix("10.4.0.0/16"), Via: ip("10.0.0.5")}, // ourselves
			{Prefix: prefix("10.5.0.0/16"), Via: ip("fd00::9")},  // another family
			{Prefix: prefix("10.6.7.8/16"), Via: ip("10.0.0.7")}, // bits of a host
			{Prefix: prefix("fd01::/32"), Via: ip("fd00::1")},
			{Prefix: prefix("10.8.0.0/16"), Via: ip("0.0.0.0")},
		},
		HostRoutes: []Route{
			{Prefix: prefix("0.0.0.0/0"), Via: ip("10.0.0.250")},
			{Prefix: prefix("10.2.3.4/32"), Via: ip("10.0.0.251")},
			{Prefix: prefix("10.2.3.0/24"), Via: ip("10.0.0.252"), Metric: 9},
			{Prefix: prefix("10.2.3.0/24"), Via: ip("10.0.0.6"), Metric: 5000}, // the managed one, as the system has it
			{Prefix: prefix("10.2.0.0/16")},                                    // no gateway is told
			{Prefix: prefix("10.0.0.128/25"), Via: ip("10.0.0.1")},
		},
	})
	for dst, want := range map[string]string{
		"10.0.0.9":    "10.0.0.9",
		"10.2.1.1":    "10.0.0.3",
		"10.2.3.4":    "10.0.0.251", // the longest prefix decides, as it would for a kernel
		"10.2.3.5":    "10.0.0.252", // and of equals what a kernel prefers
		"10.0.0.129":  "10.0.0.1",
		"10.3.1.1":    "10.3.1.1",
		"10.4.1.1":    "10.4.1.1",
		"10.5.1.1":    "10.5.1.1",
		"10.6.1.1":    "10.0.0.7",
		"10.8.1.1":    "10.8.1.1",
		"192.168.1.1": "10.0.0.250",
		"fd01::77":    "fd00::1",
		"fd02::77":    "fd02::77",
	} {
		if got := b.p.nextHop(ip(dst)); got != ip(want) {
			t.Errorf("%s goes to %v, want %s", dst, got, want)
		}
	}
}

// The addresses for which the reference's emulation answers are those that need
// no question here, and no others.
func TestDerived(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/local_ethernet.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Cases []struct {
			Name, Flags, Frame string
			Assigned           []netip.Prefix
			EtherType          uint16
			Injected           []struct{ SrcMAC string } `json:"injectedToHost"`
		}
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, c := range v.Cases {
		if !strings.HasPrefix(c.Name, "ns-") || len(c.Frame) < 128 || c.Name == "ns-unicast-not-emulated" {
			continue // not a solicitation that the emulation looks at
		}
		raw, err := hex.DecodeString(c.Frame[96:128])
		if err != nil {
			t.Fatal(err)
		}
		target := [16]byte(raw)
		b := newBench(t, Config{}, Settings{Assigned: c.Assigned, NDPEmulation: strings.HasSuffix(c.Flags, "6")})
		mac, ok := b.p.derived(netip.AddrFrom16(target))
		if ok != (len(c.Injected) > 0) {
			t.Errorf("%s: derived is %v", c.Name, ok)
		}
		if ok {
			seen++
			if want, _ := identity.ParseMAC(c.Injected[0].SrcMAC); mac != want {
				t.Errorf("%s: %v, want %v", c.Name, mac, want)
			}
			b.log = nil
			b.host(packet("fd00::1", netip.AddrFrom16(target).String(), 17, 1))
			if len(b.log) != 1 || !strings.HasPrefix(b.log[0], "net peer ") {
				t.Errorf("%s: %q", c.Name, b.log)
			}
			if len(b.p.order) != 0 {
				t.Errorf("%s: a neighbour was made", c.Name)
			}
		}
	}
	if seen == 0 {
		t.Error("no vectors")
	}
}

// What the host sends to the unused part of its own 6PLANE prefix comes back at
// once: nobody else can have it.
func TestOwnPrefixIsNotAskedFor(t *testing.T) {
	t.Parallel()
	own := identity.SixPlane(nwid, self)
	b := settled(t, Config{}, Settings{Assigned: []netip.Prefix{own}, NDPEmulation: true})
	p := own.Addr().As16()
	p[15] = 0x77
	inner := netip.AddrFrom16(p).String()
	b.host(udp(own.Addr().String(), inner))
	b.expect("host " + inner + ">" + own.Addr().String() + " error 1/3")
	for range 20 {
		b.host(udp(own.Addr().String(), inner))
	}
	if len(b.log) != maxErrors-1 || len(b.p.order) != 0 {
		t.Errorf("%d errors, %d neighbours", len(b.log), len(b.p.order))
	}
}
