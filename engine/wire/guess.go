package wire

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"orrery/engine/identity"
)

// GuessKind is the type of the USER_MESSAGE that carries a [Guess]: "ORRERY"
// and 2. Nodes of other kinds ignore it.
const GuessKind = 0x4f52524552590002

// GuessLen is the least length of a guess in bytes.
const GuessLen = 16

const guessVersion = 1

// ErrGuess is returned for a guess of another version, or without a peer or an
// address; it is to be ignored.
var ErrGuess = errors.New("not a request to guess that is understood")

// Guess asks a root to introduce the sender to a peer by guessing: the sender's
// NAT takes a random port for each destination, it has just opened many of them
// towards the peer, and the root cannot see any. It travels as the data of a
// USER_MESSAGE. Layout, big-endian:
//
//	0   1  version, 1
//	1   1  reserved, 0
//	2   2  sockets that the sender has opened
//	4   5  address of the peer
//	9   1  reserved, 0
//	10  4  IPv4 address of the peer that they were opened towards
//	14  2  port there
//
// What follows is ignored, as are reserved fields.
type Guess struct {
	Peer    identity.Address
	Sockets uint16
	// At is where the peer is, of IPv4.
	At netip.AddrPort
}

// Append appends the guess. At must be of IPv4: another address is written as
// none, which no receiver takes.
func (g Guess) Append(b []byte) []byte {
	var ip [4]byte
	port := uint16(0)
	if g.At.Addr().Is4() {
		ip, port = g.At.Addr().As4(), g.At.Port()
	}
	b = append(b, guessVersion, 0)
	b = binary.BigEndian.AppendUint16(b, g.Sockets)
	b = append(g.Peer.Append(b), 0)
	b = append(b, ip[:]...)
	return binary.BigEndian.AppendUint16(b, port)
}

// ParseGuess reads a guess: ErrTruncated or ErrGuess if it is none.
func ParseGuess(b []byte) (Guess, error) {
	if len(b) < GuessLen {
		return Guess{}, ErrTruncated
	}
	ip, port := netip.AddrFrom4([4]byte(b[10:14])), binary.BigEndian.Uint16(b[14:])
	g := Guess{Peer: identity.AddressFrom(b[4:]), Sockets: binary.BigEndian.Uint16(b[2:]), At: netip.AddrPortFrom(ip, port)}
	if b[0] != guessVersion || g.Peer.Reserved() || port == 0 || ip.IsUnspecified() {
		return Guess{}, ErrGuess
	}
	return g, nil
}
