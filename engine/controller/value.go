package controller

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// document is a JSON object. Numbers are json.Number, kept as they were
// written, so that what we do not understand survives unchanged.
type document map[string]any

var (
	errNotUTF8  = errors.New("not UTF-8 text")
	errTrailing = errors.New("more than one JSON value")
)

// parseValue reads one JSON value with nothing after it.
func parseValue(b []byte) (any, error) {
	if !utf8.Valid(b) {
		return nil, errNotUTF8
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("empty")
		}
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	return v, nil
}

// encode renders a value compactly with keys in ascending byte order. Values
// come from parseValue or from this package, so that it cannot fail.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("controller: document cannot be encoded: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// number is an unsigned integer as a document holds it.
func number(v uint64) json.Number { return json.Number(strconv.FormatUint(v, 10)) }

// signed is an integer as a document holds it.
func signed(v int64) json.Number { return json.Number(strconv.FormatInt(v, 10)) }

// toUint coerces as spec 05 §2.2 says: numbers are truncated and wrap to 64
// bits, text gives its decimal prefix, anything else the default.
func toUint(v any, def uint64) uint64 {
	switch v := v.(type) {
	case json.Number:
		u, _ := numberBits(v)
		return u
	case string:
		u, _ := decimalPrefix(v)
		return u
	case bool:
		if v {
			return 1
		}
		return 0
	}
	return def
}

// negative reports whether toUint would wrap v.
func negative(v any) bool {
	switch v := v.(type) {
	case json.Number:
		_, neg := numberBits(v)
		return neg
	case string:
		_, neg := decimalPrefix(v)
		return neg
	}
	return false
}

// toBool coerces as spec 05 §2.2 says.
func toBool(v any, def bool) bool {
	switch v := v.(type) {
	case bool:
		return v
	case json.Number:
		u, _ := numberBits(v)
		return u > 0
	case string:
		return v != "" && (v[0] == 't' || v[0] == 'T' || v[0] == '1')
	}
	return def
}

// toText coerces as spec 05 §2.2 says.
func toText(v any, def string) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		u, _ := numberBits(v)
		return strconv.FormatUint(u, 10)
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	return def
}

// numberBits truncates a JSON number toward zero and wraps negative ones. What
// exceeds 64 bits saturates.
func numberBits(n json.Number) (u uint64, neg bool) {
	s := string(n)
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return u, false
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return uint64(i), i < 0
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && math.IsNaN(f) {
		return 0, false
	}
	f = math.Trunc(f)
	switch {
	case f >= 1<<64:
		return math.MaxUint64, false
	case f >= 0:
		return uint64(f), false
	case f <= math.MinInt64:
		return 1 << 63, true
	default:
		return uint64(int64(f)), true
	}
}

// decimalPrefix reads digits as the C library's strtoull does: blanks and a
// sign may come first, the first other character ends, too much saturates.
func decimalPrefix(s string) (u uint64, neg bool) {
	s, neg = signAndBlanks(s)
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	u, err := strconv.ParseUint(s[:i], 10, 64)
	return finishPrefix(u, err, neg)
}

// hexPrefix is decimalPrefix for base 16 with an optional 0x.
func hexPrefix(s string) uint64 {
	s, neg := signAndBlanks(s)
	if len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && hexDigit(s[2]) {
		s = s[2:]
	}
	i := 0
	for i < len(s) && hexDigit(s[i]) {
		i++
	}
	u, err := strconv.ParseUint(s[:i], 16, 64)
	u, _ = finishPrefix(u, err, neg)
	return u
}

func signAndBlanks(s string) (rest string, neg bool) {
	for s != "" && (s[0] == ' ' || s[0] >= '\t' && s[0] <= '\r') {
		s = s[1:]
	}
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return s[1:], s[0] == '-'
	}
	return s, false
}

func finishPrefix(u uint64, err error, neg bool) (uint64, bool) {
	if err != nil {
		if errors.Is(err, strconv.ErrRange) {
			return math.MaxUint64, false
		}
		return 0, false
	}
	if neg && u != 0 {
		return -u, true
	}
	return u, false
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
