package identity

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
)

// Secret is an identity with its private key. It is immutable and safe for
// concurrent use until [Secret.Destroy]. Printed or logged by whatever means it
// shows only the public identity.
type Secret struct {
	Identity
	private  PrivateKey
	exchange *ecdh.PrivateKey
	signer   ed25519.PrivateKey
}

// newSecret prepares the keys once, because both derivations cost a scalar
// multiplication.
func newSecret(id Identity, private *PrivateKey) *Secret {
	return &Secret{Identity: id, private: *private, exchange: private.exchange(), signer: private.signer()}
}

// ParseSecret reads the text form of an identity with its private key, as
// strictly as [Parse]. A public identity gives ErrNoSecret. The key pair is not
// checked against the address; see [Secret.Validate] (spec 01 §3.5).
func ParseSecret(s string) (*Secret, error) {
	id, digits, err := parseText([]byte(s))
	if err != nil {
		return nil, err
	}
	if digits == nil {
		return nil, ErrNoSecret
	}
	var private PrivateKey
	if _, err := hex.Decode(private[:], digits); err != nil {
		return nil, fmt.Errorf("%w: the private key is not 128 hex digits", ErrFormat)
	}
	clear(digits)
	defer clear(private[:])
	return newSecret(id, &private), nil
}

// Text returns the 270 characters of the secret text form, to be stored where
// only the owner can read.
func (s *Secret) Text() string {
	b := s.appendText(make([]byte, 0, secretTextLen))
	b = append(b, ':')
	b = hex.AppendEncode(b, s.private[:])
	defer clear(b)
	return string(b)
}

// Private returns a copy of the private key.
func (s *Secret) Private() PrivateKey { return s.private }

// Agree derives the 48-byte key shared with a peer. It returns ErrLowOrder for
// a public key that gives away the result (spec 01 §2.2).
func (s *Secret) Agree(peer PublicKey) (key [SharedKeyLen]byte, err error) {
	return agree(s.exchange, &peer)
}

// Sign signs msg (spec 01 §2.3). Signatures are deterministic.
func (s *Secret) Sign(msg []byte) Signature { return sign(s.signer, msg) }

// Validate reports whether the private key belongs to the public key and
// [Identity.Validate] holds. It is as slow as that.
func (s *Secret) Validate() bool {
	return s.private.Public() == s.Public && s.Identity.Validate()
}

// Destroy overwrites what it can reach of the private key. The secret must not
// be used afterwards.
func (s *Secret) Destroy() {
	clear(s.private[:])
	clear(s.signer)
	s.exchange, s.signer = nil, nil
}

// Format implements fmt.Formatter: every verb prints the public identity.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements slog.LogValuer with the public identity.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
