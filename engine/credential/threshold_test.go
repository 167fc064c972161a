package credential

import (
	"errors"
	"slices"
	"testing"
)

func TestThresholds(t *testing.T) {
	t.Parallel()
	list := []Threshold{{0x1122334455, 1}, {0xc872fe451a, 1700000000000}}
	text := AppendThresholds(nil, list)
	if string(text) != "1122334455 1\nc872fe451a 1700000000000\n" {
		t.Errorf("written as %q", text)
	}
	if got, err := ParseThresholds(text, 2); err != nil || !slices.Equal(got, list) {
		t.Errorf("read back as %v, %v", got, err)
	}
	if got, err := ParseThresholds(nil, 2); err != nil || len(got) != 0 {
		t.Errorf("nothing is %v, %v", got, err)
	}
	// What is damaged costs what is damaged.
	got, err := ParseThresholds([]byte("zork 5\n1122334455 1\n\n1122334455\n0000000000 7\nff00000000 7\n1122334455 -3\r\nc872fe451a 1700000000000"), 8)
	if !errors.Is(err, ErrFormat) || !slices.Equal(got, list) {
		t.Errorf("read from a damaged file: %v, %v", got, err)
	}
	if got, err := ParseThresholds(text, 1); !errors.Is(err, ErrFormat) || len(got) != 1 {
		t.Errorf("more than the limit: %v, %v", got, err)
	}
}

func FuzzParseThresholds(f *testing.F) {
	f.Add([]byte("1122334455 1\nc872fe451a 1700000000000\nx\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _ := ParseThresholds(b, 100)
		again, err := ParseThresholds(AppendThresholds(nil, list), 100)
		if err != nil || !slices.Equal(list, again) {
			t.Errorf("%v came back as %v, %v", list, again, err)
		}
	})
}
