package armor

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha512"

	"orrery/engine/identity"
)

// Keys are the keys derived from what two nodes agreed on. They are immutable
// until [Keys.Destroy] and safe for concurrent use.
type Keys struct {
	salsa [32]byte
	mac   cipher.AEAD  // AES-GCM with K0, used as GMAC
	siv   cipher.Block // AES with K1
	ctr   counterMode  // of siv
}

// NewKeys derives the keys of all suites from the 48-byte agreed key (spec 01
// §7, §8.1). The caller keeps ownership of shared and may clear it.
func NewKeys(shared *[identity.SharedKeyLen]byte) *Keys {
	k := &Keys{salsa: [32]byte(shared[:32])}
	k0, k1 := deriveKey(shared, '0'), deriveKey(shared, '1')
	mac, err := cipher.NewGCM(newAES(&k0))
	if err != nil {
		panic("armor: GCM is unavailable: " + err.Error())
	}
	k.mac, k.siv = mac, newAES(&k1)
	k.ctr = newCounterMode(k.siv)
	clear(k0[:])
	clear(k1[:])
	return k
}

// Destroy overwrites what it can reach of the keys and drops the rest. They
// must not be used afterwards.
func (k *Keys) Destroy() {
	clear(k.salsa[:])
	k.mac, k.siv, k.ctr = nil, nil, counterMode{}
}

// deriveKey is one block of the KBKDF in counter mode with HMAC-SHA-384, of
// which the protocol keeps 32 bytes (spec 01 §8.1).
func deriveKey(shared *[identity.SharedKeyLen]byte, label byte) (key [32]byte) {
	sum := kbkdf(shared, label, 0, 0)
	copy(key[:], sum[:])
	clear(sum[:])
	return key
}

func kbkdf(shared *[identity.SharedKeyLen]byte, label, context byte, iteration uint32) (out [48]byte) {
	h := hmac.New(sha512.New384, shared[:])
	h.Write([]byte{
		byte(iteration >> 24), byte(iteration >> 16), byte(iteration >> 8), byte(iteration),
		'Z', 'T', label, 0, context, 0, 0, 0x01, 0x80,
	})
	h.Sum(out[:0])
	return out
}

// newAES has no error case: a key of 32 bytes is always good.
func newAES(key *[32]byte) cipher.Block {
	b, err := aes.NewCipher(key[:])
	if err != nil {
		panic("armor: AES is unavailable: " + err.Error())
	}
	return b
}
