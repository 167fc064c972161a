package armor

import (
	"bytes"
	"crypto/cipher"
	"math/rand/v2"
	"testing"
)

func TestField(t *testing.T) {
	t.Parallel()
	one := element{hi: 1 << 63}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		a := element{r.Uint64(), r.Uint64()}
		b := element{r.Uint64(), r.Uint64()}
		if got := a.times(one); got != a {
			t.Errorf("%x times 1 is %x", a, got)
		}
		if got := a.times(a.inverse()); got != one {
			t.Errorf("%x times its inverse is %x", a, got)
		}
		if a.times(b) != b.times(a) {
			t.Errorf("%x and %x do not commute", a, b)
		}
		if a.square() != a.times(a) {
			t.Errorf("the square of %x is %x, want %x", a, a.square(), a.times(a))
		}
		if got, want := newMultiplier(a).times(b), a.times(b); got != want {
			t.Errorf("%x times %x by table is %x, want %x", a, b, got, want)
		}
	}
	if got := (element{}).inverse(); got != (element{}) {
		t.Errorf("inverse of 0 is %x", got)
	}
}

// The borrowed counter mode is the library's for every length and start,
// including the largest count and a packet larger than legal ones.
func TestCounterMode(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	fill := func(b []byte) {
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	}
	lengths := []int{maxSection, 3 * maxSection}
	for n := range 300 {
		lengths = append(lengths, n)
	}
	for i, n := range lengths {
		var key [32]byte
		var start, nonce [16]byte
		var w workspace
		fill(key[:])
		fill(start[:])
		start[12] &= 0x7f
		switch i % 3 {
		case 1:
			clear(start[12:])
		case 2:
			copy(start[12:], "\x7f\xff\xff\xff")
		}
		got := make([]byte, n)
		fill(got)
		want := bytes.Clone(got)
		block := newAES(&key)
		ctr := newCounterMode(block)
		ctr.xor(got, &start, &nonce, w.scratch[:])
		cipher.NewCTR(block, start[:]).XORKeyStream(want, want)
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes from %x: keystream differs", n, start)
		}
	}
}
