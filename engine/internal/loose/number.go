package loose

import "math"

// Uint reads a number as C's strtoull does: white space, a sign and, in base 16,
// "0x" may precede it, it ends at the first character that is not a digit,
// nothing is 0, too much is the highest number, and a minus sign negates modulo
// 2^64.
func Uint[T string | []byte](s T, base uint64) uint64 {
	v, _ := wrapped(s, base)
	return v
}

// wrapped is Uint, and whether it wrapped around.
func wrapped[T string | []byte](s T, base uint64) (v uint64, negative bool) {
	v, negative, overflow := scan(s, base)
	switch {
	case overflow:
		return math.MaxUint64, false
	case negative:
		return -v, v != 0
	}
	return v, false
}

// Int reads a number as C's strtoll does: as [Uint], but limited to the range of
// an int64.
func Int[T string | []byte](s T, base uint64) int64 {
	v, negative, overflow := scan(s, base)
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

func scan[T string | []byte](s T, base uint64) (v uint64, negative, overflow bool) {
	for len(s) > 0 && (s[0] == ' ' || s[0] >= '\t' && s[0] <= '\r') {
		s = s[1:]
	}
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	// "0x" without a digit behind it is the number 0, which an 'x' ends.
	if base == 16 && len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' && Digit(s[2]) < base {
		s = s[2:]
	}
	for ; len(s) > 0; s = s[1:] {
		d := Digit(s[0])
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

// Digit is the value of a hexadecimal digit of either case, 255 for other
// characters.
func Digit(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return uint64(c|0x20-'a') + 10
	}
	return 255
}
