package netconf

import (
	"net/netip"
	"slices"

	"orrery/engine/wire"
)

// Settings are what the user allows a network to do on this computer (spec 04
// §14.5).
type Settings struct {
	// AllowManaged lets assigned addresses and routes be applied at all.
	AllowManaged bool
	// ManagedOnly limits them, if not empty, to what lies in one of these.
	ManagedOnly []netip.Prefix
	// AllowGlobal also lets in addresses and targets of public scope.
	AllowGlobal bool
	// AllowDefault also lets in default routes.
	AllowDefault bool
	// AllowDNS lets name servers be applied, for the network's domain.
	AllowDNS bool
	// DNSDefault has, with AllowDNS, all other queries go to them too.
	DNSDefault bool
	// Port is the kind of virtual port, empty for the default.
	Port string
	// VerifiedOnly drops frames of peers whom the user has not verified.
	VerifiedOnly bool
	// RemoteTrace lets the controller have reports about what is dropped here.
	RemoteTrace bool
	// LANDiscovery makes programs that look for others on a local network use
	// this one too.
	LANDiscovery bool
	// MTU is a cap of the device's MTU, MinMTU to MaxMTU; 0 for the network's
	// own. It never raises it.
	MTU int
	// AcceptRoutes are targets of routes that are applied even where AllowGlobal,
	// AllowDefault or a conflict would refuse them, though not without
	// AllowManaged. IgnoreRoutes are never applied, and outrank them.
	AcceptRoutes, IgnoreRoutes []netip.Prefix
	// Token is a join token, at most MaxToken bytes: with it a controller may
	// admit this computer unasked.
	Token string

	// unknown are entries of the file that this version has no use for. They are
	// written back.
	unknown []entry
}

// entry is a line of a settings file.
type entry struct{ key, value string }

// Kinds of virtual port, [Settings.Port].
const (
	PortTUN = "tun" // IP packets
	PortTAP = "tap" // Ethernet frames
)

// Ethernet reports whether the port is to carry Ethernet frames, on a system that
// has such devices or has none. LANDiscovery chooses them unless Port says
// otherwise: many programs that look for others skip IP devices, which count as
// lines to a single other.
func (s *Settings) Ethernet(available bool) bool {
	return s.Port == PortTAP || s.Port == "" && s.LANDiscovery && available
}

// DefaultSettings are those of a network without a settings file.
func DefaultSettings() Settings { return Settings{AllowManaged: true} }

// Equal reports whether both allow the same.
func (s *Settings) Equal(o *Settings) bool {
	return s.AllowManaged == o.AllowManaged && s.AllowGlobal == o.AllowGlobal && s.AllowDefault == o.AllowDefault &&
		s.AllowDNS == o.AllowDNS && s.DNSDefault == o.DNSDefault && s.Port == o.Port && s.VerifiedOnly == o.VerifiedOnly &&
		s.LANDiscovery == o.LANDiscovery && s.RemoteTrace == o.RemoteTrace && s.MTU == o.MTU && s.Token == o.Token &&
		slices.Equal(s.ManagedOnly, o.ManagedOnly) && slices.Equal(s.AcceptRoutes, o.AcceptRoutes) &&
		slices.Equal(s.IgnoreRoutes, o.IgnoreRoutes)
}

// Allows reports whether an assigned address, with its subnet's length, or the
// target of a route may be applied. The gateway of a route is not checked.
//
// Beyond the reference, a subnet so broad that it takes in a large part of the
// Internet needs AllowDefault as well (spec 06 §9.4), whatever its host bits
// pretend.
func (s *Settings) Allows(target netip.Prefix) bool {
	if !s.AllowManaged || !target.IsValid() || len(s.ManagedOnly) > 0 && !s.listed(target) {
		return false
	}
	if target.Bits() == 0 && target.Addr().IsUnspecified() {
		return s.AllowDefault
	}
	switch wire.ScopeOf(target.Addr()) {
	case wire.ScopeNone, wire.ScopeMulticast, wire.ScopeLoopback, wire.ScopeLinkLocal:
		return false
	case wire.ScopeGlobal:
		return s.AllowGlobal && (s.AllowDefault || !broad(target))
	}
	return s.AllowGlobal && s.AllowDefault || !broad(target)
}

// listed reports whether an entry of the list contains the whole target.
func (s *Settings) listed(target netip.Prefix) bool {
	return slices.ContainsFunc(s.ManagedOnly, func(p netip.Prefix) bool {
		return p.Bits() <= target.Bits() && p.Masked().Contains(target.Addr())
	})
}

// broad reports whether p spans more than any block that is assigned as one, and
// public addresses with it.
func broad(p netip.Prefix) bool {
	if p.Addr().Is6() {
		private := wire.ScopeOf(p.Masked().Addr()) == wire.ScopePrivate // in fc00::/7
		return p.Bits() < 16 && !(private && p.Bits() >= 7)
	}
	if p.Bits() >= 8 {
		return false
	}
	// A first octet that is not wholly of another scope has public addresses at
	// its beginning.
	first := p.Masked().Addr().As4()
	for i := range 1 << (8 - p.Bits()) {
		if wire.ScopeOf(netip.AddrFrom4([4]byte{first[0] + byte(i)})) == wire.ScopeGlobal {
			return true
		}
	}
	return false
}
