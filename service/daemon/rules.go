package daemon

import (
	"context"
	"encoding/json"
	"fmt"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/rule"
	"orrery/engine/vl2"
	"orrery/engine/wire"
	"orrery/service/ipc"
)

// Rules implements api.Explainer.
func (d *Daemon) Rules(_ context.Context, nwid identity.NetworkID) (*ipc.NetworkRules, error) {
	var s node.NetworkState
	var self identity.Address
	var tags []rule.Tag
	joined := false
	d.host.View(func(c *node.Core, _ clock.Instant) {
		s, joined = c.Network(nwid)
		self = c.Self().Address
		tags = c.Tags(nwid, self)
	})
	if err := hasRules(nwid, joined, &s); err != nil {
		return nil, err
	}
	out := &ipc.NetworkRules{Network: nwid.String(), Tags: tagsView(tags)}
	var err error
	if out.Rules, err = listView(s.Config.Rules); err != nil {
		return nil, err
	}
	for i := range s.Config.Capabilities {
		c := &s.Config.Capabilities[i]
		l, err := listView(c.Rules)
		if err != nil {
			return nil, err
		}
		l.Capability = &c.ID
		out.Capabilities = append(out.Capabilities, l)
	}
	return out, nil
}

// hasRules refuses a network without rules to look at.
func hasRules(nwid identity.NetworkID, joined bool, s *node.NetworkState) error {
	switch {
	case !joined:
		return notJoined(nwid)
	case s.Config == nil:
		return ipc.Errorf(ipc.CodeUnavailable, "network %s has not told its rules yet", nwid).
			Advise("\"orreryctl network status\" says what it is waiting for")
	}
	return nil
}

// listView is a list in both of its forms.
func listView(rules []rule.Rule) (ipc.RuleList, error) {
	l := ipc.RuleList{Text: rule.Text(rules), Rules: make([]json.RawMessage, 0, len(rules))}
	for i := range rules {
		b, err := rules[i].MarshalJSON()
		if err != nil {
			return l, fmt.Errorf("rule %d: %w", i+1, err)
		}
		l.Rules = append(l.Rules, b)
	}
	return l, nil
}

func tagsView(tags []rule.Tag) []ipc.RuleTag {
	out := make([]ipc.RuleTag, 0, len(tags))
	for _, t := range tags {
		out = append(out, ipc.RuleTag{ID: t.ID, Value: t.Value})
	}
	return out
}

// ExplainFrame implements api.Explainer.
func (d *Daemon) ExplainFrame(_ context.Context, nwid identity.NetworkID, q ipc.FrameQuery) (*ipc.RuleExplanation, error) {
	f, err := ether.ParseFrame(q.Frame)
	if err != nil {
		return nil, ipc.Errorf(ipc.CodeBadRequest, "%d bytes are no Ethernet frame", len(q.Frame)).
			Advise("A frame begins with the destination MAC, the source MAC and the ethertype, 14 bytes")
	}
	var (
		x      *vl2.Explanation
		s      node.NetworkState
		e      ends
		ours   []rule.Tag
		theirs []rule.Tag
		joined bool
	)
	d.host.View(func(c *node.Core, _ clock.Instant) {
		if s, joined = c.Network(nwid); !joined {
			return
		}
		e.nwid, e.mac, e.self = nwid, s.MAC, c.Self().Address
		if err = e.find(&q, &f); err != nil {
			return
		}
		e.address(&f)
		x = c.ExplainFrame(nwid, &vl2.Query{Inbound: e.inbound, Peer: e.peer, Src: f.Src, Dst: f.Dst, EtherType: f.Type, Payload: f.Payload})
		ours, theirs = c.Tags(nwid, e.self), c.Tags(nwid, e.peer)
	})
	if err == nil {
		err = hasRules(nwid, joined, &s)
	}
	if err != nil {
		return nil, err
	}
	out := explanationView(x, &e, s.Settings.VerifiedOnly)
	out.Network, out.OurTags, out.TheirTags = nwid.String(), tagsView(ours), tagsView(theirs)
	out.SourceMAC, out.DestinationMAC = f.Src.String(), f.Dst.String()
	out.EtherType, out.Bytes = fmt.Sprintf("%04x", f.Type), len(f.Payload)
	return out, nil
}

// ends is between whom a frame travels.
type ends struct {
	nwid       identity.NetworkID
	self, peer identity.Address // peer is 0 for a group or all bridges
	mac        identity.MAC     // our own
	inbound    bool
}

