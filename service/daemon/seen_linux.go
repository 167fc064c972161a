package daemon

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// allAddresses reads the addresses of all interfaces, by name.
func allAddresses() (map[string][]netip.Prefix, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	names := make(map[int]string, len(interfaces))
	all := make(map[string][]netip.Prefix, len(interfaces))
	for _, i := range interfaces {
		names[i.Index], all[i.Name] = i.Name, nil
	}
	for _, a := range addrs {
		ip, ok := netip.AddrFromSlice(a.IP)
		name := names[a.LinkIndex]
		if !ok || name == "" {
			continue
		}
		bits, _ := a.Mask.Size()
		all[name] = append(all[name], netip.PrefixFrom(ip.Unmap(), bits))
	}
	return all, nil
}
