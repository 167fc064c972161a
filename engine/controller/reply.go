package controller

import (
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// Outcome says what to do with a request.
type Outcome uint8

// Outcomes of a request.
const (
	Dropped    Outcome = iota // say nothing: not ours, too fast, or not answerable
	Refused                   // send ERROR with Code and Body
	Configured                // send Chunks, or hand Config to the local network
)

// Reply answers a configuration request. The changes it rests on are in
// [Controller.TakeChanges] and must be durable before the reply is sent.
type Reply struct {
	Outcome Outcome
	// Code and Body are the error in re NETWORK_CONFIG_REQUEST: the error code,
	// and what follows it in the packet (network ID, 8 bytes big-endian, and
	// for ErrorNetworkAuthenticationRequired the log-in data) (spec 05 §3.11).
	Code wire.ErrorCode
	Body []byte
	// Chunks are the bodies of the OK(NETWORK_CONFIG_REQUEST) packets, each one
	// signed and small enough for a packet (spec 04 §4.2).
	Chunks [][]byte
	// Config is the whole configuration dictionary, for a member that is this
	// node itself.
	Config []byte
}

// Push is a message to a member that did not ask for it.
type Push struct {
	To      identity.Address
	Network identity.NetworkID
	// Verb is VerbNetworkConfig (Payload is one signed chunk),
	// VerbNetworkCredentials (Payload holds revocations) or VerbError (Payload
	// is the error's body, Code its code, in re NETWORK_CONFIG_REQUEST, any
	// packet ID).
	Verb    wire.Verb
	Code    wire.ErrorCode
	Payload []byte
	// Config is set in the first VerbNetworkConfig push of an update: the whole
	// dictionary, for a member that is this node itself.
	Config []byte
}
