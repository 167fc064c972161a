package rule_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"orrery/engine/identity"
	"orrery/engine/rule"
)

// steady is a frame for which every draw gives the same number, as it must be
// for an explanation to be about the same evaluation.
func steady(in rule.Input) *rule.Input {
	in.Random = fixed(0x7fffffff)
	return &in
}

// tells checks that an explanation says what the filter did: the verdicts are
// those of the compiled lists, and the steps lead to them.
func tells(x *rule.FilterExplanation, base *rule.Set, caps []rule.Set, in *rule.Input) error {
	for i := range x.Lists {
		set := base
		if i > 0 {
			set = &caps[i-1]
		}
		l := &x.Lists[i]
		if real := set.Evaluate(in); l.Verdict != real {
			return fmt.Errorf("list %d explained as %+v, is %+v", i, l.Verdict, real)
		}
		if l.Decided < 0 && len(l.Steps) != set.Len() {
			return fmt.Errorf("list %d: %d steps of %d, decided by %d", i, len(l.Steps), set.Len(), l.Decided)
		}
		if l.Decided >= 0 && (l.Decided != len(l.Steps)-1 || l.Steps[l.Decided].Effect != rule.EffectEnd || !l.Steps[l.Decided].Matched) {
			return fmt.Errorf("list %d: decided by %d of %+v", i, l.Decided, l.Steps)
		}
		if l.Decided < 0 && l.Verdict.Result != rule.NoMatch {
			return fmt.Errorf("list %d: %v, and nothing decided", i, l.Verdict.Result)
		}
	}
	if x.Decided >= len(x.Lists) {
		return errors.New("decided by a list that is not there")
	}
	passed := x.Decided >= 0 && x.Lists[x.Decided].Verdict.Result >= rule.Redirect
	if redirected := slices.ContainsFunc(x.Decision.Copies[:x.Decision.Count], func(c rule.Copy) bool { return c.Flags == 0x04 || c.Flags == 0x0a }); passed != (x.Decision.Accepted() || redirected) {
		return fmt.Errorf("explained as decided by list %d, but %+v", x.Decided, x.Decision)
	}
	return nil
}

