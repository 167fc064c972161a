package vl2

import (
	"slices"
	"testing"

	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// TestTurnedAwayAreListed: the user sees whom a network for verified peers turns
// away, with what was dropped in either direction, until they are verified.
func TestTurnedAwayAreListed(t *testing.T) {
	t.Parallel()
	v, f, s, nw := onlyVerified(t, func(*multicastVectors, *netconf.Config) {})
	g := identity.MulticastGroup{MAC: 0x01005e0000fb}
	frame := wire.Frame{Network: nw.id, EtherType: 0x0800, Data: []byte("x")}
	for i := range 3 {
		s.Handle(start, wire.VerbFrame, &vl1.Inbound{From: f.known[v.PeerC], ID: uint64(i + 1), Payload: frame.Append(nil)})
	}
	s.SendFrame(after(10), nw, nw.mac, identity.MACOf(nw.id, v.PeerC), 0x0800, []byte("x"))
	for _, a := range []identity.Address{v.PeerB, v.PeerC} {
		s.learnLike(after(20), groupKey{nw.id, g}, a, true)
	}
	s.SendFrame(after(30), nw, nw.mac, g.MAC, 0x0800, []byte("x"))
	want := []TurnedAway{{v.PeerC, 3, 2, after(30).Mono}}
	if got := nw.TurnedAway(); !slices.Equal(got, want) || nw.Drops(DropNotVerified) != 5 {
		t.Fatalf("%+v, %d dropped; want %+v", got, nw.Drops(DropNotVerified), want)
	}
	f.take()
	s.cfg.Verified = func(identity.Address) bool { return true }
	s.TrustChanged(after(40), []identity.Address{v.PeerC, 0x123456789a})
	if got := nw.TurnedAway(); len(got) != 0 {
		t.Errorf("still listed: %+v", got)
	}
	// What waited for members of the group goes out at once.
	if out := f.take(); !slices.ContainsFunc(out, func(p sent) bool { return p.To == v.PeerC && p.Verb == wire.VerbMulticastFrame }) {
		t.Errorf("sent %v", out)
	}
	if nw.Drops(DropNotVerified) != 5 {
		t.Error("the count of the network went back")
	}
}

// TestSwitchedOff: whom the network turned away hears at once which frames we
// want when the user no longer asks for verified peers.
func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	v, f, s, nw := onlyVerified(t, func(*multicastVectors, *netconf.Config) {})
	s.Subscribe(start, nw, identity.MulticastGroup{MAC: 0x01005e0000fb})
	s.SendFrame(start, nw, nw.mac, identity.MACOf(nw.id, v.PeerC), 0x0800, []byte("x"))
	if len(nw.TurnedAway()) != 1 || to(f.take(), v.PeerC) != 0 {
		t.Fatalf("%+v", nw.TurnedAway())
	}
	s.SetVerifiedOnly(after(10), nw, false)
	if out := f.take(); len(nw.TurnedAway()) != 0 || to(out, v.PeerC) == 0 {
		t.Errorf("%+v, sent %v", nw.TurnedAway(), out)
	}
}

// TestInventedMembers: addresses that a root invents are listed only while there
// is room, and push out nobody.
func TestInventedMembers(t *testing.T) {
	t.Parallel()
	_, f, s, nw := onlyVerified(t, func(*multicastVectors, *netconf.Config) {})
	nw.members.limit = 100
	g := identity.MulticastGroup{MAC: 0x01005e0000fb}
	for i := range identity.Address(1000) {
		s.learnLike(start, groupKey{nw.id, g}, 0x100000+i, false)
	}
	s.SendFrame(start, nw, nw.mac, g.MAC, 0x0800, []byte("x"))
	if n := len(nw.TurnedAway()); n != 50 || nw.Drops(DropNotVerified) != 1000 {
		t.Errorf("%d are listed, %d copies counted", n, nw.Drops(DropNotVerified))
	}
	if out := f.take(); slices.ContainsFunc(out, func(p sent) bool { return p.Verb == wire.VerbMulticastFrame }) {
		t.Errorf("sent %v", out)
	}
}

