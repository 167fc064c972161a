package udp

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/windows"
)

const (
	// errInUse is the system's answer for a port that another program has.
	errInUse = windows.WSAEADDRINUSE
	// soExclusiveAddrUse keeps other programs from binding our port as well,
	// which Windows otherwise lets them do by asking for address reuse.
	soExclusiveAddrUse = ^windows.SO_REUSEADDR
	// ipDontFragment is IP_DONTFRAGMENT, ipv6DontFrag IPV6_DONTFRAG.
	ipDontFragment = 14
	ipv6DontFrag   = 14
	// unicastInterface is IP_UNICAST_IF and IPV6_UNICAST_IF.
	unicastInterface = 31
)

// familyMissing reports whether err means that the machine lacks the family.
func familyMissing(err error) bool {
	return errors.Is(err, windows.WSAEAFNOSUPPORT) || errors.Is(err, windows.WSAEADDRNOTAVAIL) || errors.Is(err, windows.WSAEPROTONOSUPPORT)
}

// claim takes the port for this process alone.
func claim(fd uintptr) error {
	return windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soExclusiveAddrUse, 1)
}

// newTransport returns the portable transport.
func newTransport(sk *socket, _ Config) transport { return newPlain(sk) }

// tune sets buffers and fragmentation.
func tune(sk *socket, cfg Config) {
	tuneBuffers(sk)
	rc, err := sk.conn.SyscallConn()
	if err == nil {
		err = rc.Control(func(fd uintptr) {
			// Off is the default; a refusal changes nothing.
			if sk.v6 {
				_ = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IPV6, ipv6DontFrag, 0)
			} else {
				_ = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IP, ipDontFragment, 0)
			}
		})
	}
	if err != nil {
		cfg.Log.Warn("cannot tune a UDP socket", "err", err)
	}
}

// transientReceive reports whether the socket is still good after err: these
// are about a packet or the moment.
func transientReceive(err error) bool {
	for _, e := range []windows.Errno{windows.WSAECONNRESET, windows.WSAENETRESET, windows.WSAEMSGSIZE, windows.WSAENOBUFS, windows.WSAEINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// bindDevice makes the socket send by one interface only, whatever the routes
// are. IPv4 wants the index in network byte order.
func bindDevice(fd uintptr, v6 bool, b *Binding) error {
	if v6 {
		return windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IPV6, unicastInterface, b.Index)
	}
	var index [4]byte
	binary.BigEndian.PutUint32(index[:], uint32(b.Index))
	return windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IP, unicastInterface, int(binary.NativeEndian.Uint32(index[:])))
}

// notPermitted reports whether err means that we lack the right to do that;
// here everybody has it.
func notPermitted(error) bool { return false }
