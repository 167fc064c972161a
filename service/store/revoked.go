package store

import (
	"errors"
	"fmt"
	"io/fs"

	"orrery/engine/credential"
	"orrery/engine/identity"
)

const (
	// revokedSuffix names the file beside a network's configuration. It is not one
	// that the reference knows; it leaves it alone.
	revokedSuffix = ".revoked"
	// maxRevoked bounds the lines of such a file, maxRevokedFile its bytes.
	maxRevoked     = 16384
	maxRevokedFile = 1 << 20
)

// Revoked returns the members of a network that were expelled not long ago, none
// if there is no file. With an error it is what could be read.
func (h *Home) Revoked(id identity.NetworkID) ([]credential.Threshold, error) {
	b, err := read(h.path(networksDir, id.String()+revokedSuffix), maxRevokedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return credential.ParseThresholds(b, maxRevoked)
}

// SaveRevoked replaces what is kept of expelled members of a network.
func (h *Home) SaveRevoked(id identity.NetworkID, list []credential.Threshold) error {
	path := h.path(networksDir, id.String()+revokedSuffix)
	if len(list) == 0 {
		return Remove(path)
	}
	if len(list) > maxRevoked {
		return fmt.Errorf("save expelled members of network %s: %w", id, ErrTooLarge)
	}
	return h.writeIn(networksDir, id.String()+revokedSuffix, credential.AppendThresholds(nil, list), 0o600)
}
