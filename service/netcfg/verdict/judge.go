package verdict

import (
	"fmt"
	"net/netip"
	"slices"

	"orrery/engine/netconf"
)

// Judge decides about all networks of this machine. A network that comes before
// another has what both want. The rulings are in the order of the networks.
func Judge(m *Machine, networks []Network) []Ruling {
	j := judge{m: m}
	all := make([]Ruling, len(networks))
	for i := range networks {
		all[i] = j.network(&networks[i])
	}
	return all
}

// judge is a judgement under way.
type judge struct {
	m *Machine
	// before is what the networks already judged have.
	before []held
}

// held is what a network has.
type held struct {
	network *Network
	subnets []netip.Prefix // of addresses
	routes  []netip.Prefix
}

func (j *judge) network(n *Network) Ruling {
	var r Ruling
	h := held{network: n}
	for _, a := range n.Addresses {
		if slices.ContainsFunc(r.Addresses, func(v Verdict) bool { return v.Target.Addr() == a.Addr().Unmap() }) {
			continue // a system takes one prefix length per address
		}
		v, forced := j.address(n, a)
		r.Addresses = append(r.Addresses, v)
		r.Forced = append(r.Forced, forced...)
		for _, p := range v.Install {
			h.subnets = append(h.subnets, p.Masked())
		}
	}
	first := firstOf(n.Routes)
	for i := range n.Routes {
		v := j.route(n, &r, &n.Routes[i], first, i)
		r.Routes = append(r.Routes, v)
		h.routes = append(h.routes, v.Install...)
	}
	j.before = append(j.before, h)
	return r
}

// firstOf tells of each target which route counts: the one with the lowest
// metric, of several the first.
func firstOf(routes []netconf.Route) map[netip.Prefix]int {
	first := make(map[netip.Prefix]int, len(routes))
	for i, r := range routes {
		t, ok := unmap(r.Target)
		if !ok {
			continue
		}
		if o, there := first[t.Masked()]; !there || r.Metric < routes[o].Metric {
			first[t.Masked()] = i
		}
	}
	return first
}

// address judges an address and the route of its subnet. forced is the subnet if
// it has to outdo one of the machine's, as the user wants it.
func (j *judge) address(n *Network, a netip.Prefix) (v Verdict, forced []netip.Prefix) {
	v = Verdict{Target: a}
	a, ok := unmap(a)
	if !ok || a.Bits() == 0 || a.Addr().IsUnspecified() {
		v.refuse("It is no address with a subnet.", "Whoever runs the network can correct it.")
		return v, nil
	}
	v.Target = a
	subnet := a.Masked()
	forcing := n.Settings.Accepts(subnet)
	if !n.Settings.AllowsAddress(a) {
		n.deny(&v)
		return v, nil
	}
	if j.m.NoIPv6 && a.Addr().Is6() {
		v.State, v.Reason = Ignored, noIPv6
		return v, nil
	}
	if n.Settings.Ignores(subnet) {
		v.State, v.Install = Narrowed, []netip.Prefix{netip.PrefixFrom(a.Addr(), a.Addr().BitLen())}
		v.Reason = fmt.Sprintf("ignoreRoutes leaves out the route to %v, so only the address itself is there.", subnet)
		return v, nil
	}
	if who := j.holder(n, a.Addr()); who != "" {
		v.refuse(fmt.Sprintf("%v is already %s; the address was not applied.", a.Addr(), who), "Whoever runs the network can assign another address.")
		v.Alarm = true
		return v, nil
	}
	if e := j.rootIn(subnet); e != nil {
		v.refuse(fmt.Sprintf("%s is at %v, which lies in %v: with this address it could not be reached any more.", capital(e.Who), e.Addr, subnet),
			"Whoever runs the network can assign addresses of another range.")
		v.Alarm = true
		return v, nil
	}
	c := j.conflict(n, subnet)
	if c.refusal == "" && c.home(a.Addr()) {
		c.refusal = fmt.Sprintf("%v lies in %s", a.Addr(), c.innerText())
	}
	switch {
	case c.refusal == "":
	case forcing:
		c.refusal = ""
		if c.equal {
			forced = append(forced, subnet)
		}
		v.Reason = "It is applied all the same, as acceptRoutes says."
	default:
		v.refuse(c.refusal+"; the address was not applied.", n.insist(subnet))
		v.Alarm = true
		return v, nil
	}
	v.State, v.Install = Applied, []netip.Prefix{a}
	c.narrow(&v)
	return v, forced
}

