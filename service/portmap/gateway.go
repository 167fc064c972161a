package portmap

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
)

// errNoGateway is returned when there is no IPv4 default route by a gateway.
var errNoGateway = errors.New("this machine has no IPv4 gateway")

// route is a default route of this machine.
type route struct {
	gateway netip.Addr
	metric  int
	// addresses are those of the route's interface with their networks, source
	// is the one that the route prefers, if any.
	addresses []netip.Prefix
	source    netip.Addr
}

// choose picks the best of the default routes: the one with the lowest metric
// that does not lead into a virtual network, and our address that the gateway
// sees. Among equals the order of the addresses decides, so that it does not
// change from one time to the next.
func choose(routes []route, avoid func(netip.Addr) bool) (link, error) {
	slices.SortStableFunc(routes, func(a, b route) int {
		return cmp.Or(cmp.Compare(a.metric, b.metric), a.gateway.Compare(b.gateway))
	})
	for _, r := range routes {
		if !r.gateway.Is4() || r.gateway.IsUnspecified() || avoid(r.gateway) {
			continue
		}
		if local := r.local(); local.IsValid() && !avoid(local) && local != r.gateway {
			return link{gateway: r.gateway, local: local}, nil
		}
	}
	return link{}, errNoGateway
}

// local is our address on the route's network.
func (r *route) local() netip.Addr {
	if r.source.Is4() {
		return r.source
	}
	var any netip.Addr
	for _, p := range r.addresses {
		switch a := p.Addr(); {
		case !a.Is4():
		case p.Contains(r.gateway):
			return a
		case !any.IsValid():
			any = a
		}
	}
	return any
}
