package portmap

import (
	"fmt"
	"net/netip"

	bsd "golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// scoped routes count after those that everybody uses.
const scoped = 1 << 20

// defaultRoutes lists the IPv4 default routes.
func defaultRoutes() ([]route, error) {
	b, err := bsd.FetchRIB(unix.AF_INET, bsd.RIBTypeRoute, 0)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	msgs, err := bsd.ParseRIB(bsd.RIBTypeRoute, b)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var all []route
	for i, m := range msgs {
		r, ok := m.(*bsd.RouteMessage)
		if !ok || r.Flags&unix.RTF_UP == 0 || r.Flags&unix.RTF_GATEWAY == 0 || r.Flags&unix.RTF_HOST != 0 || len(r.Addrs) <= unix.RTAX_GATEWAY {
			continue
		}
		dst, ok := r.Addrs[unix.RTAX_DST].(*bsd.Inet4Addr)
		gateway, isIP := r.Addrs[unix.RTAX_GATEWAY].(*bsd.Inet4Addr)
		if !ok || !isIP || dst.IP != [4]byte{} {
			continue
		}
		if len(r.Addrs) > unix.RTAX_NETMASK { // 0.0.0.0/1 has a mask, 0/0 none or an empty one
			if mask, ok := r.Addrs[unix.RTAX_NETMASK].(*bsd.Inet4Addr); ok && mask.IP != [4]byte{} {
				continue
			}
		}
		metric := i // the table has the best first
		if r.Flags&unix.RTF_IFSCOPE != 0 {
			metric += scoped
		}
		all = append(all, route{gateway: netip.AddrFrom4(gateway.IP), metric: metric, addresses: addresses(r.Index)})
	}
	return all, nil
}
