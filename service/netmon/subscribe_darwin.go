package netmon

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// subscribe opens a routing socket at once, so that nothing after it is missed,
// and returns what reads from it until the context ends.
func subscribe() (func(ctx context.Context, changed func(Notice)) error, error) {
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd) // never used
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(fd), "route")
	return func(ctx context.Context, changed func(Notice)) error {
		stop := context.AfterFunc(ctx, func() { _ = f.Close() })
		defer func() {
			if stop() {
				_ = f.Close() // reading has failed, that error counts
			}
		}()
		return read(f, changed)
	}, nil
}

// read reports messages until the socket fails.
func read(f *os.File, changed func(Notice)) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.ENOBUFS) {
			changed(Notice{Links: true, Addresses: true, Routes: true})
			continue
		}
		if err != nil {
			return fmt.Errorf("read from routing socket: %w", err)
		}
		if n := digest(buf[:n]); n != (Notice{}) {
			changed(n)
		}
	}
}

// digest says what a message is about: its type is the fourth byte.
func digest(msg []byte) Notice {
	if len(msg) < 4 {
		return Notice{}
	}
	switch msg[3] {
	case unix.RTM_IFINFO, unix.RTM_IFINFO2:
		return Notice{Links: true}
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		return Notice{Addresses: true}
	case unix.RTM_ADD, unix.RTM_DELETE, unix.RTM_CHANGE:
		return Notice{Routes: true}
	}
	return Notice{}
}
