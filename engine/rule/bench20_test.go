package rule_test

import (
	"encoding/binary"
	"testing"

	"orrery/engine/rule"
)

// twenty is a list of twenty rules as networks have them: what is not IP or ARP
// is dropped, pings, three services and the members of one's own department
// pass, other new connections do not.
func twenty() []rule.Rule {
	return append(append([]rule.Rule(nil), stock[:4]...),
		rule.Rule{Type: rule.MatchICMP, Value: 8}, rule.Rule{Type: rule.ActionAccept},
		rule.Rule{Type: rule.MatchIPProtocol, Value: 6}, rule.Rule{Type: rule.MatchDestinationPort, Start: 22, End: 22}, rule.Rule{Type: rule.ActionAccept},
		rule.Rule{Type: rule.MatchIPProtocol, Value: 6}, rule.Rule{Type: rule.MatchDestinationPort, Start: 443, End: 443}, rule.Rule{Type: rule.ActionAccept},
		rule.Rule{Type: rule.MatchIPProtocol, Value: 17}, rule.Rule{Type: rule.MatchDestinationPort, Start: 53, End: 53}, rule.Rule{Type: rule.ActionAccept},
		rule.Rule{Type: rule.MatchCharacteristics, Mask: rule.TCPSYN}, rule.Rule{Type: rule.MatchCharacteristics, Not: true, Mask: rule.TCPACK},
		rule.Rule{Type: rule.MatchTagsDifference, Not: true, Tag: 100}, rule.Rule{Type: rule.ActionDrop},
		rule.Rule{Type: rule.ActionAccept})
}

// mix is what crosses such a network: a page being loaded, mostly.
func mix() (inputs []*rule.Input, want []rule.Result) {
	add := func(r rule.Result, in *rule.Input, change func(*rule.Input, []byte)) {
		change(in, in.Frame)
		inputs, want = append(inputs, in), append(want, r)
	}
	port := func(p uint16) func(*rule.Input, []byte) {
		return func(_ *rule.Input, f []byte) { binary.BigEndian.PutUint16(f[22:], p) }
	}
	add(rule.Accept, segment(), port(50000)) // data of a connection
	add(rule.Accept, segment(), port(443))
	add(rule.Accept, segment6(), func(*rule.Input, []byte) {})
	add(rule.Accept, segment(), func(in *rule.Input, _ []byte) { in.EtherType = 0x0806 })
	add(rule.Accept, segment(), func(_ *rule.Input, f []byte) { f[9] = 17; f[22], f[23] = 0, 53 })
	add(rule.Accept, segment(), func(_ *rule.Input, f []byte) { f[9] = 1; f[20] = 8 })
	add(rule.Accept, segment(), func(_ *rule.Input, f []byte) { f[33] = 2 }) // SYN, the same department
	add(rule.Drop, segment(), func(in *rule.Input, f []byte) {               // SYN, another one
		f[33] = 2
		in.Remote = &rule.Side{Tags: []rule.Tag{{ID: 100, Value: 2}}}
	})
	return inputs, want
}

// BenchmarkTwentyRules is the filter over a mix of frames as the packet path
// calls it, against the same list rule by rule and by the book.
func BenchmarkTwentyRules(b *testing.B) {
	rules := twenty()
	set := rule.Compile(rules)
	inputs, want := mix()
	for i, in := range inputs {
		if r := rule.FilterIn(&set, nil, in).Result; r != want[i] {
			b.Fatalf("frame %d: %v", i, r)
		}
	}
	log := make([]byte, 0, 64)
	for _, c := range []struct {
		name string
		do   func(*rule.Input)
	}{
		{"compiled", func(in *rule.Input) { rule.FilterIn(&set, nil, in) }},
		{"rule-by-rule", func(in *rule.Input) { set.Trace(log, in) }},
		{"by-the-book", func(in *rule.Input) { oracleFilter(rules, nil, in, false) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.do(inputs[i%len(inputs)])
			}
		})
	}
}

// TestTwentyRulesDoNotAllocate: neither frames that pass nor those that do not,
// nor ones that capabilities decide.
func TestTwentyRulesDoNotAllocate(t *testing.T) {
	rules := twenty()
	rules[len(rules)-1].Type = rule.ActionBreak
	set, caps := rule.Compile(rules), []rule.Set{rule.Compile(firewall())}
	inputs, _ := mix()
	short := segment6()
	short.Frame = short.Frame[:43] // a chain of headers that ends early
	inputs = append(inputs, short)
	if n := testing.AllocsPerRun(100, func() {
		for _, in := range inputs {
			rule.FilterIn(&set, caps, in)
			rule.FilterOut(&set, caps, in, false)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkCompile is what a new configuration costs.
func BenchmarkCompile(b *testing.B) {
	long := make([]rule.Rule, 0, rule.MaxRules)
	for len(long)+3 <= rule.MaxRules {
		long = append(long, rule.Rule{Type: rule.MatchIPProtocol, Value: 6}, rule.Rule{Type: rule.MatchDestinationPort, Start: uint64(len(long)), End: uint64(len(long))}, rule.Rule{Type: rule.ActionAccept})
	}
	for name, rules := range map[string][]rule.Rule{"twenty": twenty(), "longest": long} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rule.Compile(rules)
			}
		})
	}
}
