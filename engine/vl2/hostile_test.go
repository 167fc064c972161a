package vl2

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// A member that announces groups and says at once that it left them makes us
// remember nothing of groups that the host does not send to, and leaves room for
// those that it does.
func TestLeavingGroupsTakesNoMemory(t *testing.T) {
	t.Parallel()
	l, k, a, _, c, na, _, _ := estate(t, nil)
	used := identity.MulticastGroup{MAC: 0x01005e0000fb}
	announce := func(g identity.MulticastGroup) {
		body := wire.MulticastLike{Network: k.id, Group: g}.Append(nil)
		a.sw.Handle(l.at, wire.VerbMulticastLike, &vl1.Inbound{From: c.secret.Identity, ID: 1, Payload: body})
	}
	leave := func(g identity.MulticastGroup) {
		body := wire.UnwantedMulticast{Network: k.id, Group: g}.Append(nil)
		a.sw.HandleError(l.at, wire.VerbMulticastFrame, wire.ErrorUnwantedMulticast, &vl1.Inbound{From: c.secret.Identity, ID: 2, Payload: body})
	}
	announce(used)
	a.sw.SendFrame(l.at, na, na.mac, used.MAC, ether.TypeIPv4, packetFrom("10.147.17.5"))
	before := len(a.sw.groups.groups)
	for i := range uint32(3 * maxEmptyGroups) {
		g := identity.MulticastGroup{MAC: identity.Broadcast, ADI: i}
		announce(g)
		leave(g)
	}
	leave(used)
	if n := len(a.sw.groups.groups); n > before {
		t.Errorf("%d groups, before %d", n, before)
	}
	if a.sw.learnLike(l.at, groupKey{k.id, used}, c.secret.Address, false) {
		t.Error("a member that left a group in use is believed to be back")
	}
	a.sw.SendFrame(l.at, na, na.mac, 0x01005e0000fc, ether.TypeIPv4, packetFrom("10.147.17.5"))
	if na.Drops(DropCrowded) != 0 {
		t.Error("no room for a group of the host's")
	}
}

// A replicator sends on only what may be its sender's: who believes a replicator
// cannot see who else it was.
func TestReplicatorPassesOnNoForeignSource(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	l, k, _, b, c, na, nb, nc := estate(t, func(conf *netconf.Config) {
		conf.Specialists = []netconf.Specialist{netconf.Specialist(v.PeerB) | netconf.ActiveBridge | netconf.MulticastReplicator}
	})
	nc.sw(t, l, c, nb)
	g := identity.MulticastGroup{MAC: 0x01005e0000fb}
	for _, m := range []identity.Address{0x1234567890, na.mac.Address(k.id)} {
		b.sw.learnLike(l.at, groupKey{k.id, g}, m, true)
	}
	for _, x := range []struct {
		source identity.MAC
		copies bool
	}{{nc.mac, true}, {na.mac, false}, {0x020000000001, false}, {nb.mac, false}} {
		m := wire.MulticastFrame{
			Network: k.id, Flags: wire.MulticastFrameSource | wire.MulticastFrameReplicate, Source: x.source, Group: g, EtherType: 0x88b5, Data: []byte("x"),
		}
		before := b.sentBy[wire.VerbMulticastFrame]
		b.sw.Handle(l.at, wire.VerbMulticastFrame, &vl1.Inbound{From: c.secret.Identity, ID: 1, Payload: m.Append(nil)})
		if n := b.sentBy[wire.VerbMulticastFrame] - before; (n > 0) != x.copies {
			t.Errorf("from %v: %d copies", x.source, n)
		}
	}
}

