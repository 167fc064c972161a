package netcfg

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"

	"orrery/service/netcfg/verdict"
)

// rtfIfScope marks a route that only sockets bound to its interface use. Every
// interface has such a default route; they are in nobody's way.
const rtfIfScope = 0x1000000

func (darwin) machine(own []string, keep func(netip.Prefix) bool) (verdict.Machine, error) {
	var m verdict.Machine
	faces, names, err := interfaces(own, func(f *net.Interface) verdict.Class { return verdict.ClassOf(f.Name) })
	if err != nil {
		return m, err
	}
	m.Interfaces = faces
	b, err := route.FetchRIB(unix.AF_UNSPEC, route.RIBTypeRoute, 0)
	if err != nil {
		return m, fmt.Errorf("list routes: %w", err)
	}
	msgs, err := route.ParseRIB(route.RIBTypeRoute, b)
	if err != nil {
		return m, fmt.Errorf("list routes: %w", err)
	}
	// Those of neighbours, and of destinations that were used, follow from others.
	const unusable = unix.RTF_REJECT | unix.RTF_BLACKHOLE | unix.RTF_LLINFO | unix.RTF_WASCLONED | rtfIfScope
	for _, msg := range msgs {
		r, ok := msg.(*route.RouteMessage)
		if !ok || r.Flags&unix.RTF_UP == 0 || r.Flags&unusable != 0 || len(r.Addrs) <= unix.RTAX_NETMASK {
			continue
		}
		p, ok := routePrefix(r)
		if !ok || !p.IsValid() || p.Addr().IsLinkLocalUnicast() || p.Addr().IsMulticast() {
			continue
		}
		if name := names[r.Index]; name != "" && keep(p.Masked()) {
			m.Routes = append(m.Routes, verdict.Route{Target: p.Masked(), Interface: name})
		}
	}
	return m, nil
}
