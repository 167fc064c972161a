package vl2

import "orrery/engine/clock"

// MulticastCount has what was counted of a network's multicast and broadcasts
// since it was joined. Questions who holds an address do not count.
type MulticastCount struct {
	// Sent frames are those to groups, of the host or, at a replicator, of others
	// too; Copies of them went to members.
	Sent, Copies uint64
	// Unheard frames found no member within their time. Short ones reached fewer
	// members than were known, because the network's limit is lower.
	Unheard, Short uint64
	// Received frames came from members.
	Received uint64
	// Asked is how often members of groups were asked for, of addresses too.
	Asked uint64
	// LastSent and LastReceived are when, [clock.Never] for never.
	LastSent, LastReceived clock.Mono
}

// Multicasts is what was counted of the network's multicast.
func (nw *Network) Multicasts() MulticastCount { return nw.multicasts }

// gone counts a frame that is not waiting for members any more.
func (o *outgoing) gone() {
	if len(o.sent) == 0 && !o.resolves && o.count != nil {
		o.count.Unheard++
	}
}
