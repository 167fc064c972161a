package wire

import "github.com/pierrec/lz4/v4"

// minCompress is the payload length up to which compression is not tried.
const minCompress = 64

// Compressor holds the tables and the buffer of [Compress], some 150 kB. It may
// be reused for any number of packets, by one goroutine at a time.
type Compressor struct {
	table lz4.Compressor
	out   [MaxPayload]byte
}

// Compress compresses a packet's payload in place if that makes it shorter, and
// reports whether it did. Packets with at most 64 bytes of payload, and those
// already compressed or too long, are left alone. Call it before sealing; the
// result shares p's memory (spec 02 §3.1).
func Compress(p Packet, c *Compressor) (Packet, bool) {
	payload := p.Payload()
	if len(payload) <= minCompress || len(payload) > MaxPayload || p.Compressed() {
		return p, false
	}
	// One byte less than the input, so that only a gain fits.
	n, err := c.table.CompressBlock(payload, c.out[:len(payload)-1])
	if err != nil || n == 0 {
		return p, false
	}
	copy(payload, c.out[:n])
	p[offVerb] |= verbCompressed
	return p[:HeaderLen+n], true
}

// Decompress returns an opened packet with its payload expanded into dst, which
// should have a capacity of [MaxPacketLen] and must not overlap p. A packet that
// is not compressed, or has the mark but no payload, is returned itself, without
// the mark. The error is ErrCompression for a malformed payload and for one that
// expands to nothing or to more than [MaxPayload] or dst holds; the packet must
// then be dropped (spec 02 §3.1).
func Decompress(p Packet, dst []byte) (Packet, error) {
	if !p.Compressed() {
		return p, nil
	}
	if len(p) == HeaderLen {
		p[offVerb] &^= verbCompressed
		return p, nil
	}
	room := min(cap(dst), MaxPacketLen)
	if room <= HeaderLen {
		return nil, ErrCompression
	}
	dst = dst[:room]
	n, err := lz4.UncompressBlock(p.Payload(), dst[HeaderLen:])
	if err != nil || n == 0 || !endsInLiterals(p.Payload()) {
		return nil, ErrCompression
	}
	copy(dst, p[:HeaderLen])
	dst[offVerb] &^= verbCompressed
	return Packet(dst[:HeaderLen+n]), nil
}

// minLastLiterals is how many literals must follow the last match of a block.
const minLastLiterals = 5

// endsInLiterals reports whether a block that decodes ends as LZ4 demands and
// the reference checks, while the decoder used here does not: the last sequence
// has no match, and at least 5 literals unless it is the only one. Accepting
// more than the reference would let the same packet mean different things to
// different members.
func endsInLiterals(block []byte) bool {
	for at := 0; at < len(block); {
		first, token := at == 0, block[at]
		literals, next := lz4Length(block, at+1, int(token>>4))
		if at = next + literals; at >= len(block) {
			return first || literals >= minLastLiterals
		}
		_, at = lz4Length(block, at+2, int(token&0x0f))
	}
	return false
}

// lz4Length reads a length of which n is in the token, 15 for one that continues
// in the bytes at, and returns what follows it.
func lz4Length(block []byte, at, n int) (length, next int) {
	if n < 15 {
		return n, at
	}
	for at < len(block) {
		c := block[at]
		at, n = at+1, n+int(c)
		if c != 0xff {
			break
		}
	}
	return n, at
}
