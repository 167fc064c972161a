package daemon

import (
	"strings"
	"testing"

	"orrery/engine/credential"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/rule"
	"orrery/engine/vl2"
	"orrery/service/ipc"
)

const (
	ruleNet  identity.NetworkID = 0xb10ca2393e1a2b3c
	ruleSelf identity.Address   = 0x803348d73a
	rulePeer identity.Address   = 0xc872fe451a
)

// TestEnds: between whom a frame travels follows from what is said, and else
// from its MACs.
func TestEnds(t *testing.T) {
	t.Parallel()
	own, peer := identity.MACOf(ruleNet, ruleSelf), identity.MACOf(ruleNet, rulePeer)
	const foreign identity.MAC = 0x020000000001
	for _, c := range []struct {
		q        ipc.FrameQuery
		src, dst identity.MAC
		inbound  bool
		peer     identity.Address
		err      string
	}{
		{ipc.FrameQuery{}, own, peer, false, rulePeer, ""},
		{ipc.FrameQuery{}, peer, own, true, rulePeer, ""},
		{ipc.FrameQuery{}, own, identity.Broadcast, false, 0, ""},
		{ipc.FrameQuery{}, peer, identity.Broadcast, true, rulePeer, ""},
		{ipc.FrameQuery{}, own, foreign, false, 0, ""},
		{ipc.FrameQuery{}, foreign, identity.Broadcast, false, 0, "--in or --out"},
		{ipc.FrameQuery{Direction: "in"}, foreign, own, false, 0, "--from"},
		{ipc.FrameQuery{From: rulePeer.String()}, foreign, own, true, rulePeer, ""},
		{ipc.FrameQuery{To: rulePeer.String()}, foreign, foreign, false, rulePeer, ""},
		{ipc.FrameQuery{To: ruleSelf.String()}, peer, foreign, true, rulePeer, ""},
		{ipc.FrameQuery{From: ruleSelf.String()}, peer, peer, false, rulePeer, ""},
		{ipc.FrameQuery{Direction: "out", From: rulePeer.String()}, own, peer, false, 0, "both ends"},
		{ipc.FrameQuery{Direction: "in", To: rulePeer.String()}, peer, own, false, 0, "both ends"},
		{ipc.FrameQuery{Direction: "in"}, own, peer, false, 0, "both ends"},
		{ipc.FrameQuery{Direction: "out"}, 0, 0, false, 0, "--to"},
		{ipc.FrameQuery{Direction: "in"}, 0, 0, false, 0, "--from"},
		{ipc.FrameQuery{Direction: "out", To: rulePeer.String()}, 0, 0, false, rulePeer, ""},
		{ipc.FrameQuery{Direction: "up"}, own, peer, false, 0, "in or out"},
		{ipc.FrameQuery{From: "zork"}, own, peer, false, 0, "not the address"},
		{ipc.FrameQuery{To: "ff00000000"}, own, peer, false, 0, "not the address"},
	} {
		e := ends{nwid: ruleNet, self: ruleSelf, mac: own}
		err := e.find(&c.q, &ether.Frame{Src: c.src, Dst: c.dst})
		if c.err != "" {
			said := ""
			if refused, ok := err.(*ipc.Error); ok {
				said = refused.Message + " " + refused.Advice
			}
			if !strings.Contains(said, c.err) {
				t.Errorf("%+v %s -> %s: %v %q, want %q", c.q, c.src, c.dst, err, said, c.err)
			}
			continue
		}
		if err != nil || e.inbound != c.inbound || e.peer != c.peer {
			t.Errorf("%+v %s -> %s: in %v, peer %s, %v", c.q, c.src, c.dst, e.inbound, e.peer, err)
		}
		f := ether.Frame{Src: c.src, Dst: c.dst}
		if e.address(&f); c.src == 0 && (f.Src != own || f.Dst != peer) || c.src != 0 && (f.Src != c.src || f.Dst != c.dst) {
			t.Errorf("%+v: MACs %s -> %s", c.q, f.Src, f.Dst)
		}
	}
}

