package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// SendFrame carries a frame from the host port to whom it is addressed (spec 04
// §11.2). payload follows the ethertype; it is borrowed for the call. Nothing is
// allocated for a unicast frame to a known member.
func (s *Switch) SendFrame(at clock.Instant, nw *Network, src, dst identity.MAC, etherType uint16, payload []byte) {
	f := frame{src, dst, etherType, payload}
	switch {
	case nw.config == nil:
		nw.drops[DropNoConfig]++
	case src != nw.mac && !s.bridgeIn(at, nw, src):
	case dst.Multicast():
		s.sendToGroup(at, nw, &f)
	case dst == nw.mac:
		s.sink.Deliver(at, nw, src, dst, etherType, payload, false)
	case dst.InNetwork(nw.id) && !nw.behindBridge(at.Mono, dst):
		s.sendToMember(at, nw, &f)
	default:
		if nw.perhapsMember(dst) {
			s.sendToMember(at, nw, &f)
		}
		s.sendToBridges(at, nw, &f)
	}
}

// sendToMember sends a frame to the node whose MAC it names. Whether that is a
// member is for the receiver to know: it has our credentials, we may not have
// its.
func (s *Switch) sendToMember(at clock.Instant, nw *Network, f *frame) {
	to := f.dst.Address(nw.id)
	if to.Reserved() {
		nw.drops[DropMalformed]++
		return
	}
	m := nw.members.open(at.Mono, to)
	if !s.permitted(nw, to) {
		nw.turnAwayTo(at, to)
		return
	}
	if s.expelled(at, nw, m) {
		return
	}
	overhead := frameOverhead
	if f.src != nw.mac {
		overhead = extFrameOverhead
	}
	f = s.clamp(nw, to, f, overhead, &s.scratch.openingOut)
	if !s.filterOut(at, nw, m, to, f, false) {
		nw.drops[DropFiltered]++
		return
	}
	s.pushIfNeeded(at, nw, m)
	if f.src == nw.mac {
		head := wire.AppendFrameHead(s.scratch.head[:0], nw.id, f.etherType)
		s.link.Send(at, to, wire.VerbFrame, head, f.payload, false)
		return
	}
	head := wire.AppendExtFrameHead(s.scratch.head[:0], nw.id, 0, f.dst, f.src, f.etherType)
	s.link.Send(at, to, wire.VerbExtFrame, head, f.payload, false)
}

// sendToBridges sends a frame whose destination is no member to the bridge that
// the destination was seen behind, else to all bridges.
func (s *Switch) sendToBridges(at clock.Instant, nw *Network, f *frame) {
	if !s.filterOut(at, nw, nil, 0, f, false) {
		nw.drops[DropFiltered]++
		return
	}
	targets := s.scratch.addrs[:0]
	for _, a := range nw.roles.bridges {
		switch {
		case a == s.self.Address:
		case s.permitted(nw, a):
			targets = append(targets, a)
		default:
			nw.turnAwayTo(at, a)
		}
	}
	if via, ok := nw.hosts.lookup(at.Mono, f.dst); ok && slices.Contains(targets, via) {
		targets = append(targets[:0], via)
	} else {
		if s.repeats(at, nw, f) {
			return
		}
		if len(targets) > floodFanOut {
			s.shuffle(targets, floodFanOut)
			targets = targets[:floodFanOut]
		}
	}
	s.scratch.addrs = targets
	sent := false
	for _, to := range targets {
		m := nw.members.open(at.Mono, to)
		if s.expelled(at, nw, m) {
			continue
		}
		f := s.clamp(nw, to, f, extFrameOverhead, &s.scratch.openingOut)
		if !s.filterOut(at, nw, m, to, f, true) {
			continue
		}
		// Without our credentials the bridge would refuse the frame.
		s.pushIfNeeded(at, nw, m)
		head := wire.AppendExtFrameHead(s.scratch.head[:0], nw.id, 0, f.dst, f.src, f.etherType)
		s.link.Send(at, to, wire.VerbExtFrame, head, f.payload, false)
		sent = true
	}
	if !sent {
		nw.drops[DropNoRoute]++
	}
}

// sendToGroup sends a multicast or broadcast frame.
func (s *Switch) sendToGroup(at clock.Instant, nw *Network, f *frame) {
	g, resolution := groupOf(f.dst, f.etherType, f.payload)
	if f.dst == identity.Broadcast {
		if !resolution && !nw.config.Broadcast() {
			nw.drops[DropNoBroadcast]++
			return
		}
	} else if nw.config.NDPEmulation() && s.answerSolicitation(at, nw, f) {
		return
	}
	if nw.config.MulticastLimit == 0 && !isResolution(g, f) {
		nw.drops[DropNoMulticast]++
		return
	}
	if s.repeats(at, nw, f) {
		return
	}
	bridged := f.src != nw.mac
	if bridged {
		s.learnBehind(at, nw, g)
	}
	if !s.filterOut(at, nw, nil, 0, f, false) {
		nw.drops[DropFiltered]++
		return
	}
	s.multicast(at, nw, g, f, bridged, 0)
}

// answerSolicitation answers a neighbour solicitation in the name of the member
// whose address it asks for, if that can be computed. That it is reachable, or
// exists, is not implied (spec 04 §13.2).
func (s *Switch) answerSolicitation(at clock.Instant, nw *Network, f *frame) bool {
	who, target, ours := solicited(nw.id, s.self.Address, nw.config.Addresses, f.etherType, f.payload)
	if who == 0 {
		return false
	}
	holder := identity.MACOf(nw.id, who)
	// It goes to our own address in the prefix, not to the solicitation's source, as
	// in the reference. Not in the scratch memory, for the host may send while it
	// has this.
	b := ether.AppendAdvertisement(make([]byte, 0, 72), target, ours, target, holder, ether.NeighborSolicited|ether.NeighborOverride)
	s.sink.Deliver(at, nw, holder, f.src, ether.TypeIPv6, b, false)
	return true
}

// shuffle moves a random selection of n addresses to the front of a.
func (s *Switch) shuffle(a []identity.Address, n int) {
	for i := 0; i < n && i < len(a)-1; i++ {
		j := i + int(s.link.Random()%uint64(len(a)-i))
		a[i], a[j] = a[j], a[i]
	}
}
