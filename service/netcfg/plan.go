package netcfg

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// platform is how a system differs in what has to be asked of it.
type platform struct {
	// implied systems make the on-link route of an address themselves.
	implied bool
	// generates systems can be told not to generate link-local addresses.
	generates bool
	// policy systems have routing tables chosen by mark.
	policy bool
	// gateways systems keep a route's gateway and metric, sources systems its
	// preferred source. What a system does not keep is left out of the plan.
	gateways, sources bool
	// ranks systems choose the interface of broadcasts and multicast by its metric,
	// routed ones by ordinary routes.
	ranks, routed bool
}

const (
	// markTable is the routing table for default routes beside the mark.
	markTable = 28530
	// mainRank and markRank are the preferences of the two rules: first what
	// the main table knows better than by its default route, then, for packets
	// without the mark, our table.
	mainRank = 31000
	markRank = 31001
	// mainTable is the system's ordinary table in a rule.
	mainTable = 254
	// genNone is the link-local generation mode "none".
	genNone = 1
)

// errFamily is about a route whose gateway has another family than its target.
var errFamily = errors.New("gateway and target are of different families")

// planned is an item with the number of the group that it is made with: all of
// a group, or none.
type planned struct {
	Item
	group int
}

// plan lists the items that make up a state, in the order to make them (spec
// 04 §14.2, 06 §9.5), and what is wrong with those it leaves out.
func plan(want State, p platform) ([]planned, error) {
	b := planner{want: want, p: p, seen: map[Item]bool{}}
	if want.MTU != 0 {
		b.add(Item{Kind: KindMTU, Value: want.MTU})
	}
	if want.LinkLocal.IsValid() && p.generates {
		b.add(Item{Kind: KindLinkLocal, Value: genNone})
	}
	if want.Up {
		b.add(Item{Kind: KindUp, Value: 1})
	}
	b.addresses()
	b.routes()
	if want.Discovery {
		b.discovery()
	}
	return b.items, errors.Join(b.errs...)
}

// planner collects a plan.
type planner struct {
	want  State
	p     platform
	own   []netip.Prefix
	items []planned
	seen  map[Item]bool
	errs  []error
	// group is that of the next item, if it is not 0.
	group, groups int
}

// grouped has what f adds be one group.
func (b *planner) grouped(f func()) {
	b.groups++
	b.group = b.groups
	f()
	b.group = 0
}

// add appends an item unless it is there.
func (b *planner) add(it Item) {
	it.Interface = b.want.Interface
	if b.want.Bridge != "" && !it.Kind.setting() {
		it.Interface, it.For = b.want.Bridge, b.want.Interface
	}
	if it.Kind == KindRoute {
		if !b.p.gateways {
			it.Via, it.OnLink, it.Metric = netip.Addr{}, false, 0
		}
		if !b.p.sources {
			it.Source = netip.Addr{}
		}
	}
	if k := it.key(); !b.seen[k] {
		b.seen[k] = true
		g := b.group
		if g == 0 {
			b.groups++
			g = b.groups
		}
		b.items = append(b.items, planned{it, g})
	}
}

// addresses plans the addresses, and their on-link routes where the system
// does not make them.
func (b *planner) addresses() {
	if ll := b.want.LinkLocal; ll.IsValid() {
		b.own = append(b.own, netip.PrefixFrom(ll, 64))
	}
	seen := map[netip.Addr]bool{}
	for _, a := range b.want.Addresses {
		a = netip.PrefixFrom(a.Addr().Unmap(), a.Bits())
		if !a.IsValid() {
			b.errs = append(b.errs, fmt.Errorf("address %v is not valid", a))
			continue
		}
		if seen[a.Addr()] { // a system takes one prefix length per address
			continue
		}
		seen[a.Addr()] = true
		b.own = append(b.own, a)
	}
	subnets := map[netip.Prefix]bool{}
	for _, a := range b.own {
		it := Item{Kind: KindAddress, Prefix: a}
		if !b.p.implied && subnets[a.Masked()] { // its route would be a second one
			it.Prefix = netip.PrefixFrom(a.Addr(), a.Addr().BitLen())
		}
		subnets[a.Masked()] = true
		b.add(it)
	}
	if b.p.implied {
		return
	}
	for _, a := range b.own {
		if !a.IsSingleIP() && !a.Addr().IsLinkLocalUnicast() {
			b.add(Item{Kind: KindRoute, Prefix: a.Masked(), Metric: DefaultMetric})
		}
	}
}

