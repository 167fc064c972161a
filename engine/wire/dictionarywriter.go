package wire

import "strings"

// DictionaryWriter writes the text of a dictionary, entry by entry. The zero
// value is ready and has no limit. An entry that does not fit is left out whole
// (spec 01 §11).
type DictionaryWriter struct {
	b        []byte
	capacity int
	refused  bool
}

// NewDictionaryWriter returns a writer into b, from its start, for text of at
// most capacity-1 bytes, as the reference's buffers hold; 0 is no limit.
func NewDictionaryWriter(b []byte, capacity int) DictionaryWriter {
	return DictionaryWriter{b: b[:0], capacity: capacity}
}

// Bytes returns the text so far.
func (d *DictionaryWriter) Bytes() []byte { return d.b }

// Complete reports whether everything was added.
func (d *DictionaryWriter) Complete() bool { return !d.refused }

// AddBytes adds an entry and reports whether it did: not if it does not fit or
// if the key contains NUL, CR, LF or '='. A second entry of a key is written but
// never read.
func (d *DictionaryWriter) AddBytes(key string, value []byte) bool {
	return addEntry(d, key, value)
}

// AddText is [DictionaryWriter.AddBytes] for text.
func (d *DictionaryWriter) AddText(key, value string) bool { return addEntry(d, key, value) }

// AddUint64 adds a number as 16 hexadecimal digits. There is no form for negative
// numbers that receivers agree on.
func (d *DictionaryWriter) AddUint64(key string, value uint64) bool {
	const digits = "0123456789abcdef"
	var b [16]byte
	for i := range b {
		b[i] = digits[value>>(60-4*i)&0xf]
	}
	return addEntry(d, key, b[:])
}

// AddBool adds "1" or "0".
func (d *DictionaryWriter) AddBool(key string, value bool) bool {
	if value {
		return addEntry(d, key, "1")
	}
	return addEntry(d, key, "0")
}

func addEntry[T string | []byte](d *DictionaryWriter, key string, value T) bool {
	before := len(d.b)
	if strings.ContainsAny(key, "\x00\r\n=") {
		d.refused = true
		return false
	}
	if before > 0 {
		d.b = append(d.b, '\n')
	}
	d.b = append(append(d.b, key...), '=')
	d.b = appendEscaped(d.b, value)
	if d.capacity > 0 && len(d.b) >= d.capacity {
		d.b, d.refused = d.b[:before], true
		return false
	}
	return true
}

// appendEscaped writes a value so that it has no NUL, CR, LF or '='.
func appendEscaped[T string | []byte](b []byte, value T) []byte {
	for i := 0; i < len(value); i++ {
		switch c := value[i]; c {
		case 0:
			b = append(b, '\\', '0')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\\':
			b = append(b, '\\', '\\')
		case '=':
			b = append(b, '\\', 'e')
		default:
			b = append(b, c)
		}
	}
	return b
}
