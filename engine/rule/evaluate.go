package rule

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

// result is what the match contributes, its NOT included.
func (o *op) result(m outcome) bool { return m == always || m != never && (m == yes) != o.not }

// log takes what [Set.run] does with each rule.
type log interface {
	matched(i int, m asked)
	// acted tells of an action: whether its set matched, and what it did.
	acted(i int, match bool, e Effect)
}

// asked is what became of a match: the state of its set before, whether it was
// evaluated, and if so what it contributed, and whether for want of a tag.
type asked struct{ before, evaluated, result, lenient bool }

// run evaluates rule by rule, as spec 04 §10.2 has it. It is for frames that have
// no lane, and for explanations: it tells l everything unless that is nil.
func (s *Set) run(in *Input, h *header, l log) (v Verdict) {
	match, superAccept, skipDrop := true, false, false
	for i := range s.ops {
		o := &s.ops[i]
		if !o.kind.Action() {
			if !match && !o.or {
				if l != nil {
					l.matched(i, asked{before: match})
				}
				continue
			}
			lenient := false
			r := o.result(o.match(in, h, superAccept, &lenient))
			skipDrop = skipDrop || lenient
			if l != nil {
				l.matched(i, asked{match, true, r, lenient})
			}
			// A strict left fold; a set starts as true.
			if o.or {
				match = match || r
			} else {
				match = match && r
			}
			continue
		}
		e := EffectNone
		end := false
		switch {
		case !match:
			// A copy or redirect to us that does not apply still lets later
			// sets accept what it may have stood for.
			if in.Inbound && o.kind.Forwards() && o.a == uint64(in.Local.Self) {
				superAccept, e = true, EffectSuper
			}
		case o.kind == ActionDrop && skipDrop:
			skipDrop, e = false, EffectSkipped
		case o.kind == ActionDrop:
			v.Result, end = Drop, true
		case o.kind == ActionAccept && superAccept:
			v.Result, end = SuperAccept, true
		case o.kind == ActionAccept || o.kind == ActionPriority:
			v.Result, end = Accept, true
		case o.kind == ActionBreak:
			end = true
		case o.kind.Forwards():
			var copied bool
			if end, copied = o.forward(in, &v); copied {
				e = EffectCopy
			}
		}
		if end {
			e = EffectEnd
		}
		if l != nil {
			l.acted(i, match, e)
		}
		if end {
			return v
		}
		match = true
	}
	return v
}
