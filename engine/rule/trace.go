package rule

// Trace evaluates like [Set.Evaluate], rule by rule, and appends to dst what
// each rule contributed: four bits per rule, the first of two in the low half
// of a byte. Of these the low two are 1 or 2 for the state of the set before
// the rule, false or true; the high two are 1 or 2 for the rule's own result
// with its NOT taken away, or 0 if it was not evaluated. Actions, and rules that were not
// reached, are 0. This is the form of the reference's remote trace (spec 04
// §14.6); here it serves to explain to a user why a frame was dropped.
func (s *Set) Trace(dst []byte, in *Input) ([]byte, Verdict) {
	n := len(dst)
	dst = append(dst, make([]byte, (len(s.ops)+1)/2)...)
	log := dst[n:]
	if len(log) == 0 {
		log = nil
	}
	return dst, s.run(in, 0, true, log)
}

// grade is 1 for false and 2 for true.
func grade(b bool) byte {
	if b {
		return 2
	}
	return 1
}

// note writes the four bits of rule i.
func note(log []byte, i int, bits byte) {
	if log != nil {
		log[i/2] |= bits << (i % 2 * 4)
	}
}