// routes plans the managed routes: on-link before via, defaults in halves or
// in a table of their own.
func (b *planner) routes() {
	var onlink, via []Route
	for _, r := range b.want.Routes {
		r, ok := b.wanted(r)
		if !ok {
			continue
		}
		if r.Via.IsValid() {
			via = append(via, r)
		} else {
			onlink = append(onlink, r)
		}
	}
	for _, r := range slices.Concat(onlink, via) {
		it := Item{Kind: KindRoute, Via: r.Via, Source: r.Source, Metric: r.Metric}
		it.OnLink = r.Via.IsValid() && !b.reaches(r.Via)
		b.grouped(func() { b.route(r, it) })
	}
}

// route plans one route: as it is, in halves, or in the table that packets with
// the mark do not see.
func (b *planner) route(r Route, it Item) {
	everything := r.Target.Bits() == 0
	switch {
	case everything && b.want.Mark != 0 && b.p.policy:
		it.Prefix, it.Table = r.Target, markTable
		b.add(it)
		any := netip.PrefixFrom(r.Target.Addr(), 0)
		b.add(Item{Kind: KindRule, Prefix: any, Table: mainTable, Rank: mainRank})
		b.add(Item{Kind: KindRule, Prefix: any, Table: markTable, Mark: b.want.Mark, Rank: markRank})
	case everything || r.Split && !r.Target.IsSingleIP():
		for _, half := range halves(r.Target) {
			it.Prefix = half
			b.add(it)
		}
	default:
		it.Prefix = r.Target
		b.add(it)
	}
}

// wanted completes a route and reports whether it is to be installed.
func (b *planner) wanted(r Route) (Route, bool) {
	r.Target = netip.PrefixFrom(r.Target.Addr().Unmap(), r.Target.Bits()).Masked()
	r.Via, r.Source = r.Via.Unmap(), r.Source.Unmap()
	if !r.Target.IsValid() {
		b.errs = append(b.errs, errors.New("route without a valid target"))
		return r, false
	}
	if r.Via.IsValid() && r.Via.Is4() != r.Target.Addr().Is4() {
		b.errs = append(b.errs, fmt.Errorf("route %v: %w", r, errFamily))
		return r, false
	}
	if r.Metric == 0 {
		r.Metric = DefaultMetric
	}
	family := false
	for _, a := range b.own {
		if a.Addr() == r.Via {
			return r, false // we are the router
		}
		if a.Addr().Is4() != r.Target.Addr().Is4() || a.Addr().IsLinkLocalUnicast() {
			continue
		}
		family = true
		if b.p.implied && !r.Split && a.Bits() == r.Target.Bits() && r.Target.Contains(a.Addr()) {
			return r, false // the address has brought this route
		}
	}
	return r, family // without an address of ours there is no source
}

// reaches reports whether ip is in one of our subnets.
func (b *planner) reaches(ip netip.Addr) bool {
	return slices.ContainsFunc(b.own, func(a netip.Prefix) bool { return a.Contains(ip) })
}

// halves splits a route into the two that beat it.
func halves(p netip.Prefix) [2]netip.Prefix {
	upper := p.Addr().AsSlice()
	upper[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	second, _ := netip.AddrFromSlice(upper)
	return [2]netip.Prefix{netip.PrefixFrom(p.Addr(), p.Bits()+1), netip.PrefixFrom(second, p.Bits()+1)}
}
