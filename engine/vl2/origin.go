package vl2

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// Whoever is on a network can put any source address into a packet. What comes
// from a member's own MAC is therefore compared with what others are known to
// have: an address that the controller certified to another member, or that is
// computed from another member's address, is not the sender's to use, be it in
// an IP packet, in ARP or in neighbour discovery.
//
// Everything else passes: addresses that users add by hand, those behind a
// router, and what bridges bring. Who forwards packets by the controller's own
// will, as a bridge, as the gateway of a managed route or as a node to which
// rules redirect, may also forward those of other members. A gateway has no need,
// though, to say in discovery that their addresses are its own.

// maxHolders bounds the certified addresses that are remembered of a network.
// Only its controller can add any.
const maxHolders = 1 << 17

// origins knows which member an address was certified to.
type origins struct {
	// holders may have members whose certificate counts no more: those are seen
	// for what they are when they matter, and swept out now and then.
	holders map[netip.Addr]identity.Address
	// version changes with everything on which a verdict depends, except the
	// sender's own certificates.
	version uint32
	// redirects are the nodes to which the rules redirect frames.
	redirects []identity.Address
}

// origin is a source address that a member may use.
type origin struct {
	ip      [16]byte // as it is in packets
	view    *credential.View
	version uint32
}

// configured follows a new configuration.
func (o *origins) configured(c *netconf.Config) {
	o.version++
	o.redirects = nil
	add := func(rules []rule.Rule) {
		for i := range rules {
			// The upper bits of a target mean nothing.
			to := rules[i].Address & (1<<40 - 1)
			if rules[i].Type == rule.ActionRedirect && !slices.Contains(o.redirects, to) {
				o.redirects = append(o.redirects, to)
			}
		}
	}
	add(c.Rules)
	for i := range c.Capabilities {
		add(c.Capabilities[i].Rules)
	}
}

// certified notes that the addresses in c are those of its holder. One that
// another member holds as well stays with that one.
func (nw *Network) certified(c *credential.Ownership) {
	o := &nw.origins
	o.version++
	if o.holders == nil {
		o.holders = make(map[netip.Addr]identity.Address)
	}
	for i := range c.Things {
		ip, ok := c.Things[i].IP()
		if !ok {
			continue
		}
		nw.hold(ip, c.IssuedTo)
	}
}

// hold notes that an address is that of a, unless another member holds it, and
// reports whether that is news.
func (nw *Network) hold(ip netip.Addr, a identity.Address) bool {
	if nw.certifiedTo(ip) != 0 || len(nw.origins.holders) >= maxHolders {
		return false
	}
	nw.origins.holders[ip] = a
	return true
}

// certifiedTo is the member that an address was certified to, 0 if to none.
func (nw *Network) certifiedTo(ip netip.Addr) identity.Address {
	a := nw.origins.holders[ip]
	if a == 0 {
		return 0
	}
	if m := nw.members.get(a); m == nil || !m.proof.OwnsIP(ip, nw.window) {
		delete(nw.origins.holders, ip)
		return 0
	}
	return a
}

// cleanOrigins forgets certificates that count no more, and notes those that count
// by now: they were newer than our own configuration, or came while another member
// held the same address.
func (nw *Network) cleanOrigins() {
	o := &nw.origins
	if o.holders == nil {
		return // nobody ever showed any
	}
	for ip := range o.holders {
		nw.certifiedTo(ip)
	}
	news := false
	for _, m := range nw.members.order {
		for _, ip := range m.side(nw).IPs {
			news = nw.hold(ip, m.address) || news
		}
	}
	if news {
		o.version++
	}
}

// holder is the member whose address ip is, by computation or by certificate, 0
// if nobody's.
func (nw *Network) holder(ip netip.Addr) identity.Address {
	if ip.Is6() {
		if mac, ok := ether.LinkLocalMAC(ip); ok && mac.InNetwork(nw.id) {
			return mac.Address(nw.id)
		}
		for _, own := range nw.config.Addresses {
			if a, ok := identity.DerivedMember(nw.id, own, ip); ok && !a.Reserved() {
				return a
			}
		}
	}
	return nw.certifiedTo(ip)
}

// owns reports whether the controller certified an address to a member.
func (m *member) owns(nw *Network, ip netip.Addr) bool { return slices.Contains(m.side(nw).IPs, ip) }

// forwards reports whether a member is meant to forward the packets of others, or
// to claim their addresses.
func (nw *Network) forwards(m *member, claim bool) bool {
	if nw.roles.bridge(m.address) || slices.Contains(nw.origins.redirects, m.address) {
		return true
	}
	return !claim && slices.ContainsFunc(nw.config.Routes, func(r netconf.Route) bool {
		return r.Via.IsValid() && (m.owns(nw, r.Via) || nw.holder(r.Via) == m.address)
	})
}

