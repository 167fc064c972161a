package identity

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Sizes of keys, signatures and agreed keys in bytes (spec 01 §1).
const (
	PublicKeyLen  = 64
	PrivateKeyLen = 64
	SignatureLen  = 96
	SharedKeyLen  = 48
)

// PublicKey is an X25519 public key (32 bytes) followed by an Ed25519 public
// key (32 bytes), spec 01 §2.1.
type PublicKey [PublicKeyLen]byte

// PrivateKey is an X25519 scalar as it was drawn, unclamped (32 bytes),
// followed by an Ed25519 seed (32 bytes), spec 01 §2.1. It prints as a
// placeholder; turn it into bytes explicitly.
type PrivateKey [PrivateKeyLen]byte

// Signature is R (32), S (32) and the first half of the message's SHA-512 (32),
// spec 01 §2.3.
type Signature [SignatureLen]byte

// Verify reports whether sig is a signature of msg by this key (spec 01 §2.3).
// A signature of the wrong length or with S out of range is refused.
func (p *PublicKey) Verify(msg, sig []byte) bool {
	if len(sig) != SignatureLen {
		return false
	}
	digest := sha512.Sum512(msg)
	if subtle.ConstantTimeCompare(digest[:32], sig[64:]) != 1 {
		return false
	}
	return ed25519.Verify(p[32:], digest[:32], sig[:64])
}

// Public computes the public half, at the cost of two scalar multiplications.
func (k *PrivateKey) Public() (p PublicKey) {
	copy(p[:32], k.exchange().PublicKey().Bytes())
	copy(p[32:], k.signer()[32:])
	return p
}

// Sign signs msg (spec 01 §2.3). For repeated use [Secret.Sign] is cheaper.
func (k *PrivateKey) Sign(msg []byte) Signature { return sign(k.signer(), msg) }

// Format implements fmt.Formatter and hides the key from every verb.
func (PrivateKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "(private key)") }

// LogValue implements slog.LogValuer and hides the key.
func (PrivateKey) LogValue() slog.Value { return slog.StringValue("(private key)") }

func (k *PrivateKey) signer() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(k[32:]) }

// exchange has no error case: NewPrivateKey refuses only wrong lengths.
func (k *PrivateKey) exchange() *ecdh.PrivateKey {
	x, err := ecdh.X25519().NewPrivateKey(k[:32])
	if err != nil {
		panic("identity: X25519 is unavailable: " + err.Error())
	}
	return x
}

func sign(key ed25519.PrivateKey, msg []byte) (s Signature) {
	digest := sha512.Sum512(msg)
	copy(s[:], ed25519.Sign(key, digest[:32]))
	copy(s[64:], digest[:32])
	return s
}

// agree is spec 01 §2.2: the first 48 bytes of SHA-512 of the X25519 secret.
func agree(key *ecdh.PrivateKey, peer *PublicKey) (shared [SharedKeyLen]byte, err error) {
	p, err := ecdh.X25519().NewPublicKey(peer[:32])
	if err != nil {
		return shared, ErrLowOrder
	}
	raw, err := key.ECDH(p)
	if err != nil {
		return shared, ErrLowOrder
	}
	digest := sha512.Sum512(raw)
	clear(raw)
	copy(shared[:], digest[:])
	clear(digest[:])
	return shared, nil
}
