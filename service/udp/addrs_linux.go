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
			addr:   ip,
			unfit:  unfit(ip.Unmap(), a.Flags),
			up:     l.Flags&net.FlagUp != 0,
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
