package netconf

// Fault says why a configuration, or a part of one, was refused. A refused one
// changes nothing.
type Fault uint8

// The faults.
const (
	FaultNone Fault = iota
	// FaultMalformed: it cannot be read, or its parts do not fit.
	FaultMalformed
	// FaultOversized: it is longer than members take.
	FaultOversized
	// FaultUnsigned: it has no signature, whoever sent it.
	FaultUnsigned
	// FaultForged: the controller's key has not signed it.
	FaultForged
	// FaultStale: it is older than the one held, and was not asked for since.
	FaultStale
	// FaultForeign: it is for another network or another member.
	FaultForeign
	faults
)

// FaultCount is one more than the last fault, for tables by fault.
const FaultCount = int(faults)

// String returns a short name for logs.
func (f Fault) String() string {
	switch f {
	case FaultNone:
		return "none"
	case FaultMalformed:
		return "malformed"
	case FaultOversized:
		return "oversized"
	case FaultUnsigned:
		return "unsigned"
	case FaultForged:
		return "forged"
	case FaultStale:
		return "stale"
	case FaultForeign:
		return "foreign"
	}
	return "unknown"
}
