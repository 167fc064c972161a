//go:build unix

package portmap

import (
	"errors"

	"golang.org/x/sys/unix"
)

// closedPort reports whether an error of a socket says that nothing listens at
// the other end.
func closedPort(err error) bool { return errors.Is(err, unix.ECONNREFUSED) }

// tooLong reports whether a datagram did not fit. It is no error here.
func tooLong(error) bool { return false }
