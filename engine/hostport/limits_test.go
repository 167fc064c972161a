package hostport

import (
	"fmt"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// A flat network large enough to fill every table.
var wide = Settings{Assigned: prefixes("10.0.0.5/8")}

func target(i int) string { return fmt.Sprintf("10.1.%d.%d", i/250, i%250+1) }

func TestQueueLimits(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, wide)
	for i := range MaxQueue + 8 {
		b.host(packet("10.0.0.5", "10.0.0.9", 17, make([]byte, i)...))
	}
	b.expectDrops(DropQueueFull, 8)
	b.log = nil
	b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, peerMAC, "10.0.0.9", "10.0.0.5"))
	// The oldest are gone.
	if len(b.log) != MaxQueue || b.log[0] != "net peer 10.0.0.5>10.0.0.9 proto 17 len 28" {
		t.Errorf("%d packets, first %q", len(b.log), b.log[0])
	}

	b = settled(t, Config{}, wide)
	for i := range MaxQueued/MaxQueue + 1 {
		for range MaxQueue {
			b.host(udp("10.0.0.5", target(i)))
		}
	}
	b.expectDrops(DropQueueFull, MaxQueue)
	if b.p.queued != MaxQueued {
		t.Errorf("%d packets wait", b.p.queued)
	}

	s := wide
	s.MTU = 9000
	b = settled(t, Config{}, s)
	big := make([]byte, 8980)
	for i := range 600 {
		b.host(packet("10.0.0.5", target(i%40), 17, big...))
	}
	if b.p.bytes > MaxQueuedBytes || b.p.bytes < MaxQueuedBytes-9000 {
		t.Errorf("%d bytes wait", b.p.bytes)
	}
	b.run(6 * clock.Second)
	if b.p.queued != 0 || b.p.bytes != 0 || b.p.waiting != 0 {
		t.Errorf("left over: %d packets, %d bytes, %d incomplete", b.p.queued, b.p.bytes, b.p.waiting)
	}
}

func TestIncompleteLimit(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, wide)
	for i := range MaxIncomplete + 10 {
		b.host(udp("10.0.0.5", target(i)))
	}
	if b.p.waiting != MaxIncomplete || len(b.p.order) != MaxIncomplete {
		t.Errorf("%d incomplete, %d entries", b.p.waiting, len(b.p.order))
	}
	b.expectDrops(DropQueueFull, 10)
	// Those that failed make room, also for their own second try.
	b.run(10 * clock.Second)
	b.log = nil
	b.host(udp("10.0.0.5", target(0)))
	b.host(udp("10.0.0.5", target(MaxIncomplete+1)))
	if len(b.log) != 2 {
		t.Errorf("%q", b.log)
	}
}

// The least recently used entry goes when the table is full, and what waits for
// an answer stays.
func TestNeighborLimit(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, wide)
	b.host(udp("10.0.0.5", "10.9.9.9")) // incomplete, the oldest
	for i := range MaxNeighbors + 5 {
		b.host(udp("10.0.0.5", target(i)))
		b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, peerMAC, target(i), "10.0.0.5"))
		b.at = b.at.Add(clock.Millisecond / 10)
		if i == MaxNeighbors-10 {
			b.host(udp("10.0.0.5", target(0))) // used again
		}
	}
	if len(b.p.order) != MaxNeighbors || len(b.p.neighbors) != MaxNeighbors {
		t.Errorf("%d and %d entries", len(b.p.order), len(b.p.neighbors))
	}
	for i, want := range map[int]bool{0: true, 1: false, 6: false, 7: true} {
		if got := b.p.neighbors[ip(target(i))] != nil; got != want {
			t.Errorf("entry %d is there: %v", i, got)
		}
	}
	if n := b.p.neighbors[ip("10.9.9.9")]; n == nil || n.state != incomplete {
		t.Error("the incomplete entry is gone")
	}
	for i, n := range b.p.order {
		if n.place != i || b.p.neighbors[n.ip] != n {
			t.Fatalf("entry %d is out of place", i)
		}
	}
}

func TestAddressLimits(t *testing.T) {
	t.Parallel()
	var s Settings
	for i := range 100 {
		s.Assigned = append(s.Assigned, netip.PrefixFrom(ip(target(i)), 24))
	}
	s.Assigned = append(s.Assigned, s.Assigned[0], netip.Prefix{}, prefix("224.0.0.1/24"), prefix("0.0.0.0/0"))
	for i := range 600 {
		s.Routes = append(s.Routes, Route{Prefix: netip.PrefixFrom(ip(target(i)), 32)})
	}
	s.Routes[0] = Route{}
	b := newBench(t, Config{}, s)
	if len(b.p.own) != MaxAddresses || len(b.p.routes[0]) != MaxAddresses+MaxRoutes-1 {
		t.Errorf("%d addresses, %d routes", len(b.p.own), len(b.p.routes[0]))
	}
}

func TestGroupLimit(t *testing.T) {
	t.Parallel()
	var list []netip.Addr
	for i := range 2 * MaxGroups {
		list = append(list, netip.AddrFrom4([4]byte{239, 1, byte(i >> 8), byte(i)}))
	}
	b := settled(t, Config{}, v4)
	b.p.SetHostGroups(list)
	groups := b.p.Groups()
	if len(groups) != MaxGroups {
		t.Errorf("%d groups", len(groups))
	}
	// Our own go first.
	if !b.p.joined(ether.AllSystems) || !b.p.joined(identity.Broadcast) {
		t.Error("the port's own groups were crowded out")
	}
	b = settled(t, Config{}, v4)
	for _, g := range list {
		b.host(report(g.String()))
	}
	if len(b.p.snooped) != MaxGroups || len(b.p.Groups()) != MaxGroups {
		t.Errorf("%d reports, %d groups", len(b.p.snooped), len(b.p.Groups()))
	}
}

func TestEtherTypeLimit(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v4)
	for range 2 {
		for i := range maxEtherTypes + 8 {
			b.net(peerMAC, ownMAC, uint16(0x8800+i), []byte("x"))
		}
	}
	types := b.p.EtherTypes()
	if len(types) != maxEtherTypes || types[3] != (EtherTypeCount{0x8803, 2}) {
		t.Errorf("%v", types)
	}
	b.expectDrops(DropEtherType, 2*(maxEtherTypes+8))
}

func TestAnswerLimits(t *testing.T) {
	t.Parallel()
	b := settled(t, Config{}, v4)
	ask := func(m identity.MAC) {
		b.net(m, identity.Broadcast, ether.TypeARP, arp(ether.ARPRequest, m, "10.0.0.9", "10.0.0.5"))
	}
	for range 15 {
		ask(peerMAC)
	}
	if len(b.log) != maxPeerAnswers {
		t.Errorf("%d answers to one peer", len(b.log))
	}
	b.expectDrops(DropRate, 5)
	for i := range 200 {
		ask(identity.MACOf(nwid, identity.Address(i+1)))
	}
	if len(b.log) != maxAnswers {
		t.Errorf("%d answers in all", len(b.log))
	}
	b.run(clock.Second)
	b.log = nil
	ask(peerMAC)
	if len(b.log) != 1 {
		t.Errorf("%d answers a second later", len(b.log))
	}
}
