package armor

import (
	"crypto/subtle"

	//lint:ignore SA1019 the protocol composes Salsa20/12 and Poly1305 itself
	"golang.org/x/crypto/poly1305"

	"orrery/engine/internal/salsa"
)

// sealSalsa is suites 0 and 1 (spec 01 §7). The suite bits are already set.
func (k *Keys) sealSalsa(packet []byte, s Suite) {
	var oneTime [salsa.BlockLen]byte
	stream := k.packetStream(packet)
	stream.XOR12(oneTime[:])
	if s == Salsa2012Poly1305 {
		stream.XOR12(packet[offSection:])
	}
	var tag [poly1305.TagSize]byte
	poly1305.Sum(&tag, packet[offSection:], (*[32]byte)(oneTime[:32]))
	copy(packet[offMAC:offSection], tag[:])
}

func (k *Keys) openSalsa(packet []byte, s Suite) bool {
	var oneTime [salsa.BlockLen]byte
	stream := k.packetStream(packet)
	stream.XOR12(oneTime[:])
	var tag [poly1305.TagSize]byte
	poly1305.Sum(&tag, packet[offSection:], (*[32]byte)(oneTime[:32]))
	if subtle.ConstantTimeCompare(tag[:8], packet[offMAC:offSection]) != 1 {
		return false
	}
	if s == Salsa2012Poly1305 {
		stream.XOR12(packet[offSection:])
	}
	return true
}

// packetStream is the keystream of one packet. Its key is the shared key with
// the header without hops and the packet's length mixed in, which is how the
// header is authenticated.
func (k *Keys) packetStream(packet []byte) salsa.State {
	key := k.salsa
	subtle.XORBytes(key[:18], key[:18], packet[:18])
	key[18] ^= packet[offFlags] &^ hopsMask
	key[19] ^= byte(len(packet))
	key[20] ^= byte(len(packet) >> 8)
	return salsa.New(&key, (*[8]byte)(packet[:8]))
}

// CryptHelloTail encrypts or decrypts, which is the same, the section of a
// HELLO that starts after the planet's timestamp. packetID is the 8 bytes of the
// ID on the wire (spec 01 §9).
func (k *Keys) CryptHelloTail(packetID []byte, region []byte) {
	nonce := [8]byte(packetID[:8])
	nonce[7] &= 0xf8
	stream := salsa.New(&k.salsa, &nonce)
	stream.XOR12(region)
}
