package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Ages and numbers of hosts behind bridges. The reference keeps them for ever;
// 300 s is what physical bridges have (IEEE 802.1D).
const (
	hostLife = 300 * clock.Second
	// moveWindow and maxMoves: a host that roams between two access points, or is
	// migrated, moves less often.
	moveWindow = 10 * clock.Second
	maxMoves   = 4
	pinLife    = 30 * clock.Second
)

// bridge reports whether a is an active bridge.
func (r *roles) bridge(a identity.Address) bool {
	_, ok := slices.BinarySearch(r.bridgeSet, a)
	return ok
}

// ofMember reports whether mac is ours, or that of a member that we have heard.
// The first octet alone says little: LANs have hosts with made-up MACs.
func (nw *Network) ofMember(mac identity.MAC) bool {
	if !mac.InNetwork(nw.id) {
		return false
	}
	m := nw.members.get(mac.Address(nw.id))
	return mac == nw.mac || m != nil && m.heard
}

// bridgeIn decides whether a frame with a source that is not our own may enter
// the network here: not unless we are an active bridge, and not if it has been
// here before.
func (s *Switch) bridgeIn(at clock.Instant, nw *Network, src identity.MAC) bool {
	switch {
	case !nw.roles.amBridge:
		nw.drops[DropNotBridge]++
	case src == 0 || src.Multicast():
		nw.drops[DropMalformed]++
	case nw.ofMember(src):
		nw.looped(at, src) // what we delivered came back by another way
	case !nw.hosts.learn(at.Mono, src, s.self.Address):
		nw.looped(at, src)
	default:
		return true
	}
	return false
}

// SetEthernet says whether the host port is an Ethernet device, which the user may
// have put into a bridge of the system, with all that this can lead to.
func (nw *Network) SetEthernet(on bool) { nw.ethernet = on }

// repeats reports whether a frame for many comes from an Ethernet device again and
// again, so that it must be in a loop.
func (s *Switch) repeats(at clock.Instant, nw *Network, f *frame) bool {
	if !nw.ethernet || nw.echoes.allow(at.Mono, f, s.link.Random) {
		return false
	}
	nw.looped(at, f.src)
	return true
}

// learnHost decides whether a frame of mac may come from m, which is so if m is
// an active bridge, and notes that mac is behind it. Members' own MACs are behind
// no bridge, whatever one says. Unless it is certain, mac may be that of a member
// too.
func (s *Switch) learnHost(at clock.Instant, nw *Network, m *member, mac identity.MAC, certain bool) bool {
	switch {
	case !nw.roles.bridge(m.address):
		nw.drops[DropNotBridge]++
	case mac.Multicast():
		nw.drops[DropMalformed]++
	case nw.ofMember(mac):
		nw.looped(at, mac)
	case !nw.hosts.learn(at.Mono, mac, m.address):
		nw.looped(at, mac)
	default:
		if certain {
			nw.hosts.at[mac].certain = true
		}
		return true
	}
	return false
}

// looped counts a frame that came back.
func (nw *Network) looped(at clock.Instant, mac identity.MAC) {
	nw.drops[DropLoop]++
	nw.loopMAC, nw.loopAt = mac, at.Mono
}

// behindBridge reports whether mac is a host behind a bridge although it looks
// like a member's.
func (nw *Network) behindBridge(now clock.Mono, mac identity.MAC) bool {
	if len(nw.hosts.at) == 0 {
		return false
	}
	_, ok := nw.hosts.lookup(now, mac)
	return ok && !nw.ofMember(mac)
}

// perhapsMember reports whether mac, which looks like that of a host behind a
// bridge, may as well be a member's that has not been heard here yet.
func (nw *Network) perhapsMember(mac identity.MAC) bool {
	h := nw.hosts.at[mac]
	return h != nil && !h.certain && h.via != nw.hosts.self && mac.InNetwork(nw.id)
}

// elsewhere reports whether a host that was behind us has moved behind another
// bridge. What it said here before would seem to say that it is back.
func (nw *Network) elsewhere(now clock.Mono, src identity.MAC) bool {
	if src == nw.mac || len(nw.hosts.at) == 0 {
		return false
	}
	via, ok := nw.hosts.lookup(now, src)
	return ok && via != nw.hosts.self
}

// forgetHosts forgets the hosts behind nodes that are no bridges any more.
func (nw *Network) forgetHosts() {
	nw.hosts.drop(func(h *host) bool { return !nw.roles.bridge(h.via) })
}
