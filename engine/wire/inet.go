package wire

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	"orrery/engine/internal/loose"
)

// Type bytes of a physical address on the wire (spec 02 §8.4).
const (
	inetNil       = 0x00
	inetEthernet  = 0x01
	inetBluetooth = 0x02
	inetOther     = 0x03
	inetIPv4      = 0x04
	inetIPv6      = 0x06
)

// Lengths of a physical address on the wire, type byte included.
const (
	InetNilLen  = 1
	InetIPv4Len = 7
	InetIPv6Len = 19
)

// maxInetText is the longest text that the reference reads as an address.
const maxInetText = 63

// InetLen is the number of bytes that [AppendInet] writes for a.
func InetLen(a netip.AddrPort) int {
	switch {
	case a.Addr().Is4():
		return InetIPv4Len
	case a.Addr().Is6():
		return InetIPv6Len
	}
	return InetNilLen
}

// AppendInet appends a physical address: type, IP, and port, big-endian. The
// zero AddrPort is nil, one zero byte. The family is kept as it is: an IPv4
// address in IPv6 form must be unmapped before. Zones are not carried. The port
// doubles as prefix length or metric (spec 01 §5.1).
func AppendInet(b []byte, a netip.AddrPort) []byte {
	switch ip := a.Addr(); {
	case ip.Is4():
		v4 := ip.As4()
		b = append(b, inetIPv4, v4[0], v4[1], v4[2], v4[3])
	case ip.Is6():
		v6 := ip.As16()
		b = append(append(b, inetIPv6), v6[:]...)
	default:
		return append(b, inetNil)
	}
	return binary.BigEndian.AppendUint16(b, a.Port())
}

// ParseInet reads a physical address from the start of b and returns how many
// bytes it took. Nil and the reserved types 1 to 3 give the zero AddrPort. An
// address that does not fit b is ErrTruncated, reserved types included, which
// the reference does not check; other types are ErrFormat (spec 02 §8.4).
func ParseInet(b []byte) (a netip.AddrPort, n int, err error) {
	if len(b) == 0 {
		return a, 0, ErrTruncated
	}
	switch b[0] {
	case inetNil:
		return a, InetNilLen, nil
	case inetIPv4:
		if len(b) < InetIPv4Len {
			return a, 0, ErrTruncated
		}
		return inet4(b[1:]), InetIPv4Len, nil
	case inetIPv6:
		if len(b) < InetIPv6Len {
			return a, 0, ErrTruncated
		}
		return inet6(b[1:]), InetIPv6Len, nil
	case inetEthernet, inetBluetooth:
		n = 7
	case inetOther:
		if len(b) < 3 {
			return a, 0, ErrTruncated
		}
		n = 3 + int(binary.BigEndian.Uint16(b[1:]))
	default:
		return a, 0, ErrFormat
	}
	if len(b) < n {
		return a, 0, ErrTruncated
	}
	return a, n, nil
}

// inet4 reads 4 bytes of IP and 2 of port.
func inet4(b []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), binary.BigEndian.Uint16(b[4:]))
}

// inet6 reads 16 bytes of IP and 2 of port.
func inet6(b []byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[:16])), binary.BigEndian.Uint16(b[16:]))
}

// FormatInet returns the text form "ip/port" of files and APIs, empty for the
// zero AddrPort (spec 01 §5.2).
func FormatInet(a netip.AddrPort) string {
	if !a.Addr().IsValid() {
		return ""
	}
	b := make([]byte, 0, 48)
	b = a.Addr().WithZone("").AppendTo(b)
	b = append(b, '/')
	return string(strconv.AppendUint(b, uint64(a.Port()), 10))
}

// ParseInetText reads "ip/port"; the number may be missing. As in the reference,
// empty text is the zero AddrPort, and the number is read by the rules of C: it
// ends at the first other character and is taken modulo 65536. Unlike in the
// reference, an IP that does not parse is ErrFormat and not 0.0.0.0; so are text
// without an IP and IPv6 zones. Over 63 characters are ErrTooLong (spec 01 §5.2).
func ParseInetText(s string) (netip.AddrPort, error) {
	if s == "" {
		return netip.AddrPort{}, nil
	}
	if len(s) > maxInetText {
		return netip.AddrPort{}, ErrTooLong
	}
	text, number, _ := strings.Cut(s, "/")
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" {
		return netip.AddrPort{}, ErrFormat
	}
	return netip.AddrPortFrom(ip, uint16(loose.Uint(number, 10))), nil
}
