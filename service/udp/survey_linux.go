package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ignoredPrefixes are names of interfaces that must not carry VL1 (spec 03 §9.1).
var ignoredPrefixes = []string{"lo", "zt", "tun", "tap"}

// systemAddrs reads interfaces and addresses by netlink, which tells temporary
// addresses from lasting ones.
func systemAddrs() ([]localAddr, error) {
	// An interrupted dump is still the best list there is; a change notice
	// brings the caller back.
	links, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	byIndex := make(map[int]*netlink.LinkAttrs, len(links))
	for _, l := range links {
		byIndex[l.Attrs().Index] = l.Attrs()
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	out := make([]localAddr, 0, len(addrs))
	for _, a := range addrs {
		l, ip := byIndex[a.LinkIndex], netip.Addr{}
		if a.IPNet != nil {
			ip, _ = netip.AddrFromSlice(a.IP)
		}
		if l == nil || !ip.IsValid() {
			continue
		}
		out = append(out, localAddr{
			ifname: l.Name,
			index:  l.Index,
			addr:   ip,
			unfit:  unfit(ip.Unmap(), a.Flags),
			up:     l.Flags&net.FlagUp != 0 && l.RawFlags&unix.IFF_LOWER_UP != 0,
		})
	}
	return out, nil
}

// unfit judges the address flags. For IPv4 the same bit as "temporary" means
// "secondary", which is harmless.
func unfit(ip netip.Addr, flags int) bool {
	if ip.Is4() {
		return false
	}
	if flags&(unix.IFA_F_TEMPORARY|unix.IFA_F_DADFAILED) != 0 {
		return true
	}
	return flags&unix.IFA_F_TENTATIVE != 0 && flags&unix.IFA_F_OPTIMISTIC == 0
}

// systemRoutes reads where interfaces lead to, by the routes of all tables:
// which one decides about a packet depends on rules that are not looked at.
func systemRoutes() (routes, error) {
	all := make(routes)
	err := netlink.RouteListFilteredIter(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
		if r.Type != unix.RTN_UNICAST || r.Table == unix.RT_TABLE_LOCAL {
			return true
		}
		dst, ok := destination(&r)
		if !ok {
			return true
		}
		if r.LinkIndex != 0 {
			all.add(r.LinkIndex, dst)
		}
		for _, hop := range r.MultiPath {
			all.add(hop.LinkIndex, dst)
		}
		return true
	})
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	return all, nil
}

// destination is what a route is to. A default route may come without.
func destination(r *netlink.Route) (netip.Prefix, bool) {
	if r.Dst == nil {
		if r.Family == unix.AF_INET6 {
			return netip.PrefixFrom(netip.IPv6Unspecified(), 0), true
		}
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), r.Family == unix.AF_INET
	}
	ip, ok := netip.AddrFromSlice(r.Dst.IP)
	if r.Family == unix.AF_INET {
		ip = ip.Unmap()
	}
	bits, _ := r.Dst.Mask.Size()
	p := netip.PrefixFrom(ip, bits).Masked()
	return p, ok && p.IsValid()
}
