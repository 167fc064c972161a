package loose

import (
	"encoding/json"
	"math"
	"strconv"
)

// Number is an unsigned integer as a JSON document holds it.
func Number(v uint64) json.Number { return json.Number(strconv.FormatUint(v, 10)) }

// ToUint coerces a decoded JSON value to an integer (spec 05 §2.2): numbers are
// truncated and wrap to 64 bits, text gives its decimal prefix, anything else
// def.
func ToUint(v any, def uint64) uint64 {
	switch v := v.(type) {
	case string:
		return Uint(v, 10)
	case bool:
		if v {
			return 1
		}
		return 0
	}
	if u, _, ok := Bits(v); ok {
		return u
	}
	return def
}

// Negative reports whether [ToUint] would wrap v.
func Negative(v any) bool {
	if s, ok := v.(string); ok {
		_, negative := wrapped(s, 10)
		return negative
	}
	_, negative, _ := Bits(v)
	return negative
}

// ToBool coerces a decoded JSON value to a boolean (spec 05 §2.2).
func ToBool(v any, def bool) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v != "" && (v[0] == 't' || v[0] == 'T' || v[0] == '1')
	}
	if u, _, ok := Bits(v); ok {
		return u > 0
	}
	return def
}

// ToText coerces a decoded JSON value to text (spec 05 §2.2): numbers become
// unsigned decimals.
func ToText(v any, def string) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	if u, _, ok := Bits(v); ok {
		return strconv.FormatUint(u, 10)
	}
	return def
}

// Bits is a JSON number as 64 bits: truncated toward zero, negative ones in two's
// complement, beyond the range saturated. It takes what decoders make of
// numbers, with and without UseNumber, and Go's integers; ok is false for
// anything else.
func Bits(v any) (u uint64, negative, ok bool) {
	var f float64
	switch v := v.(type) {
	case json.Number:
		if u, err := strconv.ParseUint(string(v), 10, 64); err == nil {
			return u, false, true
		}
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return uint64(i), i < 0, true
		}
		f, _ = strconv.ParseFloat(string(v), 64) // infinite if out of range
	case float64:
		f = v
	case int:
		return uint64(v), v < 0, true
	case int64:
		return uint64(v), v < 0, true
	case uint64:
		return v, false, true
	default:
		return 0, false, false
	}
	switch f = math.Trunc(f); {
	case f >= 1<<64:
		return math.MaxUint64, false, true
	case f >= 0:
		return uint64(f), false, true
	case f <= math.MinInt64:
		return 1 << 63, true, true
	case f < 0:
		return uint64(int64(f)), true, true
	}
	return 0, false, true // not a number
}
