// Package linkfile finds the link of an invite or a contact card in what a file or
// a pipe has, which may be a picture. It is apart from what links say because the
// service, which runs with all rights, reads links and has no business with
// pictures of others.
package linkfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"orrery/service/ipc/invite"
	"orrery/service/ipc/qr"
)

// MaxFile bounds what [Read] takes, in bytes: the size of a picture.
const MaxFile = qr.MaxFile

// maxText bounds a file that is no picture.
const maxText = 64 << 10

// ErrNone is returned for files that hold no link.
var ErrNone = errors.New("no link is found in it")

// Read takes the link, of an invite or a contact card, out of what a file or a
// pipe has: the link, with or without lines that begin with #, in UTF-8 or UTF-16
// with any line ends, or a PNG or JPEG picture of its QR code. That it is one of
// ours is not checked, and nor is what it says.
func Read(file []byte) (string, error) {
	if qr.IsPicture(file) {
		return qr.Read(file)
	}
	if len(file) > maxText {
		return "", fmt.Errorf("%w: it has more than %d KiB", ErrNone, maxText>>10)
	}
	var link strings.Builder
	for line := range strings.FieldsFuncSeq(decode(file), func(r rune) bool { return r == '\n' || r == '\r' }) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			link.WriteString(line)
		}
	}
	if text := invite.Bare(link.String()); text != "" && len(text) <= invite.MaxLink {
		return text, nil
	}
	return "", ErrNone
}

// decode makes UTF-8 of what a text editor may have saved.
func decode(b []byte) string {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return strings.TrimPrefix(string(b), "\ufeff")
	}
	units := make([]uint16, 0, len(b)/2)
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return string(utf16.Decode(units))
}
