package vl1

import (
	"net/netip"

	"orrery/engine/identity"
)

// SocketID names one of the service's UDP sockets. AnySocket as a destination
// means every bound socket of the right family.
type SocketID int32

// AnySocket stands for every bound socket.
const AnySocket SocketID = 0

// Datagram is a UDP payload from or to Remote. Data is borrowed: from the
// caller for the length of a call, or from the outbox until it is reset.
type Datagram struct {
	Data   []byte
	Remote netip.AddrPort
	Socket SocketID
	// TTL is the IP time to live for IPv4, 0 for the system's default.
	TTL uint8
}

// Inbound is an authenticated, decompressed packet for VL2 or the controller.
// Payload is borrowed for the length of the call.
type Inbound struct {
	// From is the sender's identity, proved by the packet's MAC.
	From identity.Identity
	// ID is the packet ID as it was on the wire.
	ID uint64
	// Payload follows the verb; of an OK or ERROR it follows in-re verb, in-re
	// packet ID and, for ERROR, the code.
	Payload []byte
	// Remote is the physical source; with Hops > 0 it is a relay's.
	Remote netip.AddrPort
	Hops   uint8
	// InReID is the packet ID that an OK or ERROR answers.
	InReID uint64

	socket SocketID
}

// Disposition says what became of a packet.
type Disposition uint8

const (
	// Dropped packets do not count as received from the peer.
	Dropped Disposition = iota
	// Received packets count for liveness and may teach a path.
	Received
	// Trusted packets are Received and prove a common network.
	Trusted
	// Held packets are to be offered again for up to 5 s (spec 02 §5.4).
	Held
)
