//go:build unix

package portmap

import (
	"net"
	"net/netip"
)

// addresses are the addresses of an interface; none if it has just gone.
func addresses(index int) (all []netip.Prefix) {
	i, err := net.InterfaceByIndex(index)
	if err != nil {
		return nil
	}
	list, err := i.Addrs()
	if err != nil {
		return nil
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			ip, _ := netip.AddrFromSlice(n.IP)
			ones, _ := n.Mask.Size()
			all = append(all, netip.PrefixFrom(ip.Unmap(), ones))
		}
	}
	return all
}
