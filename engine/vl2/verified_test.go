package vl2

import (
	"slices"
	"testing"

	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// onlyVerified returns a node on a public network for verified peers, of which B
// is one and C is not. It has credentials to show.
func onlyVerified(t *testing.T, shape func(*multicastVectors, *netconf.Config)) (*multicastVectors, *fake, *Switch, *Network) {
	t.Helper()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Private: true})
	s.cfg.Verified = func(a identity.Address) bool { return a == v.PeerB }
	s.SetVerifiedOnly(start, nw, true)
	c := *nw.config
	c.Public = true
	shape(v, &c)
	s.setConfig(nw, &c)
	return v, f, s, nw
}

// to counts packets by receiver.
func to(packets []sent, a identity.Address) (n int) {
	for _, p := range packets {
		if p.To == a {
			n++
		}
	}
	return n
}

// TestUnverifiedHearNothing: on a network for verified peers others get no frame,
// no certificate and no word about our groups, whatever they send.
func TestUnverifiedHearNothing(t *testing.T) {
	t.Parallel()
	v, f, s, nw := onlyVerified(t, func(*multicastVectors, *netconf.Config) {})
	g := identity.MulticastGroup{MAC: 0x01005e0000fb}
	frame := wire.Frame{Network: nw.id, EtherType: 0x0800, Data: []byte("x")}
	for _, from := range []identity.Address{v.PeerB, v.PeerC} {
		s.Handle(start, wire.VerbFrame, &vl1.Inbound{From: f.known[from], ID: 1, Payload: frame.Append(nil)})
		s.learnLike(start, groupKey{nw.id, g}, from, true)
	}
	if got := len(f.takeDelivered()); got != 1 || nw.Drops(DropNotVerified) != 1 {
		t.Errorf("%d frames were delivered, %d dropped", got, nw.Drops(DropNotVerified))
	}
	s.Subscribe(after(1000), nw, g)
	s.Greeted(after(2000), v.PeerB)
	s.Greeted(after(2000), v.PeerC)
	for _, a := range []identity.Address{v.PeerB, v.PeerC} {
		s.SendFrame(after(3000), nw, nw.mac, identity.MACOf(nw.id, a), 0x0800, []byte("x"))
		in := vl1.Inbound{From: f.known[a], Payload: nw.id.Append(nil)}
		s.HandleError(after(5000), wire.VerbFrame, wire.ErrorNeedMembershipCertificate, &in)
	}
	s.SendFrame(after(6000), nw, nw.mac, g.MAC, 0x0800, []byte("x"))
	s.Tick(after(70_000))
	out := f.take()
	if n := to(out, v.PeerC); n != 0 {
		t.Errorf("%d packets for the unverified peer in %v", n, out)
	}
	for _, verb := range []wire.Verb{wire.VerbFrame, wire.VerbMulticastFrame, wire.VerbMulticastLike, wire.VerbNetworkCredentials} {
		if !slices.ContainsFunc(out, func(p sent) bool { return p.To == v.PeerB && p.Verb == verb }) {
			t.Errorf("no %v for the verified peer", verb)
		}
	}
}

// TestVerificationWithdrawn: one that is verified no more gets no certificate for
// the frame that it had before.
func TestVerificationWithdrawn(t *testing.T) {
	t.Parallel()
	v, f, s, nw := onlyVerified(t, func(*multicastVectors, *netconf.Config) {})
	s.SendFrame(start, nw, nw.mac, identity.MACOf(nw.id, v.PeerB), 0x0800, []byte("x"))
	in := vl1.Inbound{From: f.known[v.PeerB], Payload: nw.id.Append(nil)}
	for _, verified := range []bool{true, false} {
		s.cfg.Verified = func(identity.Address) bool { return verified }
		f.take()
		s.HandleError(after(5000), wire.VerbFrame, wire.ErrorNeedMembershipCertificate, &in)
		if out := f.take(); (len(out) > 0) != verified {
			t.Errorf("verified %v: sent %v", verified, out)
		}
		nw.members.get(v.PeerB).pushed = start.Mono
	}
}

