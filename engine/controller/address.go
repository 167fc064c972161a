package controller

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"orrery/engine/internal/loose"
	"orrery/engine/wire"
)

// looseIP reads "ip" or "ip/number" the way the reference does (spec 05 §2.5):
// text that has the shape of a family but is no address counts as that
// family's zero, and the number is taken modulo 2^16. It serves stored records,
// which may come from the reference, and compatibility.
func looseIP(s string) (ip netip.Addr, bits int, ok bool) {
	if len(s) > 63 {
		return netip.Addr{}, 0, false
	}
	host, num, _ := strings.Cut(s, "/")
	bits = int(uint16(loose.Uint(num, 10)))
	a, err := netip.ParseAddr(host)
	valid := err == nil && a.Zone() == ""
	switch {
	case strings.Contains(host, ":"):
		if !valid {
			a = netip.IPv6Unspecified()
		}
	case strings.Contains(host, "."):
		if !valid || !a.Is4() {
			a = netip.IPv4Unspecified()
		}
	default:
		return netip.Addr{}, 0, false
	}
	return a, bits, true
}

// strictIP reads an address, with a prefix length that is ignored if loose
// text of the reference has one.
func strictIP(s string) (netip.Addr, bool) {
	host, num, cut := strings.Cut(s, "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return netip.Addr{}, false
	}
	if cut {
		n, err := strconv.ParseUint(num, 10, 8)
		if err != nil || int(n) > a.BitLen() {
			return netip.Addr{}, false
		}
	}
	return a, true
}

// renderIP prints an address as inet_ntop does. It differs from netip for the
// IPv4-compatible block ::/96, which inet_ntop shows dotted.
func renderIP(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		b := a.As16()
		if binary.BigEndian.Uint64(b[:]) == 0 && binary.BigEndian.Uint32(b[8:]) == 0 && binary.BigEndian.Uint16(b[12:]) != 0 {
			return "::" + netip.AddrFrom4([4]byte(b[12:])).String()
		}
	}
	return a.String()
}

// renderPrefix prints "ip/bits" with whatever host bits the address has.
func renderPrefix(a netip.Addr, bits int) string { return renderIP(a) + "/" + strconv.Itoa(bits) }

// covers reports whether target/bits contains a, with the reference's rule for
// targets that have host bits (spec 05 §3.7 B).
func covers(target netip.Addr, bits int, a netip.Addr) bool {
	return wire.Contains(netip.PrefixFrom(target, bits), a)
}
