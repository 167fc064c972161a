package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"orrery/engine/identity"
)

// Identity loads the node's identity and proves it (a slow computation, tens of
// milliseconds). identity.public is written again if it is missing or another
// one's. Errors are [ErrNoIdentity], *[DamagedIdentityError] and those of the
// file system; none of them may be answered by making a new identity, except
// the first (spec 01 §3.6).
func (h *Home) Identity() (*identity.Secret, error) {
	path := h.path(secretFile)
	b, err := read(path, maxIdentity)
	if errors.Is(err, fs.ErrNotExist) && !h.has(secretFile) {
		return nil, ErrNoIdentity
	}
	defer clear(b)
	if errors.Is(err, ErrTooLarge) || errors.Is(err, fs.ErrNotExist) {
		return nil, &DamagedIdentityError{Path: path, Err: err}
	}
	if err != nil {
		return nil, err
	}
	s, err := identity.ParseSecret(strings.TrimSpace(string(b)))
	if err == nil && !s.Validate() {
		err = errors.New("the address does not follow from the key")
	}
	if err != nil {
		return nil, &DamagedIdentityError{Path: path, Err: err}
	}
	if err := h.savePublic(s.Identity); err != nil {
		return nil, err
	}
	return s, nil
}

// SaveIdentity stores a new identity. It returns [ErrIdentityExists] if the
// home has another one, whether that can be read or not.
func (h *Home) SaveIdentity(s *identity.Secret) error {
	path, text := h.path(secretFile), []byte(s.Text())
	defer clear(text)
	old, err := read(path, maxIdentity)
	defer clear(old)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !h.has(secretFile):
	case err != nil:
		return errors.Join(ErrIdentityExists, err)
	case !bytes.Equal(old, text):
		return ErrIdentityExists
	}
	if err := Write(path, text, 0o600); err != nil {
		return err
	}
	return h.savePublic(s.Identity)
}

// has tells whether there is a file of this name, be it a link that leads
// nowhere: what it leads to may be on a disk that is not there yet.
func (h *Home) has(name string) bool {
	_, err := os.Lstat(h.path(name))
	return !errors.Is(err, fs.ErrNotExist)
}

func (h *Home) savePublic(id identity.Identity) error {
	return Write(h.path(publicFile), []byte(id.String()), 0o644)
}

// RetireIdentity moves the identity away after another node with the same
// address was met, so that a new one can be made (spec 06 §2.5). An identity
// that was retired before is overwritten.
func (h *Home) RetireIdentity() error {
	if err := replace(h.path(secretFile), h.path(collidedFile)); err != nil {
		return fmt.Errorf("retire identity: %w", err)
	}
	if err := restrict(h.path(collidedFile)); err != nil {
		return fmt.Errorf("retire identity: %w", err)
	}
	return Remove(h.path(publicFile))
}
