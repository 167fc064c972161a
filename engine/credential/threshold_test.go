package credential

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

func TestThresholds(t *testing.T) {
	t.Parallel()
	list := []Threshold{
		{0x1122334455, 1, TypeMembership, 0}, {0x1122334455, 2, TypeCapability, 0}, {0x1122334455, 3, TypeTag, 4294967295},
		{0xc872fe451a, 1700000000000, TypeMembership, 0}, {0xc872fe451a, 1700000000001, TypeOwnership, 1},
	}
	text := AppendThresholds(nil, list)
	if string(text) != "1122334455 1\n1122334455 2 capability 0\n1122334455 3 tag 4294967295\nc872fe451a 1700000000000\nc872fe451a 1700000000001 ownership 1\n" {
		t.Errorf("written as %q", text)
	}
	if got, err := ParseThresholds(text, 5); err != nil || !slices.Equal(got, list) {
		t.Errorf("read back as %v, %v", got, err)
	}
	if got, err := ParseThresholds(nil, 2); err != nil || len(got) != 0 {
		t.Errorf("nothing is %v, %v", got, err)
	}
	// What is damaged costs what is damaged.
	damaged := "zork 5\n1122334455 1 tag\n1122334455 1 membership 0\n1122334455 1 tag 4294967296\n1122334455 1 tag -1\n1122334455 1 tag 1 1\n\n" +
		"1122334455\n0000000000 7\nff00000000 7\n1122334455 -3\r\nc872fe451a 1700000000001 ownership 1"
	got, err := ParseThresholds([]byte(damaged), 12)
	if !errors.Is(err, ErrFormat) || !slices.Equal(got, list[4:]) {
		t.Errorf("read from a damaged file: %v, %v", got, err)
	}
	if got, err := ParseThresholds(text, 1); !errors.Is(err, ErrFormat) || len(got) != 1 {
		t.Errorf("more than the limit: %v, %v", got, err)
	}
	if n := len(bytes.Repeat([]byte("c872fe451a 1700000000001 capability 4294967295\n"), MaxThresholds)); n > 1<<20 {
		t.Errorf("a full file has %d bytes", n)
	}
}

func FuzzParseThresholds(f *testing.F) {
	f.Add([]byte("1122334455 1\nc872fe451a 1700000000000\nx\n1122334455 9 tag 3\n1122334455 9 ownership 3\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _ := ParseThresholds(b, 100)
		again, err := ParseThresholds(AppendThresholds(nil, list), 100)
		if err != nil || !slices.Equal(list, again) {
			t.Errorf("%v came back as %v, %v", list, again, err)
		}
	})
}
