package udp

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"orrery/engine/wire"
)

// Rules say which of the machine's addresses are not to be used.
type Rules struct {
	// Own reports whether an interface is one of our networks; nil: none is.
	Own func(ifname string) bool
	// Exclude refuses addresses; nil: none.
	Exclude func(ifname string, ip netip.Addr) bool
}

// Place is an address of the machine where sockets are to be bound.
type Place struct {
	Addr netip.Addr
	// Device and Index are its interface.
	Device string
	Index  int
	// Uplink is whether a default route of the address's family leaves there.
	Uplink bool
	// Reach has the destinations that the interface leads to, nil for an uplink
	// or if that is unknown. Bound to a device that has no route to a destination,
	// a system would look for it on the link itself.
	Reach []netip.Prefix
}

// Survey is what a machine has to offer.
type Survey struct {
	// Places are the addresses to use, the preferred ones first: those of
	// uplinks, and of each interface one before the second of any.
	Places []Place
	// Link is whether any interface with an address is connected at all, be it
	// one that the rules refuse.
	Link bool
}

// Surveyor looks at the machine's interfaces, addresses and routes. It is for
// one goroutine at a time.
type Surveyor struct {
	routes   routes
	routesAt time.Time
	// read stands in for the system in tests.
	read func() (routes, error)
}

// routes tells by interface index where an interface leads to, by family.
type routes map[int]*[2]leads

// leads is what one interface has routes to.
type leads struct {
	uplink   bool
	prefixes []netip.Prefix
	count    int // of its routes, those that are left out too
}

// maxReach is how many destinations of an interface are told apart; one with
// more counts as leading everywhere.
const maxReach = 32

// add notes a route.
func (r routes) add(index int, dst netip.Prefix) {
	if r[index] == nil {
		r[index] = new([2]leads)
	}
	l := &r[index][family(dst.Addr().Is6())]
	l.count++
	switch {
	case l.uplink || slices.Contains(l.prefixes, dst):
	case dst.Bits() == 0 || len(l.prefixes) == maxReach:
		l.uplink, l.prefixes = true, nil
	default:
		l.prefixes = append(l.prefixes, dst)
	}
}

// count is how many routes were noted.
func (r routes) count() (n int) {
	for _, l := range r {
		n += l[0].count + l[1].count
	}
	return n
}

// Survey looks around (spec 03 §9.1). Addresses are left out that are no
// endpoints by scope, temporary ones, those of loopback and tunnel interfaces
// and of interfaces that are down or without a carrier, and those that the rules
// refuse.
func (v *Surveyor) Survey(rules Rules) (Survey, error) {
	all, err := systemAddrs()
	if err != nil {
		return Survey{}, err
	}
	s := choose(all, ignoredPrefixes, rules)
	if len(s.Places) > 0 {
		s.order(v.look())
	}
	return s, nil
}

const (
	// plenty is how many routes are read whenever it is asked for; it takes a tenth
	// of a second.
	plenty = 50_000
	// perRoute is how long, for each of more of them, a routing table is used: a
	// router with a million routes must not spend its time on reading them. It is
	// 300 times what reading one takes. That is not measured: on a busy machine
	// anything may take long, and what was seen would be believed for minutes.
	perRoute = 600 * time.Microsecond
)

// look reads the routes, unless there were very many lately; nil if it cannot.
func (v *Surveyor) look() routes {
	begun := time.Now()
	if n := v.routes.count(); n > plenty && begun.Sub(v.routesAt) < time.Duration(n)*perRoute {
		return v.routes
	}
	read := systemRoutes
	if v.read != nil {
		read = v.read
	}
	r, err := read()
	if err != nil {
		r = nil // every interface may lead anywhere
	}
	v.routes, v.routesAt = r, begun
	return r
}

// localAddr is an address of the machine with what decides about it.
type localAddr struct {
	ifname string
	index  int
	addr   netip.Addr
	// unfit addresses are temporary (privacy) ones, which change, and those that
	// cannot be used yet or any more.
	unfit bool
	// up interfaces are switched on and connected.
	up bool
}

// choose applies the rules to all.
func choose(all []localAddr, ignored []string, rules Rules) Survey {
	var s Survey
	for _, a := range all {
		ip := a.addr.Unmap().WithZone("")
		if !a.up || !wire.UsableForPath(ip) || rules.Own != nil && rules.Own(a.ifname) {
			continue
		}
		s.Link = true
		if a.unfit || slices.ContainsFunc(ignored, func(p string) bool { return strings.HasPrefix(a.ifname, p) }) {
			continue
		}
		if rules.Exclude != nil && rules.Exclude(a.ifname, ip) {
			continue
		}
		s.Places = append(s.Places, Place{Addr: ip, Device: a.ifname, Index: a.index})
	}
	compare := func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(family(a.Addr.Is6()), family(b.Addr.Is6())), a.Addr.Compare(b.Addr))
	}
	slices.SortFunc(s.Places, compare)
	s.Places = slices.CompactFunc(s.Places, func(a, b Place) bool { return compare(a, b) == 0 })
	return s
}

// order notes where the places lead to and puts them into the order of
// preference.
func (s *Survey) order(r routes) {
	type count struct{ index, family int }
	turns := make(map[count]int)
	turn := make(map[netip.Addr]map[int]int) // which of its interface's addresses one is
	for i := range s.Places {
		p := &s.Places[i]
		f := family(p.Addr.Is6())
		if r != nil {
			p.Reach = []netip.Prefix{}
			if l := r[p.Index]; l != nil {
				p.Uplink = l[f].uplink
				p.Reach = append(p.Reach, l[f].prefixes...)
			}
			if p.Uplink {
				p.Reach = nil
			}
		}
		if turn[p.Addr] == nil {
			turn[p.Addr] = make(map[int]int)
		}
		turn[p.Addr][p.Index] = turns[count{p.Index, f}]
		turns[count{p.Index, f}]++
	}
	slices.SortStableFunc(s.Places, func(a, b Place) int {
		if a.Uplink != b.Uplink {
			if a.Uplink {
				return -1
			}
			return 1
		}
		return cmp.Compare(turn[a.Addr][a.Index], turn[b.Addr][b.Index])
	})
}
