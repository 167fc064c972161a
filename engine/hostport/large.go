package hostport

import (
	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// Others keep to the network's MTU and cannot know that the user of this machine
// wants less. What they send is taken all the same, since devices take it, and
// they are told what we want, as the destination of the packet would tell them:
// those that listen send less from then on, and nothing is lost with those that
// do not, or whom rules keep from hearing it.

// large4 decides over a packet of the network that exceeds the device's MTU and
// reports whether it goes on.
func (p *Port) large4(now clock.Mono, src identity.MAC, ip ether.IPv4, out Output) bool {
	if len(ip) > p.set.NetworkMTU {
		p.drop(DropTooBig)
		return false
	}
	if ip.DontFragment() && p.isOwn(ip.Dst()) && !src.Multicast() && p.largeRate.allow(now, maxErrors) {
		if p.buf = ether.AppendFragmentationNeeded(p.buf[:0], ip, p.set.MTU); len(p.buf) > 0 {
			out.ToNetwork(p.mac, src, ether.TypeIPv4, p.buf)
		}
	}
	return true
}

// large6 is large4 for IPv6.
func (p *Port) large6(now clock.Mono, src identity.MAC, ip ether.IPv6, out Output) bool {
	if len(ip) > p.set.NetworkMTU {
		p.drop(DropTooBig)
		return false
	}
	if p.isOwn(ip.Dst()) && !src.Multicast() && p.largeRate.allow(now, maxErrors) {
		if p.buf = ether.AppendPacketTooBig(p.buf[:0], ip, p.set.MTU); len(p.buf) > 0 {
			out.ToNetwork(p.mac, src, ether.TypeIPv6, p.buf)
		}
	}
	return true
}
