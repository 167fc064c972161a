package rule_test

import (
	"testing"

	"orrery/engine/rule"
)

// stock is the rule set of most networks.
var stock = []rule.Rule{
	{Type: rule.MatchEtherType, Not: true, Value: 0x0800},
	{Type: rule.MatchEtherType, Not: true, Value: 0x0806},
	{Type: rule.MatchEtherType, Not: true, Value: 0x86dd},
	{Type: rule.ActionDrop},
	{Type: rule.ActionAccept},
}

// firewall is a longer set that looks at headers and tags: 20 ports, then
// "no new connections, except with equal tags".
func firewall() []rule.Rule {
	rules := append([]rule.Rule(nil), stock[:4]...)
	for port := uint64(1); port <= 20; port++ {
		rules = append(rules,
			rule.Rule{Type: rule.MatchIPProtocol, Value: 6},
			rule.Rule{Type: rule.MatchDestinationPort, Start: port, End: port},
			rule.Rule{Type: rule.ActionAccept})
	}
	return append(rules,
		rule.Rule{Type: rule.MatchCharacteristics, Mask: rule.TCPSYN},
		rule.Rule{Type: rule.MatchCharacteristics, Not: true, Mask: rule.TCPACK},
		rule.Rule{Type: rule.MatchTagsDifference, Not: true, Tag: 100, Value: 0},
		rule.Rule{Type: rule.ActionDrop},
		rule.Rule{Type: rule.ActionAccept})
}

// segment is a TCP segment from and to high ports, as an input on the link.
func segment() *rule.Input {
	frame := make([]byte, 1400)
	frame[0], frame[9] = 0x45, 6
	frame[20], frame[22], frame[33] = 0x9c, 0x9d, 0x10
	return &rule.Input{
		Inbound: true, Source: 0xc872fe451a, Destination: 0x803348d73a, EtherType: 0x0800, Frame: frame,
		Local:  &rule.Local{Self: 0x803348d73a, Side: rule.Side{Tags: []rule.Tag{{ID: 100, Value: 1}}}},
		Remote: &rule.Side{Tags: []rule.Tag{{ID: 100, Value: 1}}},
	}
}

// segment6 is the same in IPv6, behind a destination options header.
func segment6() *rule.Input {
	in := segment()
	in.EtherType = 0x86dd
	in.Frame = make([]byte, 1400)
	in.Frame[0], in.Frame[6], in.Frame[40] = 0x60, 60, 6
	in.Frame[48], in.Frame[50], in.Frame[61] = 0x9c, 0x9d, 0x10
	return in
}

func BenchmarkEvaluate(b *testing.B) {
	for _, c := range []struct {
		name  string
		rules []rule.Rule
		in    *rule.Input
	}{
		{"accept", []rule.Rule{{Type: rule.ActionAccept}}, segment()},
		{"stock", stock, segment()},
		{"firewall", firewall(), segment()},
		{"firewall6", firewall(), segment6()},
	} {
		b.Run(c.name, func(b *testing.B) {
			set, in := rule.Compile(c.rules), c.in
			if r := set.Evaluate(in).Result; r != rule.Accept {
				b.Fatal(r)
			}
			b.SetBytes(int64(len(in.Frame)))
			b.ReportAllocs()
			for b.Loop() {
				set.Evaluate(in)
			}
		})
	}
}

func BenchmarkFilterIn(b *testing.B) {
	set, in := rule.Compile(stock), segment()
	b.SetBytes(int64(len(in.Frame)))
	b.ReportAllocs()
	for b.Loop() {
		rule.FilterIn(&set, nil, in)
	}
}

func TestEvaluateDoesNotAllocate(t *testing.T) {
	set, in := rule.Compile(firewall()), segment()
	if n := testing.AllocsPerRun(100, func() { rule.FilterIn(&set, nil, in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
