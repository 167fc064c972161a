package ipc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadEvent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"one", "id: 1\nevent: status\ndata: {}\n\n", []string{"{}"}},
		{"comments, CRLF, two", ": alive\r\n\r\ndata: a\r\n\r\ndata:b\r\n\r\n", []string{"a", "b"}},
		{"lines joined", "data: a\ndata: b\n\n", []string{"a\nb"}},
		{"empty data", "data:\n\n", []string{""}},
		{"cut in the middle", "data: a\n\ndata: b\n", []string{"a"}},
		{"longer than the buffer", "data: " + strings.Repeat("x", 100) + "\n\n", []string{strings.Repeat("x", 100)}},
		{"nothing", "", nil},
	} {
		r := bufio.NewReaderSize(strings.NewReader(c.in), 16)
		var got []string
		for {
			data, err := readEvent(r, func() {})
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("%s: %v", c.name, err)
				}
				break
			}
			got = append(got, string(data))
		}
		if strings.Join(got, "|") != strings.Join(c.want, "|") || len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzReadEvent: whatever comes, it ends, and keeps to the bytes that came.
func FuzzReadEvent(f *testing.F) {
	f.Add([]byte("id: 1\nevent: x\ndata: {\"seq\":1}\n\n"), 16)
	f.Add([]byte(": c\n\ndata: a\r\ndata: b\r\n\r\n"), 64)
	f.Add([]byte("data"), 16)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		r := bufio.NewReaderSize(bytes.NewReader(b), min(max(size, 16), 4096))
		total := 0
		for {
			data, err := readEvent(r, func() {})
			if err != nil {
				break
			}
			if total += len(data); total > len(b) {
				t.Fatalf("%d bytes of %d", total, len(b))
			}
		}
	})
}
