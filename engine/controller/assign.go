package controller

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/identity"
	"orrery/engine/netconf"
)

// assignment collects the addresses of one configuration (spec 05 §3.7).
type assignment struct {
	c       *Controller
	n       *network
	m       *member
	list    []netip.Prefix // with the host's bits
	fresh   []netip.Addr   // to be added to the record
	derived bool           // an address follows from the member's own
}

// assign decides on all addresses of a member.
func (c *Controller) assign(n *network, m *member) assignment {
	a := assignment{c: c, n: n, m: m}
	v := &n.view
	if !m.view.noAuto {
		if v.rfc4193 {
			a.add(identity.RFC4193(n.id, m.address))
			a.derived = true
		}
		if v.sixPlane {
			a.add(identity.SixPlane(n.id, m.address))
			a.derived = true
		}
	}
	has4, has6 := a.stored()
	if m.view.noAuto {
		return a
	}
	if v.assign6 && !has6 {
		a.automatic6()
	}
	if v.assign4 && !has4 {
		a.automatic4()
	}
	return a
}

func (a *assignment) add(p netip.Prefix) {
	if len(a.list) < netconf.MaxAddresses {
		a.list = append(a.list, p)
	}
}

// give adds a new address.
func (a *assignment) give(ip netip.Addr, bits int) {
	a.fresh = append(a.fresh, ip)
	a.add(netip.PrefixFrom(ip, bits))
}

// stored sends what the record lists and a route covers, with the bits of the
// narrowest such route.
func (a *assignment) stored() (has4, has6 bool) {
	for _, ip := range a.m.view.ips {
		best := -1
		for _, r := range a.n.view.routes {
			if r.bits > best && covers(r.target, r.bits, ip) {
				best = r.bits
			}
		}
		if best < 0 {
			continue
		}
		a.add(netip.PrefixFrom(ip, best))
		has4, has6 = has4 || ip.Is4(), has6 || !ip.Is4()
	}
	return has4, has6
}

// free reports whether nobody has an address.
func (a *assignment) free(ip netip.Addr) bool { return a.n.used[ip] == 0 }

// automatic6 finds an IPv6 address: the start of the pool plus the member's
// own address if that fits, else random ones.
func (a *assignment) automatic6() {
	for _, p := range a.n.view.pools {
		if p.start.Is4() {
			continue
		}
		if a.try6(p) {
			return
		}
	}
	if a.c.compat || a.n.full6 {
		return
	}
	for _, p := range a.n.view.pools {
		if !p.start.Is4() && a.search(p, a.bits6) {
			return
		}
	}
	a.n.full6 = true
}

func (a *assignment) try6(p pool) bool {
	start, end := p.start.As16(), p.end.As16()
	s0, s1 := binary.BigEndian.Uint64(start[:]), binary.BigEndian.Uint64(start[8:])
	e0, e1 := binary.BigEndian.Uint64(end[:]), binary.BigEndian.Uint64(end[8:])
	for trial := range assignTrials {
		x0, x1 := s0, s1+uint64(a.m.address)
		if trial > 0 || e1 <= s1 || e1-s1 < 1<<40-1 {
			var r [16]byte
			a.c.random(r[:])
			x0, x1 = s0+below(binary.BigEndian.Uint64(r[:]), s0, e0), s1+below(binary.BigEndian.Uint64(r[8:]), s1, e1)
		}
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], x0)
		binary.BigEndian.PutUint64(b[8:], x1)
		ip := netip.AddrFrom16(b)
		if bits := a.bits6(ip); bits > 0 && a.free(ip) {
			a.give(ip, bits)
			return true
		}
	}
	return false
}

// below folds a random number into the span from s to e, e itself left out.
func below(r, s, e uint64) uint64 {
	if e <= s {
		return 0
	}
	return r % (e - s)
}

// bits6 is the length of the last route without gateway that covers ip, 0 if
// there is none.
func (a *assignment) bits6(ip netip.Addr) (bits int) {
	for _, r := range a.n.view.routes {
		if !r.via.IsValid() && covers(r.target, r.bits, ip) {
			bits = r.bits
		}
	}
	return bits
}

// automatic4 finds an IPv4 address: from the pool's start plus the member's
// own address upwards. The sequence is the reference's, so that members of an
// imported network get the address they would have had.
func (a *assignment) automatic4() {
	for _, p := range a.n.view.pools {
		if p.start.Is4() && a.try4(p) {
			return
		}
	}
	if a.c.compat || a.n.full4 {
		return
	}
	for _, p := range a.n.view.pools {
		if p.start.Is4() && number4(p.start) != 0 && a.search(p, a.bits4) {
			return
		}
	}
	a.n.full4 = true
}

func (a *assignment) try4(p pool) bool {
	start, end := number4(p.start), number4(p.end)
	if end < start || start == 0 {
		return false
	}
	span := end - start
	counter := uint32(a.m.address)
	for trials := min(uint64(span)+1, assignTrials); trials > 0; trials-- {
		candidate := start
		if span > 0 {
			candidate += counter % span
		}
		counter++
		ip := address4(candidate)
		if bits := a.bits4(ip); bits > 0 && a.free(ip) {
			a.give(ip, bits)
			return true
		}
	}
	return false
}

// bits4 is the length of the first IPv4 route whose target, which must not have
// host bits, covers ip; 0 if there is none or ip may be a broadcast address.
func (a *assignment) bits4(ip netip.Addr) int {
	if number4(ip)&0xff == 0xff {
		return 0
	}
	for _, r := range a.n.view.routes {
		if r.target.Is4() && r.bits > 0 && number4(r.target) == number4(ip)&^(1<<(32-r.bits)-1) {
			return r.bits
		}
	}
	return 0
}

// search looks at a pool from its start, its last address included, when the
// trials found nothing. Not more addresses than are taken, and some, can be in
// the way (spec 05 §8.5).
func (a *assignment) search(p pool, bits func(netip.Addr) int) bool {
	ip := p.start
	for range len(a.n.used) + searchCandidates {
		if !ip.IsValid() || p.end.Less(ip) {
			return false
		}
		if n := bits(ip); n > 0 && a.free(ip) {
			a.give(ip, n)
			return true
		}
		ip = ip.Next()
	}
	return false
}

func number4(ip netip.Addr) uint32 {
	b := ip.As4()
	return binary.BigEndian.Uint32(b[:])
}

func address4(v uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return netip.AddrFrom4(b)
}
