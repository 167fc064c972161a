package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

const (
	tokenLen      = 24
	tokenAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// AuthToken returns the secret that clients of the reference's API present, and
// makes one if there is none (spec 06 §1.2).
func (h *Home) AuthToken() (string, error) { return h.token(authTokenFile) }

// MetricsToken is [Home.AuthToken] for the token that only reads /metrics.
func (h *Home) MetricsToken() (string, error) { return h.token(metricsFile) }

func (h *Home) token(name string) (string, error) {
	b, err := read(h.path(name), maxToken)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if t := strings.Trim(string(b), " \r\n\t\x00"); t != "" {
		return t, nil
	}
	t := newToken()
	if err := Write(h.path(name), []byte(t), 0o600); err != nil {
		return "", fmt.Errorf("make a token: %w", err)
	}
	return t, nil
}

// newToken draws each character with the same probability.
func newToken() string {
	const fair = 256 - 256%len(tokenAlphabet)
	var b [1]byte
	t := make([]byte, 0, tokenLen)
	for len(t) < tokenLen {
		_, _ = rand.Read(b[:]) // never fails
		if int(b[0]) < fair {
			t = append(t, tokenAlphabet[int(b[0])%len(tokenAlphabet)])
		}
	}
	return string(t)
}