// What a member did before it was verified is no excuse afterwards.
func TestVerifiedLaterIsCheckedAnew(t *testing.T) {
	t.Parallel()
	l, _, a, _, c, na, _, nc := estate(t, nil)
	trusted := map[identity.Address]bool{}
	a.sw.cfg.Verified = func(x identity.Address) bool { return trusted[x] }
	a.sw.SetVerifiedOnly(l.at, na, true)
	spoof := func() {
		c.sw.SendFrame(l.at, nc, nc.mac, na.mac, ether.TypeIPv4, packetFrom("10.147.17.9"))
		l.run(20 * clock.Millisecond)
	}
	spoof()
	if na.Drops(DropNotVerified) != 1 || na.Drops(DropSpoofed) != 0 {
		t.Errorf("%d not verified, %d spoofed", na.Drops(DropNotVerified), na.Drops(DropSpoofed))
	}
	trusted[c.secret.Address] = true
	a.sw.TrustChanged(l.at, []identity.Address{c.secret.Address})
	spoof()
	if len(a.takeHost()) != 0 || na.Drops(DropSpoofed) != 1 {
		t.Errorf("passed; %d refused", na.Drops(DropSpoofed))
	}
}

// Neither IPv6 extension headers nor a VLAN tag hide what a frame says that it is
// from: a host's system looks behind them.
func TestSpoofedBehindHeaders(t *testing.T) {
	t.Parallel()
	l, k, a, b, c, na, _, nc := estate(t, nil)
	theirs := identity.SixPlane(k.id, b.secret.Address).Addr()
	plain := ether.AppendAdvertisement(nil, identity.LinkLocal(nc.mac), identity.LinkLocal(na.mac), theirs, nc.mac, ether.NeighborOverride)
	hidden := append([]byte(nil), plain[:40]...)
	hidden[6] = 60 // destination options
	hidden[5] += 8
	hidden = append(append(hidden, ether.ProtoICMPv6, 0, 1, 4, 0, 0, 0, 0), plain[40:]...)
	tag := func(inner uint16, p []byte) []byte { return append([]byte{0, 0, byte(inner >> 8), byte(inner)}, p...) }
	for _, x := range []struct {
		name      string
		etherType uint16
		payload   []byte
		pass      bool
	}{
		{"advertised behind options", ether.TypeIPv6, hidden, false},
		{"tagged", 0x8100, tag(ether.TypeIPv4, packetFrom("10.147.17.9")), false},
		{"tagged, own", 0x8100, tag(ether.TypeIPv4, packetFrom("10.147.17.7")), true},
		{"tagged ARP", 0x8100, tag(ether.TypeARP, arpFrom(ether.ARPReply, nc.mac, "10.147.17.9")), false},
		{"tagged twice", 0x88a8, tag(0x8100, tag(ether.TypeIPv4, packetFrom("10.147.17.9"))), false},
		{"tagged, something else", 0x8100, tag(0x88b5, packetFrom("10.147.17.9")), true},
		{"tagged, cut", 0x8100, []byte{0, 0, 8}, true},
		{"in another VLAN", 0x8100, append([]byte{0, 5, 8, 0}, packetFrom("10.147.17.9")...), true},
	} {
		a.takeHost()
		before := na.Drops(DropSpoofed)
		c.sw.SendFrame(l.at, nc, nc.mac, na.mac, x.etherType, x.payload)
		l.run(20 * clock.Millisecond)
		if got := len(a.takeHost()); (got == 1) != x.pass || (na.Drops(DropSpoofed) == before) != x.pass {
			t.Errorf("%s: %d passed", x.name, got)
		}
	}
}

// Two members have certificates for an address while it moves: when the old one
// runs out, the new one, which came earlier, counts.
func TestSecondHolderCounts(t *testing.T) {
	t.Parallel()
	l, k, _, b, c, na, _, nc := estate(t, nil)
	ip := netip.MustParseAddr("10.147.17.9")
	k.admitted[c.secret.Address] = netip.PrefixFrom(ip, 24)
	l.run(70 * clock.Second)
	nc.sw(t, l, c, na)
	if na.certifiedTo(ip) != b.secret.Address || !na.members.get(c.secret.Address).owns(na, ip) {
		t.Fatal("the lab is not as it should be")
	}
	i, _ := na.members.position(b.secret.Address)
	na.members.removeAt(i)
	l.run(70 * clock.Second) // another configuration
	if na.certifiedTo(ip) != c.secret.Address {
		t.Errorf("the address is held by %v", na.certifiedTo(ip))
	}
}