// TestUnverifiedTakeNoRoom: unverified members of a group take no part in its
// limit, and do not keep us from asking for others.
func TestUnverifiedTakeNoRoom(t *testing.T) {
	t.Parallel()
	v, f, s, nw := onlyVerified(t, func(v *multicastVectors, c *netconf.Config) {
		c.MulticastLimit = 2
		c.Specialists = []netconf.Specialist{netconf.Specialist(v.PeerC) | netconf.ActiveBridge}
	})
	g := identity.MulticastGroup{MAC: 0x01005e0000fb}
	for i := range identity.Address(10) {
		s.learnLike(start, groupKey{nw.id, g}, 0x100000+i, true)
	}
	s.SendFrame(start, nw, nw.mac, g.MAC, 0x0800, []byte("x"))
	out := f.take()
	if len(out) == 0 || slices.ContainsFunc(out, func(p sent) bool { return p.Verb != wire.VerbMulticastGather }) {
		t.Errorf("sent %v, want questions for members alone", out)
	}
	s.learnLike(after(100), groupKey{nw.id, g}, v.PeerB, false)
	if out := f.take(); len(out) != 2 || to(out, v.PeerB) != 2 || out[1].Verb != wire.VerbMulticastFrame {
		t.Errorf("sent %v, want our credentials and the frame that waited", out)
	}
}

// TestUnverifiedCopies: rules send no copies to, and take none from, peers that
// are not verified, bridges and replicators included.
func TestUnverifiedCopies(t *testing.T) {
	t.Parallel()
	v, f, s, nw := onlyVerified(t, func(v *multicastVectors, c *netconf.Config) {
		c.Specialists = []netconf.Specialist{
			netconf.Specialist(v.PeerC) | netconf.ActiveBridge | netconf.MulticastReplicator, netconf.Specialist(v.Self) | netconf.MulticastReplicator,
		}
		c.Rules = []rule.Rule{{Type: rule.ActionTee, Address: v.PeerC}, {Type: rule.ActionAccept}}
	})
	s.SendFrame(start, nw, nw.mac, identity.MACOf(nw.id, v.PeerB), 0x0800, []byte("x"))
	if out := f.take(); to(out, v.PeerB) == 0 || to(out, v.PeerC) != 0 || nw.Drops(DropNotVerified) != 1 {
		t.Errorf("sent %v, dropped %d", out, nw.Drops(DropNotVerified))
	}
	const foreign identity.MAC = 0x020000000001
	s.learnLike(start, groupKey{nw.id, identity.MulticastGroup{MAC: 0x01005e0000fb}}, v.PeerB, true)
	m := wire.MulticastFrame{
		Network: nw.id, Flags: wire.MulticastFrameSource | wire.MulticastFrameReplicate, Source: foreign,
		Group: identity.MulticastGroup{MAC: 0x01005e0000fb}, EtherType: 0x0800, Data: []byte("x"),
	}
	s.Handle(start, wire.VerbMulticastFrame, &vl1.Inbound{From: f.known[v.PeerC], ID: 1, Payload: m.Append(nil)})
	e := wire.ExtFrame{Network: nw.id, To: nw.mac, From: foreign, EtherType: 0x0800, Data: []byte("x")}
	s.Handle(start, wire.VerbExtFrame, &vl1.Inbound{From: f.known[v.PeerC], ID: 2, Payload: e.Append(nil)})
	if _, known := nw.BridgeRoute(foreign); known || len(f.take()) != 0 || len(f.takeDelivered()) != 0 || nw.Drops(DropNotVerified) != 3 {
		t.Errorf("frames of an unverified bridge count; %d dropped", nw.Drops(DropNotVerified))
	}
}

// TestEmptyGroups: a host that sprays over groups without members makes nothing
// grow without bound.
func TestEmptyGroups(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	for i := range identity.MAC(maxEmptyGroups + 100) {
		s.SendFrame(start, nw, nw.mac, 0x01005e000000+i, 0x0800, []byte("x"))
		f.take()
	}
	if n := len(s.groups.groups); n != maxEmptyGroups || nw.Drops(DropCrowded) != 100 || s.groups.queued != queueTotal {
		t.Errorf("%d groups, %d frames queued, %d dropped", n, s.groups.queued, nw.Drops(DropCrowded))
	}
	// A group with members is none of these, and time makes room.
	k := groupKey{nw.id, identity.MulticastGroup{MAC: 0x01005e7fffff}}
	s.learnLike(start, k, v.PeerB, true)
	s.SendFrame(start, nw, nw.mac, k.group.MAC, 0x0800, []byte("x"))
	if out := f.take(); !slices.ContainsFunc(out, func(p sent) bool { return p.To == v.PeerB && p.Verb == wire.VerbMulticastFrame }) {
		t.Errorf("sent %v", out)
	}
	s.groups.clean(after(100_000).Mono)
	if n := len(s.groups.groups); n != 1 || s.groups.queued != 0 {
		t.Errorf("%d groups, %d frames queued after a while", n, s.groups.queued)
	}
	books(t, &s.groups)
}