// find takes the ends from the question, and what it leaves out from the frame.
func (e *ends) find(q *ipc.FrameQuery, f *ether.Frame) error {
	from, err := nodeOf("from", q.From)
	if err != nil {
		return err
	}
	to, err := nodeOf("to", q.To)
	if err != nil {
		return err
	}
	src, isMember := e.member(f.Src)
	switch q.Direction {
	case "in", "out":
		e.inbound = q.Direction == "in"
	case "":
		switch {
		case from != 0 || to != 0:
			e.inbound = to == e.self || from != 0 && from != e.self
		case f.Src == e.mac:
		case f.Dst == e.mac || isMember:
			e.inbound = true
		case f.Src == 0 && f.Dst == 0:
			return ipc.Errorf(ipc.CodeBadRequest, "an IP packet does not say which nodes it is between").
				Advise("Say --out and --to ADDRESS, or --in and --from ADDRESS")
		default: // MACs of neither
			return ipc.Errorf(ipc.CodeBadRequest, "it cannot be told from its MACs whether the frame comes in or goes out").
				Advise("Say --in or --out")
		}
	default:
		return ipc.Errorf(ipc.CodeBadRequest, "direction %q: want in or out", q.Direction)
	}
	if e.inbound {
		if e.peer = from; from == 0 {
			e.peer = src
		}
		if to != 0 && to != e.self || e.peer == e.self {
			return ipc.Errorf(ipc.CodeBadRequest, "a frame that comes in is from another node, to %s", e.self).
				Advise("Rules are evaluated at both ends: ask the other node what it does")
		}
		if e.peer == 0 {
			return ipc.Errorf(ipc.CodeBadRequest, "the source MAC %s is no member's", f.Src).Advise("Name the node that the frame comes from with --from")
		}
		return nil
	}
	if from != 0 && from != e.self || to == e.self {
		return ipc.Errorf(ipc.CodeBadRequest, "a frame that goes out is from %s, to another node", e.self).
			Advise("Rules are evaluated at both ends: ask the other node what it does")
	}
	if e.peer = to; to == 0 && !f.Dst.Multicast() {
		e.peer, _ = e.member(f.Dst)
	}
	if e.peer == 0 && f.Dst == 0 {
		return ipc.Errorf(ipc.CodeBadRequest, "the frame has no destination MAC").Advise("Name the node that it goes to with --to")
	}
	return nil
}

// address fills in MACs that are missing, as in packets that were captured on a
// device for IP packets.
func (e *ends) address(f *ether.Frame) {
	from, to := e.self, e.peer
	if e.inbound {
		from, to = to, from
	}
	if f.Src == 0 {
		f.Src = identity.MACOf(e.nwid, from)
	}
	if f.Dst == 0 {
		f.Dst = identity.MACOf(e.nwid, to)
	}
}

// member is the node that has a MAC, if it is of the network.
func (e *ends) member(m identity.MAC) (identity.Address, bool) {
	if m.Multicast() || !m.InNetwork(e.nwid) {
		return 0, false
	}
	a := m.Address(e.nwid)
	return a, !a.Reserved()
}

// nodeOf parses the address of an end.
func nodeOf(what, text string) (identity.Address, error) {
	if text == "" {
		return 0, nil
	}
	a, err := identity.ParseAddress(text)
	if err != nil || a.Reserved() {
		return 0, ipc.Errorf(ipc.CodeBadRequest, "%s %q is not the address of a node", what, text).
			Advise("An address is 10 hex digits; \"orreryctl peers\" lists them")
	}
	return a, nil
}

// explanationView puts an explanation into words.
func explanationView(x *vl2.Explanation, e *ends, verifiedOnly bool) *ipc.RuleExplanation {
	out := &ipc.RuleExplanation{Direction: "out", From: e.self.String(), To: e.peer.String()}
	switch {
	case e.inbound:
		out.Direction, out.From, out.To = "in", out.To, out.From
	case e.peer == 0:
		out.To = ""
	}
	out.Verdict = resultText(x.Decision.Result)
	for _, c := range x.Decision.Copies[:x.Decision.Count] {
		v := ipc.RuleCopy{To: c.To.String(), Kind: "tee", Bytes: c.Length}
		switch c.Flags {
		case wire.ExtFrameWatchIn, wire.ExtFrameWatchOut:
			v.Kind = "watch"
		case wire.ExtFrameRedirectIn, wire.ExtFrameRedirectOut:
			v.Kind, out.Verdict = "redirect", "redirect"
		}
		out.Copies = append(out.Copies, v)
	}
	for i := range x.Lists {
		rules, capability := x.Rules, (*credential.Capability)(nil)
		if i > 0 {
			capability = x.Capabilities[i-1]
			rules = capability.Rules
		}
		out.Lists = append(out.Lists, explainedView(&x.Lists[i], rules, capability))
	}
	out.Why = why(x, e)
	out.Notes = notes(x, e, verifiedOnly)
	return out
}

