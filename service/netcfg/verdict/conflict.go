package verdict

import (
	"fmt"
	"net/netip"
	"slices"
)

// conflict is what a target has in common with the machine.
type conflict struct {
	// refusal is why it does not fit, the beginning of a sentence; "" if it does.
	refusal string
	// equal is whether something else has exactly the target.
	equal bool
	// inner are the parts of it that are somebody else's, by who that is.
	inner map[string][]netip.Prefix
	// homes are those of inner that are subnets the machine is in.
	homes []netip.Prefix
	// note is what is good to know though it fits.
	note string
}

// whole is the length from which on a route of the machine is about some
// destinations rather than about everything.
const whole = 4

// conflict compares a target, which is not everything, with what the machine and
// the networks before have.
func (j *judge) conflict(n *Network, t netip.Prefix) conflict {
	var c conflict
	for i := range j.m.Interfaces {
		f := &j.m.Interfaces[i]
		if f.Class == Own || f.Name == n.Bridge {
			continue
		}
		for _, a := range f.Addresses {
			c.subnet(t, a, func() string { return "the network that " + f.Name + " is in" })
		}
	}
	for i := range j.before {
		h := &j.before[i]
		for _, p := range h.subnets {
			c.subnet(t, p, func() string { return "the range of " + h.network.title() })
		}
		for _, p := range h.routes {
			c.route(t, p, h.network.title)
		}
	}
	for i := range j.m.Routes {
		r := &j.m.Routes[i]
		if r.Target.Overlaps(t) && r.Interface != n.Bridge && j.class(r.Interface) != Own {
			c.route(t, r.Target, func() string { return r.Interface })
		}
	}
	return c
}

// class is what an interface is; one that is not up is Own: its routes are not
// in force.
func (j *judge) class(name string) Class {
	for i := range j.m.Interfaces {
		if j.m.Interfaces[i].Name == name {
			return j.m.Interfaces[i].Class
		}
	}
	return Own
}

// subnet compares t with a subnet in which somebody is.
func (c *conflict) subnet(t, a netip.Prefix, what func() string) {
	s, ok := unmap(a)
	if !ok || s.Addr().Is4() != t.Addr().Is4() || s.Addr().IsLinkLocalUnicast() || s.Addr().IsLoopback() || s.Bits() == 0 {
		return
	}
	s = s.Masked()
	switch {
	case s == t:
		c.equal = true
		c.refuse(fmt.Sprintf("%v is %s", t, what()))
	case covers(s, t):
		c.refuse(fmt.Sprintf("%v lies in %v, %s", t, s, what()))
	case covers(t, s) && !s.IsSingleIP(): // a single one is the machine's whatever the routes are
		c.add("which is "+what(), s)
		c.homes = append(c.homes, s)
	}
}

// route compares t with a route that somebody has.
func (c *conflict) route(t, r netip.Prefix, who func() string) {
	r, ok := unmap(r)
	if !ok || r.Addr().Is4() != t.Addr().Is4() || r.Bits() < whole {
		return
	}
	r = r.Masked()
	switch {
	case r.Addr().IsLinkLocalUnicast() || r.Addr().IsMulticast():
	case r == t:
		c.equal = true
		c.refuse(fmt.Sprintf("%v already goes to %s", t, who()))
	case covers(r, t):
		c.note = fmt.Sprintf("It is a part of %v, which goes to %s otherwise.", r, who())
	case covers(t, r) && !r.IsSingleIP():
		c.add("which goes to "+who(), r)
	}
}

// refuse keeps the first refusal: what the machine is in comes before routes,
// which follow from that.
func (c *conflict) refuse(text string) {
	if c.refusal == "" {
		c.refusal = text
	}
}

// add notes a part that is somebody else's, once.
func (c *conflict) add(whose string, p netip.Prefix) {
	for _, list := range c.inner {
		if slices.Contains(list, p) {
			return
		}
	}
	if c.inner == nil {
		c.inner = make(map[string][]netip.Prefix)
	}
	c.inner[whose] = append(c.inner[whose], p)
}

// home reports whether ip is in a subnet that the machine is in.
func (c *conflict) home(ip netip.Addr) bool {
	return slices.ContainsFunc(c.homes, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// innerText says what the inner parts are, in a stable order.
func (c *conflict) innerText() string {
	text := ""
	for i, whose := range sortedKeys(c.inner) {
		if i > 0 {
			text += "; "
		}
		text += list(c.inner[whose]) + ", " + whose
	}
	return text
}

// narrow says of an applied verdict what of it stays with others.
func (c *conflict) narrow(v *Verdict) {
	if len(c.inner) > 0 && v.State == Applied {
		v.State = Narrowed
		v.Reason = "It is applied but for " + c.innerText() + "."
	}
}

// holder says who on this machine has an address, "" if nobody does.
func (j *judge) holder(n *Network, ip netip.Addr) string {
	for i := range j.m.Interfaces {
		f := &j.m.Interfaces[i]
		if f.Class != Own && f.Name != n.Bridge && slices.ContainsFunc(f.Addresses, func(p netip.Prefix) bool { return p.Addr().Unmap() == ip }) {
			return "this computer's address on " + f.Name
		}
	}
	for i := range j.before {
		h := &j.before[i]
		if slices.ContainsFunc(h.network.Addresses, func(p netip.Prefix) bool { return p.Addr().Unmap() == ip }) &&
			slices.ContainsFunc(h.subnets, func(p netip.Prefix) bool { return p.Contains(ip) }) {
			return "this computer's address in " + h.network.title()
		}
	}
	return ""
}
