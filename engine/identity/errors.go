package identity

import "errors"

var (
	// ErrFormat is returned for text or bytes that are not an identity. There is
	// nothing to do but to refuse the source.
	ErrFormat = errors.New("not an identity")
	// ErrTruncated is returned when bytes end before the identity does.
	ErrTruncated = errors.New("identity is truncated")
	// ErrNoSecret is returned by [ParseSecret] for a public identity.
	ErrNoSecret = errors.New("identity has no private key")
	// ErrLowOrder is returned when agreement with a public key gives a shared
	// secret that anyone can know. No honest identity has such a key: refuse the
	// peer.
	ErrLowOrder = errors.New("public key is of low order")
)
