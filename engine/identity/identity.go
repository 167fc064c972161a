package identity

import (
	"bytes"
	"cmp"
	"crypto/sha512"
)

// Identity is a node's address and public key. Identities are comparable: ==
// is equality in the sense of the protocol. The zero value is the null
// identity.
type Identity struct {
	Address Address
	Public  PublicKey
}

// keyType is the only type of identity that exists (Curve25519).
const keyType = 0

// Null reports whether this is the null identity, whose address is 0.
func (id Identity) Null() bool { return id.Address == 0 }

// Compare orders identities by address, then by public key (spec 01 §3.1).
func (id Identity) Compare(other Identity) int {
	if c := cmp.Compare(id.Address, other.Address); c != 0 {
		return c
	}
	return bytes.Compare(id.Public[:], other.Public[:])
}

// Verify reports whether sig is this identity's signature of msg (spec 01 §2.3).
func (id Identity) Verify(msg, sig []byte) bool { return id.Public.Verify(msg, sig) }

// KeyHash is the SHA-384 of the address (5 bytes, big-endian) and the public
// key. Its first 32 bytes are in certificates of membership (spec 01 §3.1).
func (id Identity) KeyHash() [48]byte {
	var b [AddressLen + PublicKeyLen]byte
	id.Address.Put(b[:])
	copy(b[AddressLen:], id.Public[:])
	return sha512.Sum384(b[:])
}

// Validate reports whether the address is one that a node may have and follows
// from the public key through the memory-hard hash (spec 01 §3.3). It takes
// tens of milliseconds and 2 MiB of memory, except that a reserved address is
// refused at once; callers bound how many run at a time.
func (id Identity) Validate() bool {
	if id.Address.Reserved() {
		return false
	}
	digest := derive(&id.Public)
	return hashcash(&digest) && digestAddress(&digest) == id.Address
}
