package wire

import (
	"encoding/binary"

	"orrery/engine/armor"
	"orrery/engine/identity"
)

// Offsets in the packet header (spec 02 §3).
const (
	offDestination = 8
	offSource      = 13
	offFlags       = 18
	offMAC         = 19
	offVerb        = 27
)

// Bits of the flags byte and of the verb byte.
const (
	flagFragmented = 0x40
	hopsMask       = 0x07
	verbCompressed = 0x80
	verbMask       = 0x1f
)

// Packet is a whole packet, or the head of a fragmented one: 28 bytes of header
// and the payload. Its methods must only be called on at least [HeaderLen]
// bytes, as [Classify] checks; those that set something change the bytes.
type Packet []byte

// AppendHeader appends the 28 bytes that begin a packet, with flags, hops and
// MAC zero. id must be random, v below [VerbCount] (spec 02 §3).
func AppendHeader(b []byte, id uint64, dst, src identity.Address, v Verb) []byte {
	return append(b,
		byte(id>>56), byte(id>>48), byte(id>>40), byte(id>>32), byte(id>>24), byte(id>>16), byte(id>>8), byte(id),
		byte(dst>>32), byte(dst>>24), byte(dst>>16), byte(dst>>8), byte(dst),
		byte(src>>32), byte(src>>24), byte(src>>16), byte(src>>8), byte(src),
		0, 0, 0, 0, 0, 0, 0, 0, 0, byte(v))
}

// ID is the packet ID. Sealing with AES-GMAC-SIV changes it; what replies and
// measurements name is the value on the wire.
func (p Packet) ID() uint64 { return binary.BigEndian.Uint64(p) }

// SetID sets the packet ID.
func (p Packet) SetID(id uint64) { binary.BigEndian.PutUint64(p, id) }

// Destination is the address of the node that the packet is for.
func (p Packet) Destination() identity.Address { return identity.AddressFrom(p[offDestination:]) }

// SetDestination sets the address of the node that the packet is for.
func (p Packet) SetDestination(a identity.Address) { a.Put(p[offDestination:]) }

// Source is the address of the node that claims to have sent the packet.
func (p Packet) Source() identity.Address { return identity.AddressFrom(p[offSource:]) }

// Flags is byte 18: legacy "encrypted" 0x80, fragmented 0x40, suite 0x38, hops
// 0x07.
func (p Packet) Flags() byte { return p[offFlags] }

// Hops is the number of relays passed, 0 to 7. It is not authenticated.
func (p Packet) Hops() uint8 { return p[offFlags] & hopsMask }

// SetHops sets the number of relays passed, modulo 8.
func (p Packet) SetHops(n uint8) { p[offFlags] = p[offFlags]&^hopsMask | n&hopsMask }

// IncrementHops counts one relay more, modulo 8.
func (p Packet) IncrementHops() { p.SetHops(p[offFlags] + 1) }

// Fragmented reports whether this is the head of a packet in several parts.
func (p Packet) Fragmented() bool { return p[offFlags]&flagFragmented != 0 }

// SetFragmented marks a packet as the head of several parts or as whole. It
// must be called before sealing, which authenticates the mark.
func (p Packet) SetFragmented(on bool) {
	p[offFlags] &^= flagFragmented
	if on {
		p[offFlags] |= flagFragmented
	}
}

// Cipher is the suite that the packet is sealed with.
func (p Packet) Cipher() armor.Suite { return armor.SuiteOf(p) }

// SetTrustedPath marks the packet as unsealed, by the trusted path with this
// ID, which must not be 0 (spec 02 §6.2).
func (p Packet) SetTrustedPath(id uint64) {
	p[offFlags] = p[offFlags]&(flagFragmented|hopsMask) | byte(armor.TrustedPath)<<3
	p.SetMAC(id)
}

// MAC is bytes 19 to 26: the authentication tag, or a trusted path's ID.
func (p Packet) MAC() uint64 { return binary.BigEndian.Uint64(p[offMAC:]) }

// SetMAC sets bytes 19 to 26.
func (p Packet) SetMAC(m uint64) { binary.BigEndian.PutUint64(p[offMAC:], m) }

// Verb is the low 5 bits of byte 27. It is readable once the packet is open,
// or if it is not encrypted.
func (p Packet) Verb() Verb { return Verb(p[offVerb] & verbMask) }

// Compressed reports whether the payload is compressed.
func (p Packet) Compressed() bool { return p[offVerb]&verbCompressed != 0 }

// Payload is what follows the verb.
func (p Packet) Payload() []byte { return p[HeaderLen:] }
