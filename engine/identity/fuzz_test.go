package identity

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, c := range vectors(f).StringParse {
		f.Add(c.Input)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := Parse(s)
		secret, secretErr := ParseSecret(s)
		if err != nil {
			if id != (Identity{}) || secretErr == nil {
				t.Fatalf("%q: %v, %v", s, id, secretErr)
			}
			return
		}
		text := strings.ToLower(strings.TrimRight(s, " \t\r\n"))
		if id.String() != text[:textLen] {
			t.Errorf("%q prints as %q", s, id)
		}
		if secretErr == nil && (secret.Identity != id || secret.Text() != text) {
			t.Errorf("%q: the secret does not round-trip", s)
		}
	})
}

func FuzzParseBinary(f *testing.F) {
	for _, c := range vectors(f).BinaryParse {
		f.Add([]byte(c.Input))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		id, n, err := ParseBinary(b)
		if err != nil {
			if n != 0 || id != (Identity{}) {
				t.Fatalf("%v, %d with %v", id, n, err)
			}
			return
		}
		out := id.AppendBinary(nil)
		if n > len(b) || !bytes.Equal(out[:BinaryLen-1], b[:BinaryLen-1]) {
			t.Errorf("%x becomes %x", b, out)
		}
	})
}

func FuzzParseNames(f *testing.F) {
	for _, s := range []string{"8e4df28b72", "8056c2e21c000001", "02:8e:4d:ee:69:b0", "028e4dee69b0", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		low := strings.ToLower(s)
		if a, err := ParseAddress(s); err == nil && a.String() != low {
			t.Errorf("address %q is %v", s, a)
		}
		if n, err := ParseNetworkID(s); err == nil && n.String() != low {
			t.Errorf("network ID %q is %v", s, n)
		}
		if m, err := ParseMAC(s); err == nil && strings.ReplaceAll(m.String(), ":", "") != strings.ReplaceAll(low, ":", "") {
			t.Errorf("MAC %q is %v", s, m)
		}
	})
}
