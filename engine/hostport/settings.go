package hostport

import (
	"cmp"
	"net/netip"
	"slices"

	"orrery/engine/clock"
)

// Route is a destination reached over this network: through the gateway Via, or
// on the link if Via is invalid.
type Route struct {
	Prefix netip.Prefix
	Via    netip.Addr
	Metric uint16
}

// Settings is how a port is set up. The zero value takes it down.
type Settings struct {
	// Assigned are the controller's addresses that are applied to the device, in
	// the configuration's order; the prefix length is that of the subnet.
	Assigned []netip.Prefix
	// Added are the device's other addresses: link-local ones, and what the user
	// added.
	Added []netip.Prefix
	// Routes are the managed routes that are applied, in order.
	Routes []Route
	// HostRoutes are the other routes of the host that go through the device.
	// They are asked for destinations that nothing else covers.
	HostRoutes []Route
	// MTU is the network's in bytes.
	MTU int
	// NDPEmulation is flag 0x04 of the configuration.
	NDPEmulation bool
	// RouterAdvertisements lets router discovery pass.
	RouterAdvertisements bool
	// SendReports lets the host's IGMP and MLD reports pass to the network.
	SendReports bool
	// Inspect gives the host the packets that rules copied here for others.
	Inspect bool
}

// route is a [Route] ready for lookups.
type route struct {
	prefix netip.Prefix // masked
	via    netip.Addr   // invalid on the link
	own    bool
	metric uint16
}

// Configure applies settings. New IPv4 addresses are probed for other holders
// from the next [Port.Tick], which is then due. Any change of addresses forgets
// the neighbours with the packets that wait for them. Addresses and routes
// beyond the limits are ignored.
func (p *Port) Configure(at clock.Instant, s Settings) {
	before := p.own
	p.set, p.up = s, s.MTU > 0
	p.set.MTU = min(s.MTU, MaxMTU)
	p.own, p.broadcasts = nil, nil
	if p.up {
		p.addOwn(s.Assigned)
		p.addOwn(s.Added)
	}
	p.setRoutes()
	p.generation++
	if !p.up || !slices.Equal(before, p.own) {
		p.forgetNeighbors()
		p.announceNew(at.Mono, before)
		p.conflicts = slices.DeleteFunc(p.conflicts, func(c Conflict) bool { return !p.isOwn(c.IP) })
	}
	switch {
	case !p.up:
		p.snooped, p.listed, p.hasList = nil, nil, false
		p.snoopDue, p.queryDue = idle, idle
	case p.queryDue == idle && !p.hasList:
		p.queryDue = at.Mono
	}
	p.updateGroups()
}

func (p *Port) addOwn(prefixes []netip.Prefix) {
	for _, pfx := range prefixes {
		if !pfx.IsValid() || pfx.Addr().IsMulticast() || pfx.Addr().IsUnspecified() || p.isOwn(pfx.Addr()) || len(p.own) == MaxAddresses {
			continue
		}
		p.own = append(p.own, pfx)
		if pfx.Addr().Is4() && pfx.Bits() <= 30 {
			p.broadcasts = append(p.broadcasts, lastAddress(pfx))
		}
	}
}

// lastAddress is the all-ones address of an IPv4 subnet.
func lastAddress(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}

// setRoutes builds the tables: longest prefix first, then our own subnets, then
// lower metric, then the order given (spec 04 §15.3).
func (p *Port) setRoutes() {
	var managed, kernel []route
	if p.up {
		for _, o := range p.own {
			managed = append(managed, route{prefix: o.Masked(), own: true})
		}
		managed = p.appendRoutes(managed, p.set.Routes)
		kernel = p.appendRoutes(nil, p.set.HostRoutes)
	}
	p.routes, p.kernel = byFamily(managed), byFamily(kernel)
}

func (p *Port) appendRoutes(to []route, from []Route) []route {
	for _, r := range from[:min(len(from), MaxRoutes)] {
		if !r.Prefix.IsValid() {
			continue
		}
		via := r.Via
		if via.Is4() != r.Prefix.Addr().Is4() || via.IsUnspecified() || p.isOwn(via) {
			via = netip.Addr{}
		}
		to = append(to, route{prefix: r.Prefix.Masked(), via: via, metric: r.Metric})
	}
	return to
}

func byFamily(all []route) (tables [2][]route) {
	slices.SortStableFunc(all, func(a, b route) int {
		return cmp.Or(cmp.Compare(b.prefix.Bits(), a.prefix.Bits()), compareBool(b.own, a.own), cmp.Compare(a.metric, b.metric))
	})
	for _, r := range all {
		f := family(r.prefix.Addr())
		tables[f] = append(tables[f], r)
	}
	return tables
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// family is the index of an address's routing table.
func family(ip netip.Addr) int {
	if ip.Is4() {
		return 0
	}
	return 1
}

// nextHop is the neighbour to which packets for dst go.
func (p *Port) nextHop(dst netip.Addr) netip.Addr {
	f := family(dst)
	for _, table := range [2][]route{p.routes[f], p.kernel[f]} {
		for i := range table {
			if r := &table[i]; r.prefix.Contains(dst) {
				if r.via.IsValid() {
					return r.via
				}
				return dst
			}
		}
	}
	return dst
}

// onLink reports whether ip can be a neighbour of ours.
func (p *Port) onLink(ip netip.Addr) bool {
	if ip.Is6() && ip.IsLinkLocalUnicast() {
		return true
	}
	for _, r := range p.routes[family(ip)] {
		if !r.via.IsValid() && r.prefix.Contains(ip) {
			return true
		}
	}
	return false
}
