package portmap

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// defaultRoutes lists the IPv4 default routes.
func defaultRoutes() ([]route, error) {
	list, err := winipcfg.GetIPForwardTable2(windows.AF_INET)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	addrs, err := winipcfg.GetUnicastIPAddressTable(windows.AF_INET)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var all []route
	for i := range list {
		r := &list[i]
		if p := r.DestinationPrefix.Prefix(); !p.IsValid() || p.Bits() != 0 {
			continue
		}
		f, err := r.InterfaceLUID.IPInterface(windows.AF_INET)
		if err != nil || !f.Connected {
			continue
		}
		one := route{gateway: r.NextHop.Addr().Unmap(), metric: int(r.Metric) + int(f.Metric)}
		for j := range addrs {
			if a := &addrs[j]; a.InterfaceLUID == r.InterfaceLUID {
				one.addresses = append(one.addresses, netip.PrefixFrom(a.Address.Addr().Unmap(), int(a.OnLinkPrefixLength)))
			}
		}
		all = append(all, one)
	}
	return all, nil
}
