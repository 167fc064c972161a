package tcprelay

import (
	"errors"
	"net/netip"
)

// Sizes in bytes.
const (
	// HeaderLen is the length of a message's header: 17 03 03 and the length of
	// the body, big endian.
	HeaderLen = 5
	// MaxBody bounds the body of a message. It is more than any datagram of the
	// protocol needs, and the limit of the TLS records that messages look like.
	MaxBody = 16384
	// MinDatagram is the least that is relayed: the header of a fragment.
	MinDatagram = 16
)

// Errors of messages. After each of them nothing that follows in the stream can
// be understood.
var (
	// ErrHeader is returned for something that is not a message at all, such as
	// the answer of another server.
	ErrHeader = errors.New("not a relay message")
	// ErrTooLong is returned for a body of more than MaxBody bytes.
	ErrTooLong = errors.New("relay message is too long")
	// ErrAddress is returned for an unknown type of address or a cut one.
	ErrAddress = errors.New("relay message with a bad address")
)

// Kind is what a message is.
type Kind uint8

// The kinds. Ignored are those that mean nothing to a receiver: empty ones and
// those without address.
const (
	Ignored Kind = iota
	Greeting
	Packet
)

// Message is one message of the stream.
type Message struct {
	Kind Kind
	// Version is the sender's version in a greeting.
	Version Version
	// Addr is where a packet goes to, or comes from.
	Addr netip.AddrPort
	// Datagram is a packet's content, a view.
	Datagram []byte
}

// Version is what a greeting tells.
type Version struct {
	Major, Minor uint8
	Revision     uint16
}