// TestUnverifiedAsk: members that are not verified are not told that we want a
// group's frames when they ask for its members.
func TestUnverifiedAsk(t *testing.T) {
	t.Parallel()
	v, f, s, nw := onlyVerified(t, func(*multicastVectors, *netconf.Config) {})
	g := identity.MulticastGroup{MAC: 0x01005e0000fb}
	s.Subscribe(start, nw, g)
	q := wire.MulticastGather{Network: nw.id, Group: g, Limit: 10}
	for _, a := range []identity.Address{v.PeerB, v.PeerC} {
		s.Handle(after(5000), wire.VerbMulticastGather, &vl1.Inbound{From: f.known[a], ID: 9, Payload: q.Append(nil)})
	}
	if out := f.takeReplies(); len(out) != 1 || out[0].To != v.PeerB {
		t.Errorf("answers: %v", out)
	}
}

// TestNoRoomForUnverifiedBridges: the few bridges that a frame is flooded to are
// chosen among those that may have it.
func TestNoRoomForUnverifiedBridges(t *testing.T) {
	t.Parallel()
	v, f, s, nw := onlyVerified(t, func(v *multicastVectors, c *netconf.Config) {
		for i := range identity.Address(64) {
			c.Specialists = append(c.Specialists, netconf.Specialist(0x100000+i)|netconf.ActiveBridge)
		}
		c.Specialists = append(c.Specialists, netconf.Specialist(v.PeerB)|netconf.ActiveBridge)
	})
	f.take()
	for range 20 {
		s.SendFrame(start, nw, nw.mac, 0x020000000001, 0x0800, []byte("x"))
	}
	out := f.take()
	n := 0
	for _, p := range out {
		if p.Verb == wire.VerbExtFrame && p.To == v.PeerB {
			n++
		}
	}
	if n != 20 || to(out, v.PeerB) != len(out) {
		t.Errorf("%d of 20 frames for the verified bridge in %v", n, out)
	}
}

// TestSentOnByOthers: frames of a member that is not verified do not get in by way
// of a bridge or replicator that is, nor do ours get out to it that way.
func TestSentOnByOthers(t *testing.T) {
	t.Parallel()
	g := identity.MulticastGroup{MAC: 0x01005e0000fb}
	for name, only := range map[string]bool{"verified only": true, "everybody": false} {
		v, f, s, nw := onlyVerified(t, func(v *multicastVectors, c *netconf.Config) {
			c.Specialists = []netconf.Specialist{netconf.Specialist(v.PeerB) | netconf.ActiveBridge | netconf.MulticastReplicator}
		})
		s.SetVerifiedOnly(start, nw, only)
		f.latency = map[identity.Address]int{v.PeerB: 1}
		s.learnLike(start, groupKey{nw.id, g}, v.PeerC, true)
		s.Handle(start, wire.VerbMulticastLike, &vl1.Inbound{From: f.known[v.PeerC], ID: 1, Payload: wire.MulticastLike{Network: nw.id, Group: g}.Append(nil)})
		f.take()
		m := wire.MulticastFrame{
			Network: nw.id, Flags: wire.MulticastFrameSource, Source: identity.MACOf(nw.id, v.PeerC), Group: g, EtherType: 0x0800, Data: []byte("x"),
		}
		s.Handle(start, wire.VerbMulticastFrame, &vl1.Inbound{From: f.known[v.PeerB], ID: 2, Payload: m.Append(nil)})
		e := wire.ExtFrame{Network: nw.id, To: nw.mac, From: identity.MACOf(nw.id, v.PeerC), EtherType: 0x0800, Data: []byte("x")}
		s.Handle(start, wire.VerbExtFrame, &vl1.Inbound{From: f.known[v.PeerB], ID: 3, Payload: e.Append(nil)})
		// A host that is no member comes in by the bridge all the same.
		e.From = identity.MACOf(nw.id, v.PeerC) ^ 1<<42
		s.Handle(start, wire.VerbExtFrame, &vl1.Inbound{From: f.known[v.PeerB], ID: 4, Payload: e.Append(nil)})
		got := f.takeDelivered()
		if only && (len(got) != 1 || got[0].src != e.From || nw.Drops(DropNotVerified) < 2) || !only && len(got) < 2 {
			t.Errorf("%s: delivered %v, dropped %d", name, got, nw.Drops(DropNotVerified))
		}
		f.take()
		s.SendFrame(after(100), nw, nw.mac, g.MAC, 0x0800, []byte("x"))
		out := f.take()
		replicate := slices.ContainsFunc(out, func(p sent) bool {
			return p.To == v.PeerB && p.Verb == wire.VerbMulticastFrame && p.Payload[16:18] == "0c"
		})
		if replicate == only || to(out, v.PeerC) != 0 {
			t.Errorf("%s: sent %v", name, out)
		}
	}
}
