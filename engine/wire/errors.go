package wire

import (
	"errors"

	"orrery/engine/identity"
)

var (
	// ErrTruncated is returned when a message ends before what it announces.
	// The packet is to be dropped; effects of the part before the end may stand
	// (spec 02 §5).
	ErrTruncated = errors.New("message is truncated")
	// ErrFormat is returned for bytes or text that no sender may produce.
	ErrFormat = errors.New("message is malformed")
	// ErrTooLong is returned for more of something than the protocol allows.
	ErrTooLong = errors.New("message exceeds a limit of the protocol")
	// ErrCompression is returned for a compressed payload that does not expand
	// to 1 to 9996 bytes.
	ErrCompression = errors.New("payload does not decompress")
)

// parseIdentity reads an identity, with this package's errors.
func parseIdentity(b []byte) (identity.Identity, int, error) {
	id, n, err := identity.ParseBinary(b)
	switch err {
	case nil:
		return id, n, nil
	case identity.ErrTruncated:
		return id, 0, ErrTruncated
	}
	return id, 0, ErrFormat
}
