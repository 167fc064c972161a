package netcfg

import (
	"fmt"
	"log/slog"
	"net/netip"
)

// DefaultMetric is the metric of routes that name none. It is high, so that a
// network's route does not shadow one of the local network (spec 06 §13.14).
const DefaultMetric = 5000

// State is what one interface should have. What earlier calls made and is not
// in it any more is undone.
type State struct {
	Interface string
	// Bridge is the bridge of the system that the interface is a port of, if it is
	// of one: a port has no addresses that work, so they and the routes are put on
	// the bridge. What others have there stays.
	Bridge string
	// Up brings the interface up. It is never brought down except by undoing.
	Up bool
	// MTU is set if it is not 0.
	MTU int
	// LinkLocal is the fe80:: address that belongs to the network's MAC. If it
	// is valid, the system is told to generate none itself, where it can be.
	LinkLocal netip.Addr
	// Addresses are our addresses with the prefix lengths of their subnets.
	Addresses []netip.Prefix
	Routes    []Route
	// Discovery has the system send broadcasts and multicast by this interface,
	// where programs name none.
	Discovery bool
	// index is the interface's, as [Manager.Apply] found it.
	index int
	// Mark, if it is not 0, is the firewall mark of our own UDP packets (Linux).
	// Default routes then go to a routing table of their own that packets with
	// the mark do not see. Without a mark, and on other systems, a default
	// route is installed as two halves, and what keeps our own packets out of
	// it is the caller's affair.
	Mark uint32
}

// Route is a managed route.
type Route struct {
	Target netip.Prefix
	// Via is the gateway; the zero value means on-link.
	Via netip.Addr
	// Source is the preferred source address; the zero value leaves the choice
	// to the system.
	Source netip.Addr
	// Metric is DefaultMetric if it is 0. macOS has no metrics.
	Metric int
	// Split installs the route as its two halves, which outdo an equal route of
	// somebody else's.
	Split bool
}

// String returns the form of "ip route".
func (r Route) String() string {
	s := r.Target.String()
	if r.Via.IsValid() {
		s += " via " + r.Via.String()
	}
	return s
}

// LogValue implements slog.LogValuer.
func (s State) LogValue() slog.Value {
	return slog.GroupValue(slog.String("device", s.Interface), slog.Bool("up", s.Up), slog.Int("mtu", s.MTU), slog.Bool("discovery", s.Discovery),
		slog.String("addresses", fmt.Sprint(s.Addresses)), slog.String("routes", fmt.Sprint(s.Routes)))
}
