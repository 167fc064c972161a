package verdict

import (
	"fmt"
	"net/netip"
	"slices"
)

// rival says why a default route cannot be had, "" if it can, and what to do.
func (j *judge) rival(n *Network, t netip.Prefix) (reason, advice string) {
	if vpn := j.owner(t); vpn != "" {
		return fmt.Sprintf("Another VPN has the default route (%s)", vpn),
			fmt.Sprintf("Disconnect the other VPN: the route is then applied by itself. To take it from the other VPN: orreryctl set %v acceptRoutes=%v", n.ID, t)
	}
	if t.Addr().Is4() {
		if f := j.strict(); f != "" {
			return fmt.Sprintf("%s takes only packets whose answers leave by it (rp_filter is 1), so with this route nothing would come from roots and peers", f),
				fmt.Sprintf("Allow other ways: sysctl -w net.ipv4.conf.%s.rp_filter=2", f)
		}
	}
	if tr := &j.m.Transport; !tr.Bound && !tr.Marked {
		return "The service may bind its sockets neither to an interface nor mark their packets, so the network would carry its own packets",
			"Run the service as administrator, and without \"bind\" in local.conf."
	}
	return "", ""
}

// sibling is the network of ours that has the default route, nil if none has.
func (j *judge) sibling(t netip.Prefix) *Network {
	for i := range j.before {
		if h := &j.before[i]; slices.Contains(h.routes, t) {
			return h.network
		}
	}
	return nil
}

// owner is the interface of another VPN that has the default route of t's
// family, "" if none has.
func (j *judge) owner(t netip.Prefix) string {
	dialled, lined := "", false
	for i := range j.m.Routes {
		r := &j.m.Routes[i]
		if r.Target.Bits() > 1 || r.Target.Addr().Is4() != t.Addr().Is4() { // halves count
			continue
		}
		switch j.class(r.Interface) {
		case VPN:
			return r.Interface
		case Dial:
			dialled = r.Interface
		case Local:
			lined = true
		case Own:
		}
	}
	if lined {
		return dialled // it is not the line itself
	}
	return ""
}

// strict is an interface with a default route that takes packets only from where
// answers would leave, "" if there is none.
func (j *judge) strict() string {
	for i := range j.m.Interfaces {
		f := &j.m.Interfaces[i]
		if f.Strict && f.Class != Own && slices.ContainsFunc(j.m.Routes, func(r Route) bool {
			return r.Interface == f.Name && r.Target.Addr().Is4() && r.Target.Bits() <= 1
		}) {
			return f.Name
		}
	}
	return ""
}

// swallows says whose packets a route would catch, the beginning of a sentence,
// "" if nobody's. It does not say where they are, which is not for everybody.
func (j *judge) swallows(t netip.Prefix) string {
	strict := ""
	if t.Addr().Is4() {
		strict = j.strict()
	}
	for i := range j.m.Transport.Endpoints {
		e := &j.m.Transport.Endpoints[i]
		switch {
		case !t.Contains(e.Addr.Unmap()) || j.nearer(t, e.Addr.Unmap()):
		case !j.m.Transport.Bound || e.Loose:
			return fmt.Sprintf("%v has the address of %s: the network would carry its own packets", t, e.Who)
		case strict != "":
			return fmt.Sprintf("%v has the address of %s, and %s takes only packets whose answers leave by it (rp_filter is 1; sysctl -w net.ipv4.conf.%s.rp_filter=2 changes it)",
				t, e.Who, strict, strict)
		}
	}
	return ""
}

// nearer reports whether the machine has a more exact way to ip than t.
func (j *judge) nearer(t netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(j.m.Routes, func(r Route) bool {
		return r.Target.Bits() > t.Bits() && r.Target.Contains(ip) && j.class(r.Interface) != Own
	})
}

// rootIn is a root whose address lies in a subnet, nil if there is none.
func (j *judge) rootIn(subnet netip.Prefix) *Endpoint {
	for i := range j.m.Transport.Endpoints {
		if e := &j.m.Transport.Endpoints[i]; e.Root && subnet.Contains(e.Addr.Unmap()) {
			return e
		}
	}
	return nil
}
