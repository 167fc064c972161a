package vl2

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// gossip is a node with one group and those who talk about it.
type gossip struct {
	*testing.T
	v  *multicastVectors
	f  *fake
	s  *Switch
	nw *Network
	k  groupKey
}

func newGossip(t *testing.T) *gossip {
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	return &gossip{t, v, f, s, nw, groupKey{nw.id, identity.MulticastGroup{MAC: 0x01005e0000fb}}}
}

// frame has the host send one and returns who got a copy.
func (g *gossip) frame(ms clock.Mono) (to []identity.Address) {
	g.f.take()
	g.s.SendFrame(after(ms), g.nw, g.nw.mac, g.k.group.MAC, 0x88b5, []byte("x"))
	return g.copies()
}

func (g *gossip) copies() (to []identity.Address) {
	for _, p := range g.f.take() {
		if p.Verb == wire.VerbMulticastFrame {
			to = append(to, p.To)
		}
	}
	return to
}

// names has a node name n members of the group from an address on, in answer to a
// frame, or if it is a root to a question.
func (g *gossip) names(ms clock.Mono, from, first identity.Address, n int) {
	var list []byte
	for i := range n {
		list = (first + identity.Address(i)).Append(list)
	}
	verb, r := wire.VerbMulticastFrame, wire.OKMulticastFrame{Network: g.nw.id, Group: g.k.group, Flags: wire.MulticastFrameGather}
	r.Total, r.Members = uint32(n), wire.Addresses(list)
	body := r.Append(nil)
	if from == g.f.best {
		q := wire.GatherResult{Network: g.nw.id, Group: g.k.group, Total: uint32(n), Members: wire.Addresses(list)}
		verb, body = wire.VerbMulticastGather, q.Append(nil)
	}
	id := g.f.known[from]
	id.Address = from
	g.s.HandleOK(after(ms), verb, &vl1.Inbound{From: id, Payload: body})
}

const (
	announcedFrom = identity.Address(0x100000)
	inventedFrom  = identity.Address(0x200000)
)

// TestRumoursHideNobody: a member that names whomever it likes, as often as it
// likes, takes a quarter of the copies of a frame and next to no memory.
func TestRumoursHideNobody(t *testing.T) {
	t.Parallel()
	g := newGossip(t)
	const announced = 40
	for i := range identity.Address(announced) {
		g.s.learnLike(start, g.k, announcedFrom+i, true)
	}
	g.frame(1)
	for i := range identity.Address(50) {
		g.names(2, g.v.PeerB, inventedFrom+1000*i, 1000)
	}
	group := g.s.groups.get(g.k)
	if group.rumours != maxRumours+announced || len(group.likes) != announced+group.rumours {
		t.Errorf("%d rumours of %d", group.rumours, len(group.likes))
	}
	reached := map[identity.Address]int{}
	rumours := 0
	for i := range clock.Mono(100) {
		to := g.frame(10 + i)
		if len(to) != 32 {
			t.Fatalf("frame %d has %d copies", i, len(to))
		}
		n := 0
		for _, a := range to {
			if reached[a]++; a >= inventedFrom {
				n++
			}
		}
		if n > 8 {
			t.Errorf("frame %d went to %d rumours", i, n)
		}
		rumours += n
	}
	if rumours < 700 || rumours > 900 {
		t.Errorf("%d of 3200 copies went to rumours", rumours)
	}
	for i := range identity.Address(announced) {
		if reached[announcedFrom+i] < 30 {
			t.Errorf("%d of 100 frames reached one that announced itself", reached[announcedFrom+i])
		}
	}
	// One that is there says so and is no rumour any more; so is one that a root knows.
	first := group.likes[announced].member
	g.s.learnLike(after(200), g.k, first, true)
	g.names(201, g.f.best, group.likes[announced+1].member, 1)
	if n := maxRumours + announced - 2; group.rumours != n {
		t.Errorf("%d rumours, want %d", group.rumours, n)
	}
	books(t, &g.s.groups)

	// Nothing is believed of other groups, or long after a frame.
	for _, x := range []struct {
		ms    clock.Mono
		group identity.MulticastGroup
	}{{300, identity.MulticastGroup{MAC: 0x01005e0000fc}}, {109 + 30_001, g.k.group}} {
		g.k.group = x.group
		before := g.s.groups.likes
		g.names(x.ms, g.v.PeerB, 0x900000, 10)
		if g.s.groups.likes != before {
			t.Errorf("after %d ms: took a rumour about %v", x.ms, x.group)
		}
	}
}

// TestRumoursLeaveFramesForOthers: a frame that waits for members goes to those
// that a root names, though a member named enough of its own invention before.
func TestRumoursLeaveFramesForOthers(t *testing.T) {
	t.Parallel()
	g := newGossip(t)
	g.s.learnLike(start, g.k, g.v.PeerB, true)
	if to := g.frame(1); len(to) != 1 {
		t.Fatalf("sent to %v", to)
	}
	g.names(20, g.v.PeerB, inventedFrom, 60)
	if to := g.copies(); len(to) != 8 {
		t.Errorf("%d rumours got the frame", len(to))
	}
	g.names(40, g.f.best, announcedFrom, 20)
	if to := g.copies(); len(to) != 20 {
		t.Errorf("%d of 20 members got the frame", len(to))
	}
}

// TestRumoursAreBetterThanNothing: where nobody else is known, rumours are used as
// any other word.
func TestRumoursAreBetterThanNothing(t *testing.T) {
	t.Parallel()
	g := newGossip(t)
	g.s.learnLike(start, g.k, g.v.PeerB, true)
	g.frame(1)
	g.names(20, g.v.PeerB, inventedFrom, 40)
	g.s.groups.leave(after(30).Mono, g.k, g.v.PeerB)
	if to := g.frame(40); len(to) != 32 {
		t.Errorf("sent to %d", len(to))
	}
}