// TestExplanationView puts each kind of verdict into words.
func TestExplanationView(t *testing.T) {
	t.Parallel()
	frame := make([]byte, 60)
	frame[0], frame[9], frame[23] = 0x45, 6, 80
	for _, c := range []struct {
		name    string
		rules   []rule.Rule
		caps    []rule.Rule
		verdict string
		why     string
		state   string // of the first rule
	}{
		{"accept", []rule.Rule{{Type: rule.MatchDestinationPort, Start: 80, End: 80}, {Type: rule.ActionAccept}}, nil,
			"accept", `Rule 2 of the network, "accept", accepts the frame.`, "matched"},
		{"drop", []rule.Rule{{Type: rule.MatchDestinationPort, Not: true, Start: 22, End: 22}, {Type: rule.ActionDrop}, {Type: rule.ActionAccept}}, nil,
			"drop", `Rule 2 of the network, "drop", drops the frame.`, "matched"},
		{"default", []rule.Rule{{Type: rule.MatchDestinationPort, Start: 22, End: 22}, {Type: rule.ActionAccept}}, nil,
			"drop", "No rule accepts the frame, and we have no capabilities: what nothing accepts is dropped.", "not matched"},
		{"capability", []rule.Rule{{Type: rule.ActionBreak}}, []rule.Rule{{Type: rule.ActionAccept}},
			"accept", `Rule 1 of capability 7, "accept", accepts the frame.`, "applied"},
		{"idle capability", []rule.Rule{{Type: rule.ActionBreak}}, []rule.Rule{{Type: rule.ActionDrop}},
			"drop", "No rule accepts the frame, nor does any of the 1 capabilities that we have: what nothing accepts is dropped.", "applied"},
		{"redirect", []rule.Rule{{Type: rule.ActionRedirect, Address: 0x5735dba8d9}}, nil,
			"redirect", `Rule 1 of the network, "redirect 5735dba8d9", sends the frame there instead.`, "applied"},
	} {
		base := rule.Compile(c.rules)
		local := rule.Local{Self: ruleSelf}
		in := rule.Input{Source: ruleSelf, Destination: rulePeer, EtherType: 0x0800, Frame: frame, Local: &local, Remote: &rule.Side{}}
		x := vl2.Explanation{Rules: c.rules, Known: true, Member: true, Verified: true}
		var own []rule.Set
		if c.caps != nil {
			own = append(own, rule.Compile(c.caps))
			x.Capabilities = append(x.Capabilities, &credential.Capability{ID: 7, Rules: c.caps})
		}
		x.FilterExplanation = rule.ExplainOut(&base, own, &in, false)
		got := explanationView(&x, &ends{nwid: ruleNet, self: ruleSelf, peer: rulePeer}, false)
		if got.Verdict != c.verdict || got.Why != c.why || got.Lists[0].Rules[0].State != c.state || got.From != ruleSelf.String() || got.To != rulePeer.String() || len(got.Notes) != 0 {
			t.Errorf("%s: %+v", c.name, got)
		}
		if redirected := len(got.Copies) == 1 && got.Copies[0].Kind == "redirect"; redirected != (c.verdict == "redirect") {
			t.Errorf("%s: copies %+v", c.name, got.Copies)
		}
	}
	base := rule.Compile(nil)
	in := rule.Input{Inbound: true, Source: rulePeer, Destination: ruleSelf, EtherType: 0x0800, Frame: frame, Local: &rule.Local{Self: ruleSelf}, Remote: &rule.Side{}}
	stranger := vl2.Explanation{FilterExplanation: rule.ExplainIn(&base, nil, &in)}
	got := explanationView(&stranger, &ends{nwid: ruleNet, self: ruleSelf, peer: rulePeer, inbound: true}, true)
	if len(got.Notes) != 2 || !strings.Contains(got.Notes[0], "no certificate") || !strings.Contains(got.Notes[1], "not verified") || got.From != rulePeer.String() {
		t.Errorf("%+v", got)
	}
}

