package rule

// Step is what became of one rule in an evaluation.
type Step struct {
	// Before is whether the rule's set matched until there.
	Before bool
	// Evaluated is whether a match was asked, Matched what it contributed, its
	// NOT included. Of an action Matched is whether it applied.
	Evaluated bool
	Matched   bool
	// Saw is what the frame, or the credentials, have of what the match compares.
	Saw    string
	Effect Effect
}

// Effect is what an action did, or a match besides its answer.
type Effect uint8

// Effects.
const (
	EffectNone Effect = iota
	// EffectEnd ended the evaluation.
	EffectEnd
	// EffectCopy has a copy sent.
	EffectCopy
	// EffectLenient: the other side's tag is unknown, so the match passes, and
	// the next drop that applies will have no effect.
	EffectLenient
	// EffectSkipped: a drop had no effect for that reason.
	EffectSkipped
	// EffectSuper: what accepts from here on super-accepts.
	EffectSuper
)

// Explanation says how a list came to its verdict: one step for each rule that
// was reached. Decided is the action that ended it, -1 if none did.
type Explanation struct {
	Verdict Verdict
	Steps   []Step
	Decided int
}

// Explain evaluates like [Set.Evaluate] and tells how.
func (s *Set) Explain(in *Input) Explanation {
	var h header
	x := Explanation{Steps: make([]Step, 0, len(s.ops)), Decided: -1}
	x.Verdict = s.run(in, &h, &explained{s, in, &h, &x})
	return x
}

// explained collects an Explanation.
type explained struct {
	set *Set
	in  *Input
	h   *header
	x   *Explanation
}

func (e *explained) matched(i int, m asked) {
	s := Step{Before: m.before, Evaluated: m.evaluated, Matched: m.result}
	if m.evaluated {
		s.Saw = e.set.ops[i].saw(e.in, e.h)
	}
	if m.lenient {
		s.Effect = EffectLenient
	}
	e.x.Steps = append(e.x.Steps, s)
}

func (e *explained) acted(i int, match bool, f Effect) {
	if f == EffectEnd {
		e.x.Decided = i
	}
	e.x.Steps = append(e.x.Steps, Step{Before: match, Matched: match, Effect: f})
}

// FilterExplanation says how the whole filter of a network came to its decision:
// the base rules first, then each capability that was tried. Decided is the
// index of the list that decided, -1 if nothing accepted the frame.
type FilterExplanation struct {
	Decision Decision
	Lists    []Explanation
	Decided  int
}

// ExplainOut decides like [FilterOut] and tells how.
func ExplainOut(base *Set, own []Set, in *Input, noTee bool) FilterExplanation {
	return explain(base, own, in, FilterOut(base, own, in, noTee))
}

// ExplainIn decides like [FilterIn] and tells how.
func ExplainIn(base *Set, peer []Set, in *Input) FilterExplanation {
	return explain(base, peer, in, FilterIn(base, peer, in))
}

// explain tells how d came about. Lists that match at random draw again, so that
// in.Random should always give the same.
func explain(base *Set, caps []Set, in *Input, d Decision) FilterExplanation {
	x := FilterExplanation{Decision: d, Lists: []Explanation{base.Explain(in)}}
	if x.Lists[0].Verdict.Result != NoMatch {
		return x
	}
	x.Decided = -1
	for i := range caps {
		x.Lists = append(x.Lists, caps[i].Explain(in))
		if x.Lists[i+1].Verdict.Result >= Redirect {
			x.Decided = i + 1
			break
		}
	}
	return x
}
