package rule_test

import (
	"math/rand/v2"
	"testing"

	"orrery/engine/rule"
)

// TestLanesAreExact compares the compiled form, which starts from what the ethertype
// decides with evaluation rule by rule, over random lists.
func TestLanesAreExact(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	v := load(t)
	links := v.links()
	ethers := []uint16{0x0800, 0x0806, 0x86dd, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x8100}
	for range 3000 {
		rules := randomRules(rnd, ethers)
		set := rule.Compile(rules)
		for _, ether := range ethers {
			c := &v.FilterCases[rnd.IntN(len(v.FilterCases))]
			in := c.input(v, links[c.Ctx])
			in.EtherType = ether
			fast := set.Evaluate(in)
			if _, slow := set.Trace(nil, in); fast != slow {
				t.Fatalf("ethertype %04x, rules %x: %+v by ethertype, %+v in full", ether, rule.Append(nil, rules), fast, slow)
			}
		}
	}
}

// randomRules makes a list with many ethertype matches.
func randomRules(rnd *rand.Rand, ethers []uint16) []rule.Rule {
	rules := make([]rule.Rule, rnd.IntN(24))
	for i := range rules {
		r := rule.Rule{Not: rnd.IntN(2) == 0, Or: rnd.IntN(3) == 0}
		switch rnd.IntN(10) {
		case 0, 1, 2, 3:
			r.Type, r.Value = rule.MatchEtherType, uint32(ethers[rnd.IntN(len(ethers))])
		case 4:
			r.Type, r.Value = rule.MatchIPProtocol+rule.Type(rnd.IntN(5)), 6
		case 5:
			r.Type, r.Bits = rule.MatchVLANPCP+rule.Type(rnd.IntN(8)), uint8(rnd.IntN(9))
		case 6:
			r.Type, r.Tag, r.Value = rule.MatchTagsDifference+rule.Type(rnd.IntN(7)), 400, 1
		default:
			r.Type, r.Address = rule.Type(rnd.IntN(9)), 0x803348d73a
		}
		rules[i] = r
	}
	return rules
}
