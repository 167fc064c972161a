package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
)

const (
	confSuffix     = ".conf"
	settingsSuffix = ".local.conf"
)

// JoinedNetwork is a network that the home says to join.
type JoinedNetwork struct {
	ID identity.NetworkID
	// Config is the last configuration dictionary, nil if there is none yet.
	Config []byte
	// Settings are the user's own, the defaults if there are none.
	Settings netconf.Settings
	// Revoked are members' credentials that count no more.
	Revoked []credential.Threshold
}

// Networks returns the networks to join, by ID. A file without a usable
// configuration still joins its network (spec 06 §1.4); files are not set aside
// here, but of settings that cannot all be used a copy is, for the next change
// replaces the file.
func (h *Home) Networks(now time.Time) ([]JoinedNetwork, []Notice, error) {
	var out []JoinedNetwork
	var notices []Notice
	err := h.each(networksDir, confSuffix, 16, func(id uint64, name string) error {
		n := JoinedNetwork{ID: identity.NetworkID(id)}
		b, err := read(h.path(networksDir, name), maxConfig)
		if err != nil {
			notices = append(notices, Notice{File: networksDir + "/" + name, Err: err})
		} else if len(bytes.TrimSpace(b)) > 0 {
			n.Config = b
		}
		if n.Settings, err = h.NetworkSettings(n.ID); err != nil {
			notices = append(notices, h.copyAside(now, err, n.ID.String()+settingsSuffix))
		}
		if n.Revoked, err = h.Revoked(n.ID); err != nil {
			notices = append(notices, Notice{File: networksDir + "/" + n.ID.String() + revokedSuffix, Err: err})
		}
		out = append(out, n)
		return nil
	})
	return out, notices, err
}

// copyAside keeps a copy of a network's file that cannot be used as a whole.
func (h *Home) copyAside(now time.Time, cause error, name string) Notice {
	n := Notice{File: networksDir + "/" + name, Err: cause}
	b, err := read(h.path(networksDir, name), maxSettings)
	copied := name + damagedMark + strconv.FormatInt(now.Unix(), 10)
	if err == nil && h.writeIn(networksDir, copied, b, 0o600) == nil {
		n.CopiedTo = networksDir + "/" + copied
	}
	return n
}

// SaveNetwork stores a joined network's configuration dictionary; nil stores
// that it is joined without one.
func (h *Home) SaveNetwork(id identity.NetworkID, config []byte) error {
	if len(config) == 0 {
		config = []byte{'\n'}
	}
	if len(config) > maxConfig {
		return fmt.Errorf("save network %s: %w", id, ErrTooLarge)
	}
	return h.writeIn(networksDir, id.String()+confSuffix, config, 0o600)
}

// DeleteNetwork forgets a network with all that belongs to it. It is no error if it was
// not joined.
func (h *Home) DeleteNetwork(id identity.NetworkID) error {
	return errors.Join(
		Remove(h.path(networksDir, id.String()+confSuffix)),
		Remove(h.path(networksDir, id.String()+settingsSuffix)),
		Remove(h.path(networksDir, id.String()+revokedSuffix)))
}

// NetworkSettings returns the user's settings of a network (spec 06 §1.3).
// Without a file they are the defaults. With an error they are what could be
// read, which never allows more than the file says.
func (h *Home) NetworkSettings(id identity.NetworkID) (netconf.Settings, error) {
	b, err := read(h.path(networksDir, id.String()+settingsSuffix), maxSettings)
	if errors.Is(err, fs.ErrNotExist) {
		return netconf.DefaultSettings(), nil
	}
	if err != nil {
		return netconf.Settings{VerifiedOnly: true}, err // as careful as it gets
	}
	if bytes.IndexByte(b, 0) >= 0 {
		// What a loss of power makes of a file on some disks.
		return netconf.Settings{VerifiedOnly: true}, fmt.Errorf("%w: the file is full of zeros", netconf.ErrSetting)
	}
	return netconf.ParseSettings(b)
}

// SaveNetworkSettings stores the user's settings of a network, joined or not.
func (h *Home) SaveNetworkSettings(id identity.NetworkID, s netconf.Settings) error {
	b := s.Append(nil)
	if len(b) > maxSettings {
		return fmt.Errorf("save settings of network %s: %w", id, ErrTooLarge)
	}
	return h.writeIn(networksDir, id.String()+settingsSuffix, b, 0o600)
}