// route judges a route. first is of [firstOf], index the route's place.
func (j *judge) route(n *Network, r *Ruling, o *netconf.Route, first map[netip.Prefix]int, index int) Verdict {
	v := Verdict{Target: o.Target, Via: o.Via.Unmap(), Metric: o.Metric}
	t, ok := unmap(o.Target)
	if !ok {
		v.refuse("Its target is no network.", "Whoever runs the network can correct it.")
		return v
	}
	t = t.Masked()
	v.Target = t
	if v.Via.IsUnspecified() || v.Via.Is4() != t.Addr().Is4() {
		v.Via = netip.Addr{}
	}
	forcing := n.Settings.Accepts(t)
	if n.Settings.Ignores(t) {
		v.State, v.Reason = Ignored, "ignoreRoutes in the settings of the network leaves it out."
		return v
	}
	if !n.Settings.AllowsRoute(t) {
		n.deny(&v)
		return v
	}
	if j.m.NoIPv6 && t.Addr().Is6() {
		v.State, v.Reason = Ignored, noIPv6
		return v
	}
	if i := first[t]; i != index {
		v.refuse(fmt.Sprintf("The network names the target twice; the route %s counts.", via(n.Routes[i].Via)), "")
		return v
	}
	if !j.gateway(n, r, &v) {
		return v
	}
	if t.Bits() == 0 {
		j.everything(n, &v, forcing)
		return v
	}
	j.target(n, &v, forcing)
	return v
}

// gateway judges a route by what the network has given us: a source address, the
// subnet itself, the way to the gateway. It reports whether there is more to
// judge.
func (j *judge) gateway(n *Network, r *Ruling, v *Verdict) bool {
	bits, implied, reach := -1, false, n.LinkLocal.IsValid() && n.LinkLocal.Contains(v.Via)
	for i := range r.Addresses {
		a := &r.Addresses[i]
		if a.Target.Addr() == v.Via || v.Via.IsValid() && n.LinkLocal.Addr() == v.Via {
			v.State, v.Reason = Ignored, "This computer is the gateway of this route."
			return false
		}
		if len(a.Install) == 0 || a.Target.Addr().Is4() != v.Target.Addr().Is4() {
			continue
		}
		// The first of the addresses that share most with the target.
		if same := commonBits(a.Target.Addr(), v.Target.Addr()); same > bits {
			bits, v.Source = same, a.Target.Addr()
		}
		implied = implied || a.Target.Masked() == v.Target && slices.Contains(a.Install, a.Target)
		reach = reach || v.Via.IsValid() && a.Target.Contains(v.Via)
	}
	switch {
	case implied:
		v.State = Applied // it came with the address
		return false
	case bits < 0 && slices.ContainsFunc(r.Addresses, func(a Verdict) bool { return a.State == Refused && a.Target.Masked() == v.Target }):
		return true // the conflict is what the user should read
	case bits < 0:
		v.State, v.Reason = Pending, fmt.Sprintf("This computer has no %s address in the network.", family(v.Target))
		return false
	case v.Via.IsValid() && !reach && !onLink(n, v.Via):
		v.refuse(fmt.Sprintf("Its gateway %v is in none of the network's own subnets.", v.Via), "Whoever runs the network can correct it.")
		return false
	}
	return true
}

// onLink reports whether a route of the network itself leads to a gateway.
func onLink(n *Network, gateway netip.Addr) bool {
	return slices.ContainsFunc(n.Routes, func(r netconf.Route) bool {
		t, ok := unmap(r.Target)
		return ok && t.Bits() > 0 && !r.Via.IsValid() && t.Contains(gateway) && n.Settings.AllowsRoute(t)
	})
}

// target judges a route to a part of the world.
func (j *judge) target(n *Network, v *Verdict, forcing bool) {
	c := j.conflict(n, v.Target)
	if c.refusal == "" {
		c.refusal = j.swallows(v.Target)
		if c.refusal == "" {
			v.State, v.Install = Applied, []netip.Prefix{v.Target}
			v.Reason = c.note
			c.narrow(v)
			return
		}
	}
	if !forcing {
		v.refuse(c.refusal+"; the route was not applied.", n.insist(v.Target))
		v.Alarm = true
		return
	}
	v.State, v.Install, v.Split = Applied, []netip.Prefix{v.Target}, c.equal
	v.Reason = capital(c.refusal) + ". It is applied all the same, as acceptRoutes says."
}

// everything judges a default route.
func (j *judge) everything(n *Network, v *Verdict, forcing bool) {
	if h := j.sibling(v.Target); h != nil { // there is one such route
		v.refuse("All traffic already goes into "+h.title()+"; the default route was not applied.",
			fmt.Sprintf("Switch that off (orreryctl set %v allowDefault=0), or leave it as it is.", h.ID))
		v.Alarm = true
		return
	}
	reason, advice := j.rival(n, v.Target)
	switch {
	case reason != "" && !forcing:
		v.refuse(reason+"; the default route was not applied.", advice)
		v.Alarm = true
		return
	case n.Waiting && (n.Installed == nil || !n.Installed(v.Target)):
		v.State, v.Reason = Pending, "A default route waits until a root answers, for it must not make this computer unreachable."
		return
	case reason != "":
		v.Reason = capital(reason) + ". The route is applied all the same, as acceptRoutes says."
	}
	v.State, v.Install = Applied, []netip.Prefix{v.Target}
}

func (v *Verdict) refuse(reason, advice string) {
	v.State, v.Reason, v.Advice = Refused, capital(reason), advice
}
