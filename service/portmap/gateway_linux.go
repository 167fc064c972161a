package portmap

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// defaultRoutes lists the IPv4 default routes of the main table.
func defaultRoutes() ([]route, error) {
	list, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var all []route
	for _, r := range list {
		if r.Dst != nil {
			if ones, _ := r.Dst.Mask.Size(); ones != 0 || !r.Dst.IP.IsUnspecified() {
				continue
			}
		}
		if r.Type != unix.RTN_UNICAST {
			continue
		}
		source, _ := netip.AddrFromSlice(r.Src)
		hops := r.MultiPath
		if len(hops) == 0 {
			hops = []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw, Flags: r.Flags}}
		}
		for _, h := range hops {
			gateway, ok := netip.AddrFromSlice(h.Gw)
			if !ok || h.Flags&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) != 0 {
				continue
			}
			all = append(all, route{
				gateway: gateway.Unmap(), metric: r.Priority, addresses: addresses(h.LinkIndex), source: source.Unmap(),
			})
		}
	}
	return all, nil
}
