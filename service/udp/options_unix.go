//go:build unix

package udp

import (
	"errors"

	"golang.org/x/sys/unix"
)

// errInUse is the system's answer for a port that another program has.
const errInUse = unix.EADDRINUSE

// familyMissing reports whether err means that the machine lacks the family.
func familyMissing(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EPROTONOSUPPORT)
}

// claim leaves address reuse off, so that the port is ours alone. Go has made
// the IPv6 socket v6-only already.
func claim(uintptr) error { return nil }

// transientReceive reports whether the socket is still good after err: these
// are about a packet or the moment.
func transientReceive(err error) bool {
	for _, e := range []unix.Errno{unix.EINTR, unix.ECONNREFUSED, unix.ENOBUFS, unix.ENOMEM, unix.EHOSTUNREACH, unix.ENETUNREACH} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
