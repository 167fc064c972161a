package rule_test

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"orrery/engine/rule"
)

func TestParseVectors(t *testing.T) {
	t.Parallel()
	for _, c := range load(t).RuleParse {
		rules, n, err := rule.Parse(c.Bin, c.MaxRules)
		if c.Parse == "error" {
			if !errors.Is(err, rule.ErrTruncated) || rules != nil {
				t.Errorf("%s: %v, %v", c.Name, rules, err)
			}
			continue
		}
		if err != nil || len(rules) != c.RuleCount || n != c.Consumed {
			t.Errorf("%s: %d rules in %d bytes, %v; want %d in %d", c.Name, len(rules), n, err, c.RuleCount, c.Consumed)
		}
		if got := rule.Append(nil, rules); !bytes.Equal(got, c.Reserialized) {
			t.Errorf("%s: encoded %x, want %x", c.Name, got, []byte(c.Reserialized))
		}
	}
}

func TestParseNothing(t *testing.T) {
	t.Parallel()
	if r, n, err := rule.Parse([]byte{1, 0}, 0); r != nil || n != 0 || err != nil {
		t.Errorf("limit 0: %v, %d, %v", r, n, err)
	}
}

func TestAppendOverWideFields(t *testing.T) {
	t.Parallel()
	cases := []struct {
		r    rule.Rule
		want string
	}{
		{rule.Rule{Type: rule.MatchIntegerRange, Start: 16, End: 0x2_0000_0020, Index: 7}, "331300000000000000100000000000000020000700"},
		{rule.Rule{Type: rule.MatchEtherType, Value: 0x10800}, "25020800"},
		{rule.Rule{Type: rule.MatchIPv4Source, IP: netip.MustParseAddr("fd00::1"), Bits: 24}, "1f050000000018"},
		{rule.Rule{Type: rule.MatchIPv6Source, Bits: 200}, "211100000000000000000000000000000000c8"},
		{rule.Rule{Type: 64 + rule.ActionDrop}, "0000"},
	}
	for _, c := range cases {
		var want hexBytes
		if err := want.UnmarshalText([]byte(c.want)); err != nil {
			t.Fatal(err)
		}
		if got := c.r.Append(nil); !bytes.Equal(got, want) {
			t.Errorf("%+v: %x, want %s", c.r, got, c.want)
		}
		n := c.r.Normal()
		if n != n.Normal() || !bytes.Equal(n.Append(nil), want) {
			t.Errorf("%+v: not normal: %+v", c.r, n)
		}
	}
}

// FuzzParse checks that what parses encodes to something that parses to the
// same, and that compiling and evaluating it does not fail.
func FuzzParse(f *testing.F) {
	v := load(f)
	for _, c := range v.RuleParse {
		f.Add([]byte(c.Bin), []byte(v.Frames[0]), uint16(0x0800))
	}
	for i, c := range v.FilterCases {
		if i%20 == 0 {
			f.Add([]byte(c.Rules), []byte(v.Frames[c.Frame]), c.Ether)
		}
	}
	links := v.links()
	f.Fuzz(func(t *testing.T, b, frame []byte, ether uint16) {
		rules, n, err := rule.Parse(b, rule.MaxRules)
		if err != nil {
			return
		}
		if n < len(b) && len(rules) < rule.MaxRules {
			t.Fatalf("stopped at %d of %d", n, len(b))
		}
		enc := rule.Append(nil, rules)
		again, m, err := rule.Parse(enc, rule.MaxRules)
		if err != nil || m != len(enc) || !bytes.Equal(rule.Append(nil, again), enc) {
			t.Fatalf("%x does not round-trip: %v", enc, err)
		}
		set := rule.Compile(rules)
		for _, l := range links {
			for _, inbound := range []bool{false, true} {
				in := rule.Input{
					Inbound: inbound, Source: 0xc872fe451a, Destination: 0x803348d73a, EtherType: ether, Frame: frame,
					Local: &l.local, Remote: l.remote, Random: l.random,
				}
				fast := set.Evaluate(&in)
				if _, slow := set.Trace(nil, &in); fast != slow {
					t.Fatalf("rules %x: %+v by ethertype, %+v in full", b, fast, slow)
				}
			}
		}
	})
}
