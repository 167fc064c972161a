package rule

// Trace evaluates like [Set.Evaluate], rule by rule, and appends to dst what
// each rule contributed: four bits per rule, the first of two in the low half
// of a byte. Of these the low two are 1 or 2 for the state of the set before
// the rule, false or true; the high two are 1 or 2 for the rule's own result
// with its NOT taken away, or 0 if it was not evaluated. Actions, and rules that were not
// reached, are 0. This is the form of the reference's remote trace (spec 04
// §14.6).
func (s *Set) Trace(dst []byte, in *Input) ([]byte, Verdict) {
	n := len(dst)
	dst = append(dst, make([]byte, (len(s.ops)+1)/2)...)
	var h header
	return dst, s.run(in, &h, &traced{s, dst[n:]})
}

// traced writes the form of the remote trace.
type traced struct {
	set *Set
	log []byte
}

func (t *traced) matched(i int, m asked) {
	b := grade(m.before)
	if m.evaluated {
		b |= grade(m.result != t.set.ops[i].not) << 2
	}
	t.log[i/2] |= b << (i % 2 * 4)
}

func (t *traced) acted(int, bool, Effect) {}

// grade is 1 for false and 2 for true.
func grade(b bool) byte {
	if b {
		return 2
	}
	return 1
}
