package netconf

import (
	"orrery/engine/identity"
)

// Decision says what to do with a configuration that has arrived.
type Decision uint8

const (
	// Ignore a configuration that is not for us.
	Ignore Decision = iota
	// Unchanged is the one we hold. A recorded failure is over all the same.
	Unchanged
	// Stale is older than the one we hold and not an answer: perhaps a replay.
	Stale
	// Replace the one we hold.
	Replace
)

// String returns the decision's name.
func (d Decision) String() string {
	switch d {
	case Unchanged:
		return "unchanged"
	case Stale:
		return "stale"
	case Replace:
		return "replace"
	}
	return "ignore"
}

// Decide applies spec 04 §4.4. held may be nil. answer says that next answers a
// request that we sent while holding held: only then an older timestamp is
// accepted, so that a controller whose clock was set back can recover.
func Decide(held, next *Config, n identity.NetworkID, self identity.Address, answer bool) Decision {
	switch {
	case next.Network != n || next.IssuedTo != self:
		return Ignore
	case held == nil:
		return Replace
	case held.Equal(next):
		return Unchanged
	case !answer && next.Timestamp < held.Timestamp:
		return Stale
	}
	return Replace
}
