package controller

import (
	"orrery/engine/identity"
)

// RecordFormat is the version of the documents in [Record]. It grows when a
// reader of an older version could misread a newer document.
const RecordFormat = 1

// Record is one stored document. Its key is Network and Member; Member is
// zero in a network's own record.
type Record struct {
	Network identity.NetworkID
	Member  identity.Address
	Format  int // RecordFormat when it was written
	// Doc is one JSON object, compact, keys in ascending byte order: the
	// object that the management API shows (spec 05 §2.4, §2.6), with two
	// fields of our own, "tombstone" and "banned", present only when true.
	Doc []byte
}

// Change is one step of the record of changes. Applying changes in order to an
// empty store, or again to the same store, gives the controller's state.
// Deleting a network deletes its members; they get no changes of their own.
type Change struct {
	Record
	Delete bool // Doc is nil
}

// Problem is a record that cannot be used: it was skipped, or, if a network has
// a rule that cannot be read, is held but not served. It stays in the store
// (spec 05 §4.9).
type Problem struct {
	Network identity.NetworkID
	Member  identity.Address
	Err     error
}
