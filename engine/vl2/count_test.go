package vl2

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// TestMulticastCounts: every frame is counted once for what became of it, and
// questions who has an address not at all.
func TestMulticastCounts(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 2})
	k := groupKey{nw.id, identity.MulticastGroup{MAC: 0x01005e0000fb}}
	say := func(ms clock.Mono) {
		s.SendFrame(after(ms), nw, nw.mac, k.group.MAC, ether.TypeIPv4, []byte("x"))
	}
	check := func(what string, want MulticastCount) {
		t.Helper()
		got := nw.Multicasts()
		got.Asked, got.LastSent, got.LastReceived = 0, 0, 0
		if got != want {
			t.Errorf("%s: %+v, want %+v", what, got, want)
		}
	}
	if c := nw.Multicasts(); c.LastSent != clock.Never || c.LastReceived != clock.Never {
		t.Error("something was counted before anything was sent")
	}
	say(0)
	s.learnLike(after(10), k, v.PeerB, true)
	check("found in time", MulticastCount{Sent: 1, Copies: 1})
	say(20)
	check("a member known", MulticastCount{Sent: 2, Copies: 2})
	s.learnLike(after(30), k, v.PeerC, true)
	check("found for both", MulticastCount{Sent: 2, Copies: 4})
	s.learnLike(after(40), k, 0x777777, true)
	say(50)
	check("more members than may be reached", MulticastCount{Sent: 3, Copies: 6, Short: 1})
	k.group.MAC++
	say(60)
	s.Tick(after(60_000))
	check("to nobody", MulticastCount{Sent: 4, Copies: 6, Short: 1, Unheard: 1})
	s.SendFrame(after(60_000), nw, nw.mac, identity.Broadcast, ether.TypeARP, unhex(t, arpVector))
	s.Tick(after(120_000))
	check("ARP", MulticastCount{Sent: 4, Copies: 6, Short: 1, Unheard: 1})
	m := wire.MulticastFrame{Network: nw.id, Group: k.group, EtherType: ether.TypeIPv4, Data: []byte("x")}
	s.Handle(after(120_001), wire.VerbMulticastFrame, &vl1.Inbound{From: f.known[v.PeerB], ID: 9, Payload: m.Append(nil)})
	check("received", MulticastCount{Sent: 4, Copies: 6, Short: 1, Unheard: 1, Received: 1})
	if c := nw.Multicasts(); c.LastReceived != after(120_001).Mono || c.LastSent != after(60).Mono || c.Asked == 0 {
		t.Errorf("%+v", c)
	}
	// A full queue loses its oldest frame, unheard too.
	k.group.MAC++
	for i := range clock.Mono(queuePerGroup + 3) {
		say(130_000 + i)
	}
	if c := nw.Multicasts(); c.Unheard != 4 {
		t.Errorf("%d frames were unheard, want 4", c.Unheard)
	}
}

// TestStreamsDoNotAllocate: a stream to a group pays for no garbage, be it at the
// limit or below, where its last frames wait for more members.
func TestStreamsDoNotAllocate(t *testing.T) {
	for _, members := range []int{31, 40} {
		h, s, nw, in := busy(t)
		at := start.Add(clock.Second)
		g := identity.MulticastGroup{MAC: 0x01005e0000fb}
		for i := range members {
			s.learnLike(at, groupKey{nw.id, g}, in.From.Address+identity.Address(i), true)
		}
		payload := tcpSegment()
		send := func() {
			at = at.Add(clock.Millisecond)
			s.SendFrame(at, nw, nw.mac, g.MAC, 0x0800, payload)
		}
		for range 2 * queuePerGroup {
			send()
		}
		before := h.sent
		if n := testing.AllocsPerRun(100, send); n != 0 || h.sent-before < 101*min(members, 32) {
			t.Errorf("%d members: %v allocations for a frame, %d copies", members, n, h.sent-before)
		}
	}
}
