package vl2

import (
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/rule"
)

// Query is a frame whose treatment by a network's rules is to be explained. It
// crosses the link between us and Peer, which is 0 for the first pass of a frame
// that leaves for a group or for all bridges.
type Query struct {
	Inbound   bool
	Peer      identity.Address
	Src, Dst  identity.MAC
	EtherType uint16
	Payload   []byte
}

// Explanation says what a network's rules make of a frame, and why.
type Explanation struct {
	rule.FilterExplanation
	// Rules and Capabilities are what the lists of the explanation are made of:
	// the first list is that of Rules, the others are of the Capabilities in
	// their order. They must not be changed.
	Rules        []rule.Rule
	Capabilities []*credential.Capability
	// Known is whether the peer has shown any credentials or, on a public
	// network, traffic; Member whether what it sends is let in at all; Verified
	// whether it is if the network is for verified peers.
	Known, Member, Verified bool
}

// Explain runs the network's rules over a frame as for a real one, but sends
// and counts nothing. It is nil without a configuration.
func (s *Switch) Explain(nw *Network, q *Query) *Explanation {
	if nw.config == nil {
		return nil
	}
	m := nw.members.get(q.Peer)
	x := &Explanation{Rules: nw.config.Rules, Known: m != nil, Verified: q.Peer == 0 || s.permitted(nw, q.Peer)}
	x.Member = nw.config.Public
	if id, ok := s.link.Identity(q.Peer); ok && m != nil && !x.Member {
		// Asked anew: the gate's memory belongs to the packet path.
		com := nw.com()
		x.Member = com != nil && m.proof.Allowed(com, id)
	}
	in := rule.Input{
		Inbound: q.Inbound, Source: s.self.Address, Destination: q.Peer, SourceMAC: q.Src, DestinationMAC: q.Dst,
		EtherType: q.EtherType, Frame: q.Payload, Local: &nw.local, Remote: &rule.Side{},
	}
	if m != nil {
		in.Remote = m.side(nw)
	}
	if !q.Inbound {
		if q.Peer == 0 {
			in.Remote = nil
		}
		for i := range nw.config.Capabilities {
			x.Capabilities = append(x.Capabilities, &nw.config.Capabilities[i])
		}
		x.FilterExplanation = rule.ExplainOut(&nw.base, nw.own, &in, false)
		return x
	}
	in.Source, in.Destination = q.Peer, s.self.Address
	var caps []rule.Set
	if m != nil {
		caps = m.capabilities(nw)
		x.Capabilities = m.proof.Capabilities(nw.window)
	}
	x.FilterExplanation = rule.ExplainIn(&nw.base, caps, &in)
	return x
}

// Tags are those tags of a member, or of ourselves, that rules count now. They
// must not be changed.
func (nw *Network) Tags(a identity.Address) []rule.Tag {
	if nw.config == nil {
		return nil
	}
	if a == nw.local.Self {
		return nw.local.Tags
	}
	if m := nw.members.get(a); m != nil {
		return m.side(nw).Tags
	}
	return nil
}
