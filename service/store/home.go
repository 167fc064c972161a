package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Names of files and directories in the home (spec 06 §1.2).
const (
	secretFile     = "identity.secret"
	publicFile     = "identity.public"
	collidedFile   = "identity.secret.saved_after_collision"
	authTokenFile  = "authtoken.secret"
	metricsFile    = "metricstoken.secret"
	portFile       = "zerotier-one.port"
	pidFile        = "zerotier-one.pid"
	planetFile     = "planet"
	localConfFile  = "local.conf"
	trustFile      = "trust.json"
	orbitsFile     = "orbits.json"
	lockFile       = "orrery.lock"
	moonsDir       = "moons.d"
	networksDir    = "networks.d"
	peersDir       = "peers.d"
	controllerDir  = "controller.d"
	controllerFile = "orrery-controller.db"
)

// Longest content that is read (spec 03 §1.3).
const (
	maxIdentity  = 2047
	maxWorld     = 8480
	maxPeer      = 4192
	maxConfig    = 484520
	maxSettings  = 16383
	maxToken     = 4096
	maxLocalConf = 1 << 20
	maxTrust     = 64 << 20
	maxOrbits    = 64 << 10
)

// Home is an open home directory. One process has it at a time. Its methods
// may be called from several goroutines, but not two that write the same file.
type Home struct {
	dir  string
	lock *os.File
}

// OpenHome opens the home directory at dir and creates it if need be, for its
// owner only. The directory is locked for the life of the process; a
// *[LockedError] says that another one has it.
func OpenHome(dir string) (h *Home, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("home directory: %w", err)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = makeDir(dir)
	case err == nil && !info.IsDir():
		err = errors.New("not a directory")
	case err == nil:
		err = checkDir(info)
	}
	if err != nil {
		return nil, fmt.Errorf("home directory %s: %w", dir, err)
	}
	h = &Home{dir: dir}
	if err := h.takeLock(); err != nil {
		return nil, err
	}
	if err := h.tidy(); err != nil {
		_ = h.lock.Close() // the first error counts
		return nil, fmt.Errorf("home directory %s: %w", dir, err)
	}
	return h, nil
}

// lastBreath is how long a process that was killed may go on to have the lock: a
// program that it was about to start has it for a moment.
const lastBreath = time.Second

// takeLock locks the home and leaves our process ID for whoever comes next.
func (h *Home) takeLock() error {
	path := h.path(lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock home directory: %w", err)
	}
	ok, err := lock(f)
	for begun := time.Now(); !ok; ok, err = lock(f) {
		if err != nil {
			_ = f.Close()
			return fmt.Errorf("lock home directory %s: %w", h.dir, err)
		}
		b := make([]byte, 20)
		n, _ := f.ReadAt(b, 0) // only to say more
		pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n])))
		if pid <= 0 || running(pid) || time.Since(begun) > lastBreath {
			_ = f.Close()
			return &LockedError{Home: h.dir, PID: max(pid, 0)}
		}
		time.Sleep(lastBreath / 50)
	}
	// Whose it is only helps to say more: a full disk keeps nobody from starting.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	}
	h.lock = f
	return nil
}

// tidy removes what crashes left behind and locks away secrets that were
// readable by others.
func (h *Home) tidy() error {
	for _, dir := range [...]string{"", moonsDir, networksDir, peersDir} {
		if err := sweep(h.path(dir)); err != nil {
			return err
		}
	}
	for _, name := range [...]string{secretFile, authTokenFile, metricsFile, collidedFile, trustFile} {
		if err := restrict(h.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Close releases the home directory. The lock file stays: removing it would
// let two others lock different files.
func (h *Home) Close() error { return h.lock.Close() }

// Path is the absolute path of the home directory.
func (h *Home) Path() string { return h.dir }

// path is that of a file, from constants and the names made here.
func (h *Home) path(name ...string) string {
	return filepath.Join(append([]string{h.dir}, name...)...)
}

// writeIn writes a file in a directory of the home, which is created if need
// be.
func (h *Home) writeIn(dir, name string, data []byte, perm fs.FileMode) error {
	if err := os.Mkdir(h.path(dir), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return Write(h.path(dir, name), data, perm)
}

// makePrivate creates a directory for its owner and its parents for everybody.
func makePrivate(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Mkdir(path, 0o700)
}

// setAside moves a file that cannot be used out of the way, without losing it.
func (h *Home) setAside(now time.Time, cause error, name ...string) Notice {
	rel := filepath.Join(name...)
	n := Notice{File: rel, Err: cause}
	to := rel + damagedMark + strconv.FormatInt(now.Unix(), 10)
	if err := os.Rename(h.path(rel), h.path(to)); err != nil {
		n.Err = errors.Join(cause, err)
		return n
	}
	n.MovedTo = to
	return n
}

// damagedMark precedes the time in the names of files that were set aside.
const damagedMark = ".damaged-"

// load reads a file and lets check judge it. A file that is not there gives
// nil. One that check refuses is set aside.
func (h *Home) load(now time.Time, limit int, check func([]byte) error, name ...string) ([]byte, []Notice, error) {
	b, err := read(h.path(name...), limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err == nil:
		if err = check(b); err == nil {
			return b, nil, nil
		}
	case !errors.Is(err, ErrTooLarge):
		return nil, nil, err
	}
	return nil, []Notice{h.setAside(now, err, name...)}, nil
}
