package vl2

import (
	"encoding/binary"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// resolutionLimit is how many members a question for a neighbour goes to at
// most where the network's own limit is lower. One member is the rule; more are
// there while an address moves from one to another.
const resolutionLimit = 32

// isResolution reports whether a group frame asks who holds an address: without
// an answer there is no unicast either, so no multicast limit may stop it. f is
// an ARP request, or a neighbour solicitation to the group of its target.
func isResolution(g identity.MulticastGroup, f *frame) bool {
	if f.etherType == ether.TypeARP {
		asked, ok := groupOf(f.dst, f.etherType, f.payload)
		return ok && asked == g
	}
	return f.etherType == ether.TypeIPv6 && len(f.payload) >= 64 && g.ADI == 0 && g.MAC == f.dst &&
		f.payload[6] == ether.ProtoICMPv6 && f.payload[40] == ether.TypeNeighborSolicitation &&
		f.dst == 0x3333ff000000|identity.MAC(binary.BigEndian.Uint32(f.payload[60:])&0xffffff)
}

// sendSingly sends a question for a neighbour to one member as a frame of its
// own, on a network without multicast: members drop multicast frames there, but
// answer a question that is sent to themselves. A bridge also gets it as it is,
// for the hosts behind it; bridges may send anything to anyone.
func (s *Switch) sendSingly(at clock.Instant, nw *Network, o *outgoing, m *member) {
	if o.src == nw.mac {
		f := o.frame
		f.dst = m.mac
		if s.filterOut(at, nw, m, m.address, &f, true) {
			s.pushIfNeeded(at, nw, m)
			head := wire.AppendFrameHead(s.scratch.head[:0], nw.id, f.etherType)
			s.link.Send(at, m.address, wire.VerbFrame, head, f.payload, false)
		}
	}
	if o.src == nw.mac && !nw.roles.bridge(m.address) || !s.filterOut(at, nw, m, m.address, &o.frame, true) {
		return
	}
	s.pushIfNeeded(at, nw, m)
	head := wire.AppendExtFrameHead(s.scratch.head[:0], nw.id, 0, o.dst, o.src, o.etherType)
	s.link.Send(at, m.address, wire.VerbExtFrame, head, o.payload, false)
}
