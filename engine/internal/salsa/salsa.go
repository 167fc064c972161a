// Package salsa is the Salsa20 stream cipher with 256-bit keys in the two
// variants of the protocol: 20 rounds for the address hash and 12 for packets,
// which no library ships. It knows nothing of packets.
package salsa

import "encoding/binary"

// BlockLen is the size of a keystream block in bytes.
const BlockLen = 64

// State is the cipher's input block: constants, key, nonce and the number of
// the next block. Every call starts at a fresh block and advances the number by
// the blocks it began, so the unused tail of the last one is discarded (spec 01
// §1).
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

func (s *State) xor(b []byte, rounds int) {
	whole := len(b) &^ (BlockLen - 1)
	s.blocks(b[:whole], rounds)
	if tail := b[whole:]; len(tail) > 0 {
		var block [BlockLen]byte
		copy(block[:], tail)
		s.blocks(block[:], rounds)
		copy(tail, block[:])
	}
}
