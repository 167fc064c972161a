package controller

import "orrery/engine/rule"

// parseRules reads the rules of a record.
func parseRules(list []any, limit int) ([]rule.Rule, error) { return nil, nil }

// normalRule sends a rule through the model and back.
func normalRule(v any, strict bool) (out any, ok bool, err error) { return v, true, nil }
