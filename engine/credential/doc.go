// Package credential has what a controller signs for the members of its
// network: certificates of membership, tags, capabilities, certificates of
// ownership and revocations (spec 04 §7), and what a member keeps of another
// member's credentials ([Member], spec 04 §8).
//
// It parses, encodes, signs, verifies and judges. It fetches no identities,
// reads no clock and sends nothing: verification asks a [Lookup] and answers
// [Wait] if the signer is unknown; validity in time is measured against the
// timestamp of our own configuration.
package credential

import (
	"errors"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

var (
	// ErrTruncated is returned when the bytes end inside a credential.
	ErrTruncated = errors.New("truncated credential")
	// ErrFormat is returned for a credential that breaks a rule of its encoding.
	ErrFormat = errors.New("malformed credential")
)

// Type numbers the kinds of credentials (spec 04 §7.1).
type Type uint8

// The kinds that exist.
const (
	TypeMembership Type = 1
	TypeCapability Type = 2
	TypeTag        Type = 3
	TypeOwnership  Type = 4
	TypeRevocation Type = 6
)

// String returns the kind's name.
func (t Type) String() string {
	switch t {
	case TypeMembership:
		return "membership"
	case TypeCapability:
		return "capability"
	case TypeTag:
		return "tag"
	case TypeOwnership:
		return "ownership"
	case TypeRevocation:
		return "revocation"
	}
	return "unknown"
}

// Outcome is the result of a verification.
type Outcome uint8

const (
	// Bad credentials are to be refused.
	Bad Outcome = iota
	// OK credentials carry the signatures they need.
	OK
	// Wait means that a signer's identity is unknown: ask for it and try again.
	Wait
)

// String returns the outcome's name.
func (o Outcome) String() string {
	switch o {
	case OK:
		return "ok"
	case Wait:
		return "wait"
	}
	return "bad"
}

// Lookup returns the identity that has an address, if it is known.
type Lookup func(identity.Address) (identity.Identity, bool)

// Window is the span of time in which other members' credentials count: around
// the timestamp of our configuration, not around the clock (spec 04 §8.2).
type Window struct {
	Center clock.Wall
	// MaxDelta is the configuration's credential time max delta in milliseconds.
	MaxDelta uint64
}

// Contains reports whether t is no further than MaxDelta from the centre.
func (w Window) Contains(t clock.Wall) bool {
	return uint64(max(t, w.Center))-uint64(min(t, w.Center)) <= w.MaxDelta
}
