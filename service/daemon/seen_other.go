//go:build !linux

package daemon

import (
	"fmt"
	"net"
	"net/netip"
)

// allAddresses reads the addresses of all interfaces, by name.
func allAddresses() (map[string][]netip.Prefix, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	all := make(map[string][]netip.Prefix, len(interfaces))
	for i := range interfaces {
		var list []netip.Prefix
		addrs, err := interfaces[i].Addrs()
		if err != nil {
			continue // it has gone meanwhile
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				list = append(list, p)
			}
		}
		all[interfaces[i].Name] = list
	}
	return all, nil
}
