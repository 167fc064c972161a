package controller

import (
	"cmp"
	"encoding/binary"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// Revocations are kept for one credential window and told to every authorised
// member: to those online soon, to others with their next request. The
// reference tells only those online and forgets (spec 05 §3.12, §8.7).
//
// What was revoked can be told from the records, so nothing is stored: a
// record's lastDeauthorizedTime is its revocation's threshold.

// revocation is a signed revocation in the order in which they were made.
type revocation struct {
	seq    uint64
	signed credential.Revocation
}

const (
	// perPacket revocations fit one NETWORK_CREDENTIALS with room to spare.
	perPacket = 60
	// maxRevocations is how many a network remembers: more than 16 packets
	// would keep a member busy for longer than they are worth.
	maxRevocations = 16 * perPacket
	// repetitions of what a member was told.
	repetitions = 2
)

// deauthorise revokes the membership of m and tells everybody, and tells m
// itself that it is out.
func (c *Controller) deauthorise(at clock.Instant, n *network, m *member) {
	c.revoke(n, m.address, at.Wall)
	c.queueRevocations(n)
	c.queueRevocation(n, m)
	if m.active && m.online(at.Mono) {
		c.pushes = append(c.pushes, Push{
			To: m.address, Network: n.id,
			Verb: wire.VerbError, Code: wire.ErrorNetworkAccessDenied, Payload: n.id.Append(nil),
		})
	}
}

// revoke signs the revocation of a's memberships up to threshold.
func (c *Controller) revoke(n *network, a identity.Address, threshold clock.Wall) {
	n.seq++
	var b [4]byte
	c.random(b[:])
	r := credential.Revocation{
		ID: binary.BigEndian.Uint32(b[:]), Network: n.id, Threshold: threshold, Flags: credential.FastPropagate,
		Target: a, Type: credential.TypeMembership,
	}
	r.Sign(c.self)
	n.outlive(threshold)
	if len(n.revocations) == maxRevocations {
		n.revocations = slices.Delete(n.revocations, 0, 1)
	}
	n.revocations = append(n.revocations, revocation{seq: n.seq, signed: r})
}

// outlive drops revocations of credentials that have run out anyway.
func (n *network) outlive(now clock.Wall) {
	n.revocations = slices.DeleteFunc(n.revocations, func(r revocation) bool {
		return r.signed.Threshold < now-clock.Wall(n.view.window)
	})
}

// restoreRevocations makes the revocations of one window anew after a start.
// Receivers that have them already ignore them.
func (c *Controller) restoreRevocations(at clock.Instant, n *network) {
	var out []*member
	since := uint64(max(at.Wall, 0)) - min(uint64(max(at.Wall, 0)), n.view.window)
	for _, m := range n.order {
		if t := m.view.lastDeauth; t > since && t <= uint64(at.Wall) {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b *member) int { return cmp.Compare(a.view.lastDeauth, b.view.lastDeauth) })
	for _, m := range newest(out) {
		c.revoke(n, m.address, clock.Wall(m.view.lastDeauth))
	}
}

// newest are the members whose revocations a network remembers if they are made in
// this order: it would be a waste to sign the others.
func newest(members []*member) []*member { return members[max(0, len(members)-maxRevocations):] }

// disband makes a deleted network's members forget each other. The network
// lives on as a ghost in the queue of pushes until they were told.
func (c *Controller) disband(at clock.Instant, n *network) {
	n.revocations = nil
	var out []*member
	for _, m := range n.order {
		if m.view.authorized {
			out = append(out, m)
		}
	}
	for _, m := range newest(out) {
		c.revoke(n, m.address, at.Wall)
	}
	c.queueRevocations(n)
	for _, m := range n.order {
		m.gone = true
	}
}

// queueRevocations puts every authorised member into the queue.
func (c *Controller) queueRevocations(n *network) {
	for _, m := range n.order {
		if m.view.authorized {
			c.queueRevocation(n, m)
		}
	}
}

// queueRevocation puts a member into the queue if it has not heard of the
// newest revocation and can have credentials of ours.
func (c *Controller) queueRevocation(n *network, m *member) {
	if m.revokeQueued || !m.active || m.told >= n.seq || len(n.revocations) == 0 {
		return
	}
	if m.again == 0 {
		m.from = m.told
	}
	m.revokeQueued = true
	c.revokeQueue = append(c.revokeQueue, job{n, m})
}

// repeat is a member that is to be told what it was told before: nobody
// acknowledges a revocation, and one that is lost leaves the door open for
// minutes.
type repeat struct {
	job
	at clock.Mono
}

// repeatLater has a member that was told everything told again, twice in all.
func (c *Controller) repeatLater(at clock.Instant, n *network, m *member) {
	switch {
	case m.again == 0:
		m.again, m.until = 1, m.told
	case m.again < repetitions:
		m.again++
	case m.told > m.until: // some came too late for that
		m.again, m.from, m.until = 1, m.until, m.told
	default:
		m.again = 0
		return
	}
	c.repeats = append(c.repeats, repeat{job{n, m}, at.Mono + credentialGap})
}

// repeatDue puts those into the queue that are to be told again now.
func (c *Controller) repeatDue(at clock.Instant) {
	i := 0
	for ; i < len(c.repeats) && c.repeats[i].at <= at.Mono; i++ {
		r := &c.repeats[i]
		r.m.told = r.m.from
		c.queueRevocation(r.n, r.m)
		if !r.m.revokeQueued { // it has run out, or the member has left
			r.m.again = 0
		}
	}
	c.repeats = slices.Delete(c.repeats, 0, i)
}

// pushRevocations tells a member as many revocations as fit one packet. It
// reports whether there are more.
func (c *Controller) pushRevocations(at clock.Instant, n *network, m *member) (more bool) {
	n.outlive(at.Wall)
	i, _ := slices.BinarySearchFunc(n.revocations, m.told+1, func(r revocation, seq uint64) int { return cmp.Compare(r.seq, seq) })
	batch := n.revocations[i:]
	if len(batch) == 0 {
		return false
	}
	batch = batch[:min(len(batch), perPacket)]
	var out credential.Bundle
	for _, r := range batch {
		out.Revocations = append(out.Revocations, r.signed)
	}
	c.pushes = append(c.pushes, Push{To: m.address, Network: n.id, Verb: wire.VerbNetworkCredentials, Payload: out.Append(nil)})
	m.told, m.toldAt = batch[len(batch)-1].seq, at.Mono
	return m.told < n.seq
}
