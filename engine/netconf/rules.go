package netconf

import "orrery/engine/rule"

// AcceptRules are the rules of a network that is created without any: all
// frames pass (spec 05 §2.4).
func AcceptRules() []rule.Rule { return []rule.Rule{{Type: rule.ActionAccept}} }
