package udp

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Outside returns a function for [net.Dialer.Control] that keeps a connection
// out of our own virtual networks, as the sockets of this package are: by the
// mark that package netcfg routes around them. Without the right to set it, the
// connection is made without, and can only go wrong where netcfg was allowed to
// take the default route. The index of an interface is for systems without marks.
func Outside(mark uint32, _ int) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		if mark == 0 {
			return nil
		}
		return c.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark))
		})
	}
}
