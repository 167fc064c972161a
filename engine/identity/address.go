package identity

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// AddressLen is the size of an address on the wire in bytes.
const AddressLen = 5

// ErrAddress is returned for text that is not an address of 10 hex digits.
var ErrAddress = errors.New("not an address: want 10 hex digits")

// Address is a 40-bit node address in the low bits (spec 01 §4.1).
type Address uint64

// AddressFrom reads an address from the first 5 bytes of b, big-endian.
func AddressFrom(b []byte) Address {
	_ = b[4]
	return Address(b[0])<<32 | Address(binary.BigEndian.Uint32(b[1:]))
}

// ParseAddress reads exactly 10 hex digits of either case. Reserved addresses
// parse; ask [Address.Reserved].
func ParseAddress(s string) (Address, error) {
	if len(s) != 2*AddressLen {
		return 0, fmt.Errorf("%w, got %q", ErrAddress, clip(s))
	}
	v, ok := parseHex(s)
	if !ok {
		return 0, fmt.Errorf("%w, got %q", ErrAddress, clip(s))
	}
	return Address(v), nil
}

// Append appends the 5 bytes of the wire form.
func (a Address) Append(b []byte) []byte {
	return append(b, byte(a>>32), byte(a>>24), byte(a>>16), byte(a>>8), byte(a))
}

// Put writes the wire form into the first 5 bytes of b.
func (a Address) Put(b []byte) {
	_ = b[4]
	b[0] = byte(a >> 32)
	binary.BigEndian.PutUint32(b[1:], uint32(a))
}

// Reserved reports whether no node can have this address: zero, or a first
// byte of 0xff, which marks fragments on the wire.
func (a Address) Reserved() bool { return a == 0 || a>>32 == 0xff }

// String returns 10 lower-case hex digits.
func (a Address) String() string { return fmt.Sprintf("%010x", uint64(a)) }

// MarshalText implements encoding.TextMarshaler.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Address) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAddress(string(b))
	return err
}

// parseHex reads at most 16 hex digits, nothing else.
func parseHex(s string) (v uint64, ok bool) {
	for i := 0; i < len(s); i++ {
		var d byte
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			d = c - '0'
		case c >= 'a' && c <= 'f':
			d = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			d = c - 'A' + 10
		default:
			return 0, false
		}
		v = v<<4 | uint64(d)
	}
	return v, true
}

// clip shortens text for an error message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
