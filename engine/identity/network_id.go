package identity

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrNetworkID is returned for text that is not a network ID of 16 hex digits.
var ErrNetworkID = errors.New("not a network ID: want 16 hex digits")

// NetworkID names a network: the controller's address in the upper 40 bits, a
// number of the controller's choice in the lower 24 (spec 04 §1.1).
type NetworkID uint64

// NetworkIDFrom reads 8 bytes, big-endian.
func NetworkIDFrom(b []byte) NetworkID { return NetworkID(binary.BigEndian.Uint64(b)) }

// ParseNetworkID reads exactly 16 hex digits of either case.
func ParseNetworkID(s string) (NetworkID, error) {
	if len(s) != 16 {
		return 0, fmt.Errorf("%w, got %q", ErrNetworkID, clip(s))
	}
	v, ok := parseHex(s)
	if !ok {
		return 0, fmt.Errorf("%w, got %q", ErrNetworkID, clip(s))
	}
	return NetworkID(v), nil
}

// Controller is the address of the network's controller. It is reserved for an
// ad-hoc network, which has none.
func (n NetworkID) Controller() Address { return Address(n >> 24) }

// AdHoc reports whether the network has no controller (spec 04 §6).
func (n NetworkID) AdHoc() bool { return n>>56 == 0xff }

// Append appends the 8 bytes of the wire form.
func (n NetworkID) Append(b []byte) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }

// String returns 16 lower-case hex digits.
func (n NetworkID) String() string { return fmt.Sprintf("%016x", uint64(n)) }

// MarshalText implements encoding.TextMarshaler.
func (n NetworkID) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *NetworkID) UnmarshalText(b []byte) (err error) {
	*n, err = ParseNetworkID(string(b))
	return err
}
