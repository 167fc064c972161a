package ctl

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"testing"
)

func FuzzHexFrame(f *testing.F) {
	f.Add("ff:ff:ff:ff:ff:ff 02-00-00-00-00-01 0806 0x00")
	f.Add("x\n\t0x0000:  ffff ffff ffff 0200 0000 0001 0806\n0x0000: 00")
	f.Fuzz(func(t *testing.T, s string) {
		b, err := parseHexFrame(s)
		if err != nil {
			return
		}
		if again, err := parseHexFrame(hex.EncodeToString(b)); err != nil || !bytes.Equal(again, b) || len(b) < frameHead {
			t.Errorf("%q is %x, and that %x, %v", s, b, again, err)
		}
	})
}

// TestHexPackets: packets from devices without MACs are told from frames.
func TestHexPackets(t *testing.T) {
	t.Parallel()
	const (
		v4 = "4500001400000000400100000a0000010a000002"
		v6 = "60000000000059400000000000000000000000000000000000000000000000000000000000000000"
	)
	for in, want := range map[string]string{
		v4:                           "0000000000000000000000000800" + v4,
		"12:00 IP\n\t0x0000:  " + v4: "0000000000000000000000000800" + v4,
		v6:                           "00000000000000000000000086dd" + v6,
		v4 + "00":                    v4 + "00", // a frame to the group 45:00:…
		"0a" + v4[2:]:                "0a" + v4[2:],
	} {
		b, err := parseHexFrame(in)
		if err != nil || hex.EncodeToString(b) != want {
			t.Errorf("%q is %x, %v; want %s", in, b, err, want)
		}
	}
}

func FuzzCapture(f *testing.F) {
	head, _ := hex.DecodeString("d4c3b2a1020004000000000000000000ffff000001000000")
	f.Add(append(head, make([]byte, 40)...))
	head[20] = 101
	f.Add(append(head, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0x60, 0, 0, 0))
	f.Add([]byte("\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x1c\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		next, err := openCapture(bytes.NewReader(b))
		if err != nil {
			return
		}
		for range len(b) + 1 {
			frame, err := next()
			if errors.Is(err, io.EOF) || err != nil {
				return
			}
			if len(frame) > len(b)+frameHead {
				t.Fatalf("%d bytes of %d", len(frame), len(b))
			}
		}
		t.Error("a capture without end")
	})
}