// explainedView puts the evaluation of one list into words.
func explainedView(x *rule.Explanation, rules []rule.Rule, c *credential.Capability) ipc.ExplainedList {
	l := ipc.ExplainedList{Result: resultText(x.Verdict.Result), Rules: make([]ipc.ExplainedRule, 0, len(rules))}
	if c != nil {
		l.Capability = &c.ID
	}
	first := true
	for i := range rules {
		action := rules[i].Type.Action()
		r := ipc.ExplainedRule{Number: i + 1, Text: rules[i].Text(first), State: "not reached", Decided: i == x.Decided}
		first = action
		if i < len(x.Steps) {
			s := &x.Steps[i]
			r.Saw, r.Effect = s.Saw, effectText(s.Effect)
			switch {
			case action && s.Matched:
				r.State = "applied"
			case action:
				r.State = "not applied"
			case !s.Evaluated:
				r.State = "not asked"
			case s.Matched:
				r.State = "matched"
			default:
				r.State = "not matched"
			}
		}
		l.Rules = append(l.Rules, r)
	}
	return l
}

func resultText(r rule.Result) string {
	switch r {
	case rule.Drop:
		return "drop"
	case rule.Redirect:
		return "redirect"
	case rule.Accept:
		return "accept"
	case rule.SuperAccept:
		return "super-accept"
	}
	return "no match"
}

func effectText(f rule.Effect) string {
	switch f {
	case rule.EffectCopy:
		return "a copy is sent"
	case rule.EffectLenient:
		return "passes because the other side's tag is unknown; the next drop that applies has no effect"
	case rule.EffectSkipped:
		return "no effect, because a tag of the other side is unknown"
	case rule.EffectSuper:
		return "what accepts from here on also passes the checks of MACs"
	}
	return ""
}

// why says which rule decided.
func why(x *vl2.Explanation, e *ends) string {
	if x.Decided < 0 {
		who := "we have"
		if e.inbound {
			who = e.peer.String() + " has"
		}
		if len(x.Capabilities) == 0 {
			return "No rule accepts the frame, and " + who + " no capabilities: what nothing accepts is dropped."
		}
		return fmt.Sprintf("No rule accepts the frame, nor does any of the %d capabilities that %s: what nothing accepts is dropped.", len(x.Capabilities), who)
	}
	l := &x.Lists[x.Decided]
	rules, where := x.Rules, "of the network"
	if x.Decided > 0 {
		c := x.Capabilities[x.Decided-1]
		rules, where = c.Rules, fmt.Sprintf("of capability %d", c.ID)
	}
	text := fmt.Sprintf("Rule %d %s, %q, ", l.Decided+1, where, rules[l.Decided].Text(true))
	switch l.Verdict.Result {
	case rule.Drop:
		return text + "drops the frame."
	case rule.Redirect:
		return text + "sends the frame there instead."
	case rule.SuperAccept:
		return text + "accepts the frame past all other checks."
	}
	return text + "accepts the frame."
}

// notes are what decides besides rules.
func notes(x *vl2.Explanation, e *ends, verifiedOnly bool) (out []string) {
	switch {
	case e.peer == 0:
		out = append(out, "The frame goes to a group or to bridges: rules judge it once, without a receiver, and again at each receiver.")
	case e.inbound && !x.Member:
		out = append(out, e.peer.String()+" has shown no certificate of membership that ours agrees with: its frames are refused before rules are asked.")
	case !x.Known:
		out = append(out, e.peer.String()+" has shown no credentials yet, so its tags are unknown here. It knows them, and judges the frame too.")
	}
	if verifiedOnly && !x.Verified {
		out = append(out, "The network is set to verified peers, and "+e.peer.String()+" is not verified: no frames pass, whatever rules say.")
	}
	return out
}

// disputeAlert tells of a capability that two members show as their own.
func disputeAlert(s *node.NetworkState) (ipc.Alert, bool) {
	if len(s.Disputes) == 0 {
		return ipc.Alert{}, false
	}
	last := s.Disputes[len(s.Disputes)-1]
	return ipc.Alert{
		ID: "network.capability." + s.ID.String(), Severity: severityWarning, Title: "Two members show the same capability",
		Text:   fmt.Sprintf("On network %s both %s and %s show capability %d as given to them. One of them may have taken it from the other.", s.ID, last.First, last.Second, last.Capability),
		Advice: "Ask the network's owner which of them has it. To refuse it from whoever showed it later, set settings.strictCredentials to true in local.conf.",
	}, true
}
