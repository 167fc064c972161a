package store

import (
	"os"
	"strconv"
	"time"
)

// LoadPlanet reads the planet file, nil if there is none. check parses it; a
// file that check refuses is set aside.
func (h *Home) LoadPlanet(now time.Time, check func([]byte) error) ([]byte, []Notice, error) {
	return h.load(now, maxWorld, check, planetFile)
}

// SavePlanet replaces the planet file.
func (h *Home) SavePlanet(b []byte) error { return Write(h.path(planetFile), b, 0o644) }

// LoadTrust reads trust.json, nil if there is none. check parses it; a file
// that check refuses is set aside, and then no identity is pinned any more: the
// user must hear of that.
func (h *Home) LoadTrust(now time.Time, check func([]byte) error) ([]byte, []Notice, error) {
	return h.load(now, maxTrust, check, trustFile)
}

// SaveTrust replaces trust.json.
func (h *Home) SaveTrust(b []byte) error { return Write(h.path(trustFile), b, 0o600) }

// SavePort leaves the primary port for the command line tools, in decimal.
func (h *Home) SavePort(port uint16) error {
	return Write(h.path(portFile), strconv.AppendUint(nil, uint64(port), 10), 0o644)
}

// SavePID leaves our process ID for scripts, in decimal. It is no lock.
func (h *Home) SavePID() error {
	return Write(h.path(pidFile), strconv.AppendInt(nil, int64(os.Getpid()), 10), 0o644)
}

// RemovePID removes what [Home.SavePID] left, at a clean exit.
func (h *Home) RemovePID() error { return Remove(h.path(pidFile)) }