// spoofed reports whether a frame of a member's own names an address of another
// member as its source. The sender is asked for its certificates then, in case
// that ours are out of date.
func (s *Switch) spoofed(at clock.Instant, nw *Network, m *member, f *frame, in *vl1.Inbound, v wire.Verb) bool {
	at4, at6, claim := sourceAt(f.etherType, f.payload)
	known, bytes := &m.origins[0], []byte(nil)
	switch {
	case at4 > 0:
		bytes = f.payload[at4 : at4+4]
	case at6 > 0:
		known, bytes = &m.origins[1], f.payload[at6:at6+16]
	default:
		return false
	}
	view := m.proof.View(nw.window)
	if !claim && known.version == nw.origins.version && known.view == view && string(known.ip[:len(bytes)]) == string(bytes) {
		return false
	}
	if !s.permitted(nw, m.address) {
		return false // refused anyway, and not to be remembered as one that may
	}
	ip, _ := netip.AddrFromSlice(bytes)
	ip = ip.Unmap() // programs take both forms for the same
	if ip.IsUnspecified() || nw.mayUse(m, ip, claim) {
		*known = origin{view: view, version: nw.origins.version}
		copy(known.ip[:], bytes)
		return false
	}
	if s.claimsOurs(nw, f, ip) {
		return false
	}
	nw.drops[DropSpoofed]++
	if s.refused.allow(at.Mono, stampKey{network: nw.id, peer: m.address}, refusalInterval) {
		s.link.ReplyError(at, in, v, wire.ErrorNeedMembershipCertificate, nw.id.Append(s.scratch.head[:0]))
	}
	return true
}

// mayUse reports whether a member may send from an address, or claim in discovery
// that it is its own.
func (nw *Network) mayUse(m *member, ip netip.Addr, claim bool) bool {
	a := nw.holder(ip)
	return a == 0 || a == m.address || m.owns(nw, ip) || nw.forwards(m, claim)
}

// claimsOurs reports whether a frame states that an address of ours is another's.
// That passes, for the host has to know; it believes none of it.
func (s *Switch) claimsOurs(nw *Network, f *frame, ip netip.Addr) bool {
	discovery := f.etherType == ether.TypeARP ||
		f.etherType == ether.TypeIPv6 && f.payload[6] == ether.ProtoICMPv6 && len(f.payload) >= 64 && f.payload[40] == ether.TypeNeighborAdvertisement
	return discovery && nw.holder(ip) == s.self.Address
}

// sourceAt is where a frame says which address it is from, of IPv4 or of IPv6:
// the source of an IP packet, the sender of ARP, and what a neighbour advertises.
// Both are 0 where there is none. claim is set for the latter two. Tags that give
// a priority and no VLAN hide nothing from a host, nor do extension headers. In
// another VLAN addresses are others, of which the controller says nothing.
func sourceAt(etherType uint16, b []byte) (at4, at6 int, claim bool) {
	start := 0
	for (etherType == ether.TypeVLAN || etherType == ether.TypeServiceVLAN) && len(b) >= 4 && binary.BigEndian.Uint16(b)&0xfff == 0 {
		etherType, b, start = binary.BigEndian.Uint16(b[2:]), b[4:], start+4
	}
	switch etherType {
	case ether.TypeIPv4:
		if len(b) >= 20 {
			return start + 12, 0, false
		}
	case ether.TypeIPv6:
		if len(b) < 40 {
			return 0, 0, false
		}
		if proto, at, ok := ether.UpperIPv6(b); ok && proto == ether.ProtoICMPv6 && len(b) >= at+24 && b[at] == ether.TypeNeighborAdvertisement {
			return 0, start + at + 8, true
		}
		return 0, start + 8, false
	case ether.TypeARP:
		if len(b) >= ether.ARPLen && b[2] == 0x08 && b[3] == 0 && b[5] == 4 {
			return start + 14, 0, true
		}
	}
	return 0, 0, false
}

// MayClaim reports whether the holder of mac may say that it has the address ip:
// not if that is another member's, by computation or by certificate, and not the
// holder's. A bridge's own address may have the MAC of any interface behind it.
// Addresses without certificates, as users add them by hand, are anyone's (spec 04
// §15.6).
func (nw *Network) MayClaim(mac identity.MAC, ip netip.Addr) bool {
	if nw.config == nil {
		return true
	}
	a := nw.holder(ip)
	if a == 0 || identity.MACOf(nw.id, a) == mac {
		return true
	}
	if via, ok := nw.BridgeRoute(mac); ok && via == a {
		return true
	}
	if !mac.InNetwork(nw.id) {
		return false
	}
	m := nw.members.get(mac.Address(nw.id))
	return m != nil && nw.mayUse(m, ip, true)
}
