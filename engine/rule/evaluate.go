package rule

import "orrery/engine/identity"

// outcome is what a match yields. never and always ignore the rule's NOT.
type outcome uint8

const (
	no outcome = iota
	yes
	never
	always
)

// soft is an outcome that NOT inverts.
func soft(b bool) outcome {
	if b {
		return yes
	}
	return no
}

// combine folds the outcome m of match o into the state of its set: a strict
// left fold in which a set starts as true (spec 04 §10.2).
func combine(match bool, m outcome, o *op) bool {
	r := o.result(m)
	if o.or {
		return match || r
	}
	return match && r
}

// result is what the match contributes, its NOT included.
func (o *op) result(m outcome) bool { return m == always || m != never && (m == yes) != o.not }

// Evaluate runs the list over a frame (spec 04 §10.2). It does not allocate.
func (s *Set) Evaluate(in *Input) Verdict {
	f := s.lookup(in.EtherType)
	if f.final {
		return Verdict{Result: f.result}
	}
	return s.run(in, f.start, f.match, nil)
}

// run evaluates from rule start on, whose set matches so far if match. It logs
// to log unless that is nil.
func (s *Set) run(in *Input, start int, match bool, log []byte) (v Verdict) {
	var (
		h           header
		superAccept bool
		skipDrop    bool
		source      = uint64(in.Source)
		destination = uint64(in.Destination)
		self        = uint64(in.Local.Self)
	)
	for i := start; i < len(s.ops); i++ {
		o := &s.ops[i]
		if !o.kind.Action() {
			if !match && !o.or {
				note(log, i, 1)
				continue
			}
			m := o.match(in, &h, superAccept, &skipDrop)
			if log != nil {
				note(log, i, grade(match)|grade(o.result(m) != o.not)<<2)
			}
			match = combine(match, m, o)
			continue
		}
		if !match {
			// A copy or redirect to us that does not apply still lets later
			// sets accept what it may have stood for.
			if in.Inbound && o.kind.Forwards() && o.a == self {
				superAccept = true
			}
			match = true
			continue
		}
		switch o.kind {
		case ActionDrop:
			if !skipDrop {
				v.Result = Drop
				return v
			}
			skipDrop = false
		case ActionAccept:
			v.Result = Accept
			if superAccept {
				v.Result = SuperAccept
			}
			return v
		case ActionPriority:
			v.Result = Accept
			return v
		case ActionBreak:
			v.Result = NoMatch
			return v
		case ActionTee, ActionWatch, ActionRedirect:
			switch {
			case o.a == source:
			case o.a == self:
				if in.Inbound {
					v.Result = SuperAccept
					return v
				}
			case o.a == destination:
			case o.kind == ActionRedirect:
				v.Result, v.Destination = Redirect, identity.Address(o.a)
				return v
			default:
				v.CopyTo, v.Watch, v.CopyLength = identity.Address(o.a), o.kind == ActionWatch, len(in.Frame)
				if o.v != 0 {
					v.CopyLength = min(int(o.v), len(in.Frame))
				}
			}
		}
	}
	v.Result = NoMatch
	return v
}