// What no controller signed is no dispute, even where disputes are refused unseen.
func TestInventedDisputes(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	s.SetStrict(true)
	own := credential.Capability{Network: nw.id, Timestamp: start.Wall, ID: 1, Rules: []rule.Rule{{Type: rule.ActionAccept}}}
	own.Sign(v.signer(t), v.PeerB)
	if d := bring(f, s, start, v.PeerB, 1, credential.Bundle{Capabilities: []credential.Capability{own}}); d != vl1.Trusted {
		t.Fatalf("its holder brings it: %v", d)
	}
	f.changes = nil
	var forged []credential.Capability
	for i := range uint32(20) {
		c := own
		c.ID = 100 + i
		c.Custody = []credential.Custody{own.Custody[0]}
		c.Custody[0].To = v.PeerC
		forged = append(forged, c)
	}
	bring(f, s, after(1000), v.PeerC, 2, credential.Bundle{Capabilities: forged})
	if len(nw.Disputes()) != 0 || len(f.changes) != 0 {
		t.Errorf("disputes %+v, told %d times", nw.Disputes(), len(f.changes))
	}
}

// Who it is of whom only a replicator has told, a member or a host behind it, is
// seen when the one or the other is heard. Until then frames go to both.
func TestReplicatedMemberOrHost(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	for _, host := range []bool{false, true} {
		f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
		c := *nw.config
		c.Specialists = []netconf.Specialist{netconf.Specialist(v.PeerB) | netconf.ActiveBridge | netconf.MulticastReplicator}
		s.setConfig(nw, &c)
		mac := identity.MACOf(nw.id, v.PeerC)
		told := func(id uint64) {
			m := wire.MulticastFrame{
				Network: nw.id, Flags: wire.MulticastFrameSource, Source: mac, Group: identity.MulticastGroup{MAC: 0x01005e0000fb}, EtherType: 0x88b5, Data: []byte("x"),
			}
			s.Handle(start, wire.VerbMulticastFrame, &vl1.Inbound{From: f.known[v.PeerB], ID: id, Payload: m.Append(nil)})
			if len(f.takeDelivered()) != 1 {
				t.Error("a frame that was sent on did not arrive")
			}
		}
		check := func(member, bridge bool) {
			t.Helper()
			f.take()
			s.SendFrame(start, nw, nw.mac, mac, 0x88b5, []byte("answer"))
			got := [2]bool{}
			for _, p := range f.take() {
				got[0] = got[0] || p.To == v.PeerC && p.Verb == wire.VerbFrame
				got[1] = got[1] || p.To == v.PeerB && p.Verb == wire.VerbExtFrame
			}
			if got != [2]bool{member, bridge} {
				t.Errorf("host %v: to the member and to the bridge went %v, want %v", host, got, [2]bool{member, bridge})
			}
		}
		check(true, false)
		told(1)
		check(true, true)
		if host {
			body := append(wire.AppendExtFrameHead(nil, nw.id, 0, nw.mac, mac, 0x88b5), "x"...)
			s.Handle(start, wire.VerbExtFrame, &vl1.Inbound{From: f.known[v.PeerB], ID: 2, Payload: body})
		} else {
			body := append(wire.AppendFrameHead(nil, nw.id, 0x88b5), "x"...)
			s.Handle(start, wire.VerbFrame, &vl1.Inbound{From: f.known[v.PeerC], ID: 2, Payload: body})
		}
		if len(f.takeDelivered()) != 1 {
			t.Error("its own frame did not arrive")
		}
		check(!host, host)
		told(3)
		check(!host, host)
	}
}

