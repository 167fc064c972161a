package udp

import (
	"fmt"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ignoredPrefixes are names of interfaces that must not carry VL1 (spec 03 §9.1).
var ignoredPrefixes = []string{"feth", "lo", "zt", "tun", "tap", "utun"}

const (
	// siocgifaflagIn6 is SIOCGIFAFLAG_IN6: _IOWR('i', 73, struct in6_ifreq).
	siocgifaflagIn6 = 0xc1206949
	in6IffTentative = 0x0002
	in6IffDuplicate = 0x0004
	in6IffDetached  = 0x0008
	in6IffTemporary = 0x0080
)

// in6Ifreq is struct in6_ifreq: a name and a 272-byte union, of which the
// address goes in and the flags come out.
type in6Ifreq struct {
	name  [16]byte
	union [272]byte
}

// systemAddrs lists the machine's addresses.
func systemAddrs() ([]localAddr, error) {
	ifs, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
	if err != nil {
		fd = -1 // no IPv6: no IPv6 addresses to ask about
	} else {
		defer unix.Close(fd)
	}
	var out []localAddr
	for _, i := range ifs {
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("list addresses of %s: %w", i.Name, err)
		}
		for _, a := range addrs {
			n, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			ip, ok := netip.AddrFromSlice(n.IP)
			if !ok {
				continue
			}
			ip = ip.Unmap()
			out = append(out, localAddr{
				ifname: i.Name,
				index:  i.Index,
				addr:   ip,
				unfit:  ip.Is6() && fd >= 0 && unfit(fd, i.Name, ip),
				up:     i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0,
			})
		}
	}
	return out, nil
}

// unfit asks for the flags of an IPv6 address. An address that vanished
// meanwhile is unfit too.
func unfit(fd int, ifname string, ip netip.Addr) bool {
	var r in6Ifreq
	copy(r.name[:len(r.name)-1], ifname)
	sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&r.union))
	sa.Len, sa.Family, sa.Addr = unix.SizeofSockaddrInet6, unix.AF_INET6, ip.As16()
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), siocgifaflagIn6, uintptr(unsafe.Pointer(&r))); errno != 0 {
		return true
	}
	flags := *(*int32)(unsafe.Pointer(&r.union))
	return flags&(in6IffTentative|in6IffDuplicate|in6IffDetached|in6IffTemporary) != 0
}

// systemRoutes is not needed: a socket bound to an interface that has no route
// to a destination refuses to send there.
func systemRoutes() (routes, error) { return nil, nil }
