// Package trust decides which identity an address stands for (design §4). A
// 40-bit address is no fingerprint: whoever tells first would win. The table
// remembers the key that an address was first seen with, or that the user
// confirmed, and refuses every other. It performs no I/O: the service loads
// and stores its text form.
package trust

import (
	"cmp"
	"errors"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// State is what the user, or first contact, made of an identity.
type State string

// The states of a record, from design §4.
const (
	// Seen is the first identity learnt for an address, from anywhere.
	Seen State = "seen"
	// Verified was confirmed by the user out of band.
	Verified State = "verified"
	// Blocked peers are not talked to.
	Blocked State = "blocked"
)

// Source says where an identity came from.
type Source string

// Every place where an identity can enter (spec 03 §11.2).
const (
	FromHello      Source = "HELLO"
	FromWhois      Source = "a root's WHOIS answer"
	FromWorld      Source = "a planet or moon"
	FromCache      Source = "the peer cache"
	FromController Source = "a member of a hosted network"
	FromUser       Source = "the user"
)

var (
	// ErrConflict is returned when another key is recorded for the address.
	ErrConflict = errors.New("another key is recorded for this address")
	// ErrUnknown is returned for an address without a record.
	ErrUnknown = errors.New("no trust record for this address")
	// ErrState is returned for a state that does not exist.
	ErrState = errors.New(`not a trust state: want "seen", "verified" or "blocked"`)
)

// Record is what is remembered of one address.
type Record struct {
	Identity  identity.Identity
	State     State
	FirstSeen clock.Wall
	Changed   clock.Wall
	// How says what led to State, in words for the user.
	How  string
	Name string
	Note string
	// Conflict is the refused identity when another key turned up, and when
	// and from where. It stays until the user settles it.
	Conflict     *identity.Identity
	ConflictAt   clock.Wall
	ConflictFrom Source
}

// DefaultLimit bounds the records made by first contact alone. It is the number
// of peers that VL1 keeps in memory: no one's record gives way while it is there.
const DefaultLimit = 1 << 20

// Table is the set of records. Its zero value is not usable; see [New].
type Table struct {
	records map[identity.Address]*entry
	limit   int
	changed []identity.Address
	needed  func(identity.Address) bool
	// full is how many records there may be before another look at whether too
	// many are of first contact alone: the others do not count.
	full int
}

// New returns an empty table that keeps at most limit records of state Seen
// that carry nothing from the user; the oldest go first.
func New(limit int) *Table {
	return &Table{records: make(map[identity.Address]*entry), limit: limit}
}

// Identify is the one check, wherever an identity enters: it accepts id for
// its address or refuses it. The first identity of an address is recorded. A
// refusal records a conflict, once for each refused key.
func (t *Table) Identify(now clock.Wall, id identity.Identity, from Source) bool {
	e, ok := t.records[id.Address]
	if !ok {
		t.makeRoom()
		e = &entry{public: id.Public, firstSeen: now, changed: now}
		e.setHow(firstSeen(from))
		t.records[id.Address] = e
		t.touch(id.Address)
		return true
	}
	if e.public == id.Public {
		return true
	}
	if m := e.extra(); m.conflict == nil || *m.conflict != id {
		other := id
		m.conflict, m.conflictAt, m.conflictFrom = &other, now, from
		t.touch(id.Address)
	}
	return false
}

// Blocked reports whether the user blocked the address.
func (t *Table) Blocked(a identity.Address) bool {
	e := t.records[a]
	return e != nil && e.state == blocked
}

// Verified reports whether the user verified this very identity.
func (t *Table) Verified(id identity.Identity) bool {
	e := t.records[id.Address]
	return e != nil && e.state == verified && e.public == id.Public
}

// VerifiedAddress reports whether the user verified the identity recorded for an
// address. No other key is accepted for it.
func (t *Table) VerifiedAddress(a identity.Address) bool {
	e := t.records[a]
	return e != nil && e.state == verified
}

// Keep names the addresses whose records stay though only first contact made
// them: a network's controller must not become another one because the table was
// filled.
func (t *Table) Keep(needed func(identity.Address) bool) { t.needed = needed }

// Get returns a copy of the record of an address.
func (t *Table) Get(a identity.Address) (Record, bool) {
	if e := t.records[a]; e != nil {
		return e.record(a), true
	}
	return Record{}, false
}

// All returns copies of all records, by address.
func (t *Table) All() []Record {
	all := make([]Record, 0, len(t.records))
	for a, e := range t.records {
		all = append(all, e.record(a))
	}
	slices.SortFunc(all, func(a, b Record) int { return cmp.Compare(a.Identity.Address, b.Identity.Address) })
	return all
}

// Set gives the identity a state because the user said so; it may pin one that
// was never met. It fails with [ErrConflict] if another key is recorded.
func (t *Table) Set(now clock.Wall, id identity.Identity, s State, how string) error {
	if s != Seen && s != Verified && s != Blocked {
		return ErrState
	}
	e, ok := t.records[id.Address]
	switch {
	case !ok:
		e = &entry{public: id.Public, firstSeen: now}
		t.records[id.Address] = e
	case e.public != id.Public:
		return ErrConflict
	}
	e.state, e.changed = codeOf(s), now
	e.setHow(how)
	t.touch(id.Address)
	return nil
}

// Describe sets the user's name and note for an address; nil leaves one alone.
func (t *Table) Describe(now clock.Wall, a identity.Address, name, note *string) error {
	e, ok := t.records[a]
	if !ok {
		return ErrUnknown
	}
	if name != nil {
		e.extra().name = *name
	}
	if note != nil {
		e.extra().note = *note
	}
	e.changed = now
	t.touch(a)
	return nil
}

// Settle clears the conflict of an address, keeping the recorded key.
func (t *Table) Settle(now clock.Wall, a identity.Address) error {
	e, ok := t.records[a]
	if !ok {
		return ErrUnknown
	}
	if m := e.more; m != nil {
		m.conflict, m.conflictAt, m.conflictFrom = nil, 0, ""
	}
	e.changed = now
	t.touch(a)
	return nil
}

// Forget removes the record of an address: the next identity seen is recorded.
func (t *Table) Forget(a identity.Address) error {
	if _, ok := t.records[a]; !ok {
		return ErrUnknown
	}
	delete(t.records, a)
	t.touch(a)
	return nil
}

// Changes returns the addresses whose records changed since the last call,
// each once, ascending, and forgets them. Whoever calls it stores [Table.All].
func (t *Table) Changes() []identity.Address {
	c := t.changed
	t.changed = nil
	slices.Sort(c)
	return slices.Compact(c)
}

func (t *Table) touch(a identity.Address) {
	if n := len(t.changed); n == 0 || t.changed[n-1] != a {
		t.changed = append(t.changed, a)
	}
}

// makeRoom drops the records longest unchanged, an eighth at a time so that
// the scan is rare, when there are too many that only first contact made.
func (t *Table) makeRoom() {
	if len(t.records) < max(t.limit, t.full) {
		return
	}
	type aged struct {
		changed clock.Wall
		address identity.Address
	}
	var old []aged
	for a, e := range t.records {
		if !e.kept() && (t.needed == nil || !t.needed(a)) {
			old = append(old, aged{e.changed, a})
		}
	}
	t.full = len(t.records) + t.limit - len(old)
	if len(old) < t.limit {
		return
	}
	slices.SortFunc(old, func(a, b aged) int {
		return cmp.Or(cmp.Compare(a.changed, b.changed), cmp.Compare(a.address, b.address))
	})
	for _, x := range old[:len(old)/8+1] {
		delete(t.records, x.address)
	}
}
