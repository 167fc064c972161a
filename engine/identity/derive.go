package identity

import (
	"crypto/sha512"
	"encoding/binary"
	"sync"

	"orrery/engine/internal/salsa"
)

const (
	// hashBufferLen is the working set of the address hash in bytes.
	hashBufferLen = 2 << 20
	// hashcashLimit bounds the first byte of an acceptable digest, exclusive.
	hashcashLimit = 17
)

// buffers keeps the 2 MiB working sets between calls. Their content is
// overwritten in full by every use.
var buffers = sync.Pool{New: func() any { return new([hashBufferLen]byte) }}

// derive is the memory-hard hash of a public key: the digest whose last five
// bytes are the address (spec 01 §3.3).
func derive(public *PublicKey) [64]byte {
	buf := buffers.Get().(*[hashBufferLen]byte)
	defer buffers.Put(buf)
	digest := sha512.Sum512(public[:])
	stream := salsa.New((*[32]byte)(digest[:32]), (*[8]byte)(digest[32:40]))
	fill(buf, &stream)
	mix(&digest, buf, &stream)
	return digest
}

// fill writes the keystream chained block on block: each block is the XOR of
// its keystream and the block before it.
func fill(buf *[hashBufferLen]byte, stream *salsa.State) {
	clear(buf[:])
	stream.XOR20(buf[:])
	var chain [8]uint64
	for i := 0; i < hashBufferLen; i += 64 {
		block := (*[64]byte)(buf[i:])
		for j := range chain {
			chain[j] ^= binary.LittleEndian.Uint64(block[8*j:])
			binary.LittleEndian.PutUint64(block[8*j:], chain[j])
		}
	}
}

// mix walks through the buffer two words at a time; the words name which word
// of the buffer to swap with which word of the digest, and the digest is
// stirred with a keystream block after each swap. The walk sees earlier swaps.
func mix(digest *[64]byte, buf *[hashBufferLen]byte, stream *salsa.State) {
	const words = hashBufferLen / 8
	var d [8]uint64
	for j := range d {
		d[j] = binary.LittleEndian.Uint64(digest[8*j:])
	}
	var keys [64 * 64]byte
	for i := 0; i < hashBufferLen; i += 16 {
		k := i / 16 % 64
		if k == 0 {
			clear(keys[:])
			stream.XOR20(keys[:])
		}
		to := binary.BigEndian.Uint64(buf[i:]) % 8
		from := binary.BigEndian.Uint64(buf[i+8:]) % words * 8
		word := buf[from : from+8]
		swapped := binary.LittleEndian.Uint64(word)
		binary.LittleEndian.PutUint64(word, d[to])
		d[to] = swapped
		key := (*[64]byte)(keys[64*k:])
		for j := range d {
			d[j] ^= binary.LittleEndian.Uint64(key[8*j:])
		}
	}
	for j := range d {
		binary.LittleEndian.PutUint64(digest[8*j:], d[j])
	}
}

func hashcash(digest *[64]byte) bool { return digest[0] < hashcashLimit }

func digestAddress(digest *[64]byte) Address { return AddressFrom(digest[59:]) }
