package wire

import (
	"bytes"

	"orrery/engine/identity"
	"orrery/engine/internal/loose"
)

// maxNumber is how much of a value is read as a number.
const maxNumber = 127

// Dictionary is a parsed text of key=value lines, as in network configurations,
// request metadata, traces and authentication data (spec 01 §11, spec 04 §3).
// The zero value is empty. It refers to the text that it was parsed from, which
// must not change. Of several lines with the same key the first counts.
type Dictionary struct {
	text  []byte
	lines []dictionaryLine
}

// dictionaryLine is a line by offsets in the text: 12 bytes for at least 2 of
// text, so that hostile input costs little.
type dictionaryLine struct{ start, equals, end uint32 }

// ParseDictionary reads a text. It ends at the first NUL, or after capacity-1
// bytes as in the reference's buffers; 0 is no limit. CR and LF end a line; lines
// without '=' are ignored. There is no text that is not a dictionary.
func ParseDictionary(b []byte, capacity int) Dictionary {
	if capacity > 0 && len(b) > capacity-1 {
		b = b[:capacity-1]
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	d := Dictionary{text: b}
	for start := 0; start < len(b); {
		end := start + lineLen(b[start:])
		if i := bytes.IndexByte(b[start:end], '='); i >= 0 {
			d.lines = append(d.lines, dictionaryLine{uint32(start), uint32(start + i), uint32(end)})
		}
		start = end + 1
	}
	return d
}

func lineLen(b []byte) int {
	for i, c := range b {
		if c == '\n' || c == '\r' {
			return i
		}
	}
	return len(b)
}

// Len is the number of entries, hidden ones included.
func (d *Dictionary) Len() int { return len(d.lines) }

// At returns the entry with index i, from 0 to Len-1, in the order of the text.
func (d *Dictionary) At(i int) (key string, value []byte) {
	l := d.lines[i]
	return string(d.text[l.start:l.equals]), unescape(d.text[l.equals+1 : l.end])
}

// raw returns the value as it is in the text.
func (d *Dictionary) raw(key string) ([]byte, bool) {
	for _, l := range d.lines {
		if string(d.text[l.start:l.equals]) == key {
			return d.text[l.equals+1 : l.end], true
		}
	}
	return nil, false
}

// Has reports whether there is an entry, even an empty one.
func (d *Dictionary) Has(key string) bool {
	_, ok := d.raw(key)
	return ok
}

// Get returns the unescaped value of a key and whether there is one. It is a
// view of the text unless something was escaped.
func (d *Dictionary) Get(key string) ([]byte, bool) {
	v, ok := d.raw(key)
	return unescape(v), ok
}

// Limited returns a value as the reference reads it into a buffer of size bytes
// with a terminating NUL: its first size-1 bytes.
func (d *Dictionary) Limited(key string, size int) ([]byte, bool) {
	v, ok := d.Get(key)
	return v[:min(len(v), max(size-1, 0))], ok
}

// Text returns a value as text, or def if there is none. Like a C string it ends
// at the first NUL, if the value contains one. It need not be UTF-8.
func (d *Dictionary) Text(key, def string) string {
	v, ok := d.Get(key)
	if !ok {
		return def
	}
	return cString(v)
}

func cString(v []byte) string {
	if i := bytes.IndexByte(v, 0); i >= 0 {
		v = v[:i]
	}
	return string(v)
}

// Uint64 returns a value as a hexadecimal number, or def if there is none or it
// is empty. It reads as C's strtoull does, of the first 127 bytes (spec 01 §11).
func (d *Dictionary) Uint64(key string, def uint64) uint64 {
	v, _ := d.Limited(key, maxNumber+1)
	if len(v) == 0 {
		return def
	}
	return loose.Uint(v, 16)
}

// Int64 is [Dictionary.Uint64] for signed numbers, with the range of an int64.
func (d *Dictionary) Int64(key string, def int64) int64 {
	v, _ := d.Limited(key, maxNumber+1)
	if len(v) == 0 {
		return def
	}
	return loose.Int(v, 16)
}

// Address returns the low 40 bits of a number as an address, 0 if there is none.
func (d *Dictionary) Address(key string) identity.Address {
	return identity.Address(d.Uint64(key, 0) & 0xffffffffff)
}

// Bool returns whether a value begins with '1', 't' or 'T', or def if there is
// none. An empty value is false.
func (d *Dictionary) Bool(key string, def bool) bool {
	v, ok := d.raw(key)
	if !ok {
		return def
	}
	// An escape decodes to a character that begins no true value, or to itself.
	if len(v) > 1 && v[0] == '\\' {
		v = unescape(v[:2])
	}
	return len(v) > 0 && (v[0] == '1' || v[0] == 't' || v[0] == 'T')
}

// unescape undoes [appendEscaped]. Of unknown escapes the character stays, and a
// lone backslash at the end vanishes.
func unescape(v []byte) []byte {
	i := bytes.IndexByte(v, '\\')
	if i < 0 {
		return v
	}
	out := append(make([]byte, 0, len(v)), v[:i]...)
	for ; i < len(v); i++ {
		c := v[i]
		if c == '\\' {
			i++
			if i == len(v) {
				break
			}
			c = unescaped(v[i])
		}
		out = append(out, c)
	}
	return out
}

func unescaped(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 'e':
		return '='
	}
	return c
}
