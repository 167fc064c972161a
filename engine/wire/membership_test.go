package wire

import (
	"encoding/binary"
	"testing"
)

func TestMembershipLen(t *testing.T) {
	t.Parallel()
	membership := func(qualifiers int, signer byte) []byte {
		b := binary.BigEndian.AppendUint16([]byte{1}, uint16(qualifiers))
		b = append(b, make([]byte, 24*qualifiers+4)...)
		return append(append(b, signer), make([]byte, 96)...)
	}
	for _, c := range []struct {
		name string
		b    []byte
		n    int
		err  error
	}{
		{"nothing", nil, 0, ErrTruncated},
		{"unsigned", membership(0, 0), 8, nil},
		{"signed", membership(8, 1), 3 + 24*8 + 5 + 96, nil},
		{"9 qualifiers", membership(9, 1), 0, ErrTooLong},
		{"65535 qualifiers", []byte{1, 0xff, 0xff}, 0, ErrTooLong},
		{"another type", []byte{2, 0, 0}, 0, ErrFormat},
	} {
		if n, err := membershipLen(c.b); n != c.n || err != c.err {
			t.Errorf("%s: %d, %v", c.name, n, err)
		}
		for n := range c.n {
			if got, err := membershipLen(c.b[:n:n]); got != 0 || err != ErrTruncated {
				t.Errorf("%s, %d bytes: %d, %v", c.name, n, got, err)
			}
		}
	}
}
