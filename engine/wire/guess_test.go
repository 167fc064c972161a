package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"testing"
)

var sampleGuess = Guess{Peer: 0x0123456789, Sockets: 256, At: netip.MustParseAddrPort("5.6.7.8:40000")}

const sampleGuessHex = "0100" + "0100" + "0123456789" + "00" + "05060708" + "9c40"

// The layout is fixed: roots of another release must understand it.
func TestGuessLayout(t *testing.T) {
	b := sampleGuess.Append(nil)
	if got := hex.EncodeToString(b); got != sampleGuessHex {
		t.Fatalf("written as %s, want %s", got, sampleGuessHex)
	}
	b[1], b[9] = 7, 7 // reserved
	for _, more := range [][]byte{nil, {1, 2, 3}} {
		if got, err := ParseGuess(append(bytes.Clone(b), more...)); err != nil || got != sampleGuess {
			t.Errorf("with %d bytes more: read as %+v, %v", len(more), got, err)
		}
	}
}

func TestGuessRefusals(t *testing.T) {
	good := sampleGuess.Append(nil)
	for n := range good {
		if _, err := ParseGuess(good[:n]); !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for name, change := range map[string]func(b []byte){
		"version":          func(b []byte) { b[0] = 2 },
		"no peer":          func(b []byte) { clear(b[4:9]) },
		"reserved address": func(b []byte) { b[4] = 0xff },
		"no IP address":    func(b []byte) { clear(b[10:14]) },
		"no port":          func(b []byte) { clear(b[14:16]) },
	} {
		b := bytes.Clone(good)
		change(b)
		if _, err := ParseGuess(b); !errors.Is(err, ErrGuess) {
			t.Errorf("%s: %v", name, err)
		}
	}
	six := sampleGuess
	six.At = netip.MustParseAddrPort("[2001:db8::1]:5")
	if _, err := ParseGuess(six.Append(nil)); !errors.Is(err, ErrGuess) {
		t.Errorf("an address of IPv6: %v", err)
	}
}

func FuzzGuess(f *testing.F) {
	good := sampleGuess.Append(nil)
	f.Add(good)
	f.Add(good[:12])
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseGuess(b)
		again(t, g, err, g.Append(nil), ParseGuess)
	})
}
