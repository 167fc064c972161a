package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// handleFrame processes FRAME: a frame between the two nodes' own MACs (spec 04
// §11.3). It allocates nothing.
func (s *Switch) handleFrame(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	p, err := wire.ParseFrame(in.Payload)
	if err != nil {
		return vl1.Dropped
	}
	nw := s.find(p.Network)
	if nw == nil {
		return vl1.Received
	}
	m := s.admit(at, nw, &in.From)
	if m == nil {
		return s.refuse(at, nw, in, wire.VerbFrame)
	}
	if len(p.Data) == 0 {
		return vl1.Trusted
	}
	f := frame{m.mac, nw.mac, p.EtherType, p.Data}
	if s.spoofed(at, nw, m, &f, in, wire.VerbFrame) {
		return vl1.Trusted
	}
	if r := s.inspect(at, nw, m, &f); r >= rule.Accept {
		s.deliver(at, nw, s.clamp(nw, m.address, &f, frameOverhead, &s.scratch.openingIn), r)
	}
	return vl1.Trusted
}

// handleExtFrame processes EXT_FRAME: a frame with its MACs, from or to a host
// behind a bridge or as a copy that rules ask for (spec 04 §11.3).
func (s *Switch) handleExtFrame(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	p, err := wire.ParseExtFrame(in.Payload)
	nw := s.find(p.Network)
	if nw == nil && p.Network != 0 {
		return vl1.Received
	}
	if nw == nil || err != nil {
		return vl1.Dropped
	}
	if p.COM != nil && !s.attachedCOM(at, nw, in, p.COM) {
		return vl1.Dropped
	}
	m := s.admit(at, nw, &in.From)
	if m == nil {
		return s.refuse(at, nw, in, wire.VerbExtFrame)
	}
	if !p.Empty && len(p.Data) > 0 {
		f := frame{p.From, p.To, p.EtherType, p.Data}
		if f.src == m.mac && s.spoofed(at, nw, m, &f, in, wire.VerbExtFrame) || !s.acceptExtFrame(at, nw, m, &f) {
			return vl1.Trusted
		}
	}
	if p.Flags&wire.ExtFrameAcknowledge != 0 {
		s.link.ReplyOK(at, in, wire.VerbExtFrame, nw.id.Append(s.scratch.head[:0]))
	}
	return vl1.Trusted
}

// acceptExtFrame delivers the frame if it may pass. It reports false if the
// frame breaks the rules for MACs, which is not acknowledged; a frame that the
// filter drops is.
func (s *Switch) acceptExtFrame(at clock.Instant, nw *Network, m *member, f *frame) bool {
	if f.src == 0 || f.src == nw.mac {
		nw.drops[DropMalformed]++
		return false
	}
	r := s.inspect(at, nw, m, f)
	switch r {
	case rule.SuperAccept:
		// A copy is of what is for somebody else: what is for us has to be from whom
		// it says.
		if f.dst == nw.mac && !s.macsAllowed(at, nw, m, f) {
			return false
		}
	case rule.Accept:
		if !s.macsAllowed(at, nw, m, f) {
			return false
		}
	default:
		return true
	}
	if r == rule.Accept { // a copy for inspection stays as it is
		f = s.clamp(nw, m.address, f, extFrameOverhead, &s.scratch.openingIn)
	}
	s.deliver(at, nw, f, r)
	return true
}

// macsAllowed applies the checks of bridging to a frame that m sent. A frame
// from a bridge may have any destination, a quirk that is kept: its bridge
// cannot know whether we are one.
func (s *Switch) macsAllowed(at clock.Instant, nw *Network, m *member, f *frame) bool {
	if f.src != m.mac {
		return s.learnHost(at, nw, m, f.src, true)
	}
	if f.dst == nw.mac {
		return true
	}
	if f.dst.Multicast() {
		// A bridge without multicast is still asked who behind it has an address.
		if g, _ := groupOf(f.dst, f.etherType, f.payload); nw.config.MulticastLimit == 0 && !(nw.roles.amBridge && isResolution(g, f)) {
			nw.drops[DropNoMulticast]++
			return false
		}
		return true
	}
	if !nw.roles.amBridge {
		nw.drops[DropNotBridge]++
	}
	return nw.roles.amBridge
}

// inspect runs everything that decides over an inbound frame whatever its verb.
func (s *Switch) inspect(at clock.Instant, nw *Network, m *member, f *frame) rule.Result {
	if !s.permitted(nw, m.address) {
		nw.turnAwayFrom(at, m)
		return rule.Drop
	}
	if nw.verifiedOnly && f.src != m.mac && s.ofUnverified(at, nw, f.src) {
		return rule.Drop
	}
	r := s.filterIn(at, nw, m, f)
	if r < rule.Accept {
		nw.drops[DropFiltered]++
	}
	return r
}

// deliver hands a frame to the host.
func (s *Switch) deliver(at clock.Instant, nw *Network, f *frame, r rule.Result) {
	s.sink.Deliver(at, nw, f.src, f.dst, f.etherType, f.payload, r == rule.SuperAccept)
}

// refuse tells a peer that it has not proved its membership and has the packet
// held: the proof is often just behind it (spec 04 §8.3).
func (s *Switch) refuse(at clock.Instant, nw *Network, in *vl1.Inbound, v wire.Verb) vl1.Disposition {
	nw.drops[DropNotMember]++
	if s.refused.allow(at.Mono, stampKey{network: nw.id, peer: in.From.Address}, refusalInterval) {
		s.link.ReplyError(at, in, v, wire.ErrorNeedMembershipCertificate, nw.id.Append(s.scratch.head[:0]))
	}
	return vl1.Held
}
