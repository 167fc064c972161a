package wire

import (
	"encoding/binary"

	"orrery/engine/identity"
)

// Kind is what a datagram is.
type Kind uint8

// The kinds of datagram (spec 02 §2).
const (
	// KindIgnore is junk, such as the bytes that open a NAT.
	KindIgnore Kind = iota
	// KindBeacon is the legacy announcement on a LAN; see [Beacon].
	KindBeacon
	// KindFragment is a part after the first; see [Fragment].
	KindFragment
	// KindPacket is a whole packet or a head; see [Packet].
	KindPacket
)

// offReserved holds 0xff in fragments, where packets have the first byte of
// their source.
const offReserved = 13

// Classify tells the kinds of datagram apart by length and one byte. A datagram
// longer than any packet is junk (spec 02 §2).
func Classify(datagram []byte) Kind {
	n := len(datagram)
	switch {
	case n == BeaconLen:
		return KindBeacon
	case n <= FragmentHeaderLen || n > MaxPacketLen:
		return KindIgnore
	case datagram[offReserved] == 0xff:
		return KindFragment
	case n < HeaderLen:
		return KindIgnore
	}
	return KindPacket
}

// Beacon is the sender of a datagram of kind [KindBeacon].
func Beacon(datagram []byte) identity.Address { return identity.AddressFrom(datagram[offDestination:]) }

// Fragment is a part of a packet after the first: 16 bytes of header and at
// least one byte of the packet (spec 02 §4.1). Its methods must only be called
// on a datagram of kind [KindFragment].
type Fragment []byte

const (
	offParts        = 14
	offFragmentHops = 15
)

// AppendFragmentHeader appends the header of part number (1 to total-1) of
// total (2 to 7) parts. packetID is the head's ID as it is on the wire.
func AppendFragmentHeader(b []byte, packetID uint64, dst identity.Address, total, number int) []byte {
	return append(b,
		byte(packetID>>56), byte(packetID>>48), byte(packetID>>40), byte(packetID>>32),
		byte(packetID>>24), byte(packetID>>16), byte(packetID>>8), byte(packetID),
		byte(dst>>32), byte(dst>>24), byte(dst>>16), byte(dst>>8), byte(dst),
		0xff, byte(total<<4|number&0x0f), 0)
}

// PacketID is the wire ID of the packet that this is a part of.
func (f Fragment) PacketID() uint64 { return binary.BigEndian.Uint64(f) }

// Destination is the address of the node that the packet is for.
func (f Fragment) Destination() identity.Address { return identity.AddressFrom(f[offDestination:]) }

// Total is the number of parts with the head.
func (f Fragment) Total() int { return int(f[offParts] >> 4) }

// Number is this part's, counted from 0 for the head.
func (f Fragment) Number() int { return int(f[offParts] & 0x0f) }

// Valid reports whether total and number are possible: 2 to 7 parts, and a
// number from 1 to below total. The reference does not check the last, and so
// loses packets to stray fragments (spec 02 §19).
func (f Fragment) Valid() bool {
	total, number := f.Total(), f.Number()
	return total >= 2 && total <= MaxFragments && number >= 1 && number < total
}

// Hops is the number of relays passed, 0 to 7.
func (f Fragment) Hops() uint8 { return f[offFragmentHops] & hopsMask }

// IncrementHops counts one relay more, modulo 8.
func (f Fragment) IncrementHops() { f[offFragmentHops] = (f[offFragmentHops] + 1) & hopsMask }

// Payload is the part of the packet.
func (f Fragment) Payload() []byte { return f[FragmentHeaderLen:] }

// Split returns how to cut a packet of n bytes into datagrams of at most mtu
// bytes: as few parts as possible, each of size bytes, except that the last may
// be a few bytes shorter. The head is the packet's first size bytes, each later
// part is a fragment header and the next size-16 bytes. Equal sizes let a
// system send all parts in one call (UDP segmentation offload); receivers
// accept any cut. A packet that fits is one part of n bytes. parts is 0 for a
// packet that would need more than 7.
func Split(n, mtu int) (parts, size int) {
	if n <= mtu {
		return 1, n
	}
	room := mtu - FragmentHeaderLen
	if room < 1 {
		return 0, 0
	}
	parts = 1 + (n-mtu+room-1)/room
	if parts > MaxFragments {
		return 0, 0
	}
	total := n + (parts-1)*FragmentHeaderLen
	return parts, (total + parts - 1) / parts
}

// AppendPart appends one of the datagrams of a sealed packet, cut as [Split]
// said: each has size bytes, the last what remains. Numbers count from 0, the
// packet's own header. The packet must have been marked [Packet.SetFragmented]
// before sealing if parts > 1 (spec 02 §4.1).
func AppendPart(b []byte, p Packet, parts, size, number int) []byte {
	if number == 0 {
		return append(b, p[:min(size, len(p))]...)
	}
	each := size - FragmentHeaderLen
	rest := p[min(size+(number-1)*each, len(p)):]
	b = AppendFragmentHeader(b, p.ID(), p.Destination(), parts, number)
	return append(b, rest[:min(each, len(rest))]...)
}
