package armor

import (
	"crypto/cipher"
	"encoding/binary"
)

// counterMode is AES in counter mode from any starting block, without an
// allocation per packet. The library's own counter mode allocates half a
// kilobyte for every stream, which costs more than to encrypt a packet.
//
// It borrows the counter mode inside GCM. That starts behind the block J0 which
// GCM derives from a nonce N of 16 bytes: with the hash key H = AES(0) and
// L = 128, the block of lengths, J0 = (N·H + L)·H in GCM's field. So for a given
// J0 the nonce is N = J0·H⁻² + L·H⁻¹. The tag that GCM adds is dropped; the
// blocks are on the wire, so nothing here is a secret but the key.
type counterMode struct {
	gcm    cipher.AEAD
	scale  *multiplier // by H⁻²
	offset element     // L·H⁻¹
}

// blockLenBits is the block that GCM hashes after a nonce of 16 bytes.
var blockLenBits = element{lo: 128}

func newCounterMode(block cipher.Block) counterMode {
	gcm, err := cipher.NewGCMWithNonceSize(block, 16)
	if err != nil {
		panic("armor: GCM is unavailable: " + err.Error())
	}
	var zero [16]byte
	block.Encrypt(zero[:], zero[:])
	inverse := elementFrom(&zero).inverse()
	return counterMode{
		gcm:    gcm,
		scale:  newMultiplier(inverse.times(inverse)),
		offset: inverse.times(blockLenBits),
	}
}

// xor combines b with the keystream that begins at block start. The low 32 bits
// of start plus the number of blocks must not reach 2^32, where GCM's counter
// would wrap. scratch holds the result in between and should have room for b
// and 16 bytes more; nonce is memory for the call.
func (c *counterMode) xor(b []byte, start *[16]byte, nonce *[16]byte, scratch []byte) {
	j0 := *start
	low := j0[12:]
	binary.BigEndian.PutUint32(low, binary.BigEndian.Uint32(low)-1)
	c.scale.times(elementFrom(&j0)).plus(c.offset).put(nonce)
	copy(b, c.gcm.Seal(scratch[:0], nonce[:], b, nil))
}
