package credential

import (
	"encoding/binary"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// revocationLen is the size of an encoded revocation in bytes.
const revocationLen = revocationBody + signatureBlock + trailer

// revocationBody is the size of the fields before the signature.
const revocationBody = 51

// FastPropagate is the flag of a [Revocation] that members pass on at once.
const FastPropagate uint64 = 1

// Revocation invalidates every credential of one kind and ID of a member that
// is not newer than a threshold (spec 04 §7.6). Revocations compare with ==.
type Revocation struct {
	ID      uint32
	Network identity.NetworkID
	// CredentialID is the revoked credential's, 0 for a membership.
	CredentialID uint32
	// Threshold is the newest timestamp that is revoked.
	Threshold clock.Wall
	Flags     uint64
	Target    identity.Address
	SignedBy  identity.Address
	Type      Type
	Signature identity.Signature
}

// ParseRevocation reads a revocation from the front of b; n is its length.
func ParseRevocation(b []byte) (r Revocation, n int, err error) {
	if len(b) < revocationBody {
		return r, 0, ErrTruncated
	}
	r = Revocation{
		ID:           binary.BigEndian.Uint32(b[4:]),
		Network:      identity.NetworkIDFrom(b[8:]),
		CredentialID: binary.BigEndian.Uint32(b[20:]),
		Threshold:    clock.Wall(binary.BigEndian.Uint64(b[24:])),
		Flags:        binary.BigEndian.Uint64(b[32:]),
		Target:       identity.AddressFrom(b[40:]),
		SignedBy:     identity.AddressFrom(b[45:]),
		Type:         Type(b[50]),
	}
	if n, err = parseSignature(b, revocationBody, &r.Signature); err == nil {
		n, err = skipTrailer(b, n)
	}
	if err != nil {
		return Revocation{}, 0, err
	}
	return r, n, nil
}

// appendBody appends the fields before the signature.
func (r *Revocation) appendBody(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.ID)) // upper half unused
	dst = r.Network.Append(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.CredentialID)) // likewise
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.Threshold))
	dst = binary.BigEndian.AppendUint64(dst, r.Flags)
	dst = r.Target.Append(dst)
	dst = r.SignedBy.Append(dst)
	return append(dst, byte(r.Type))
}

// Append appends the encoded form, revocationLen bytes.
func (r *Revocation) Append(dst []byte) []byte {
	dst = appendSignature(r.appendBody(dst), &r.Signature)
	return append(dst, 0, 0)
}

// AppendSigned appends the bytes that are signed.
func (r *Revocation) AppendSigned(dst []byte) []byte {
	dst = r.appendBody(binary.BigEndian.AppendUint64(dst, guard))
	return binary.BigEndian.AppendUint64(append(dst, 0, 0), guard)
}

// Sign signs the revocation as controller s.
func (r *Revocation) Sign(s *identity.Secret) {
	r.SignedBy = s.Address
	r.Signature = s.Sign(r.AppendSigned(nil))
}

// Verify checks that the network's controller signed the revocation. On Wait,
// missing is whom to ask for.
func (r *Revocation) Verify(look Lookup) (o Outcome, missing identity.Address) {
	if r.SignedBy == 0 || r.SignedBy != r.Network.Controller() {
		return Bad, 0
	}
	return verify(look, r.SignedBy, r.AppendSigned(nil), &r.Signature)
}
