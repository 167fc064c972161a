package wire

import "math"

// parseUint reads a number as C's strtoull does: white space, a sign and, in
// base 16, "0x" may precede it, it ends at the first character that is not a
// digit, nothing is 0, too much is the highest number, and a minus sign negates
// modulo 2^64.
func parseUint[T string | []byte](s T, base uint64) uint64 {
	v, negative, overflow := scanNumber(s, base)
	switch {
	case overflow:
		return math.MaxUint64
	case negative:
		return -v
	}
	return v
}

// parseInt reads a number as C's strtoll does: as parseUint, but limited to the
// range of an int64.
func parseInt[T string | []byte](s T, base uint64) int64 {
	v, negative, overflow := scanNumber(s, base)
	switch {
	case negative && (overflow || v > 1<<63):
		return math.MinInt64
	case negative:
		return -int64(v)
	case overflow || v > math.MaxInt64:
		return math.MaxInt64
	}
	return int64(v)
}

func scanNumber[T string | []byte](s T, base uint64) (v uint64, negative, overflow bool) {
	for len(s) > 0 && (s[0] == ' ' || s[0] >= '\t' && s[0] <= '\r') {
		s = s[1:]
	}
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	// "0x" without a digit behind it is the number 0, which an 'x' ends.
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' && digit(s[2]) < base {
		s = s[2:]
	}
	for ; len(s) > 0; s = s[1:] {
		d := digit(s[0])
		if d >= base {
			break
		}
		if v > (math.MaxUint64-d)/base {
			overflow = true
		}
		v = v*base + d
	}
	return v, negative, overflow
}

// digit is the value of a digit of either case, 255 for other characters.
func digit(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return uint64(c|0x20-'a') + 10
	}
	return 255
}
