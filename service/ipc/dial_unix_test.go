//go:build !windows

package ipc

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestDial: what can be wrong with a path is told apart.
func TestDial(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(dir, "dead")
	l, err := net.Listen("unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	alive := filepath.Join(dir, "alive")
	if l, err = net.Listen("unix", alive); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(alive, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		want       error
	}{
		{"no socket", filepath.Join(dir, "none"), ErrNotRunning},
		{"no directory", filepath.Join(dir, "none", "none"), ErrNotRunning},
		{"file as directory", filepath.Join(file, "s"), ErrUntrusted},
		{"dead socket", dead, ErrNotRunning},
		{"file", file, ErrUntrusted},
		{"link", link, ErrUntrusted},
		{"alive", alive, nil},
	} {
		conn, err := Dial(context.Background(), c.path)
		if err == nil {
			conn.Close()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