// TestExplanationsOfVectors: every recorded case is explained by what it does.
func TestExplanationsOfVectors(t *testing.T) {
	t.Parallel()
	v := load(t)
	links := v.links()
	for _, c := range v.FilterCases {
		rules := mustParse(t, c.Rules)
		set := rule.Compile(rules)
		in := c.input(v, links[c.Ctx])
		x := set.Explain(in)
		if x.Verdict.Result.String() != c.Result {
			t.Errorf("%s: explained as %v, recorded %s", c.Name, x.Verdict.Result, c.Result)
		}
		log, _ := set.Trace(nil, in)
		for i, s := range x.Steps {
			if noted := log[i/2] >> (i % 2 * 4) & 0xf; !rules[i].Type.Action() && (noted != 0) && (s.Before != (noted&3 == 2) || s.Evaluated != (noted>>2 != 0)) {
				t.Errorf("%s: step %d is %+v, remote trace %x", c.Name, i, s, noted)
			}
			if s.Evaluated && s.Saw == "" {
				t.Errorf("%s: step %d does not say what it saw", c.Name, i)
			}
		}
		f := rule.ExplainOut(&set, nil, in, true)
		if in.Inbound {
			f = rule.ExplainIn(&set, nil, in)
		}
		if err := tells(&f, &set, nil, in); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

// TestExplanationsOfFilterVectors: and so is every recorded filter.
func TestExplanationsOfFilterVectors(t *testing.T) {
	t.Parallel()
	v := load(t)
	for _, c := range v.NetworkFilter {
		base := rule.Compile(mustParse(t, c.Rules))
		list := c.LocalCapabilities
		if c.Inbound {
			list = c.RemoteCapabilities
		}
		caps := compileCapabilities(t, list, nil)
		in := rule.Input{
			Inbound: c.Inbound, Source: c.ZTSource, Destination: c.ZTDest,
			SourceMAC: identity.MAC(c.MACSource), DestinationMAC: identity.MAC(c.MACDest),
			EtherType: c.EtherType, Frame: v.Frames[c.Frame],
			Local: &rule.Local{Self: v.SelfAddress}, Remote: &rule.Side{},
		}
		var x rule.FilterExplanation
		var d rule.Decision
		if c.Inbound {
			x, d = rule.ExplainIn(&base, caps, &in), rule.FilterIn(&base, caps, &in)
		} else {
			x, d = rule.ExplainOut(&base, caps, &in, c.NoTee), rule.FilterOut(&base, caps, &in, c.NoTee)
		}
		if x.Decision != d {
			t.Errorf("%s: explained as %+v, is %+v", c.Name, x.Decision, d)
		}
		if err := tells(&x, &base, caps, &in); !c.NoTee && err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

// TestExplanation reads one, of a frame that nothing accepts.
func TestExplanation(t *testing.T) {
	t.Parallel()
	rules := twenty()
	set := rule.Compile(rules)
	inputs, _ := mix()
	x := set.Explain(inputs[len(inputs)-1])
	var got []string
	for i, s := range x.Steps {
		if s.Evaluated && s.Before {
			got = append(got, fmt.Sprintf("%d:%v %s", i, s.Matched, s.Saw))
		}
	}
	want := []string{
		"0:false ethertype ipv4", "4:false protocol tcp", "6:true protocol tcp", "7:false protocol tcp, destination port 40192",
		"9:true protocol tcp", "10:false protocol tcp, destination port 40192", "12:false protocol tcp",
		"15:true has inbound,tcp_syn", "16:true has inbound,tcp_syn", "17:true our tag is 1, theirs is 2",
	}
	if !slices.Equal(got, want) || x.Decided != 18 || x.Verdict.Result != rule.Drop {
		t.Errorf("decided by %d: %s", x.Decided, strings.Join(got, "\n"))
	}
}

// TestText renders every kind of rule.
func TestText(t *testing.T) {
	t.Parallel()
	got := rule.Text(twenty())
	for _, part := range []string{
		"drop\n  not ethertype ipv4\n  and not ethertype arp\n  and not ethertype ipv6\n;\n", "accept\n  icmp 8 -1\n;\n",
		"accept\n  ipprotocol tcp\n  and dport 443\n;\n", "drop\n  chr tcp_syn\n  and not chr tcp_ack\n  and not tdiff 100 0\n;\naccept;\n",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("no %q in\n%s", part, got)
		}
	}
	for want, r := range map[string]rule.Rule{
		"tee 64 1122334455":                {Type: rule.ActionTee, Address: 0x1122334455, Length: 64},
		"watch 0 1122334455":               {Type: rule.ActionWatch, Address: 0xffff001122334455},
		"redirect 1122334455":              {Type: rule.ActionRedirect, Address: 0x1122334455, Length: 9},
		"break":                            {Type: rule.ActionBreak},
		"priority":                         {Type: rule.ActionPriority},
		"action_9":                         {Type: 9},
		"ztsrc 1122334455":                 {Type: rule.MatchSourceAddress, Address: 0x1122334455},
		"or not ztdest 1122334455":         {Type: rule.MatchDestinationAddress, Address: 0x1122334455, Or: true, Not: true},
		"vlan 12":                          {Type: rule.MatchVLANID, Value: 12},
		"vlanpcp 3":                        {Type: rule.MatchVLANPCP, Value: 3},
		"vlandei 1":                        {Type: rule.MatchVLANDEI, Value: 1},
		"macsrc 3e:ab:29:76:ee:98":         {Type: rule.MatchSourceMAC, MAC: 0x3eab2976ee98},
		"macdest 3e:ab:29:76:ee:98":        {Type: rule.MatchDestinationMAC, MAC: 0x3eab2976ee98},
		"ipsrc 10.1.2.3/24":                {Type: rule.MatchIPv4Source, IP: propV4[0], Bits: 24},
		"ipdest fd00::1/64":                {Type: rule.MatchIPv6Destination, IP: propV6[0], Bits: 64},
		"iptos 252 4-8":                    {Type: rule.MatchIPTOS, Mask: 0xfc, Start: 4, End: 8},
		"ipprotocol 99":                    {Type: rule.MatchIPProtocol, Value: 99},
		"ethertype 0x88cc":                 {Type: rule.MatchEtherType, Value: 0x88cc},
		"icmp 3 4":                         {Type: rule.MatchICMP, Value: 3, Code: 4, Flags: rule.ICMPCodeSet},
		"sport 1024-65535":                 {Type: rule.MatchSourcePort, Start: 1024, End: 65535},
		"framesize 0-100":                  {Type: rule.MatchFrameSize, End: 100},
		"chr inbound,multicast,40,tcp_rst": {Type: rule.MatchCharacteristics, Mask: 3<<62 | 1<<40 | rule.TCPRST},
		"random 0.5":                       {Type: rule.MatchRandom, Value: 1 << 31},
		"tand 1 2":                         {Type: rule.MatchTagsAnd, Tag: 1, Value: 2},
		"tor 1 2":                          {Type: rule.MatchTagsOr, Tag: 1, Value: 2},
		"txor 1 2":                         {Type: rule.MatchTagsXor, Tag: 1, Value: 2},
		"teq 1 2":                          {Type: rule.MatchTagsEqual, Tag: 1, Value: 2},
		"tseq 1 2":                         {Type: rule.MatchTagSender, Tag: 1, Value: 2},
		"treq 1 2":                         {Type: rule.MatchTagReceiver, Tag: 1, Value: 2},
		"integer 4 16 little 7-9":          {Type: rule.MatchIntegerRange, Index: 4, Flags: 0x8f, Start: 7, End: 9},
		"match_60":                         {Type: 60},
	} {
		if got := r.Text(true); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := rule.Text([]rule.Rule{{Type: rule.MatchVLANID}}); got != "# without an action: vlan 0\n" {
		t.Errorf("%q", got)
	}
}
