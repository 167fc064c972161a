package netconf

import (
	"net/netip"
	"slices"
)

// Accepts reports whether the user wants the route to a target by name, or to
// what contains it. An entry for everything is about default routes only.
func (s *Settings) Accepts(target netip.Prefix) bool {
	return named(s.AcceptRoutes, target) && !s.Ignores(target)
}

// Ignores reports whether the user does not want the route to a target, by its
// name or that of what contains it.
func (s *Settings) Ignores(target netip.Prefix) bool { return named(s.IgnoreRoutes, target) }

// AllowsRoute reports whether the route to a target may be applied, as far as
// the user's settings go.
func (s *Settings) AllowsRoute(target netip.Prefix) bool {
	return !s.Ignores(target) && s.AllowsAddress(target)
}

// AllowsAddress reports whether an assigned address, with its subnet's length,
// may be applied. One in a subnet that is accepted by name may be public.
func (s *Settings) AllowsAddress(a netip.Prefix) bool {
	if !s.Accepts(a.Masked()) {
		return s.Allows(a)
	}
	wide := *s
	wide.AllowGlobal, wide.AllowDefault = true, true
	return wide.Allows(a)
}

// named reports whether an entry of the list contains a target.
func named(list []netip.Prefix, target netip.Prefix) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool {
		return (p.Bits() > 0 || target.Bits() == 0) && p.Bits() <= target.Bits() && p.Masked().Contains(target.Addr())
	})
}
