package wire

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"strings"
	"testing"
)

type lz4Vectors struct {
	Compress []struct {
		Name       string
		In, Out    bin
		Compressed bool
	} `json:"lz4_compress"`
	Uncompress []struct {
		Name      string
		Packet    bin
		OK        bool
		Out       bin
		Length    int    `json:"out_len"`
		SHA512    string `json:"out_sha512"`
		Undefined bool   `json:"reference_output_undefined"`
	} `json:"lz4_uncompress"`
	Armored []struct {
		Name       string
		Clear      bin
		Compressed bin `json:"after_compress"`
	} `json:"compressed_and_armored"`
}

func TestCompress(t *testing.T) {
	t.Parallel()
	c, dst := new(Compressor), make([]byte, MaxPacketLen)
	v := load[lz4Vectors](t, "lz4.json")
	for _, x := range v.Armored {
		testDecompress(t, Packet(x.Compressed), Packet(x.Clear))
	}
	for _, x := range v.Compress {
		in := Packet(bytes.Clone(x.In))
		// The reference's output must be understood; ours need not be the same.
		testExpand(t, x.Name, Packet(bytes.Clone(x.Out)), Packet(x.In), dst)
		got, did := Compress(in, c)
		if did != x.Compressed || got.Compressed() != did {
			t.Errorf("%s: compressed %v, want %v", x.Name, did, x.Compressed)
		}
		if !did && !bytes.Equal(got, x.In) {
			t.Errorf("%s: left alone, but changed", x.Name)
		}
		if did && len(got) >= len(x.In) {
			t.Errorf("%s: %d bytes from %d", x.Name, len(got), len(x.In))
		}
		if again, did := Compress(got, c); did && got.Compressed() && !bytes.Equal(again, got) {
			t.Errorf("%s: compressed twice", x.Name)
		}
		testExpand(t, x.Name, got, Packet(x.In), dst)
		if did {
			endsByTheRules(t, x.Name, got.Payload())
		}
	}
}

func testExpand(t *testing.T, name string, p, want Packet, dst []byte) {
	t.Helper()
	got, err := Decompress(p, dst)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: expands to %d bytes, %v; want %d", name, len(got), err, len(want))
	}
}

// endsByTheRules checks what the reference's decoder relies on: the last
// sequence has no match and at least 5 literals, and no match begins in the last
// 12 bytes (spec 01 §10).
func endsByTheRules(t *testing.T, name string, block []byte) {
	t.Helper()
	produced, lastMatch, literals := 0, 0, 0
	for at := 0; at < len(block); {
		token := block[at]
		at++
		extend := func(n int) int {
			if n < 15 {
				return n
			}
			for {
				c := block[at]
				at, n = at+1, n+int(c)
				if c != 255 {
					return n
				}
			}
		}
		literals = extend(int(token >> 4))
		at, produced = at+literals, produced+literals
		if at == len(block) {
			break
		}
		lastMatch, at = produced, at+2
		produced += extend(int(token&15)) + 4
	}
	if literals < 5 || lastMatch > 0 && produced-lastMatch < 12 {
		t.Errorf("%s: ends with %d literals, last match %d bytes before the end", name, literals, produced-lastMatch)
	}
}

func TestDecompress(t *testing.T) {
	t.Parallel()
	for _, x := range load[lz4Vectors](t, "lz4.json").Uncompress {
		want := x.OK
		if x.Undefined {
			// The reference copies undefined memory for a match at offset 0; that
			// must be refused.
			if !strings.Contains(x.Name, "offset zero") {
				t.Fatalf("%s: unexpected case", x.Name)
			}
			want = false
		}
		p := Packet(bytes.Clone(x.Packet))
		got, err := Decompress(p, make([]byte, MaxPacketLen))
		if (err == nil) != want {
			t.Errorf("%s: %d bytes, %v", x.Name, len(got), err)
			continue
		}
		if err != nil {
			if err != ErrCompression {
				t.Errorf("%s: %v", x.Name, err)
			}
			continue
		}
		if x.Out != nil && !bytes.Equal(got, x.Out) {
			t.Errorf("%s: %x, want %x", x.Name, []byte(got), []byte(x.Out))
		}
		if x.SHA512 != "" {
			sum := sha512.Sum512(got)
			if len(got) != x.Length || hex.EncodeToString(sum[:]) != x.SHA512 {
				t.Errorf("%s: %d bytes, SHA-512 %x", x.Name, len(got), sum)
			}
		}
	}
}

// TestDecompressLastSequence goes beyond the vectors: fewer than 5 literals after
// a match are refused by the reference too, but a block may be short.
func TestDecompressLastSequence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		block []byte
		want  bool
	}{
		{"one literal", []byte{0x10, 'a'}, true},
		{"match, 5 literals", []byte{0x10, 'a', 1, 0, 0x50, 'a', 'b', 'c', 'd', 'e'}, true},
		{"match, 4 literals", []byte{0x10, 'a', 1, 0, 0x40, 'a', 'b', 'c', 'd'}, false},
		{"match, no literals", []byte{0x10, 'a', 1, 0, 0}, false},
		{"match", []byte{0x10, 'a', 1, 0}, false},
		{"long match", []byte{0x1f, 'a', 1, 0, 255, 255}, false},
	} {
		p := Packet(append(AppendHeader(nil, 1, 2, 3, VerbEcho), c.block...))
		p[offVerb] |= verbCompressed
		if _, err := Decompress(p, make([]byte, MaxPacketLen)); (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestDecompressIntoTooLittle(t *testing.T) {
	t.Parallel()
	p := Packet(append(AppendHeader(nil, 1, 2, 3, VerbEcho), make([]byte, 500)...))
	p, _ = Compress(p, new(Compressor))
	for _, n := range []int{0, HeaderLen, 100} {
		if _, err := Decompress(p, make([]byte, n)); err != ErrCompression {
			t.Errorf("into %d bytes: %v", n, err)
		}
	}
}

func TestCompressionDoesNotAllocate(t *testing.T) {
	c, dst := new(Compressor), make([]byte, MaxPacketLen)
	clear := append(AppendHeader(nil, 1, 2, 3, VerbMulticastFrame), strings.Repeat("the quick brown fox ", 60)...)
	buf := make([]byte, len(clear))
	if n := testing.AllocsPerRun(100, func() {
		copy(buf, clear)
		p, did := Compress(Packet(buf), c)
		if !did {
			t.Fatal("not compressed")
		}
		if _, err := Decompress(p, dst); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
