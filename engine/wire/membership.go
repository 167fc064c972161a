package wire

import (
	"encoding/binary"

	"orrery/engine/identity"
)

// maxQualifiers is the highest number of qualifiers in a certificate of
// membership (spec 04 §7.2).
const maxQualifiers = 8

// membershipLen is the length of the certificate of membership that b begins
// with: what is needed to step over one that is attached to a message. Package
// credential reads it. Errors are ErrTruncated, ErrFormat if the first byte is
// not 1, and ErrTooLong for more than 8 qualifiers (spec 04 §7.2).
func membershipLen(b []byte) (int, error) {
	if len(b) < 1 {
		return 0, ErrTruncated
	}
	if b[0] != 1 {
		return 0, ErrFormat
	}
	if len(b) < 3 {
		return 0, ErrTruncated
	}
	q := int(binary.BigEndian.Uint16(b[1:]))
	if q > maxQualifiers {
		return 0, ErrTooLong
	}
	n := 3 + 24*q + identity.AddressLen
	if len(b) < n {
		return 0, ErrTruncated
	}
	if !zero(b[n-identity.AddressLen : n]) {
		n += identity.SignatureLen
	}
	if len(b) < n {
		return 0, ErrTruncated
	}
	return n, nil
}

// membership takes a certificate off the front.
func (c *cursor) membership() ([]byte, error) {
	n, err := membershipLen(c.b)
	if err != nil {
		return nil, err
	}
	return c.take(n), nil
}
