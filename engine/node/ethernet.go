package node

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/vl2"
)

// vlanTagLen is how much a VLAN tag may lengthen a frame beyond the MTU.
const vlanTagLen = 4

// takes decides whether an Ethernet device gets a frame. Only a bridge has hosts
// behind it; without the check a device that the user has put into a bridge of the
// system would let strangers' frames onto the LAN.
func (p *port) takes(c *Core, dst identity.MAC, etherType uint16, payload []byte, super bool) bool {
	room := p.largest
	if etherType == ether.TypeVLAN || etherType == ether.TypeServiceVLAN {
		room += vlanTagLen
	}
	if len(payload) > room {
		p.oversize++
		return false
	}
	if dst == p.mac || dst.Multicast() || super {
		return true
	}
	if nw := c.vl2.Network(p.nwid); nw == nil || !nw.Bridge() {
		p.strays++
		return false
	}
	return true
}

// maxOverheard bounds the groups that reports can add between two readings of the
// system's list.
const maxOverheard = 1024

// overhear takes from a report of the device's own host which groups it joins:
// the system's list is read again only seconds later, which is long for a program
// that asks who is there.
func (p *port) overhear(c *Core, at clock.Instant, nw *vl2.Network, e ether.Frame) {
	if e.Src != p.mac || !e.Dst.Multicast() {
		return
	}
	m, ok := report(e)
	if !ok {
		return
	}
	changed := false
	for group, joined, ok := m.Next(); ok; group, joined, ok = m.Next() {
		mac := ether.MulticastMAC(group)
		i, known := slices.BinarySearch(p.listening, mac)
		if joined && !known && len(p.listening) < maxOverheard {
			p.listening = slices.Insert(p.listening, i, mac)
			changed = true
		}
	}
	if changed {
		p.subscribe(c, at, nw)
	}
}

// report is the membership report in a frame, if it is one.
func report(e ether.Frame) (ether.Memberships, bool) {
	switch e.Type {
	case ether.TypeIPv4:
		ip, err := ether.ParseIPv4(e.Payload)
		if err != nil || ip.Protocol() != ether.ProtoIGMP || !ip.FirstFragment() {
			return ether.Memberships{}, false
		}
		m, err := ether.ParseIGMP(ip.Payload())
		return m, err == nil
	case ether.TypeIPv6:
		ip, err := ether.ParseIPv6(e.Payload)
		if err != nil {
			return ether.Memberships{}, false
		}
		m, err := ether.ParseMLD(ip)
		return m, err == nil
	}
	return ether.Memberships{}, false
}
