package salsa

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/salsa20.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Salsa20 []struct {
			Name, Key, IV, KeyStream string
			Rounds                   int
			Calls                    []int
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Salsa20) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range file.Salsa20 {
		key, nonce, want := unhex(t, c.Key), unhex(t, c.IV), unhex(t, c.KeyStream)
		s := New((*[32]byte)(key), (*[8]byte)(nonce))
		var got []byte
		for _, n := range c.Calls {
			b := make([]byte, n)
			switch c.Rounds {
			case 12:
				s.XOR12(b)
			case 20:
				s.XOR20(b)
			default:
				t.Fatalf("%s: %d rounds", c.Name, c.Rounds)
			}
			got = append(got, b...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s, %d rounds, calls %v: keystream differs", c.Name, c.Rounds, c.Calls)
		}
	}
}

// The counter is 64 bits wide in words 8 and 9.
func TestCounterCarry(t *testing.T) {
	t.Parallel()
	var key [32]byte
	var nonce [8]byte
	s := New(&key, &nonce)
	s[8] = 1<<32 - 1
	s.XOR12(make([]byte, 1))
	if s[8] != 0 || s[9] != 1 {
		t.Errorf("counter is %d, %d after the carry", s[8], s[9])
	}
}

func BenchmarkXOR12(b *testing.B) {
	var key [32]byte
	var nonce [8]byte
	buf := make([]byte, 1408)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		s := New(&key, &nonce)
		s.XOR12(buf)
	}
}

func BenchmarkXOR20(b *testing.B) {
	var key [32]byte
	var nonce [8]byte
	buf := make([]byte, 4096)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		s := New(&key, &nonce)
		s.XOR20(buf)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
