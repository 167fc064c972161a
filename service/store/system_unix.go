//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// protect gives an open, empty file its permissions.
func protect(f *os.File, perm fs.FileMode) error { return f.Chmod(perm.Perm()) }

func samePerm(have, want fs.FileMode) bool { return have.Perm() == want.Perm() }

// replace renames a file over another one.
func replace(from, to string) error { return os.Rename(from, to) }

// syncDir makes changes of a directory's entries durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems cannot sync directories; their renames are as durable
	// as they get.
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOTSUP) {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// makeDir creates a directory that only its owner can use, with parents that
// everybody can pass.
func makeDir(path string) error { return makePrivate(path) }

// checkDir refuses a directory in which everybody may replace files.
func checkDir(info fs.FileInfo) error {
	if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
		return errors.New("everybody may write to it")
	}
	return nil
}

// restrict takes a secret file away from everybody but its owner.
func restrict(path string) error { return os.Chmod(path, 0o600) }

// running reports whether there is a process.
func running(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

// lock takes an exclusive lock on an open file for the life of the process. ok
// is false if another process has it.
func lock(f *os.File) (ok bool, err error) {
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
