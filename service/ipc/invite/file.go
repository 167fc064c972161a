package invite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"orrery/service/ipc/qr"
)

// Extension is that of invite files.
const Extension = ".orrery"

// MaxFile bounds what [Read] takes, in bytes: the size of a picture.
const MaxFile = qr.MaxFile

// maxText bounds an invite file that is no picture.
const maxText = 64 << 10

// File returns the content of an invite file: lines that begin with # say what it
// is, the other one is the link. Text is UTF-8, lines end as on every system.
func (i Invite) File() []byte {
	what := "network " + i.Network.String()
	if i.Name != "" {
		what = "the network “" + i.Name + "”"
	}
	return []byte("# An invite to " + what + ". Open it with Orrery, or: orreryctl join FILE\r\n" + i.String() + "\r\n")
}

// Read reads an invite from what a file, or a pipe, has; see [Link].
func Read(file []byte) (Invite, error) {
	link, err := Link(file)
	if err != nil {
		return Invite{}, err
	}
	return Parse(link)
}

// ErrFile is returned for files that hold no link.
var ErrFile = errors.New("no link is found in it")

// Link takes the link, of an invite or a contact card, out of what a file or a
// pipe has: the link, with or without lines that begin with #, in UTF-8 or UTF-16
// with any line ends, or a PNG or JPEG picture of its QR code. That it is one of
// ours is not checked, and nor is what it says.
func Link(file []byte) (string, error) {
	if qr.IsPicture(file) {
		return qr.Read(file)
	}
	if len(file) > maxText {
		return "", fmt.Errorf("%w: it has more than %d KiB", ErrFile, maxText>>10)
	}
	var link strings.Builder
	for line := range strings.FieldsFuncSeq(decode(file), func(r rune) bool { return r == '\n' || r == '\r' }) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			link.WriteString(line)
		}
	}
	if text := bare(link.String()); text != "" && len(text) <= MaxLink {
		return text, nil
	}
	return "", ErrFile
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
