package rule

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"orrery/engine/identity"
	"orrery/engine/internal/loose"
)

// toAddress reads hex digits by C's rules; the low 40 bits count. A number is
// read as if its decimal digits were hex.
func toAddress(v any) identity.Address {
	return identity.Address(loose.Uint(loose.ToText(v, "0"), 16) & addressMask)
}

// toMAC reads pairs of hex digits, dashes and colons aside. Other characters
// count as a zero digit, a lone last digit does not count, and missing bytes
// are zero.
func toMAC(s string) (m identity.MAC) {
	s = strings.NewReplacer("-", "", ":", "").Replace(s)
	for i := range 6 {
		m <<= 8
		if 2*i+1 < len(s) {
			m |= identity.MAC(nibble(s[2*i])<<4 | nibble(s[2*i+1]))
		}
	}
	return m
}

// nibble is the value of a hex digit, 0 for other characters.
func nibble(c byte) uint64 {
	if d := loose.Digit(c); d < 16 {
		return d
	}
	return 0
}

// maxPrefixText is the longest text that is read as an address.
const maxPrefixText = 63

// toPrefix reads "ip/bits" of a family given by its size in bytes. Without bits
// they are 0, which means every address. What Entered refuses otherwise reads as
// the zero address, and too many bits as all.
func toPrefix(s string, size int, mode Mode) (netip.Addr, uint8, error) {
	text, tail, slash := strings.Cut(s, "/")
	ip, err := netip.ParseAddr(text)
	if err == nil && (ip.Zone() != "" || len(ip.AsSlice()) != size) {
		err = ErrField
	}
	bits := loose.Uint(tail, 10)
	if mode == Entered {
		if err != nil {
			return ip, 0, fmt.Errorf("%w: ip %q is not an address of this family", ErrField, shorten(s))
		}
		if slash && (strings.Trim(tail, "0123456789") != "" || tail == "" || bits > uint64(8*size)) {
			return ip, 0, fmt.Errorf("%w: ip %q has an impossible number of bits", ErrField, shorten(s))
		}
	}
	if len(s) > maxPrefixText || !strings.ContainsAny(text, ".:") {
		bits = 0
	}
	if err != nil || len(s) > maxPrefixText {
		ip = netip.IPv4Unspecified()
		if size == 16 {
			ip = netip.IPv6Unspecified()
		}
	}
	return ip, uint8(min(bits&0xff, uint64(8*size))), nil
}

// prefixText is the prefix of an IP match as text.
func (r *Rule) prefixText() string {
	ip := netip.AddrFrom4(as4(r.IP))
	if r.Type == MatchIPv6Source || r.Type == MatchIPv6Destination {
		ip = netip.AddrFrom16(as16(r.IP))
	}
	return ip.String() + "/" + strconv.Itoa(int(r.Bits))
}

// shorten cuts text for a message.
func shorten(s string) string {
	if len(s) > maxPrefixText {
		return s[:maxPrefixText] + "…"
	}
	return s
}
