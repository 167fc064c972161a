package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// handleMulticastFrame processes MULTICAST_FRAME (spec 04 §12.5). Whether we
// subscribed to the group does not matter.
func (s *Switch) handleMulticastFrame(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	p, err := wire.ParseMulticastFrame(in.Payload)
	nw := s.find(p.Network)
	if nw == nil || err != nil {
		return vl1.Dropped
	}
	if p.COM != nil && !s.attachedCOM(at, nw, in, p.COM) {
		return vl1.Dropped
	}
	m := s.admit(at, nw, &in.From)
	if m == nil {
		return s.refuse(at, nw, in, wire.VerbMulticastFrame)
	}
	if nw.config.MulticastLimit == 0 {
		nw.drops[DropNoMulticast]++
		return vl1.Received
	}
	s.mayBeUnwanted(at, nw, in, p.Group)
	f := frame{p.Source, p.Group.MAC, p.EtherType, p.Data}
	if p.Flags&wire.MulticastFrameSource == 0 {
		f.src = m.mac
	}
	replicate := p.Flags&wire.MulticastFrameReplicate != 0
	if n := len(p.Data); n > 0 && n <= maxFramePayload {
		spoofed := f.src == m.mac && s.spoofed(at, nw, m, &f, in, wire.VerbMulticastFrame)
		if spoofed || !s.acceptMulticast(at, nw, m, p.Group, &f, replicate) {
			return vl1.Trusted
		}
	}
	if p.GatherLimit > 0 {
		s.replyWithMembers(at, nw, in, p.Group, p.GatherLimit)
	}
	return vl1.Trusted
}

// acceptMulticast delivers a frame if it may pass, and sends it on first if we
// are asked to and do. It reports false for a frame whose MACs cannot be, whose
// sender learns no members either.
func (s *Switch) acceptMulticast(at clock.Instant, nw *Network, m *member, g identity.MulticastGroup, f *frame, replicate bool) bool {
	if !f.dst.Multicast() || f.src == 0 || f.src.Multicast() || f.src == nw.mac {
		nw.drops[DropMalformed]++
		return false
	}
	if !s.permitted(nw, m.address) {
		nw.turnAwayFrom(at, m)
		return true
	}
	if f.src != m.mac && !s.sentOn(at, nw, m, f.src) {
		return false
	}
	// Only now, unlike the reference: those to whom we send it on trust us.
	if replicate && nw.roles.amReplicator {
		s.multicast(at, nw, g, f, true, m.address)
	}
	if r := s.inspect(at, nw, m, f); r >= rule.Accept {
		if !isResolution(g, f) {
			nw.multicasts.Received++
			nw.multicasts.LastReceived = at.Mono
		}
		s.deliver(at, nw, f, r)
	}
	return true
}

// replicates reports whether m may send on what members sent: as a replicator,
// and as the bridge that it has to be for that (spec 04 §12.5).
func (s *Switch) replicates(nw *Network, m *member) bool {
	return nw.roles.bridge(m.address) && slices.Contains(nw.roles.replicators, m.address)
}

// sentOn decides whether m may send on a multicast frame of mac: a replicator that
// of a member, any bridge that of a host behind it. Which of the two it is cannot
// be told of a replicator and a MAC as members have while no such member was heard.
func (s *Switch) sentOn(at clock.Instant, nw *Network, m *member, mac identity.MAC) bool {
	if !mac.InNetwork(nw.id) || !s.replicates(nw, m) {
		return s.learnHost(at, nw, m, mac, true)
	}
	return nw.ofMember(mac) || s.learnHost(at, nw, m, mac, false)
}

// replyWithMembers answers a MULTICAST_FRAME whose sender wants members.
func (s *Switch) replyWithMembers(at clock.Instant, nw *Network, in *vl1.Inbound, g identity.MulticastGroup, limit uint32) {
	r := wire.OKMulticastFrame{Network: nw.id, Group: g, Flags: wire.MulticastFrameGather}
	if r.Total, r.Members = s.known(nw, groupKey{nw.id, g}, in.From.Address, limit); r.Members.Len() == 0 {
		return
	}
	s.scratch.body = r.Append(s.scratch.body[:0])
	s.link.ReplyOK(at, in, wire.VerbMulticastFrame, s.scratch.body)
}

// handleMulticastReply takes the members in the answer to a MULTICAST_FRAME.
func (s *Switch) handleMulticastReply(at clock.Instant, in *vl1.Inbound) vl1.Disposition {
	p, err := wire.ParseOKMulticastFrame(in.Payload)
	if err != nil {
		return vl1.Dropped
	}
	nw := s.find(p.Network)
	if nw == nil {
		return vl1.Received
	}
	if p.COM != nil && !s.attachedCOM(at, nw, in, p.COM) {
		return vl1.Dropped
	}
	s.learnMembers(at, nw, in.From.Address, groupKey{p.Network, p.Group}, p.Members)
	return vl1.Received
}

// mayBeUnwanted tells a member that still sends to a group we left (spec 04 §12.6).
func (s *Switch) mayBeUnwanted(at clock.Instant, nw *Network, in *vl1.Inbound, g identity.MulticastGroup) {
	if len(nw.left) == 0 || nw.roles.amBridge {
		return
	}
	if _, left := nw.left.find(g); !left || nw.wants(g) {
		return
	}
	if s.unwanted.allow(at.Mono, stampKey{nw.id, in.From.Address, g}, unwantedInterval) {
		body := wire.UnwantedMulticast{Network: nw.id, Group: g}.Append(s.scratch.head[:0])
		s.link.ReplyError(at, in, wire.VerbMulticastFrame, wire.ErrorUnwantedMulticast, body)
	}
}