// Members can name as many others as they like: the question who holds an address
// still reaches whoever announced it.
func TestInventedHoldersHideNobody(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	k := groupKey{nw.id, identity.MulticastGroup{MAC: identity.Broadcast, ADI: 0x0a931109}}
	s.learnLike(start, k, v.PeerB, true)
	for i := range identity.Address(1000) {
		s.learnLike(start, k, 0x100000+i, false)
	}
	for i := range clock.Mono(20) {
		f.take()
		s.SendFrame(after(1000*i), nw, nw.mac, identity.Broadcast, ether.TypeARP, unhex(t, arpVector))
		n, holder := 0, 0
		for _, p := range f.take() {
			if p.Verb == wire.VerbMulticastFrame {
				n++
				if p.To == v.PeerB {
					holder++
				}
			}
		}
		if n != resolutionLimit || holder != 1 {
			t.Errorf("question %d went to %d, of them %d holders", i, n, holder)
		}
	}
}

// Whoever has a replicator send to groups without members takes at most half the
// room for such groups: the other half is the host's own.
func TestReplicatingLeavesRoom(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	c := *nw.config
	c.Specialists = []netconf.Specialist{netconf.Specialist(v.Self) | netconf.ActiveBridge | netconf.MulticastReplicator}
	s.setConfig(nw, &c)
	for i := range uint32(maxEmptyGroups + 10) {
		m := wire.MulticastFrame{
			Network: nw.id, Flags: wire.MulticastFrameReplicate, EtherType: 0x88b5, Data: []byte("x"),
			Group: identity.MulticastGroup{MAC: 0x01005e000000 | identity.MAC(i)},
		}
		s.Handle(start, wire.VerbMulticastFrame, &vl1.Inbound{From: f.known[v.PeerB], ID: uint64(i) + 1, Payload: m.Append(nil)})
	}
	if n := len(s.groups.groups); n != maxEmptyGroups/2 {
		t.Errorf("%d groups", n)
	}
	crowded := nw.Drops(DropCrowded)
	f.take()
	s.SendFrame(start, nw, nw.mac, identity.Broadcast, ether.TypeARP, unhex(t, arpVector))
	if nw.Drops(DropCrowded) != crowded || len(f.take()) == 0 {
		t.Error("the host's question went nowhere")
	}
}

// A rule that has copies sent here lets in copies of what is for others, whoever
// they are from. A frame for us is no copy: it has to be from whom it says.
func TestCopiesAreForOthers(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	c := *nw.config
	c.Rules = []rule.Rule{{Type: rule.ActionTee, Address: v.Self}, {Type: rule.ActionAccept}}
	s.setConfig(nw, &c)
	b, other := identity.MACOf(nw.id, v.PeerB), identity.MACOf(nw.id, v.PeerC)
	for i, x := range []struct {
		name     string
		src, dst identity.MAC
		pass     bool
	}{
		{"its own frame to us", b, nw.mac, true},
		{"another's to a third", other, identity.MACOf(nw.id, 0x1234567890), true},
		{"another's to all", other, identity.Broadcast, true},
		{"another's to us", other, nw.mac, false},
		{"a host's to us", 0x020000000001, nw.mac, false},
	} {
		body := append(wire.AppendExtFrameHead(nil, nw.id, wire.ExtFrameTeeOut, x.dst, x.src, 0x88b5), "x"...)
		s.Handle(start, wire.VerbExtFrame, &vl1.Inbound{From: f.known[v.PeerB], ID: uint64(i), Payload: body})
		if got := f.takeDelivered(); len(got) == 1 != x.pass || x.pass && !got[0].super {
			t.Errorf("%s: delivered %v", x.name, got)
		}
	}
	if n := nw.Drops(DropNotBridge); n != 2 {
		t.Errorf("%d dropped", n)
	}
}
