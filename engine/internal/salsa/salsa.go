// Package salsa is the Salsa20 stream cipher with 256-bit keys in the two
// variants of the protocol: 20 rounds for the address hash and 12 for packets,
// which no library ships. It knows nothing of packets.
package salsa

import (
	"encoding/binary"
	"math/bits"
)

// BlockLen is the size of a keystream block in bytes.
const BlockLen = 64

// State is the cipher's input block. Every call starts at a fresh block and
// advances the counter by the number of blocks it began, so the unused tail of
// the last block is discarded (spec 01 §1).
type State [16]uint32

// New starts a keystream at block 0 for a 256-bit key and a 64-bit nonce.
func New(key *[32]byte, nonce *[8]byte) State {
	le := binary.LittleEndian
	return State{
		0x61707865, le.Uint32(key[0:]), le.Uint32(key[4:]), le.Uint32(key[8:]),
		le.Uint32(key[12:]), 0x3320646e, le.Uint32(nonce[0:]), le.Uint32(nonce[4:]),
		0, 0, 0x79622d32, le.Uint32(key[16:]),
		le.Uint32(key[20:]), le.Uint32(key[24:]), le.Uint32(key[28:]), 0x6b206574,
	}
}

// XOR12 combines b in place with the keystream of the 12-round variant.
func (s *State) XOR12(b []byte) { s.xor(b, 12) }

// XOR20 combines b in place with the keystream of the 20-round variant.
func (s *State) XOR20(b []byte) { s.xor(b, 20) }

// KeyStream12 writes the first 64 bytes of what is left of the 12-round
// keystream.
func (s *State) KeyStream12(b *[BlockLen]byte) {
	x := *s
	x.permute(12)
	s.advance()
	for i, v := range x {
		binary.LittleEndian.PutUint32(b[4*i:], v)
	}
}

// KeyStream20 fills b with the keystream of the 20-round variant. The length
// must be a multiple of 64 bytes.
func (s *State) KeyStream20(b []byte) {
	for ; len(b) >= BlockLen; b = b[BlockLen:] {
		x := *s
		x.permute(20)
		s.advance()
		out := (*[BlockLen]byte)(b)
		for i, v := range x {
			binary.LittleEndian.PutUint32(out[4*i:], v)
		}
	}
}

func (s *State) advance() {
	s[8]++
	if s[8] == 0 {
		s[9]++
	}
}

func (s *State) xor(b []byte, rounds int) {
	for len(b) > 0 {
		x := *s
		x.permute(rounds)
		s.advance()
		var block [BlockLen]byte
		for i, v := range x {
			binary.LittleEndian.PutUint32(block[4*i:], v)
		}
		n := min(len(b), BlockLen)
		for i := range n {
			b[i] ^= block[i]
		}
		b = b[n:]
	}
}

// permute runs the rounds and adds the input, leaving the keystream words.
func (s *State) permute(rounds int) {
	x0, x1, x2, x3, x4, x5, x6, x7 := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	x8, x9, x10, x11, x12, x13, x14, x15 := s[8], s[9], s[10], s[11], s[12], s[13], s[14], s[15]
	for ; rounds > 0; rounds -= 2 {
		x4 ^= bits.RotateLeft32(x0+x12, 7)
		x9 ^= bits.RotateLeft32(x5+x1, 7)
		x14 ^= bits.RotateLeft32(x10+x6, 7)
		x3 ^= bits.RotateLeft32(x15+x11, 7)
		x8 ^= bits.RotateLeft32(x4+x0, 9)
		x13 ^= bits.RotateLeft32(x9+x5, 9)
		x2 ^= bits.RotateLeft32(x14+x10, 9)
		x7 ^= bits.RotateLeft32(x3+x15, 9)
		x12 ^= bits.RotateLeft32(x8+x4, 13)
		x1 ^= bits.RotateLeft32(x13+x9, 13)
		x6 ^= bits.RotateLeft32(x2+x14, 13)
		x11 ^= bits.RotateLeft32(x7+x3, 13)
		x0 ^= bits.RotateLeft32(x12+x8, 18)
		x5 ^= bits.RotateLeft32(x1+x13, 18)
		x10 ^= bits.RotateLeft32(x6+x2, 18)
		x15 ^= bits.RotateLeft32(x11+x7, 18)

		x1 ^= bits.RotateLeft32(x0+x3, 7)
		x6 ^= bits.RotateLeft32(x5+x4, 7)
		x11 ^= bits.RotateLeft32(x10+x9, 7)
		x12 ^= bits.RotateLeft32(x15+x14, 7)
		x2 ^= bits.RotateLeft32(x1+x0, 9)
		x7 ^= bits.RotateLeft32(x6+x5, 9)
		x8 ^= bits.RotateLeft32(x11+x10, 9)
		x13 ^= bits.RotateLeft32(x12+x15, 9)
		x3 ^= bits.RotateLeft32(x2+x1, 13)
		x4 ^= bits.RotateLeft32(x7+x6, 13)
		x9 ^= bits.RotateLeft32(x8+x11, 13)
		x14 ^= bits.RotateLeft32(x13+x12, 13)
		x0 ^= bits.RotateLeft32(x3+x2, 18)
		x5 ^= bits.RotateLeft32(x4+x7, 18)
		x10 ^= bits.RotateLeft32(x9+x8, 18)
		x15 ^= bits.RotateLeft32(x14+x13, 18)
	}
	s[0] += x0
	s[1] += x1
	s[2] += x2
	s[3] += x3
	s[4] += x4
	s[5] += x5
	s[6] += x6
	s[7] += x7
	s[8] += x8
	s[9] += x9
	s[10] += x10
	s[11] += x11
	s[12] += x12
	s[13] += x13
	s[14] += x14
	s[15] += x15
}
