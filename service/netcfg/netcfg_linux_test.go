package netcfg

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"orrery/engine/identity"
	"orrery/service/device"
	"orrery/service/device/devicetest"
)

// inNamespace runs f in a namespace with an interface zt0 that outlives a
// crash, a TAP device of the given kind of link or a pair.
func inNamespace(t *testing.T, f func(journal string)) {
	t.Helper()
	ns := devicetest.NewNamespace(t)
	ns.Do(func() {
		err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "zt0", MTU: 1500}, PeerName: "far"})
		if err != nil {
			t.Skipf("cannot make interfaces: %v", err)
		}
		devicetest.Up(t, "far")
		f(filepath.Join(t.TempDir(), "journal.json"))
	})
}

// everything is what the namespace has that could be ours: MTU, flags,
// addresses, routes and rules, as text.
func everything(t *testing.T, ifname string) []string {
	t.Helper()
	link, err := netlink.LinkByName(ifname)
	if err != nil {
		t.Fatal(err)
	}
	at := link.Attrs()
	mode, err := readGenMode(ifname)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{fmt.Sprintf("mtu %d up %v mode %d", at.MTU, at.Flags&net.FlagUp != 0, mode)}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		out = append(out, fmt.Sprintf("addr %v brd %v label %s flags %x scope %d", a.IPNet, a.Broadcast, a.Label, a.Flags&^unix.IFA_F_TENTATIVE, a.Scope))
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range routes {
			if r.LinkIndex == at.Index && r.Table != unix.RT_TABLE_LOCAL {
				out = append(out, fmt.Sprintf("route %v via %v metric %d proto %v table %d src %v scope %v", r.Dst, r.Gw, r.Priority, r.Protocol, r.Table, r.Src, r.Scope))
			}
		}
		rules, err := netlink.RuleList(family)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			out = append(out, fmt.Sprintf("rule %v", r))
		}
	}
	slices.Sort(out)
	return out
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func has(t *testing.T, list []string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, p) }) {
			t.Errorf("no %q in\n%s", p, strings.Join(list, "\n"))
		}
	}
}

