package credential

import (
	"encoding/binary"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// tagLen is the size of an encoded tag in bytes.
const tagLen = tagBody + signatureBlock + trailer

// tagBody is the size of the fields before the signature.
const tagBody = 34

// Tag is a number that a controller attached to a member, for rules to compare
// (spec 04 §7.3). Tags compare with ==.
type Tag struct {
	Network   identity.NetworkID
	Timestamp clock.Wall
	ID        uint32
	Value     uint32
	IssuedTo  identity.Address
	SignedBy  identity.Address
	Signature identity.Signature
}

// ParseTag reads a tag from the front of b; n is its length.
func ParseTag(b []byte) (t Tag, n int, err error) {
	if len(b) < tagBody {
		return t, 0, ErrTruncated
	}
	t = Tag{
		Network:   identity.NetworkIDFrom(b),
		Timestamp: clock.Wall(binary.BigEndian.Uint64(b[8:])),
		ID:        binary.BigEndian.Uint32(b[16:]),
		Value:     binary.BigEndian.Uint32(b[20:]),
		IssuedTo:  identity.AddressFrom(b[24:]),
		SignedBy:  identity.AddressFrom(b[29:]),
	}
	if n, err = parseSignature(b, tagBody, &t.Signature); err == nil {
		n, err = skipTrailer(b, n)
	}
	if err != nil {
		return Tag{}, 0, err
	}
	return t, n, nil
}

// appendBody appends the fields before the signature.
func (t *Tag) appendBody(dst []byte) []byte {
	dst = t.Network.Append(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Timestamp))
	dst = binary.BigEndian.AppendUint32(dst, t.ID)
	dst = binary.BigEndian.AppendUint32(dst, t.Value)
	dst = t.IssuedTo.Append(dst)
	return t.SignedBy.Append(dst)
}

// Append appends the encoded form, tagLen bytes.
func (t *Tag) Append(dst []byte) []byte {
	dst = appendSignature(t.appendBody(dst), &t.Signature)
	return append(dst, 0, 0)
}

// AppendSigned appends the bytes that are signed.
func (t *Tag) AppendSigned(dst []byte) []byte {
	dst = t.appendBody(binary.BigEndian.AppendUint64(dst, guard))
	return binary.BigEndian.AppendUint64(append(dst, 0, 0), guard)
}

// Sign signs the tag as controller s.
func (t *Tag) Sign(s *identity.Secret) {
	t.SignedBy = s.Address
	t.Signature = s.Sign(t.AppendSigned(nil))
}

// Verify checks that the network's controller signed the tag. On Wait, missing
// is whom to ask for.
func (t *Tag) Verify(look Lookup) (o Outcome, missing identity.Address) {
	if t.SignedBy == 0 || t.SignedBy != t.Network.Controller() {
		return Bad, 0
	}
	return verify(look, t.SignedBy, t.AppendSigned(nil), &t.Signature)
}
