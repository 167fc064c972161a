package controller

import (
	"errors"
	"fmt"

	"orrery/engine/identity"
)

// ErrNotFound is returned when the network or member that was named has no
// record. The reference answers 404 with an empty body.
var ErrNotFound = errors.New("no such network or member")

// ErrNoFreeID is returned when no unused network number was found (spec 05
// §1). The reference answers 503.
var ErrNoFreeID = errors.New("no free network number")

// ErrLimit is returned when a record would exceed one of [Limits].
var ErrLimit = errors.New("controller limit reached")

// BadInputError says which part of a request body was refused and why. A
// refused body changes nothing.
type BadInputError struct {
	Field  string // path of the field, such as "routes[2].target"; empty for the whole body
	Reason string // one sentence without a full stop
	Status int    // HTTP status to answer with: 400, or 500 where the reference does so and compatibility was asked for
}

// Error describes the refusal.
func (e *BadInputError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + ": " + e.Reason
}

// ConflictError is returned when an address that is to be assigned by hand
// belongs to another member already (spec 05 §4.6, status 409).
type ConflictError struct {
	Address string           // the IP address, as text
	Holder  identity.Address // the member that has it
}

// Error describes the conflict.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("address %s is assigned to member %s", e.Address, e.Holder)
}

// badInput is the ordinary refusal.
func badInput(field, format string, args ...any) error {
	return &BadInputError{Field: field, Reason: fmt.Sprintf(format, args...), Status: 400}
}
