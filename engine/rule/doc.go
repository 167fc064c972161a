// Package rule holds the rules that decide which Ethernet frames a network
// carries: the model, its binary form (spec 04 §9) and JSON form (spec 05 §6),
// and the evaluator that every member runs over every frame in both directions
// (spec 04 §10).
//
// Both ends of a link filter each frame, so evaluation must agree bit for bit
// with the reference, oddities included. [Compile] turns rules into an immutable
// [Set] that any number of goroutines may evaluate at once without allocating: a
// lane of jumps for each class of frames, see lane.go. [Set.Explain] goes through
// the same rules one by one and tells what each saw.
//
// The package looks nothing up and sends nothing: what is known of the two ends
// comes in as plain data ([Local], [Side]), and copies of a frame that rules ask
// for go out as data ([Decision]).
package rule

import "errors"

// Limits of the protocol (spec 04 §16).
const (
	// MaxRules is the number of base rules of a network.
	MaxRules = 1024
	// MaxCapabilityRules is the number of rules in one capability.
	MaxCapabilityRules = 64
)

var (
	// ErrTruncated is returned for a binary rule whose length byte or known
	// operand lies beyond the data.
	ErrTruncated = errors.New("truncated rule")
	// ErrNotRule is returned for JSON that is no object or names no known type.
	// Such an element of a list of rules is left out.
	ErrNotRule = errors.New("not a rule")
	// ErrField is returned for a rule in JSON with a field that cannot be used.
	// It refuses the whole list.
	ErrField = errors.New("bad field in rule")
)
