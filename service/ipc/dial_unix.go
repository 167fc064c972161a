//go:build !windows

package ipc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// Dial connects to the service's Unix socket at path, "" for [DefaultPath].
// Before it does, it makes sure that only root or the current user could have
// put the socket there, so that no other program can pose as the service:
// otherwise ErrUntrusted. Nothing there, or nobody listening, is ErrNotRunning;
// no access is ErrNotAllowed.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	if path == "" {
		path = DefaultPath
	}
	if err := checkServer(path); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, dialError(path, err)
	}
	return conn, nil
}

// checkServer checks who could have made the socket.
func checkServer(path string) error {
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return dialError(path, err)
	}
	if !dir.IsDir() {
		return fmt.Errorf("%w: %s is not a directory", ErrUntrusted, filepath.Dir(path))
	}
	if !ours(dir) {
		return fmt.Errorf("%w: %s belongs neither to root nor to you", ErrUntrusted, filepath.Dir(path))
	}
	sock, err := os.Lstat(path)
	if err != nil {
		return dialError(path, err)
	}
	if sock.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%w: %s is not a socket", ErrUntrusted, path)
	}
	// In a directory that others may write to, what counts is the socket's
	// owner, and that others cannot replace it.
	if dir.Mode().Perm()&0o022 != 0 && !writersAreOurs(dir) {
		if dir.Mode()&os.ModeSticky == 0 {
			return fmt.Errorf("%w: others may write to %s", ErrUntrusted, filepath.Dir(path))
		}
		if !ours(sock) {
			return fmt.Errorf("%w: %s belongs neither to root nor to you", ErrUntrusted, path)
		}
	}
	return nil
}

// ours reports whether root or the current user owns the file.
func ours(fi os.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && (st.Uid == 0 || int(st.Uid) == os.Geteuid())
}

// writersAreOurs reports whether the directory's mode, although it lets others
// than the owner write, lets only root's group or the user's own group do so.
func writersAreOurs(fi os.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && fi.Mode().Perm()&0o002 == 0 && (st.Gid == 0 || int(st.Gid) == os.Getegid() && int(st.Uid) == os.Geteuid())
}

// dialError turns a system error into a sentinel where there is one.
func dialError(path string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w (no socket at %s)", ErrNotRunning, path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (nobody listens at %s)", ErrNotRunning, path)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w (no access to %s)", ErrNotAllowed, path)
	}
	return fmt.Errorf("connect to %s: %w", path, err)
}
