package daemon

import (
	"net/netip"

	"orrery/engine/hostport"
)

// Survey implements host.Surveyor.
func (p *systemPort) Survey() ([]hostport.Route, []netip.Addr, error) {
	o, err := p.system.config.Observe(p.Name())
	if err != nil {
		return nil, nil, err
	}
	var routes []hostport.Route
	for _, r := range o.Routes {
		if r.Target.Addr().IsMulticast() {
			continue // groups have no next hop
		}
		routes = append(routes, hostport.Route{Prefix: r.Target, Via: r.Via, Metric: uint16(min(r.Metric, 0xffff))})
	}
	return routes, o.Groups, nil
}
