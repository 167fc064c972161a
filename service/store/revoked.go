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
	// maxRevokedFile bounds the bytes of such a file, which has room for all of its
	// lines.
	maxRevokedFile = 1 << 20
)

// Revoked returns what was revoked of members of a network not long ago, none
// if there is no file. With an error it is what could be read.
func (h *Home) Revoked(id identity.NetworkID) ([]credential.Threshold, error) {
	b, err := read(h.path(networksDir, id.String()+revokedSuffix), maxRevokedFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return credential.ParseThresholds(b, credential.MaxThresholds)
}

// SaveRevoked replaces what is kept of revocations on a network.
func (h *Home) SaveRevoked(id identity.NetworkID, list []credential.Threshold) error {
	path := h.path(networksDir, id.String()+revokedSuffix)
	if len(list) == 0 {
		return Remove(path)
	}
	if len(list) > credential.MaxThresholds {
		return fmt.Errorf("save revocations of network %s: %w", id, ErrTooLarge)
	}
	return h.writeIn(networksDir, id.String()+revokedSuffix, credential.AppendThresholds(nil, list), 0o600)
}
