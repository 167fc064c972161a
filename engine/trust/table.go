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

// kept reports whether the record holds something that only the user knows.
func (r *Record) kept() bool {
	return r.State != Seen || r.Name != "" || r.Note != "" || r.Conflict != nil
}

// DefaultLimit bounds the records made by first contact alone.
const DefaultLimit = 65536

// Table is the set of records. Its zero value is not usable; see [New].
type Table struct {
	records map[identity.Address]*Record
	limit   int
	changed []identity.Address
}

// New returns an empty table that keeps at most limit records of state Seen
// that carry nothing from the user; the oldest go first.
func New(limit int) *Table {
	return &Table{records: make(map[identity.Address]*Record), limit: limit}
}

// Identify is the one check, wherever an identity enters: it accepts id for
// its address or refuses it. The first identity of an address is recorded. A
// refusal records a conflict, once for each refused key.
func (t *Table) Identify(now clock.Wall, id identity.Identity, from Source) bool {
	r, ok := t.records[id.Address]
	if !ok {
		t.makeRoom()
		t.records[id.Address] = &Record{Identity: id, State: Seen, FirstSeen: now, Changed: now, How: "first seen in " + string(from)}
		t.touch(id.Address)
		return true
	}
	if r.Identity == id {
		return true
	}
	if r.Conflict == nil || *r.Conflict != id {
		other := id
		r.Conflict, r.ConflictAt, r.ConflictFrom = &other, now, from
		t.touch(id.Address)
	}
	return false
}

// Blocked reports whether the user blocked the address.
func (t *Table) Blocked(a identity.Address) bool {
	r := t.records[a]
	return r != nil && r.State == Blocked
}

// Verified reports whether the user verified this very identity.
func (t *Table) Verified(id identity.Identity) bool {
	r := t.records[id.Address]
	return r != nil && r.State == Verified && r.Identity == id
}

// Get returns a copy of the record of an address.
func (t *Table) Get(a identity.Address) (Record, bool) {
	if r := t.records[a]; r != nil {
		return *r, true
	}
	return Record{}, false
}

// All returns copies of all records, by address.
func (t *Table) All() []Record {
	all := make([]Record, 0, len(t.records))
	for _, r := range t.records {
		all = append(all, *r)
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
	r, ok := t.records[id.Address]
	switch {
	case !ok:
		t.records[id.Address] = &Record{Identity: id, State: s, FirstSeen: now, Changed: now, How: how}
	case r.Identity != id:
		return ErrConflict
	default:
		r.State, r.Changed, r.How = s, now, how
	}
	t.touch(id.Address)
	return nil
}

// Describe sets the user's name and note for an address; nil leaves one alone.
func (t *Table) Describe(now clock.Wall, a identity.Address, name, note *string) error {
	r, ok := t.records[a]
	if !ok {
		return ErrUnknown
	}
	if name != nil {
		r.Name = *name
	}
	if note != nil {
		r.Note = *note
	}
	r.Changed = now
	t.touch(a)
	return nil
}

// Settle clears the conflict of an address, keeping the recorded key.
func (t *Table) Settle(now clock.Wall, a identity.Address) error {
	r, ok := t.records[a]
	if !ok {
		return ErrUnknown
	}
	r.Conflict, r.ConflictAt, r.ConflictFrom, r.Changed = nil, 0, "", now
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
// and forgets them. Whoever calls it stores [Table.AppendJSON].
func (t *Table) Changes() []identity.Address {
	c := t.changed
	t.changed = nil
	return c
}

func (t *Table) touch(a identity.Address) {
	if !slices.Contains(t.changed, a) {
		t.changed = append(t.changed, a)
	}
}

// makeRoom drops the records longest unchanged, an eighth at a time so that
// the scan is rare, when there are too many that only first contact made.
func (t *Table) makeRoom() {
	if len(t.records) < t.limit {
		return
	}
	var old []*Record
	for _, r := range t.records {
		if !r.kept() {
			old = append(old, r)
		}
	}
	if len(old) < t.limit {
		return
	}
	slices.SortFunc(old, func(a, b *Record) int {
		return cmp.Or(cmp.Compare(a.Changed, b.Changed), cmp.Compare(a.Identity.Address, b.Identity.Address))
	})
	for _, r := range old[:len(old)/8+1] {
		delete(t.records, r.Identity.Address)
	}
}
