package identity

import (
	"bytes"
	"crypto/sha512"
	"fmt"
)

// Fingerprint is what people compare to know that they see the same identity:
// the first 32 bytes of SHA-512 over "orrery identity v1", a zero byte, address
// (5), type (1) and public key (64), design §4.
func (id Identity) Fingerprint() [32]byte {
	b := make([]byte, 0, 96)
	b = append(b, "orrery identity v1\x00"...)
	b = id.Address.Append(b)
	b = append(b, keyType)
	b = append(b, id.Public[:]...)
	digest := sha512.Sum512(b)
	return [32]byte(digest[:32])
}

// SafetyNumber is the number of two identities in 12 groups of 5 digits, the
// same in either order (design §4).
func SafetyNumber(a, b Identity) [12]string {
	var groups [12]string
	for i, f := range sortedFingerprints(a, b) {
		for j := range 6 {
			v := uint64(AddressFrom(f[5*j:])) % 100000
			groups[6*i+j] = fmt.Sprintf("%05d", v)
		}
	}
	return groups
}

// WordIndexes is the same comparison as 12 indexes of 11 bits into the BIP-39
// word list: the first 132 bits of SHA-512 over the two sorted fingerprints,
// most significant bit first (design §4).
func WordIndexes(a, b Identity) [12]uint16 {
	f := sortedFingerprints(a, b)
	digest := sha512.Sum512(append(f[0][:], f[1][:]...))
	var words [12]uint16
	for i := range words {
		bit := 11 * i
		three := uint32(digest[bit/8])<<16 | uint32(digest[bit/8+1])<<8 | uint32(digest[bit/8+2])
		words[i] = uint16(three >> (24 - 11 - bit%8) & 0x7ff)
	}
	return words
}

func sortedFingerprints(a, b Identity) [2][32]byte {
	x, y := a.Fingerprint(), b.Fingerprint()
	if bytes.Compare(x[:], y[:]) > 0 {
		x, y = y, x
	}
	return [2][32]byte{x, y}
}
