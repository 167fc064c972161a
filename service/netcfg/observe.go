package netcfg

import (
	"cmp"
	"net/netip"
	"slices"

	"orrery/engine/identity"
)

// Observation is what an interface has, whoever set it. A port over a layer 3
// device needs it: the kernel answers no ARP there and tells no next hops (spec
// 04 §15).
type Observation struct {
	// Addresses are all addresses with their subnets' lengths, link-local ones
	// too. Sorted.
	Addresses []netip.Prefix
	// Routes are the routes into the interface in the main table, those that
	// come with addresses too. Sorted by target and metric. macOS tells no
	// gateways.
	Routes []Route
	// Groups are the IP multicast groups that programs have joined. Sorted.
	Groups []netip.Addr
	// EthernetGroups are the Ethernet multicast groups that the interface
	// listens to, which a layer 3 device has none of. Linux only. Sorted.
	EthernetGroups []identity.MAC
}

// Observe reads what an interface has. It fails with [ErrNoInterface] if there
// is none.
func (m *Manager) Observe(ifname string) (Observation, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, err := m.sys.observe(ifname)
	if err != nil {
		return Observation{}, err
	}
	var o Observation
	for it := range now.things {
		switch {
		case it.Kind == KindAddress:
			o.Addresses = append(o.Addresses, it.Prefix)
		case it.Kind == KindRoute && it.Table == 0:
			o.Routes = append(o.Routes, Route{Target: it.Prefix, Via: it.Via, Source: it.Source, Metric: it.Metric})
		}
	}
	slices.SortFunc(o.Addresses, comparePrefixes)
	slices.SortFunc(o.Routes, func(a, b Route) int {
		return cmp.Or(comparePrefixes(a.Target, b.Target), cmp.Compare(a.Metric, b.Metric), a.Via.Compare(b.Via), a.Source.Compare(b.Source))
	})
	o.Groups, o.EthernetGroups, err = groups(ifname)
	slices.SortFunc(o.Groups, netip.Addr.Compare)
	o.Groups = slices.Compact(o.Groups)
	slices.Sort(o.EthernetGroups)
	o.EthernetGroups = slices.Compact(o.EthernetGroups)
	return o, err
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}
