package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// Link is what the layer needs of VL1. Arguments that are slices are borrowed
// for the length of the call. A Link must not call into the [Switch] from
// inside these methods.
type Link interface {
	// Self is our identity, which never changes.
	Self() identity.Identity
	// Identity returns the identity of a peer that is known in memory.
	Identity(a identity.Address) (identity.Identity, bool)
	// Whois asks upstream for the identity of a; VL1 limits the rate.
	Whois(at clock.Instant, a identity.Address)
	// Send seals and sends head‖body to a peer by the general queue: direct,
	// relayed, or kept until the peer's identity is known. With compress it is
	// compressed if that helps. Every packet is registered for replies. The
	// result is the packet ID on the wire, 0 if the packet was queued.
	Send(at clock.Instant, to identity.Address, v wire.Verb, head, body []byte, compress bool) uint64
	// ReplyOK answers in on its arrival path, in fragments if need be.
	ReplyOK(at clock.Instant, in *vl1.Inbound, inRe wire.Verb, body []byte)
	// ReplyError answers in on its arrival path.
	ReplyError(at clock.Instant, in *vl1.Inbound, inRe wire.Verb, code wire.ErrorCode, body []byte)
	// Upstreams appends the addresses of all roots and moon roots, sorted.
	Upstreams(dst []identity.Address) []identity.Address
	// BestUpstream is the root to ask first.
	BestUpstream() (identity.Address, bool)
	// AmUpstream reports whether we are a root ourselves.
	AmUpstream() bool
	// Random is the next of a seeded sequence, not for secrets.
	Random() uint64
	// Whole is the length in bytes of the longest packet, from its header on, that
	// goes to a peer in one datagram, 0 if that does not matter (see
	// [vl1.Wire.Whole]).
	Whole(a identity.Address) int
	// DirectLatency is the round trip to a peer with a live direct path.
	DirectLatency(a identity.Address) (ms int, ok bool)
}

// Sink takes what the layer puts out besides packets. Its methods are called
// from inside calls of [Switch] and may call back: Deliver only SendFrame, as a
// host that answers at once does.
type Sink interface {
	// Deliver hands a frame to the host. payload is a view, borrowed for the
	// call. super says that a rule sent the frame here (TEE, WATCH or REDIRECT),
	// so that its MACs mean nothing to the host.
	Deliver(at clock.Instant, nw *Network, src, dst identity.MAC, etherType uint16, payload []byte, super bool)
	// NetworkChanged says that the status or configuration of nw is new.
	NetworkChanged(at clock.Instant, nw *Network)
	// Store keeps conf as the content of the network's file, nil to delete it
	// (spec 04 §2.5). conf is not reused.
	Store(nw identity.NetworkID, conf []byte)
	// StoreRevoked asks to keep what [Network.Revoked] returns; after Store has
	// deleted the network's file there is nothing to keep.
	StoreRevoked(nw identity.NetworkID)
}

// LocalController is the network controller that runs in this node.
type LocalController interface {
	// Request asks for a configuration. in is the packet that asked, nil if we
	// ask ourselves; then the answer comes back through [Switch.LocalConfig] or
	// [Switch.LocalError]. meta is borrowed for the call.
	Request(at clock.Instant, from identity.Identity, nwid identity.NetworkID, meta wire.Dictionary, in *vl1.Inbound)
	// Authorized reports whether a was authorised on nwid within 180 s.
	Authorized(at clock.Instant, nwid identity.NetworkID, a identity.Address) bool
}
