package netconf

import "orrery/engine/rule"

// AcceptRules are the rules of a network that is created without any: all
// frames pass (spec 05 §2.4).
func AcceptRules() []rule.Rule { return []rule.Rule{{Type: rule.ActionAccept}} }

// StockRules are the rules that front ends suggest for new networks: IPv4, ARP
// and IPv6 pass, other ethertypes do not (spec 04 §10.5).
func StockRules() []rule.Rule {
	return []rule.Rule{
		{Type: rule.MatchEtherType, Not: true, Value: 0x0800},
		{Type: rule.MatchEtherType, Not: true, Value: 0x0806},
		{Type: rule.MatchEtherType, Not: true, Value: 0x86dd},
		{Type: rule.ActionDrop},
		{Type: rule.ActionAccept},
	}
}
