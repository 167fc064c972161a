// Package instance makes sure that the application runs once per session: a
// second start hands its link to the first and ends. It starts no goroutines.
package instance

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// patience bounds how long one instance waits for the other, which may only just
// be starting on a slow machine.
const patience = 20 * time.Second

// maxLink bounds a link, in bytes.
const maxLink = 8 << 10

// Instance is the one that runs.
type Instance struct{ l net.Listener }

// Path is where the instance of a session listens; parts tell sessions apart,
// such as the display and the service's socket.
func Path(parts ...string) (string, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("find a folder for the running instance: %w", err)
		}
		dir = filepath.Join(cache, "orrery")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a folder for the running instance: %w", err)
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return filepath.Join(dir, fmt.Sprintf("orrery-%x.sock", sum[:4])), nil
}

// Claim makes this process the instance of path. If there is one already, link
// is handed to it and the instance is nil.
func Claim(path, link string) (*Instance, error) {
	for range 2 {
		l, err := net.Listen("unix", path)
		if err == nil {
			return &Instance{l: l}, nil
		}
		switch handErr := hand(path, link); {
		case handErr == nil:
			return nil, nil
		case !errors.Is(handErr, errNobody):
			return nil, handErr
		}
		// Left behind by an instance that was killed.
		if rm := os.Remove(path); rm != nil && !errors.Is(rm, os.ErrNotExist) {
			return nil, fmt.Errorf("listen for further instances: %w", err)
		}
	}
	return nil, fmt.Errorf("listen for further instances at %s: somebody else is faster", path)
}

// errNobody is returned when nobody listens any more.
var errNobody = errors.New("no running instance")

// hand gives link to the running instance.
func hand(path, link string) error {
	c, err := net.DialTimeout("unix", path, patience)
	if err != nil {
		return errNobody
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("hand over to the running instance: %w", err)
	}
	if _, err := fmt.Fprintf(c, "%s\n", strings.ReplaceAll(link, "\n", " ")); err != nil {
		return fmt.Errorf("hand over to the running instance: %w", err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		return fmt.Errorf("the running instance does not answer: %w", err)
	}
	return nil
}

// Serve calls open with the link (mostly empty) of every further start, until
// ctx ends.
func (i *Instance) Serve(ctx context.Context, open func(link string)) {
	stop := context.AfterFunc(ctx, func() { _ = i.l.Close() })
	defer stop()
	for {
		c, err := i.l.Accept()
		if err != nil {
			return
		}
		if link, ok := receive(ctx, c); ok {
			open(link)
		}
	}
}

// receive reads one line and answers one byte. It ends with ctx.
func receive(ctx context.Context, c net.Conn) (string, bool) {
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	if c.SetDeadline(time.Now().Add(patience)) != nil {
		return "", false
	}
	line, err := bufio.NewReader(io.LimitReader(c, maxLink)).ReadString('\n')
	if err != nil {
		return "", false
	}
	_, err = c.Write([]byte{'.'})
	return strings.TrimSpace(line), err == nil
}

// Close stops listening.
func (i *Instance) Close() error {
	if err := i.l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop listening for further instances: %w", err)
	}
	return nil
}
