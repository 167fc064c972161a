package wire

import "net/netip"

// Scope is the reach of an IP address. The numbers are an order of preference
// for paths, higher is better, and index limits (spec 01 §5.3).
type Scope uint8

// The scopes. ScopeShared is never found; it keeps its number.
const (
	ScopeNone Scope = iota
	ScopeMulticast
	ScopeLoopback
	ScopePseudoPrivate
	ScopeGlobal
	ScopeLinkLocal
	ScopeShared
	ScopePrivate
)

// String returns a name for logs.
func (s Scope) String() string {
	switch s {
	case ScopeNone:
		return "none"
	case ScopeMulticast:
		return "multicast"
	case ScopeLoopback:
		return "loopback"
	case ScopePseudoPrivate:
		return "pseudo-private"
	case ScopeGlobal:
		return "global"
	case ScopeLinkLocal:
		return "link-local"
	case ScopeShared:
		return "shared"
	case ScopePrivate:
		return "private"
	}
	return "undefined"
}

// ScopeOf classifies an address as the reference does, bit for bit: carrier NAT
// and the documentation ranges are private, all of fe80::/10 that ends in ::1 is
// loopback, and IPv4 in IPv6 form is global unless it is loopback (spec 01 §5.3).
func ScopeOf(ip netip.Addr) Scope {
	switch {
	case ip.Is4():
		return scope4(ip.As4())
	case ip.Is6():
		return scope6(ip.As16())
	}
	return ScopeNone
}

func scope4(b [4]byte) Scope {
	switch b[0] {
	case 0, 255:
		return ScopeNone
	case 6, 11, 21, 22, 25, 26, 28, 29, 30, 51, 55, 56:
		return ScopePseudoPrivate
	case 10:
		return ScopePrivate
	case 100:
		if b[1]&0xc0 == 64 {
			return ScopePrivate
		}
	case 127:
		return ScopeLoopback
	case 169:
		if b[1] == 254 {
			return ScopeLinkLocal
		}
	case 172:
		if b[1]&0xf0 == 16 {
			return ScopePrivate
		}
	case 192:
		if b[1] == 168 || b[1] == 0 && b[2] == 2 {
			return ScopePrivate
		}
	case 198:
		if b[1]&0xfe == 18 || b[1] == 51 && b[2] == 100 {
			return ScopePrivate
		}
	case 203:
		if b[1] == 0 && b[2] == 113 {
			return ScopePrivate
		}
	}
	switch b[0] >> 4 {
	case 14:
		return ScopeMulticast
	case 15:
		return ScopePseudoPrivate
	}
	return ScopeGlobal
}

func scope6(b [16]byte) Scope {
	switch {
	case b[0] == 0xff:
		return ScopeMulticast
	case b[0] == 0xfe && b[1]&0xc0 == 0x80:
		if zero(b[2:15]) && b[15] == 1 {
			return ScopeLoopback
		}
		return ScopeLinkLocal
	case b[0]&0xfe == 0xfc:
		return ScopePrivate
	case zero(b[:9]) && b[10] == 0xff && b[11] == 0xff && b[12] == 127:
		return ScopeLoopback
	case zero(b[:15]) && b[15] == 1:
		return ScopeLoopback
	case zero(b[:]):
		return ScopeNone
	}
	return ScopeGlobal
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// UsableForPath reports whether packets may be sent to ip at all: it is private,
// pseudo-private, shared or global, and not in 2001:470::/32, whose tunnels do
// worse than the path below them (spec 01 §5.3, spec 02 §15.3).
func UsableForPath(ip netip.Addr) bool {
	switch ScopeOf(ip) {
	case ScopePrivate, ScopePseudoPrivate, ScopeShared, ScopeGlobal:
	default:
		return false
	}
	if ip.Is4() {
		return true
	}
	b := ip.As16()
	return b[0] != 0x20 || b[1] != 0x01 || b[2] != 0x04 || b[3] != 0x70
}
