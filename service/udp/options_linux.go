package udp

import (
	"errors"

	"golang.org/x/sys/unix"
)

// tune sets buffers, fragmentation and mark. What the kernel refuses is noted,
// not fatal, except that a wrong mark would be: without it our own packets may
// run into our own tunnel, so that is a warning.
func tune(sk *socket, cfg Config) {
	rc, err := sk.conn.SyscallConn()
	if err != nil {
		cfg.Log.Warn("cannot tune a UDP socket", "err", err)
		return
	}
	err = rc.Control(func(fd uintptr) { tuneFD(int(fd), sk.v6, cfg) })
	if err != nil {
		cfg.Log.Warn("cannot tune a UDP socket", "err", err)
	}
}

func tuneFD(fd int, v6 bool, cfg Config) {
	// The plain options are clamped to a system limit, never refused; the forced
	// ones need CAP_NET_ADMIN.
	for _, o := range [][2]int{{unix.SO_RCVBUF, unix.SO_RCVBUFFORCE}, {unix.SO_SNDBUF, unix.SO_SNDBUFFORCE}} {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[0], socketBuffer)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, o[1], socketBuffer)
	}
	// Replies of VL1 can exceed a path's MTU (spec 03 §5.3): let the network
	// fragment them.
	var err error
	if v6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT)
	} else {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DONT)
	}
	if err != nil {
		cfg.Log.Warn("cannot switch path MTU discovery off on a UDP socket", "err", err)
	}
	if cfg.Mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(cfg.Mark)); err != nil {
			cfg.Log.Warn("cannot mark a UDP socket", "err", err)
		}
	}
}

// bindDevice makes the socket send and receive by one interface only.
func bindDevice(fd uintptr, v6 bool, b *Binding) error {
	return unix.BindToDevice(int(fd), b.Device)
}

// notPermitted reports whether err means that we lack the right to do that:
// kernels before 5.7 want CAP_NET_RAW to bind to a device.
func notPermitted(err error) bool { return errors.Is(err, unix.EPERM) }
