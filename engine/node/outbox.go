package node

import (
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/vl1"
)

// Outbox collects what the core wants done. Its owner passes it to a call,
// acts on it, and resets it; the memory is reused.
type Outbox struct {
	vl1.Outbox
	// Held has datagrams that rest on controller records. Changes, and those of
	// earlier outboxes, must be durable before they are sent.
	Held []vl1.Datagram
	// Deliver has packets or frames for virtual devices, in order.
	Deliver []Delivery
	// Networks lists networks whose state changed: status, configuration,
	// what they want from the system. A network that is gone is listed too.
	Networks []identity.NetworkID
	// Files are network configurations to keep; nil content deletes.
	Files []NetworkFile
	// Revoked lists networks of which [Core.Revoked] is new and to be stored.
	Revoked []identity.NetworkID
	// Changes are controller records to make durable.
	Changes []controller.Change
	// Trust is true when trust records changed and are to be stored.
	Trust bool
	// Messages are what peers sent outside all networks.
	Messages []Message
	// Traces are what members of networks say about their traffic when asked to,
	// as REMOTE_TRACE; a controller's log is the place for them.
	Traces []Trace
	// Events is what happened that people may want to know.
	Events []Event
}

// Delivery is a packet (of an IP port) or an Ethernet frame for a network's
// virtual device.
type Delivery struct {
	Network identity.NetworkID
	// Data begins with Headroom unused bytes, for the device's own header.
	Data []byte
}

// Headroom is how many bytes a [Delivery] keeps free before the packet.
const Headroom = 16

// NetworkFile is the content of a network's cached configuration.
type NetworkFile struct {
	Network identity.NetworkID
	Data    []byte
}

// Message is a USER_MESSAGE of a peer.
type Message struct {
	From identity.Identity
	Kind uint64
	Data []byte
}

// Trace is one text of a REMOTE_TRACE, lines of "key=value". Any peer may send
// one.
type Trace struct {
	From identity.Identity
	Text []byte
}

// maxTraces bounds the texts that one batch of packets brings.
const maxTraces = 64

// EventKind says what happened.
type EventKind uint8

// The events.
const (
	// EventOnline and EventOffline tell whether a root answers.
	EventOnline EventKind = iota
	EventOffline
	// EventCollision: a root holds another key for our own address.
	EventCollision
	// EventConflict: another key turned up for a recorded address.
	EventConflict
	// EventWorld: the planet or a moon in force changed.
	EventWorld
	// EventReach: a peer that traffic goes to is reached in another way.
	EventReach
	// EventTwin: another computer runs with our identity, as after a disk was
	// copied. EventTwinGone: it gave no sign for half an hour.
	EventTwin
	EventTwinGone
)

// Event is something that happened.
type Event struct {
	Kind EventKind
	// Peer is whom it concerns, zero if nobody.
	Peer identity.Address
	// Reason says, of an EventReach, why the peer is not direct; it is
	// [vl1.ReasonNone] when it has become direct.
	Reason vl1.Reason
}

// Reset forgets everything and makes the memory available again.
func (o *Outbox) Reset() {
	o.Outbox.Reset()
	o.Held = o.Held[:0]
	clear(o.Deliver)
	o.Deliver = o.Deliver[:0]
	o.Networks = o.Networks[:0]
	clear(o.Files)
	o.Files = o.Files[:0]
	o.Revoked = o.Revoked[:0]
	clear(o.Changes)
	o.Changes = o.Changes[:0]
	clear(o.Messages)
	o.Messages = o.Messages[:0]
	clear(o.Traces)
	o.Traces = o.Traces[:0]
	o.Trust = false
	o.Events = o.Events[:0]
}

// Empty reports whether nothing is to be done.
func (o *Outbox) Empty() bool {
	return len(o.Send) == 0 && len(o.Held) == 0 && len(o.Work) == 0 && len(o.Store) == 0 && len(o.Deliver) == 0 && len(o.Networks) == 0 &&
		len(o.Files) == 0 && len(o.Revoked) == 0 && len(o.Changes) == 0 && !o.Trust && !o.Rotate &&
		len(o.Burst) == 0 && len(o.Close) == 0 && len(o.Messages) == 0 && len(o.Traces) == 0 && len(o.Events) == 0 &&
		len(o.Reach) == 0
}
