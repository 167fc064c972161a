package udp

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"orrery/engine/vl1"
)

// mmsghdr is the kernel's struct mmsghdr: a message and, after the call, its
// length. The compiler pads it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// sockaddr has room for the address of either family.
type sockaddr = unix.RawSockaddrInet6

// batched is the Linux transport: recvmmsg and sendmmsg, with UDP_GRO and
// UDP_SEGMENT where the kernel has them.
type batched struct {
	*socket
	raw syscall.RawConn
	// gro is true if received messages can be several datagrams in one.
	gro bool
	// refusals counts segmented messages refused since one was taken.
	refusals refusals
}

// newTransport prepares the socket for batches.
func newTransport(sk *socket, cfg Config) transport {
	raw, err := sk.conn.SyscallConn()
	if err != nil {
		return newPlain(sk)
	}
	b := &batched{socket: sk, raw: raw}
	if cfg.noOffload {
		return b
	}
	_ = raw.Control(func(fd uintptr) { // an error leaves both off
		_, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
		b.segment.Store(err == nil)
		b.gro = !b.small && unix.SetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_GRO, 1) == nil
	})
	return b
}

// putSockaddr writes a as the kernel wants it and returns the length used.
func putSockaddr(sa *sockaddr, a netip.AddrPort) uint32 {
	ip := a.Addr()
	if ip.Is4() || ip.Is4In6() {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: hton(a.Port()), Addr: ip.As4()}
		return unix.SizeofSockaddrInet4
	}
	*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: hton(a.Port()), Addr: ip.As16()}
	return unix.SizeofSockaddrInet6
}

// fromSockaddr reads what the kernel wrote. Scope IDs are left out: link-local
// addresses are no paths. 4-in-6 addresses come out as IPv4.
func fromSockaddr(sa *sockaddr) netip.AddrPort {
	switch sa.Family {
	case unix.AF_INET:
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), hton(v4.Port))
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), hton(sa.Port))
	}
	return netip.AddrPort{}
}

// hton turns a port into network byte order and back.
func hton(p uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], p)
	return binary.NativeEndian.Uint16(b[:])
}

// sameFlow reports whether two datagrams may share a message.
func sameFlow(a, b *vl1.Datagram) bool {
	return a.Remote == b.Remote && a.TTL == b.TTL
}
