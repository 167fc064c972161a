package world

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"orrery/engine/identity"
)

// SigningKeyLen is the length of a signing key's file form in bytes.
const SigningKeyLen = identity.PublicKeyLen + identity.PrivateKeyLen

// ErrSigningKey is returned for bytes that are not a signing key: the wrong
// length, or halves that do not belong together.
var ErrSigningKey = errors.New("not a signing key of 128 bytes, public and private half")

// SigningKey is a key pair that signs the revisions of a world. Printed or
// logged it shows only its public half.
type SigningKey struct {
	Public  identity.PublicKey
	private identity.PrivateKey
}

// GenerateSigningKey makes a key pair; random fills the slice it is given.
func GenerateSigningKey(random func([]byte)) *SigningKey {
	k := new(SigningKey)
	random(k.private[:])
	k.Public = k.private.Public()
	return k
}

// ParseSigningKey reads the file form: 64 bytes public, 64 bytes private, raw
// (spec 02 §14.7). The error is ErrSigningKey.
func ParseSigningKey(b []byte) (*SigningKey, error) {
	if len(b) != SigningKeyLen {
		return nil, ErrSigningKey
	}
	k := new(SigningKey)
	copy(k.Public[:], b)
	copy(k.private[:], b[identity.PublicKeyLen:])
	public := k.private.Public()
	if subtle.ConstantTimeCompare(public[:], k.Public[:]) != 1 {
		k.Destroy()
		return nil, ErrSigningKey
	}
	return k, nil
}

// AppendBinary appends the file form, to be stored where only the owner can
// read.
func (k *SigningKey) AppendBinary(b []byte) []byte {
	return append(append(b, k.Public[:]...), k.private[:]...)
}

// Sign signs a world by setting its signature.
func (k *SigningKey) Sign(w *World) { w.Signature = k.private.Sign(w.SignedBytes()) }

// Destroy overwrites the private half. The key must not be used afterwards.
func (k *SigningKey) Destroy() { clear(k.private[:]) }

// Format implements fmt.Formatter: every verb prints the public half.
func (k SigningKey) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, fmt.Sprintf("signing key %x", k.Public[:]))
}

// LogValue implements slog.LogValuer with the public half.
func (k SigningKey) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("signing key %x", k.Public[:]))
}
