package ctl

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"orrery/engine/identity"
)

// Bounds of files that the identity commands read, in bytes.
const (
	maxIdentityFile = 4096
	maxSignedFile   = 1 << 30
)

// IDGenerate makes an identity. Without files it prints the secret form; else it
// writes secret and public form to new files. The address begins with vanity, a
// hex prefix that may be empty; each further digit takes 16 times as long.
func (t *Tool) IDGenerate(ctx context.Context, secretFile, publicFile, vanity string) error {
	vanity = strings.ToLower(vanity)
	if len(vanity) > 10 || strings.Trim(vanity, "0123456789abcdef") != "" {
		return usagef("%q is not the beginning of an address: want at most 10 hex digits", vanity)
	}
	if strings.HasPrefix(vanity, "ff") || vanity == "0000000000" {
		return usagef("no address begins with %s: these are reserved", vanity)
	}
	for _, path := range []string{secretFile, publicFile} { // before the work, not after it
		if _, err := os.Lstat(path); path != "" && err == nil {
			return failf("Error writing to %s: it exists, and identities are never overwritten", path)
		}
	}
	var secret *identity.Secret
	for tries := 1; ; tries++ {
		if ctx.Err() != nil {
			return failf("given up")
		}
		if secret = identity.Generate(t.Random); strings.HasPrefix(secret.Address.String(), vanity) {
			break
		}
		_, _ = fmt.Fprintf(t.Err, "%s does not begin with %s (try %d)\n", secret.Address, vanity, tries)
		secret.Destroy()
	}
	defer secret.Destroy()
	if secretFile == "" {
		t.printf("%s", secret.Text())
		return nil
	}
	if err := createFile(secretFile, []byte(secret.Text()), 0o600); err != nil {
		return failf("Error writing to %s: %w", secretFile, err)
	}
	t.printf("%s written\n", secretFile)
	if publicFile == "" {
		return nil
	}
	if err := createFile(publicFile, []byte(secret.Identity.String()), 0o644); err != nil {
		return failf("Error writing to %s: %w", publicFile, err)
	}
	t.printf("%s written\n", publicFile)
	return nil
}

// given is an identity argument: text if it is longer than 32 characters with a
// colon after 10, otherwise the name of a file (spec 06 §8).
type given struct {
	// label is what messages call it; it never has a private key in it.
	label  string
	id     identity.Identity
	secret *identity.Secret // nil if there is no private key
}

var errNoIdentity = errors.New("invalid or unreadable")

func readIdentity(arg string) (given, error) {
	g := given{label: arg}
	text := arg
	literal := len(arg) > 32 && arg[10] == ':'
	if literal {
		g.label = "the identity given"
	} else {
		b, err := readFile(arg, maxIdentityFile)
		if err != nil {
			return g, errNoIdentity
		}
		text = string(b)
	}
	id, err := identity.Parse(text)
	if err != nil {
		return g, errNoIdentity
	}
	if g.id = id; literal {
		g.label = id.String()
	}
	if s, err := identity.ParseSecret(text); err == nil {
		g.secret = s
	} else if !errors.Is(err, identity.ErrNoSecret) {
		return g, errNoIdentity
	}
	return g, nil
}

// IDValidate checks that an identity's address follows from its key, and that a
// private key in it belongs to the public one.
func (t *Tool) IDValidate(arg string) error {
	g, err := readIdentity(arg)
	if err != nil {
		return failf("Identity argument invalid or file unreadable: %s", g.label)
	}
	valid := g.id.Validate
	if g.secret != nil {
		valid = g.secret.Validate
	}
	if !valid() {
		return failf("%s FAILED validation.", g.label)
	}
	t.printf("%s is a valid identity\n", g.label)
	return nil
}

// IDPublic prints the public part of an identity, without a line end.
func (t *Tool) IDPublic(arg string) error {
	g, err := readIdentity(arg)
	if err != nil {
		return failf("Identity argument invalid or file unreadable: %s", g.label)
	}
	t.printf("%s", g.id)
	return nil
}

// IDSign prints the signature of a file's content in hex, without a line end.
func (t *Tool) IDSign(arg, file string) error {
	g, err := readIdentity(arg)
	if err != nil {
		return failf("Identity argument invalid or file unreadable: %s", g.label)
	}
	if g.secret == nil {
		return failf("%s does not contain a private key (must use private to sign)", g.label)
	}
	content, err := readFile(file, maxSignedFile)
	if err != nil {
		return failf("%s is not readable", file)
	}
	sig := g.secret.Sign(content)
	t.printf("%s", hex.EncodeToString(sig[:]))
	return nil
}

// IDVerify checks the signature of a file's content. The signature is in hex, or
// the name of a file that has it in hex.
func (t *Tool) IDVerify(arg, file, signature string) error {
	g, err := readIdentity(arg)
	if err != nil {
		return failf("Identity argument invalid or file unreadable: %s", g.label)
	}
	content, err := readFile(file, maxSignedFile)
	if err != nil {
		return failf("%s is not readable", file)
	}
	sig, err := hex.DecodeString(signature)
	if err != nil || len(sig) == 0 {
		text, _ := readSmall(signature) // unreadable: an empty signature, which fails
		sig, _ = hex.DecodeString(text)
	}
	if !g.id.Verify(content, sig) {
		return failf("%s signature check FAILED", file)
	}
	t.printf("%s signature valid\n", file)
	return nil
}