// TestDisputeAlert names both members, and what can be done.
func TestDisputeAlert(t *testing.T) {
	t.Parallel()
	if _, ok := disputeAlert(&node.NetworkState{}); ok {
		t.Error("an alert without a dispute")
	}
	s := node.NetworkState{ID: ruleNet, Disputes: []vl2.Dispute{{Capability: 1, First: 1, Second: 2}, {Capability: 7, First: rulePeer, Second: ruleSelf}}}
	a, ok := disputeAlert(&s)
	if !ok || a.ID != "network.capability."+ruleNet.String() || !strings.Contains(a.Text, "both "+rulePeer.String()+" and "+ruleSelf.String()+" show capability 7") || !strings.Contains(a.Advice, "strictCredentials") {
		t.Errorf("%+v", a)
	}
}

// TestRulesOfARunningService asks for the rules of an ad-hoc network, which needs
// no controller: IPv6 with the ports 5000 to 5999.
func TestRulesOfARunningService(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	const adHoc = "ff1388176f000000"
	_, err := r.client.NetworkRules(t.Context(), adHoc)
	wantError(t, "rules of a network not joined", err, ipc.CodeNotFound)
	for _, nwid := range []string{adHoc, elsewhere} {
		if _, err := r.client.Join(t.Context(), nwid, ipc.NetworkSettings{}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = r.client.NetworkRules(t.Context(), elsewhere)
	wantError(t, "rules of a network without a configuration", err, ipc.CodeUnavailable)
	rules, err := r.client.NetworkRules(t.Context(), adHoc)
	if err != nil || rules.Network != adHoc || len(rules.Rules.Rules) != 14 || !strings.HasPrefix(rules.Rules.Text, "drop\n  not ethertype ipv6\n;\n") || !strings.Contains(rules.Rules.Text, "dport 5000-5999") {
		t.Errorf("%+v, %v", rules, err)
	}
	segment := func(port byte) []byte {
		f := make([]byte, 14+60)
		f[12], f[13], f[14], f[20] = 0x86, 0xdd, 0x60, ether.ProtoTCP
		f[56], f[57], f[67] = 5000>>8, port, 2
		return f
	}
	ask := func(q ipc.FrameQuery) (*ipc.RuleExplanation, error) {
		return r.client.ExplainFrame(t.Context(), adHoc, q)
	}
	for port, verdict := range map[byte]string{0x88: "accept", 0x87: "drop"} { // 5000 and 4999
		x, err := ask(ipc.FrameQuery{Frame: segment(port), Direction: "in", From: rulePeer.String()})
		if err != nil || x.Verdict != verdict || x.From != rulePeer.String() || x.To != self.Address.String() || len(x.Lists) != 1 || len(x.Lists[0].Rules) != 14 || len(x.TheirTags) != 0 {
			t.Errorf("port 5000 - 0x88 + %#x: %+v, %v", port, x, err)
		}
		decided := 0
		for _, rule := range x.Lists[0].Rules {
			if rule.Decided {
				decided++
			}
		}
		if decided != 1 {
			t.Errorf("%d rules have decided", decided)
		}
	}
	for what, q := range map[string]ipc.FrameQuery{
		"no frame": {Frame: make([]byte, 13)}, "a frame of nobody": {Frame: segment(0)}, "an end that is none": {Frame: segment(0), From: "zork"},
	} {
		_, err := ask(q)
		wantError(t, what, err, ipc.CodeBadRequest)
	}
	_, err = r.client.ExplainFrame(t.Context(), elsewhere, ipc.FrameQuery{Frame: segment(0), Direction: "in", From: rulePeer.String()})
	wantError(t, "a frame on a network without a configuration", err, ipc.CodeUnavailable)
	_, err = r.client.ExplainFrame(t.Context(), "1122334455667799", ipc.FrameQuery{Frame: segment(0)})
	wantError(t, "a frame on a network not joined", err, ipc.CodeNotFound)
}
