package trust

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
)

// entry is a record as the table keeps it: a root has one for each of a hundred
// thousand peers, of which the user named and verified few.
type entry struct {
	public             identity.PublicKey
	firstSeen, changed clock.Wall
	state              stateCode
	from               uint8 // in firstSeenIn, 0 if more has other words
	more               *more
}

// more is what few records have.
type more struct {
	how, name, note string
	conflict        *identity.Identity
	conflictAt      clock.Wall
	conflictFrom    Source
}

// stateCode is a [State] in a byte. The zero value is Seen.
type stateCode uint8

const (
	seen stateCode = iota
	verified
	blocked
)

var states = [...]State{seen: Seen, verified: Verified, blocked: Blocked}

func codeOf(s State) stateCode {
	switch s {
	case Verified:
		return verified
	case Blocked:
		return blocked
	}
	return seen
}

// firstSeenIn has what is said of records that first contact made.
var firstSeenIn = [...]string{
	1: firstSeen(FromHello), firstSeen(FromWhois), firstSeen(FromWorld), firstSeen(FromCache), firstSeen(FromController), firstSeen(FromUser),
}

func firstSeen(from Source) string { return "first seen in " + string(from) }

// extra returns what few records have, to change it.
func (e *entry) extra() *more {
	if e.more == nil {
		e.more = new(more)
	}
	return e.more
}

// setHow notes in words what led to the state.
func (e *entry) setHow(how string) {
	e.from = 0
	for i, s := range firstSeenIn {
		if i > 0 && s == how {
			e.from = uint8(i)
			return
		}
	}
	if how != "" || e.more != nil {
		e.extra().how = how
	}
}

// kept reports whether the entry holds something that only the user knows.
func (e *entry) kept() bool {
	return e.state != seen || e.more != nil && (e.more.name != "" || e.more.note != "" || e.more.conflict != nil)
}

// record is the entry of an address as others see it.
func (e *entry) record(a identity.Address) Record {
	r := Record{
		Identity: identity.Identity{Address: a, Public: e.public}, State: states[e.state],
		FirstSeen: e.firstSeen, Changed: e.changed, How: firstSeenIn[e.from],
	}
	if m := e.more; m != nil {
		if e.from == 0 {
			r.How = m.how
		}
		r.Name, r.Note = m.name, m.note
		if m.conflict != nil {
			other := *m.conflict
			r.Conflict, r.ConflictAt, r.ConflictFrom = &other, m.conflictAt, m.conflictFrom
		}
	}
	return r
}

// newEntry is the entry of a record.
func newEntry(r *Record) *entry {
	e := &entry{public: r.Identity.Public, firstSeen: r.FirstSeen, changed: r.Changed, state: codeOf(r.State)}
	e.setHow(r.How)
	if r.Name != "" || r.Note != "" || r.Conflict != nil {
		m := e.extra()
		m.name, m.note, m.conflict, m.conflictAt, m.conflictFrom = r.Name, r.Note, r.Conflict, r.ConflictAt, r.ConflictFrom
	}
	return e
}
