package hostport

import (
	"cmp"
	"net/netip"
	"slices"
)

// route is a [Route] ready for lookups.
type route struct {
	prefix netip.Prefix // masked
	via    netip.Addr   // invalid on the link
	rank   rank
	metric uint16
}

// rank says where a route is from, best first.
type rank uint8

const (
	rankOwn rank = iota // the subnet of an address
	// rankGateway is for a gateway that the host itself names: a kernel has chosen
	// the best of all routes that it has, managed ones among them.
	rankGateway
	rankManaged
	rankHost // the host does not name one, as on macOS, where none are told
)

// setRoutes builds the tables: longest prefix first, then our own subnets, then by
// rank, then lower metric, then the order given (spec 04 §15.3).
func (p *Port) setRoutes() {
	var all []route
	if p.up {
		for _, o := range p.own {
			all = append(all, route{prefix: o.Masked(), rank: rankOwn})
		}
		all = p.appendRoutes(all, p.set.Routes, rankManaged)
		all = p.appendRoutes(all, p.set.HostRoutes, rankHost)
	}
	p.routes = byFamily(all)
}

func (p *Port) appendRoutes(to []route, from []Route, of rank) []route {
	for _, r := range from[:min(len(from), MaxRoutes)] {
		if !r.Prefix.IsValid() {
			continue
		}
		via := r.Via
		if via.Is4() != r.Prefix.Addr().Is4() || via.IsUnspecified() || p.isOwn(via) {
			via = netip.Addr{}
		}
		rank := of
		if of == rankHost && via.IsValid() {
			rank = rankGateway
		}
		to = append(to, route{prefix: r.Prefix.Masked(), via: via, rank: rank, metric: r.Metric})
	}
	return to
}

func byFamily(all []route) (tables [2][]route) {
	slices.SortStableFunc(all, func(a, b route) int {
		return cmp.Or(cmp.Compare(b.prefix.Bits(), a.prefix.Bits()), cmp.Compare(a.rank, b.rank), cmp.Compare(a.metric, b.metric))
	})
	for _, r := range all {
		f := family(r.prefix.Addr())
		tables[f] = append(tables[f], r)
	}
	return tables
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
	table := p.routes[family(dst)]
	for i := range table {
		if r := &table[i]; r.prefix.Contains(dst) {
			if r.via.IsValid() {
				return r.via
			}
			return dst
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
