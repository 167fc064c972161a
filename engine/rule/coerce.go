package rule

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"orrery/engine/identity"
)

// number is an integer as a JSON document holds it.
func number(v uint64) json.Number { return json.Number(strconv.FormatUint(v, 10)) }

// numberBits is a JSON number as 64 bits: truncated toward zero, negative ones
// in two's complement, beyond the range saturated.
func numberBits(v any) (u uint64, ok bool) {
	var f float64
	switch v := v.(type) {
	case json.Number:
		if u, err := strconv.ParseUint(string(v), 10, 64); err == nil {
			return u, true
		}
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return uint64(i), true
		}
		f, _ = strconv.ParseFloat(string(v), 64)
	case float64:
		f = v
	case int:
		return uint64(v), true
	case int64:
		return uint64(v), true
	case uint64:
		return v, true
	default:
		return 0, false
	}
	switch {
	case math.IsNaN(f):
		return 0, true
	case f >= 1<<64:
		return math.MaxUint64, true
	case f >= 0:
		return uint64(f), true
	case f <= math.MinInt64:
		return 1 << 63, true
	}
	return uint64(int64(f)), true
}

// toUint coerces to an integer (spec 05 §2.2).
func toUint(v any, def uint64) uint64 {
	switch v := v.(type) {
	case string:
		return scanUint(v, 10)
	case bool:
		if v {
			return 1
		}
		return 0
	}
	if u, ok := numberBits(v); ok {
		return u
	}
	return def
}

// toBool coerces to a boolean; the default is false.
func toBool(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v != "" && (v[0] == 't' || v[0] == 'T' || v[0] == '1')
	}
	u, _ := numberBits(v)
	return u > 0
}

// toText coerces to text: numbers become unsigned decimals.
func toText(v any, def string) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	if u, ok := numberBits(v); ok {
		return strconv.FormatUint(u, 10)
	}
	return def
}

// toAddress reads hex digits by C's rules; the low 40 bits count. A number is
// read as if its decimal digits were hex.
func toAddress(v any) identity.Address {
	return identity.Address(scanUint(toText(v, "0"), 16) & addressMask)
}

// scanUint reads a number as C's strtoull does: blanks, a sign and in base 16
// "0x" may come first, any other character ends it, too much saturates.
func scanUint(s string, base uint64) (v uint64) {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' && hexDigit(s[2]) < 16 {
		s = s[2:]
	}
	for i := 0; i < len(s); i++ {
		d := uint64(hexDigit(s[i]))
		if d >= base {
			break
		}
		if v > (math.MaxUint64-d)/base {
			return math.MaxUint64
		}
		v = v*base + d
	}
	if negative {
		return -v
	}
	return v
}

// hexDigit is the value of a hex digit, 16 for other characters.
func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}

// toMAC reads pairs of hex digits, dashes and colons aside. Other characters
// count as a zero digit, a lone last digit does not count, and missing bytes
// are zero.
func toMAC(s string) (m identity.MAC) {
	s = strings.NewReplacer("-", "", ":", "").Replace(s)
	for i := range 6 {
		m <<= 8
		if 2*i+1 < len(s) {
			m |= identity.MAC(hexDigit(s[2*i])&15<<4 | hexDigit(s[2*i+1])&15)
		}
	}
	return m
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
	bits := scanUint(tail, 10)
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
