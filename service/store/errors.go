package store

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNoIdentity is returned when the home has no identity.secret. Generate
	// one and save it.
	ErrNoIdentity = errors.New("no identity in the home directory")
	// ErrIdentityExists is returned by an attempt to save an identity over
	// another one.
	ErrIdentityExists = errors.New("the home directory has another identity")
	// ErrTooLarge is returned for a file that is longer than anything that
	// could be valid.
	ErrTooLarge = errors.New("file is too large")
	// ErrNotRegular is returned where a directory, device or pipe has the name
	// of a file.
	ErrNotRegular = errors.New("not a regular file")
)

// LockedError is returned when another process uses the home directory.
type LockedError struct {
	Home string
	PID  int // of the other process, 0 if unknown
}

// Error names the home and, if known, the process.
func (e *LockedError) Error() string {
	if e.PID > 0 {
		return fmt.Sprintf("home directory %s is in use by process %d", e.Home, e.PID)
	}
	return fmt.Sprintf("home directory %s is in use by another process", e.Home)
}

// DamagedIdentityError is returned for an identity.secret that is no valid
// identity. The file is left as it is: replacing it would lose the node's
// address (spec 01 §3.6).
type DamagedIdentityError struct {
	Path string
	Err  error
}

// Error says what to do about it.
func (e *DamagedIdentityError) Error() string {
	return fmt.Sprintf("invalid identity in %s (%v); restore it from a backup, or remove it to get a new address", e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *DamagedIdentityError) Unwrap() error { return e.Err }

// DamagedDatabaseError is returned for a controller database that cannot be
// read. It is left as it is.
type DamagedDatabaseError struct {
	Path string
	Err  error
}

// Error says what to do about it.
func (e *DamagedDatabaseError) Error() string {
	return fmt.Sprintf("controller database %s is damaged: %v; restore it from a backup, or move it away to begin without networks of your own", e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *DamagedDatabaseError) Unwrap() error { return e.Err }

// Notice is something that the user should hear of although the service goes
// on: a file that was set aside or could not be used.
type Notice struct {
	File    string // relative to the home directory
	MovedTo string // its new name, relative to the home directory; empty if it was left alone
	// CopiedTo is a copy of it, if what is wrong with it goes away with its next
	// change.
	CopiedTo string
	Err      error // what is wrong with it
}

// String describes the notice in a sentence.
func (n Notice) String() string {
	text := fmt.Sprintf("%s: %s", n.File, strings.ReplaceAll(n.Err.Error(), "\n", "; "))
	switch {
	case n.MovedTo != "":
		text += "; moved to " + n.MovedTo
	case n.CopiedTo != "":
		text += "; copied to " + n.CopiedTo
	}
	return text
}
