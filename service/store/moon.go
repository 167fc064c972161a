package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

const moonSuffix = ".moon"

func moonName(id uint64) string { return fmt.Sprintf("%016x", id) + moonSuffix }

// LoadMoons hands every moon in moons.d to check, in ascending order. A file
// that check refuses is set aside.
func (h *Home) LoadMoons(now time.Time, check func(id uint64, b []byte) error) ([]Notice, error) {
	var notices []Notice
	err := h.each(moonsDir, moonSuffix, 16, func(id uint64, name string) error {
		_, n, err := h.load(now, maxWorld, func(b []byte) error { return check(id, b) }, moonsDir, name)
		notices = append(notices, n...)
		return err
	})
	return notices, err
}

// SaveMoon stores a moon.
func (h *Home) SaveMoon(id uint64, b []byte) error {
	return h.writeIn(moonsDir, moonName(id), b, 0o644)
}

// DeleteMoon removes a moon. It is no error if there was none.
func (h *Home) DeleteMoon(id uint64) error { return Remove(h.path(moonsDir, moonName(id))) }

// each calls do for every file of a directory whose name is digits lower-case
// hexadecimal digits and a suffix, in ascending order. The directory need not
// exist.
func (h *Home) each(dir, suffix string, digits int, do func(id uint64, name string) error) error {
	entries, err := os.ReadDir(h.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		id, ok := parseName(e.Name(), suffix, digits)
		if !ok || e.IsDir() {
			continue
		}
		if err := do(id, e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// parseName reads the number in a file's name. Only the spelling that we would
// write counts, so that a file is found again under its number.
func parseName(name, suffix string, digits int) (id uint64, ok bool) {
	hex, ok := strings.CutSuffix(name, suffix)
	if !ok || len(hex) != digits || strings.ToLower(hex) != hex {
		return 0, false
	}
	id, err := strconv.ParseUint(hex, 16, 64)
	return id, err == nil && fmt.Sprintf("%0*x", digits, id) == hex
}

// ReadMoon reads the file of one moon, nil if there is none.
func (h *Home) ReadMoon(id uint64) ([]byte, error) {
	b, err := read(h.path(moonsDir, moonName(id)), maxWorld)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// LoadOrbits reads what is remembered of worlds beside them: moons that are
// wanted, and by which keys worlds were verified. It is nil if there is nothing.
// check parses it; a file that check refuses is set aside.
func (h *Home) LoadOrbits(now time.Time, check func([]byte) error) ([]byte, []Notice, error) {
	return h.load(now, maxOrbits, check, orbitsFile)
}

// SaveOrbits replaces what [Home.LoadOrbits] reads.
func (h *Home) SaveOrbits(b []byte) error { return Write(h.path(orbitsFile), b, 0o600) }
