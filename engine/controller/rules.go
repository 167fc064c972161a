package controller

import (
	"errors"

	"orrery/engine/rule"
)

// parseRules reads the rules of a record, at most limit of those that are
// rules. They are in the form that survives the wire, because members check
// signatures over what they decoded. A rule with a field that has no meaning is
// an error: to leave it out could open a network.
func parseRules(list []any, limit int) ([]rule.Rule, error) {
	out := make([]rule.Rule, 0, min(len(list), limit))
	for _, v := range list {
		if len(out) == limit {
			break
		}
		r, err := rule.FromValue(v, rule.Stored)
		switch {
		case errors.Is(err, rule.ErrNotRule):
		case err != nil:
			return nil, err
		default:
			out = append(out, r.Normal())
		}
	}
	return out, nil
}

// normalRule sends a rule of a request through the model and back. ok is false
// for what is no rule and is left out, as front ends expect; the error is for a
// field that has no meaning.
func normalRule(v any, strict bool) (out any, ok bool, err error) {
	mode := rule.Entered
	if !strict {
		mode = rule.Reference
	}
	r, err := rule.FromValue(v, mode)
	if errors.Is(err, rule.ErrNotRule) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	r = r.Normal()
	return r.Object(), true, nil
}
