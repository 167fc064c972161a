package netcfg

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"orrery/service/netcfg/verdict"
)

// tunnels are the kinds of links, in the kernel's words, that lead elsewhere.
var tunnels = []string{"wireguard", "tuntap", "ipip", "ip6tnl", "gre", "ip6gre", "sit", "vti", "vti6", "xfrm", "amneziawg", "ovpn"}

func (l *linux) machine(own []string, keep func(netip.Prefix) bool) (verdict.Machine, error) {
	m := verdict.Machine{NoIPv6: noIPv6()}
	links, err := dump(l.h.LinkList)
	if err != nil {
		return m, fmt.Errorf("list interfaces: %w", err)
	}
	classes := classify(links, own)
	names := make(map[int]string, len(links))
	at := make(map[int]int, len(links)) // index of an interface → its place
	for _, k := range links {
		a := k.Attrs()
		if a.Flags&net.FlagUp == 0 || a.Flags&net.FlagLoopback != 0 {
			continue
		}
		names[a.Index], at[a.Index] = a.Name, len(m.Interfaces)
		m.Interfaces = append(m.Interfaces, verdict.Interface{Name: a.Name, Class: classes[a.Index], Strict: strict(a.Name)})
	}
	addrs, err := dump(func() ([]netlink.Addr, error) { return l.h.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return m, fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range addrs {
		if i, up := at[a.LinkIndex]; up {
			f := &m.Interfaces[i]
			if p, ok := prefixOf(a.IPNet); ok {
				f.Addresses = append(f.Addresses, p)
			}
			if p, ok := prefixOf(a.Peer); ok && p.Addr() != addrOfNet(a.IPNet) {
				f.Addresses = append(f.Addresses, p.Masked()) // the far end of a point-to-point line
			}
		}
	}
	tables, err := l.tables()
	if err != nil {
		return m, err
	}
	err = l.lister.RouteListFilteredIter(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
		if r.Type != unix.RTN_UNICAST || !slices.Contains(tables, r.Table) {
			return true
		}
		p, ok := destination(&r)
		if !ok || r.LinkIndex != 0 && (names[r.LinkIndex] == "" || classes[r.LinkIndex] == verdict.Own) || !keep(p) {
			return true
		}
		hops := []int{r.LinkIndex}
		for _, h := range r.MultiPath {
			hops = append(hops, h.LinkIndex)
		}
		for _, h := range hops {
			if name := names[h]; name != "" && classes[h] != verdict.Own {
				m.Routes = append(m.Routes, verdict.Route{Target: p, Interface: name})
			}
		}
		return true
	})
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return m, fmt.Errorf("list routes: %w", err)
	}
	return m, nil
}

// classify says what the links are, by index. A bridge with one of our devices
// is ours: what is on it is on our network too.
func classify(links []netlink.Link, own []string) map[int]verdict.Class {
	classes := make(map[int]verdict.Class, len(links))
	for _, k := range links {
		a := k.Attrs()
		switch {
		case slices.Contains(own, a.Name):
			classes[a.Index] = verdict.Own
			if a.MasterIndex != 0 {
				classes[a.MasterIndex] = verdict.Own
			}
		case classes[a.Index] == verdict.Own: // a master seen before
		case slices.Contains(tunnels, k.Type()):
			classes[a.Index] = verdict.VPN
		case a.EncapType == "ppp":
			classes[a.Index] = verdict.Dial
		default:
			classes[a.Index] = verdict.ClassOf(a.Name)
		}
	}
	return classes
}

// tables are the routing tables that rules ask, all but the local one.
func (l *linux) tables() ([]int, error) {
	tables := []int{unix.RT_TABLE_MAIN, unix.RT_TABLE_DEFAULT}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		rules, err := dump(func() ([]netlink.Rule, error) { return l.h.RuleList(family) })
		if missingFamily(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list routing rules: %w", err)
		}
		for _, r := range rules {
			if r.Table != unix.RT_TABLE_LOCAL && r.Table != markTable && !slices.Contains(tables, r.Table) {
				tables = append(tables, r.Table)
			}
		}
	}
	return tables, nil
}

// noIPv6 reports whether the kernel has no IPv6, or gives none to new interfaces.
func noIPv6() bool {
	b, err := os.ReadFile("/proc/sys/net/ipv6/conf/default/disable_ipv6")
	return errors.Is(err, fs.ErrNotExist) || strings.TrimSpace(string(b)) == "1"
}

// strict reports whether the kernel drops what comes in by an interface by which
// answers would not leave: the larger of two settings, 1 of 0 to 2.
func strict(ifname string) bool {
	return max(reversePath("all"), reversePath(ifname)) == 1
}

func reversePath(ifname string) int {
	b, err := os.ReadFile("/proc/sys/net/ipv4/conf/" + ifname + "/rp_filter")
	if s := strings.TrimSpace(string(b)); err == nil && len(s) == 1 {
		return int(s[0] - '0')
	}
	return 0
}

// destination is what a route is to. A default route may come without.
func destination(r *netlink.Route) (netip.Prefix, bool) {
	if r.Dst == nil {
		return netip.PrefixFrom(unspecified(r.Family), 0), true
	}
	p, ok := prefixOf(r.Dst)
	if ok && r.Family == netlink.FAMILY_V6 && p.Addr().Is4() {
		return p, false // IPv4 in IPv6 form
	}
	return p.Masked(), ok
}

func addrOfNet(n *net.IPNet) netip.Addr {
	p, _ := prefixOf(n)
	return p.Addr()
}
