package node

import "orrery/engine/identity"

// Ethertypes of VLAN tags, which lengthen a frame beyond the MTU.
const (
	customerVLAN = 0x8100
	serviceVLAN  = 0x88a8
	vlanTagLen   = 4
)

// takes decides whether an Ethernet device gets a frame. Only a bridge has hosts
// behind it; without the check a device that the user has put into a bridge of the
// system would let strangers' frames onto the LAN.
func (p *port) takes(c *Core, dst identity.MAC, etherType uint16, payload []byte, super bool) bool {
	room := p.largest
	if etherType == customerVLAN || etherType == serviceVLAN {
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
