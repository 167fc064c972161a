//go:build windows || darwin

package netcfg

import (
	"fmt"
	"net"
	"net/netip"

	"orrery/engine/identity"
)

// groups reads the multicast groups of an interface. There are no Ethernet
// devices here.
func groups(ifname string) ([]netip.Addr, []identity.MAC, error) {
	i, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s", ErrNoInterface, ifname)
	}
	addrs, err := i.MulticastAddrs()
	if err != nil {
		return nil, nil, fmt.Errorf("list multicast groups of %s: %w", ifname, err)
	}
	var ips []netip.Addr
	for _, a := range addrs {
		if a, ok := a.(*net.IPAddr); ok {
			if ip, ok := netip.AddrFromSlice(a.IP); ok {
				ips = append(ips, ip.Unmap())
			}
		}
	}
	return ips, nil, nil
}
