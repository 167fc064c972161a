package identity

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Lengths of the text form in characters, without and with a private key.
const (
	textLen       = 2*AddressLen + 3 + 2*PublicKeyLen
	secretTextLen = textLen + 1 + 2*PrivateKeyLen
)

// String returns the text form, "aaaaaaaaaa:0:" and 128 lower-case hex digits
// (spec 01 §3.5).
func (id Identity) String() string {
	b := make([]byte, 0, textLen)
	return string(id.appendText(b))
}

func (id Identity) appendText(b []byte) []byte {
	var address [AddressLen]byte
	id.Address.Put(address[:])
	b = hex.AppendEncode(b, address[:])
	b = append(b, ":0:"...)
	return hex.AppendEncode(b, id.Public[:])
}

// Parse reads the text form of an identity. It takes exactly what [Identity.String]
// and [Secret.Text] write, in either case of hex digits, with or without
// trailing white space; a private key is checked for form and ignored. Reserved
// addresses are refused. Errors wrap ErrFormat and never quote the input, which
// may hold a private key (spec 01 §3.5).
func Parse(s string) (Identity, error) {
	id, _, err := parseText([]byte(s))
	return id, err
}

// parseText returns the digits of the private key, if there are any, undecoded
// but checked, so that only who wants the secret decodes it.
func parseText(s []byte) (id Identity, private []byte, err error) {
	s = trimRight(s)
	if len(s) != textLen && len(s) != secretTextLen {
		return Identity{}, nil, fmt.Errorf("%w: want %d or %d characters, got %d", ErrFormat, textLen, secretTextLen, len(s))
	}
	address, ok := parseHex(string(s[:2*AddressLen]))
	if !ok {
		return Identity{}, nil, fmt.Errorf("%w: the address is not 10 hex digits", ErrFormat)
	}
	if string(s[10:13]) != ":0:" {
		return Identity{}, nil, fmt.Errorf("%w: want \":0:\" after the address", ErrFormat)
	}
	id.Address = Address(address)
	if id.Address.Reserved() {
		return Identity{}, nil, fmt.Errorf("%w: address %s is reserved", ErrFormat, id.Address)
	}
	if _, err := hex.Decode(id.Public[:], s[13:textLen]); err != nil {
		return Identity{}, nil, fmt.Errorf("%w: the public key is not 128 hex digits", ErrFormat)
	}
	if len(s) == textLen {
		return id, nil, nil
	}
	private = s[textLen+1:]
	if s[textLen] != ':' || !isHex(private) {
		return Identity{}, nil, fmt.Errorf("%w: want ':' and 128 hex digits after the public key", ErrFormat)
	}
	return id, private, nil
}

func isHex(b []byte) bool {
	for _, c := range b {
		if !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
			return false
		}
	}
	return true
}

// trimRight removes trailing white space of ASCII, as editors add it.
func trimRight(s []byte) []byte {
	for len(s) > 0 && strings.ContainsRune(" \t\r\n", rune(s[len(s)-1])) {
		s = s[:len(s)-1]
	}
	return s
}
