package portmap

import (
	"errors"

	"golang.org/x/sys/windows"
)

// closedPort reports whether an error of a socket says that nothing listens at
// the other end.
func closedPort(err error) bool {
	return errors.Is(err, windows.WSAECONNREFUSED) || errors.Is(err, windows.WSAECONNRESET)
}

// tooLong reports whether a datagram did not fit.
func tooLong(err error) bool { return errors.Is(err, windows.WSAEMSGSIZE) }
