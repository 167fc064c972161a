package armor

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
	"sync"
)

const (
	// The 16 bytes before the section hold the additional data while the MAC is
	// computed, so that its input is contiguous (spec 01 §8.3).
	offAAD = offSection - aes.BlockSize
	// maxSection is the largest section of a legal packet (spec 01 §1).
	maxSection = 7*1432 - offSection
)

// workspace is the memory that a packet's cryptography needs beside the packet.
// It is pooled because what is passed to cipher interfaces cannot stay on the
// stack.
type workspace struct {
	block   [aes.BlockSize]byte
	nonce   [aes.BlockSize]byte
	header  [offSection]byte
	scratch [maxSection + aes.BlockSize]byte
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

// sealAES is suite 3 (spec 01 §8.2). The suite bits are already set.
func (k *Keys) sealAES(packet []byte) {
	w, s := workspaces.Get().(*workspace), k.schedule()
	copy(w.header[:], packet)
	copy(w.block[:8], packet[:8])
	binary.BigEndian.PutUint64(w.block[8:], s.fold(w, packet))
	s.siv.Encrypt(w.block[:], w.block[:])
	copy(packet[:8], w.block[:8])
	copy(packet[8:offMAC], w.header[8:offMAC])
	copy(packet[offMAC:offSection], w.block[8:])
	s.counter(w, packet[offSection:])
	workspaces.Put(w)
}

// openAES is the inverse (spec 01 §8.3). It restores the header in either case.
func (k *Keys) openAES(packet []byte) bool {
	w, s := workspaces.Get().(*workspace), k.schedule()
	copy(w.header[:], packet)
	copy(w.block[:8], packet)
	copy(w.block[8:], packet[offMAC:offSection])
	s.counter(w, packet[offSection:])
	copy(w.block[8:], w.header[offMAC:])
	s.siv.Decrypt(w.block[:], w.block[:])
	copy(packet[:8], w.block[:8])
	var mac [8]byte
	binary.BigEndian.PutUint64(mac[:], s.fold(w, packet))
	ok := subtle.ConstantTimeCompare(mac[:], w.block[8:]) == 1
	copy(packet, w.header[:])
	workspaces.Put(w)
	return ok
}

// fold is the GMAC of the header without hops and the clear section under the
// packet ID, folded to 8 bytes. It overwrites bytes 11..26.
func (s *schedule) fold(w *workspace, packet []byte) uint64 {
	nonce := w.nonce[:12]
	copy(nonce, packet[:8])
	clear(nonce[8:])
	copy(packet[offAAD:], w.header[8:offMAC])
	packet[offAAD+offFlags-8] &^= hopsMask
	clear(packet[offAAD+offMAC-8 : offSection])
	tag := s.mac.Seal(w.scratch[:0], nonce, nil, packet[offAAD:])
	return binary.BigEndian.Uint64(tag) ^ binary.BigEndian.Uint64(tag[8:])
}

// counter runs counter mode over the section, starting at the SIV block with
// the top bit of its low word cleared, so that the low word never wraps. It
// changes that block.
func (s *schedule) counter(w *workspace, section []byte) {
	w.block[12] &= 0x7f
	if s.ctr != nil {
		s.ctr.xor(section, &w.block, &w.nonce, w.scratch[:])
		return
	}
	for len(section) > 0 {
		s.siv.Encrypt(w.nonce[:], w.block[:])
		section = section[subtle.XORBytes(section, section, w.nonce[:]):]
		low := w.block[12:]
		binary.BigEndian.PutUint32(low, binary.BigEndian.Uint32(low)+1)
	}
}
