package credential

import (
	"encoding/binary"

	"orrery/engine/identity"
)

// Sizes shared by tags, capabilities, ownerships and revocations.
const (
	signatureType = 1
	// signatureBlock is type, length and signature.
	signatureBlock = 3 + 96
	// trailer is the length of the additional fields, which we write as 0.
	trailer = 2
)

// guard brackets the bytes that are signed.
const guard = 0x7f7f7f7f7f7f7f7f

// verify checks a signature over msg by the node at signer.
func verify(look Lookup, signer identity.Address, msg []byte, sig *identity.Signature) (Outcome, identity.Address) {
	id, ok := look(signer)
	if !ok {
		return Wait, signer
	}
	if id.Verify(msg, sig[:]) {
		return OK, 0
	}
	return Bad, 0
}

// appendSignature appends the signature block.
func appendSignature(dst []byte, sig *identity.Signature) []byte {
	dst = append(dst, signatureType, 0, byte(len(sig)))
	return append(dst, sig[:]...)
}

// parseSignature reads a signature block at b[n:] and returns where it ends.
// Unknown kinds of signature are skipped and leave sig zero, which does not
// verify.
func parseSignature(b []byte, n int, sig *identity.Signature) (int, error) {
	if len(b) < n+3 {
		return 0, ErrTruncated
	}
	size := int(binary.BigEndian.Uint16(b[n+1:]))
	if b[n] == signatureType && size != len(sig) {
		return 0, ErrFormat
	}
	end := n + 3 + size
	if len(b) < end {
		return 0, ErrTruncated
	}
	if b[n] == signatureType {
		copy(sig[:], b[n+3:end])
	}
	return end, nil
}

// skipTrailer returns where the additional fields at b[n:] end. They are not
// covered by the signature.
func skipTrailer(b []byte, n int) (int, error) {
	if len(b) < n+trailer {
		return 0, ErrTruncated
	}
	n += trailer + int(binary.BigEndian.Uint16(b[n:]))
	if len(b) < n {
		return 0, ErrTruncated
	}
	return n, nil
}