func linuxManager(t *testing.T, journal string) *Manager {
	t.Helper()
	m, err := Open(journal, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// wantAll has an item of every kind.
func wantAll() State {
	return State{
		Interface: "zt0", Up: true, MTU: 2800, LinkLocal: netip.MustParseAddr("fe80::5c:ff:fe00:1"), Mark: 0x6f72,
		Addresses: prefixes("10.147.17.5/24", "10.200.0.1/32", "fd00::5/88", "fd01::5/128"),
		Routes: []Route{
			routeTo("0.0.0.0/0", "10.147.17.9"), routeTo("::/0", "fd00::9"), routeTo("10.9.0.0/16", "10.147.17.9"),
			routeTo("10.77.0.0/16", ""), routeTo("fd09::/64", "fd00::9"), routeTo("fd77::/64", ""), routeTo("10.8.0.0/16", "172.16.9.9"),
			{Target: netip.MustParsePrefix("10.66.0.0/16"), Source: netip.MustParseAddr("10.200.0.1"), Metric: 77},
		},
	}
}

func TestLinux(t *testing.T) {
	inNamespace(t, func(journal string) {
		before := everything(t, "zt0")
		m := linuxManager(t, journal)
		apply(t, m, wantAll())
		got := everything(t, "zt0")
		has(t, got, "mtu 2800 up true mode 1",
			"addr 10.147.17.5/24 brd 10.147.17.255 label zt0 flags 80 scope 0", "addr fd00::5/88", "addr fd01::5/128",
			"addr fe80::5c:ff:fe00:1/64 brd <nil> label  flags 82 scope 253",
			"route 10.9.0.0/16 via 10.147.17.9 metric 5000 proto static table 254",
			"route 10.77.0.0/16 via <nil> metric 5000 proto static table 254 src <nil> scope link",
			"route fd09::/64 via fd00::9 metric 5000", "route fd77::/64 via <nil> metric 5000",
			"route 0.0.0.0/0 via 10.147.17.9 metric 5000 proto static table 28530",
			"route ::/0 via fd00::9 metric 5000 proto static table 28530",
			"route 10.8.0.0/16 via 172.16.9.9 metric 5000",
			"route 10.66.0.0/16 via <nil> metric 77 proto static table 254 src 10.200.0.1",
		)
		if n := len(apply(t, m, wantAll())); n != 0 {
			t.Errorf("%d changes when nothing is to do", n)
		}
		// Changes: an address and a gateway less, others more.
		want := wantAll()
		want.Addresses = prefixes("10.147.17.5/16", "fd00::6/88")
		want.Routes = []Route{routeTo("0.0.0.0/0", "10.147.17.8"), routeTo("10.9.0.0/16", "10.147.17.7")}
		want.MTU, want.Mark = 1400, 0
		apply(t, m, want)
		got = everything(t, "zt0")
		has(t, got, "mtu 1400", "addr 10.147.17.5/16", "addr fd00::6/88",
			"route 10.9.0.0/16 via 10.147.17.7", "route 0.0.0.0/1 via 10.147.17.8 metric 5000", "route 128.0.0.0/1 via 10.147.17.8")
		for _, s := range got {
			for _, old := range []string{"fd00::5", "10.200", "10.77", "28530", "10.147.17.5/24", "10.147.17.9"} {
				if strings.Contains(s, old) {
					t.Errorf("left: %s", s)
				}
			}
		}
		if n := len(apply(t, m, want)); n != 0 {
			t.Errorf("%d changes when nothing is to do", n)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		compare(t, "after Close", everything(t, "zt0"), before)
	})
}

func TestLinuxRepair(t *testing.T) {
	inNamespace(t, func(journal string) {
		m := linuxManager(t, journal)
		defer m.Close()
		apply(t, m, wantAll())
		made := everything(t, "zt0")
		link, err := netlink.LinkByName("zt0")
		if err != nil {
			t.Fatal(err)
		}
		// Down and up again, the kernel forgets IPv4 routes and IPv6 addresses.
		if err := errors.Join(netlink.LinkSetDown(link), netlink.LinkSetUp(link), netlink.LinkSetMTU(link, 1500)); err != nil {
			t.Fatal(err)
		}
		apply(t, m, wantAll())
		compare(t, "after the repair", everything(t, "zt0"), made)
		if err := netlink.LinkSetDown(link); err != nil {
			t.Fatal(err)
		}
		apply(t, m, wantAll())
		compare(t, "after it was down", everything(t, "zt0"), made)
	})
}

// TestLinuxCrash lets a manager vanish without Close.
func TestLinuxCrash(t *testing.T) {
	inNamespace(t, func(journal string) {
		before := everything(t, "zt0")
		m := linuxManager(t, journal)
		apply(t, m, wantAll())
		m.sys.close() // the process dies
		changes, err := Recover(journal)
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) < 15 {
			t.Errorf("only %d changes undone", len(changes))
		}
		compare(t, "after Recover", everything(t, "zt0"), before)
		if _, err := os.Stat(journal); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the journal is left: %v", err)
		}
		if changes, err := Recover(journal); len(changes) != 0 || err != nil {
			t.Errorf("second Recover: %v, %v", changes, err)
		}
	})
}

func itemsOf(all []planned) (items []Item) {
	for _, p := range all {
		items = append(items, p.Item)
	}
	return items
}

// TestLinuxCrashHalfway dies with items in the journal that were never made.
func TestLinuxCrashHalfway(t *testing.T) {
	inNamespace(t, func(path string) {
		before := everything(t, "zt0")
		m := linuxManager(t, path)
		all, err := plan(wantAll(), m.sys.platform())
		if err != nil {
			t.Fatal(err)
		}
		items := itemsOf(all)
		now, err := m.sys.observe("zt0")
		if err != nil {
			t.Fatal(err)
		}
		for i := range items {
			items[i].Index, items[i].Before = now.index, now.settings[items[i].Kind]
		}
		if err := m.journal.save(items); err != nil {
			t.Fatal(err)
		}
		for _, it := range items[:len(items)/2] {
			if err := m.sys.do(it); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Recover(path); err != nil {
			t.Fatal(err)
		}
		compare(t, "after Recover", everything(t, "zt0"), before)
	})
}

// TestLinuxInterfaceGone leaves only what does not go with the interface.
func TestLinuxInterfaceGone(t *testing.T) {
	inNamespace(t, func(journal string) {
		rules, err := netlink.RuleList(netlink.FAMILY_ALL)
		if err != nil {
			t.Fatal(err)
		}
		m := linuxManager(t, journal)
		apply(t, m, wantAll())
		link, err := netlink.LinkByName("zt0")
		if err == nil {
			err = netlink.LinkDel(link)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Recover(journal); err != nil {
			t.Fatal(err)
		}
		after, err := netlink.RuleList(netlink.FAMILY_ALL)
		if err != nil || len(after) != len(rules) {
			t.Errorf("%d rules, %d before (%v)", len(after), len(rules), err)
		}
	})
}

// TestLinuxTUN configures a real device: the link-local address is ours alone.
func TestLinuxTUN(t *testing.T) {
	ns := devicetest.NewNamespace(t)
	ns.Do(func() {
		const network, self = identity.NetworkID(0x8056c2e21c000001), identity.Address(0x1122334455)
		d, err := device.Open(device.Config{Network: network, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Skipf("cannot open a device: %v", err)
		}
		defer d.Close()
		m := linuxManager(t, filepath.Join(t.TempDir(), "journal.json"))
		defer m.Close()
		want := wantAll()
		want.Interface, want.LinkLocal = d.Name(), identity.LinkLocal(identity.MACOf(network, self))
		apply(t, m, want)
		if d.MTU() != 2800 {
			t.Errorf("MTU %d", d.MTU())
		}
		var local []string
		for _, s := range everything(t, d.Name()) {
			if strings.HasPrefix(s, "addr fe80") {
				local = append(local, s)
			}
		}
		if len(local) != 1 || !strings.Contains(local[0], want.LinkLocal.String()) {
			t.Errorf("link-local addresses %v, want %v alone", local, want.LinkLocal)
		}
	})
}

// TestLinuxMark asks the kernel which way packets would go.
func TestLinuxMark(t *testing.T) {
	inNamespace(t, func(journal string) {
		devicetest.Up(t, "far", netip.MustParsePrefix("192.168.1.2/24"), netip.MustParsePrefix("fd22::2/64"))
		far, err := netlink.LinkByName("far")
		if err != nil {
			t.Fatal(err)
		}
		for _, gw := range []string{"192.168.1.1", "fd22::1"} {
			_, all, _ := net.ParseCIDR("0.0.0.0/0")
			if strings.Contains(gw, ":") {
				_, all, _ = net.ParseCIDR("::/0")
			}
			if err := netlink.RouteAdd(&netlink.Route{LinkIndex: far.Attrs().Index, Gw: net.ParseIP(gw), Dst: all}); err != nil {
				t.Fatal(err)
			}
		}
		m := linuxManager(t, journal)
		defer m.Close()
		apply(t, m, wantAll())
		zt, err := netlink.LinkByName("zt0")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			ip   string
			mark uint32
			want netlink.Link
		}{
			{"198.51.100.9", 0, zt}, {"198.51.100.9", 0x6f72, far}, {"198.51.100.9", 3, zt}, {"192.168.1.77", 0, far}, {"10.9.1.1", 0, zt},
			{"2001:db8::9", 0, zt}, {"2001:db8::9", 0x6f72, far}, {"fd22::77", 0, far},
		} {
			routes, err := netlink.RouteGetWithOptions(net.ParseIP(c.ip), &netlink.RouteGetOptions{Mark: c.mark})
			if err != nil || len(routes) != 1 {
				t.Errorf("%s, mark %d: %v, %v", c.ip, c.mark, routes, err)
				continue
			}
			if routes[0].LinkIndex != c.want.Attrs().Index {
				t.Errorf("%s, mark %d: goes to interface %d, want %s", c.ip, c.mark, routes[0].LinkIndex, c.want.Attrs().Name)
			}
		}
	})
}

// TestLinuxTwoNetworks have the same route: the second waits for its turn.
func TestLinuxTwoNetworks(t *testing.T) {
	inNamespace(t, func(journal string) {
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "zt1"}, PeerName: "far1"}); err != nil {
			t.Fatal(err)
		}
		devicetest.Up(t, "far1")
		m := linuxManager(t, journal)
		defer m.Close()
		one := State{Interface: "zt0", Up: true, Addresses: prefixes("10.1.0.1/24"), Routes: []Route{routeTo("10.9.0.0/16", "10.1.0.9")}}
		two := State{Interface: "zt1", Up: true, Addresses: prefixes("10.2.0.1/24"), Routes: []Route{routeTo("10.9.0.0/16", "10.2.0.9")}}
		apply(t, m, one)
		if _, err := m.Apply(two); !errors.Is(err, errExists) {
			t.Errorf("the same route twice: %v", err)
		}
		if _, err := m.Remove("zt0"); err != nil {
			t.Fatal(err)
		}
		apply(t, m, two)
		has(t, everything(t, "zt1"), "route 10.9.0.0/16 via 10.2.0.9")
	})
}
