package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/rule"
	"orrery/engine/wire"
)

// frame is an Ethernet frame on its way through the layer. payload is borrowed.
type frame struct {
	src, dst  identity.MAC
	etherType uint16
	payload   []byte
}

// filterOut runs the network's rules over a frame that leaves for the member to,
// of which m is known, and sends the copies that they ask for. On the first pass
// of a multicast or flooded frame to is 0 and m nil (spec 04 §10.4).
func (s *Switch) filterOut(at clock.Instant, nw *Network, m *member, to identity.Address, f *frame, noTee bool) bool {
	if nw.base.AcceptsAll() {
		return true
	}
	in := &s.scratch.input
	in.Inbound, in.Source, in.Destination = false, s.self.Address, to
	s.describe(nw, m, f)
	d := rule.FilterOut(&nw.base, nw.own, in, noTee)
	if d.Count > 0 {
		s.sendCopies(at, nw, &d, f)
	}
	return d.Accepted()
}

// filterIn runs the network's rules over a frame that arrived from a peer (spec
// 04 §10.5).
func (s *Switch) filterIn(at clock.Instant, nw *Network, m *member, f *frame) rule.Result {
	if nw.base.AcceptsAll() {
		return rule.Accept
	}
	in := &s.scratch.input
	in.Inbound, in.Source, in.Destination = true, m.address, s.self.Address
	s.describe(nw, m, f)
	d := rule.FilterIn(&nw.base, m.capabilities(nw), in)
	if d.Count > 0 {
		s.sendCopies(at, nw, &d, f)
	}
	return d.Result
}

// describe fills what both directions have in common.
func (s *Switch) describe(nw *Network, m *member, f *frame) {
	in := &s.scratch.input
	in.SourceMAC, in.DestinationMAC = f.src, f.dst
	in.EtherType, in.Frame = f.etherType, f.payload
	in.Local, in.Remote = &nw.local, m.side(nw)
}

// sendCopies sends what TEE, WATCH and REDIRECT ask for: the start of the frame
// with its own MACs, past all filters. No credentials go before it, but its
// receiver may ask for them.
func (s *Switch) sendCopies(at clock.Instant, nw *Network, d *rule.Decision, f *frame) {
	for _, c := range d.Copies[:d.Count] {
		if c.To.Reserved() {
			continue
		}
		if !s.permitted(nw, c.To) {
			nw.turnAwayTo(at, c.To)
			continue
		}
		m := nw.members.open(at.Mono, c.To)
		if s.expelled(at, nw, m) {
			continue
		}
		m.sent = at.Mono
		head := wire.AppendExtFrameHead(s.scratch.head[:0], nw.id, c.Flags, f.dst, f.src, f.etherType)
		s.link.Send(at, c.To, wire.VerbExtFrame, head, f.payload[:c.Length], true)
	}
}
