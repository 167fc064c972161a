package vl2

import (
	"testing"

	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// TestExplain: what is said of a frame is what happens to it, and saying it
// leaves no trace.
func TestExplain(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	c := *nw.config
	c.Rules = []rule.Rule{
		{Type: rule.MatchEtherType, Value: 0x0806}, {Type: rule.ActionAccept},
		{Type: rule.MatchTagsEqual, Tag: 100, Value: 2}, {Type: rule.ActionAccept},
		{Type: rule.MatchFrameSize, End: 3}, {Type: rule.ActionRedirect, Address: v.PeerC},
	}
	c.Tags = []credential.Tag{{ID: 100, Value: 2}}
	s.setConfig(nw, &c)
	peer := identity.MACOf(nw.id, v.PeerB)
	ask := func(q Query) *Explanation {
		q.Peer = v.PeerB
		members := len(nw.members.order)
		x := s.Explain(nw, &q)
		if len(nw.members.order) != members || len(f.sends) > 0 || nw.Drops(DropFiltered) > 0 {
			t.Fatal("to explain left a trace")
		}
		return x
	}
	for _, q := range []Query{
		{EtherType: 0x0806, Payload: []byte("arp")},
		{EtherType: 0x0800, Payload: []byte("tag unknown outbound")},
		{EtherType: 0x0800, Payload: []byte("x")},
	} {
		q.Src, q.Dst = nw.mac, peer
		x := ask(q)
		s.SendFrame(start, nw, q.Src, q.Dst, q.EtherType, q.Payload)
		sent := to(f.take(), v.PeerB) > 0
		if x.Decision.Accepted() != sent || x.Lists[0].Verdict.Result == rule.NoMatch {
			t.Errorf("out %q: explained %+v, sent %v", q.Payload, x.Decision, sent)
		}
		nw.drops = [dropReasons]uint64{}

		q.Inbound, q.Src, q.Dst = true, peer, nw.mac
		x = ask(q)
		in := vl1.Inbound{From: f.known[v.PeerB], ID: 7, Payload: append(wire.AppendFrameHead(nil, nw.id, q.EtherType), q.Payload...)}
		s.Handle(start, wire.VerbFrame, &in)
		if got := len(f.takeDelivered()) > 0; x.Decision.Accepted() != got || x.Member != true {
			t.Errorf("in %q: explained %+v, delivered %v", q.Payload, x.Decision, got)
		}
		if redirected := to(f.take(), v.PeerC) > 0; redirected != (x.Decision.Count > 0) {
			t.Errorf("in %q: %d copies explained, sent %v", q.Payload, x.Decision.Count, redirected)
		}
		nw.drops = [dropReasons]uint64{}
	}
	// What a capability of the sender's decides is told with its rules.
	own := credential.Capability{Network: nw.id, Timestamp: start.Wall, ID: 4, Rules: []rule.Rule{{Type: rule.ActionBreak}, {Type: rule.ActionAccept}}}
	other := own
	other.ID, other.Rules = 9, []rule.Rule{{Type: rule.MatchEtherType, Value: 0x88cc}, {Type: rule.ActionAccept}}
	own.Sign(v.signer(t), v.PeerB)
	other.Sign(v.signer(t), v.PeerB)
	bring(f, s, start, v.PeerB, 8, credential.Bundle{Capabilities: []credential.Capability{other, own}})
	x := ask(Query{Inbound: true, EtherType: 0x88cc, Payload: []byte("long enough"), Src: peer, Dst: nw.mac})
	if !x.Known || x.Decided != 2 || len(x.Lists) != 3 || len(x.Capabilities) != 2 || x.Capabilities[1].ID != 9 || x.Lists[2].Decided != 1 || x.Lists[1].Decided != 0 || !x.Decision.Accepted() {
		t.Errorf("by a capability: %+v", x)
	}
	if tags := nw.Tags(v.Self); len(tags) != 1 || len(nw.Tags(v.PeerB)) != 0 || nw.Tags(v.PeerC) != nil {
		t.Errorf("our tags %v", tags)
	}
	nw.config = nil
	if s.Explain(nw, &Query{}) != nil || nw.Tags(v.Self) != nil {
		t.Error("explained rules that are not there")
	}
}

// TestExplainStrangers: on a private network it is said that a peer that has
// shown nothing is not let in.
func TestExplainStrangers(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	_, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Private: true})
	q := Query{Inbound: true, Peer: v.PeerB, EtherType: 0x0800, Payload: []byte("x")}
	if x := s.Explain(nw, &q); x.Known || x.Member || !x.Verified {
		t.Errorf("a stranger: %+v", x)
	}
	s.SetVerifiedOnly(start, nw, true)
	if x := s.Explain(nw, &q); x.Verified {
		t.Error("counts as verified")
	}
}
