package vl2

import "orrery/engine/clock"

// recency is a list of memberships in the order of their last use, so that the
// longest unused is at hand however many there are.
type recency struct{ oldest, newest *member }

// push puts m, which is in no list, behind all others.
func (r *recency) push(m *member) {
	m.in, m.older, m.newer = r, r.newest, nil
	if r.newest != nil {
		r.newest.newer = m
	} else {
		r.oldest = m
	}
	r.newest = m
}

// remove takes m out.
func (r *recency) remove(m *member) {
	if m.older != nil {
		m.older.newer = m.newer
	} else {
		r.oldest = m.newer
	}
	if m.newer != nil {
		m.newer.older = m.older
	} else {
		r.newest = m.older
	}
	m.in, m.older, m.newer = nil, nil, nil
}

// use marks a membership as used now. One of which anything was revoked is kept
// apart: if it were forgotten, the old certificate would be welcome again.
func (t *memberTable) use(now clock.Mono, m *member) {
	m.used = now
	l := &t.plain
	if m.proof.Marked() {
		l = &t.revoked
	}
	if l.newest != m {
		m.in.remove(m)
		l.push(m)
	}
}

// longestUnused is the membership to give up when there are too many, one that
// was revoked only if all were.
func (t *memberTable) longestUnused() *member {
	if t.plain.oldest != nil {
		return t.plain.oldest
	}
	return t.revoked.oldest
}
