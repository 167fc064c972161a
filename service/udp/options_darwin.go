package udp

import "golang.org/x/sys/unix"

// newTransport returns the portable transport: the system has no batch calls
// that Go can use without cgo.
func newTransport(sk *socket, _ Config) transport { return newPlain(sk) }

// tune sets buffers and fragmentation.
func tune(sk *socket, cfg Config) {
	tuneBuffers(sk)
	rc, err := sk.conn.SyscallConn()
	if err == nil {
		err = rc.Control(func(fd uintptr) {
			// Both are off by default; a refusal on old systems changes nothing.
			if sk.v6 {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_DONTFRAG, 0)
			} else {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_DONTFRAG, 0)
			}
		})
	}
	if err != nil {
		cfg.Log.Warn("cannot tune a UDP socket", "err", err)
	}
}

// bindDevice makes the socket send by one interface only, whatever the routes
// are.
func bindDevice(fd uintptr, v6 bool, b *Binding) error {
	if v6 {
		return unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_BOUND_IF, b.Index)
	}
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BOUND_IF, b.Index)
}

// notPermitted reports whether err means that we lack the right to do that;
// here everybody has it.
func notPermitted(error) bool { return false }
