package wire

import (
	"encoding/binary"

	"orrery/engine/identity"
)

// CredentialKind is a section of a NETWORK_CREDENTIALS.
type CredentialKind uint8

// The sections, in their order in the payload.
const (
	CredentialMembership CredentialKind = iota
	CredentialCapability
	CredentialTag
	CredentialRevocation
	CredentialOwnership
)

// credentialKinds is the number of sections.
const credentialKinds = 5

// Credentials is the payload of a NETWORK_CREDENTIALS: serialized credentials,
// whose content package credential knows (spec 02 §16.1). Up to 65535 of each
// kind but memberships.
type Credentials struct {
	Memberships, Capabilities, Tags, Revocations, Ownerships [][]byte
}

// Append appends the payload, with all sections, empty ones too.
func (c *Credentials) Append(b []byte) []byte {
	for _, m := range c.Memberships {
		b = append(b, m...)
	}
	b = append(b, 0)
	for _, section := range [...][][]byte{c.Capabilities, c.Tags, c.Revocations, c.Ownerships} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(section)))
		for _, s := range section {
			b = append(b, s...)
		}
	}
	return b
}

// CredentialReader takes a NETWORK_CREDENTIALS apart, credential by credential.
type CredentialReader struct {
	b     []byte
	kind  CredentialKind
	left  int  // in this section
	begun bool // the count of this section was read
	err   error
}

// ParseNetworkCredentials begins to read a payload.
func ParseNetworkCredentials(payload []byte) CredentialReader {
	return CredentialReader{b: payload}
}

// Next returns the bytes of the next credential, and false at the end or at an
// error. Credentials before an error count.
func (r *CredentialReader) Next() (kind CredentialKind, credential []byte, ok bool) {
	if r.err != nil {
		return 0, nil, false
	}
	if r.kind == CredentialMembership {
		if len(r.b) > 0 && r.b[0] != 0 {
			return r.cut(MembershipLen)
		}
		if len(r.b) > 0 {
			r.b = r.b[1:]
		}
		// A packet may end here, with or without the zero byte.
		if len(r.b) == 0 {
			r.kind = credentialKinds
		} else {
			r.kind++
		}
	}
	for ; r.kind < credentialKinds; r.kind, r.begun = r.kind+1, false {
		if !r.begun {
			if len(r.b) < 2 {
				r.err = ErrTruncated
				return 0, nil, false
			}
			r.left, r.begun = int(binary.BigEndian.Uint16(r.b)), true
			r.b = r.b[2:]
		}
		if r.left > 0 {
			r.left--
			return r.cut(r.kind.length())
		}
	}
	return 0, nil, false
}

func (r *CredentialReader) cut(length func([]byte) (int, error)) (CredentialKind, []byte, bool) {
	n, err := length(r.b)
	if err != nil {
		r.err = err
		return 0, nil, false
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return r.kind, s, true
}

// Err is ErrTruncated or ErrFormat if Next ended early: the packet then does not
// count as received. As in the reference, that includes packets that end between
// two sections.
func (r *CredentialReader) Err() error { return r.err }

func (k CredentialKind) length() func([]byte) (int, error) {
	switch k {
	case CredentialMembership:
		return MembershipLen
	case CredentialCapability:
		return CapabilityLen
	case CredentialTag:
		return TagLen
	case CredentialRevocation:
		return RevocationLen
	}
	return OwnershipLen
}

// Limits of credentials (spec 04 §7).
const (
	// MaxQualifiers is the highest number of qualifiers in a membership.
	MaxQualifiers = 8
	// MaxCapabilityRules is the highest number of rules in a capability.
	MaxCapabilityRules = 64
	// MaxCustodyChain is the longest chain of custody of a capability.
	MaxCustodyChain = 7
	// MaxThings is the highest number of things in a certificate of ownership.
	MaxThings = 16
)

// MembershipLen is the length of the certificate of membership that b begins
// with. Errors are ErrTruncated, ErrFormat if the first byte is not 1, and
// ErrTooLong for more than 8 qualifiers (spec 04 §7.2).
func MembershipLen(b []byte) (int, error) {
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
	if q > MaxQualifiers {
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
	n, err := MembershipLen(c.b)
	if err != nil {
		return nil, err
	}
	return c.take(n), nil
}

// signature skips type, length and bytes of a signature.
func (c *cursor) signature() error {
	kind, n := c.u8(), int(c.u16())
	if !c.short && kind == signatureEd25519 && n != identity.SignatureLen {
		return ErrFormat
	}
	c.take(n)
	return c.err()
}

// ending skips a signature and the additional fields that end a credential, and
// returns how many of the total bytes were read.
func (c *cursor) ending(total int) (int, error) {
	if err := c.signature(); err != nil {
		return 0, err
	}
	return c.additional(total)
}

func (c *cursor) additional(total int) (int, error) {
	c.take(int(c.u16()))
	if c.short {
		return 0, ErrTruncated
	}
	return total - len(c.b), nil
}

// TagLen is the length of the tag that b begins with. Errors are ErrTruncated
// and ErrFormat (spec 04 §7.3).
func TagLen(b []byte) (int, error) {
	c := cursor{b: b}
	c.take(8 + 8 + 4 + 4 + 2*identity.AddressLen)
	return c.ending(len(b))
}

// RevocationLen is the length of the revocation that b begins with. Errors are
// ErrTruncated and ErrFormat (spec 04 §7.6).
func RevocationLen(b []byte) (int, error) {
	c := cursor{b: b}
	c.take(4 + 4 + 8 + 4 + 4 + 8 + 8 + 2*identity.AddressLen + 1)
	return c.ending(len(b))
}

// OwnershipLen is the length of the certificate of ownership that b begins
// with. Errors are ErrTruncated, ErrFormat, and ErrTooLong for more than 16
// things, which the reference misreads (spec 04 §7.5).
func OwnershipLen(b []byte) (int, error) {
	c := cursor{b: b}
	c.take(8 + 8 + 8 + 4)
	things := int(c.u16())
	if things > MaxThings {
		return 0, ErrTooLong
	}
	c.take(17*things + 2*identity.AddressLen)
	return c.ending(len(b))
}

// CapabilityLen is the length of the capability that b begins with. Errors are
// ErrTruncated, ErrFormat, and ErrTooLong for more rules or custodians than a
// capability can have (spec 04 §7.4).
func CapabilityLen(b []byte) (int, error) {
	c := cursor{b: b}
	c.take(8 + 8 + 4)
	rules := int(c.u16())
	if rules > MaxCapabilityRules {
		return 0, ErrTooLong
	}
	for range rules {
		c.u8()
		c.take(int(c.u8()))
	}
	chain := int(c.u8())
	if c.short {
		return 0, ErrTruncated
	}
	if chain < 1 || chain > MaxCustodyChain {
		return 0, ErrFormat
	}
	for i := 0; c.address() != 0; i++ {
		if i == chain {
			return 0, ErrTooLong
		}
		c.address()
		if err := c.signature(); err != nil {
			return 0, err
		}
	}
	if c.short {
		return 0, ErrTruncated
	}
	return c.additional(len(b))
}
