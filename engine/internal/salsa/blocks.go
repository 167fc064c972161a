package salsa

import (
	"encoding/binary"
	"math/bits"
)

// blocks combines whole blocks of b with the keystream. It is one long function
// so that the sixteen words stay in registers as far as there are any.
func (s *State) blocks(b []byte, rounds int) {
	for ; len(b) >= BlockLen; b = b[BlockLen:] {
		x0, x1, x2, x3, x4, x5, x6, x7 := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
		x8, x9, x10, x11, x12, x13, x14, x15 := s[8], s[9], s[10], s[11], s[12], s[13], s[14], s[15]
		for i := 0; i < rounds; i += 2 {
			// Columns.
			x4 ^= bits.RotateLeft32(x0+x12, 7)
			x8 ^= bits.RotateLeft32(x4+x0, 9)
			x12 ^= bits.RotateLeft32(x8+x4, 13)
			x0 ^= bits.RotateLeft32(x12+x8, 18)
			x9 ^= bits.RotateLeft32(x5+x1, 7)
			x13 ^= bits.RotateLeft32(x9+x5, 9)
			x1 ^= bits.RotateLeft32(x13+x9, 13)
			x5 ^= bits.RotateLeft32(x1+x13, 18)
			x14 ^= bits.RotateLeft32(x10+x6, 7)
			x2 ^= bits.RotateLeft32(x14+x10, 9)
			x6 ^= bits.RotateLeft32(x2+x14, 13)
			x10 ^= bits.RotateLeft32(x6+x2, 18)
			x3 ^= bits.RotateLeft32(x15+x11, 7)
			x7 ^= bits.RotateLeft32(x3+x15, 9)
			x11 ^= bits.RotateLeft32(x7+x3, 13)
			x15 ^= bits.RotateLeft32(x11+x7, 18)
			// Rows.
			x1 ^= bits.RotateLeft32(x0+x3, 7)
			x2 ^= bits.RotateLeft32(x1+x0, 9)
			x3 ^= bits.RotateLeft32(x2+x1, 13)
			x0 ^= bits.RotateLeft32(x3+x2, 18)
			x6 ^= bits.RotateLeft32(x5+x4, 7)
			x7 ^= bits.RotateLeft32(x6+x5, 9)
			x4 ^= bits.RotateLeft32(x7+x6, 13)
			x5 ^= bits.RotateLeft32(x4+x7, 18)
			x11 ^= bits.RotateLeft32(x10+x9, 7)
			x8 ^= bits.RotateLeft32(x11+x10, 9)
			x9 ^= bits.RotateLeft32(x8+x11, 13)
			x10 ^= bits.RotateLeft32(x9+x8, 18)
			x12 ^= bits.RotateLeft32(x15+x14, 7)
			x13 ^= bits.RotateLeft32(x12+x15, 9)
			x14 ^= bits.RotateLeft32(x13+x12, 13)
			x15 ^= bits.RotateLeft32(x14+x13, 18)
		}
		block := (*[BlockLen]byte)(b)
		xorWord(block[0:4], x0+s[0])
		xorWord(block[4:8], x1+s[1])
		xorWord(block[8:12], x2+s[2])
		xorWord(block[12:16], x3+s[3])
		xorWord(block[16:20], x4+s[4])
		xorWord(block[20:24], x5+s[5])
		xorWord(block[24:28], x6+s[6])
		xorWord(block[28:32], x7+s[7])
		xorWord(block[32:36], x8+s[8])
		xorWord(block[36:40], x9+s[9])
		xorWord(block[40:44], x10+s[10])
		xorWord(block[44:48], x11+s[11])
		xorWord(block[48:52], x12+s[12])
		xorWord(block[52:56], x13+s[13])
		xorWord(block[56:60], x14+s[14])
		xorWord(block[60:64], x15+s[15])
		s[8]++
		if s[8] == 0 {
			s[9]++
		}
	}
}

func xorWord(b []byte, word uint32) {
	binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)^word)
}
