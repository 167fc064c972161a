package vl2

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

// FuzzPackets feeds payloads as every verb, answer and error, on a private and a
// public network. Nothing may panic, and tables stay within their limits.
func FuzzPackets(f *testing.F) {
	v := loadMulticast(f)
	for _, q := range v.InboundSequences {
		for _, st := range q.Steps {
			f.Add(uint8(st.Verb), uint8(0), q.Private, unhex(f, st.Payload))
		}
	}
	c := new(configVectors)
	loadVectors(f, "netconf.json", c)
	for _, q := range c.Reception[:16] {
		f.Add(uint8(wire.VerbNetworkConfig), uint8(0), true, unhex(f, q.Steps[0].body(c)))
	}
	f.Fuzz(func(t *testing.T, verb, kind uint8, private bool, payload []byte) {
		limits := Limits{Members: 8, Likes: 8, LikesPerPeer: 4, Peers: 4, BridgeRoutes: 4}
		link, s, nw := v.node(t, limits, vectorConfig{
			Flags: broadcastOn, MulticastLimit: 32, Private: private,
			Specialists: []string{"000002" + v.PeerB.String(), "000008" + v.Self.String()},
		})
		in := vl1.Inbound{From: link.known[v.PeerB], ID: 1, Payload: payload}
		for i := range clock.Mono(2) {
			switch kind % 3 {
			case 0:
				s.Handle(after(i), wire.Verb(verb), &in)
			case 1:
				s.HandleOK(after(i), wire.Verb(verb), &in)
			default:
				s.HandleError(after(i), wire.VerbNetworkConfigRequest, wire.ErrorCode(verb), &in)
			}
		}
		s.Tick(after(60000))
		if len(nw.members.order) > 8 || len(nw.members.byAddress) != len(nw.members.order) ||
			s.groups.likes > 8 || len(s.peers.byAddress) > 4 || len(nw.hosts.at) > 4 {
			t.Error("a table is over its limit")
		}
	})
}

// FuzzHostFrame feeds frames from the host.
func FuzzHostFrame(f *testing.F) {
	v := loadMulticast(f)
	for _, c := range v.LocalEthernet {
		f.Add(uint64(c.From.MAC), uint64(c.To.MAC), c.EtherType, unhex(f, c.Frame))
	}
	f.Fuzz(func(t *testing.T, src, dst uint64, etherType uint16, payload []byte) {
		_, s, nw := v.node(t, Limits{Members: 8, BridgeRoutes: 4}, vectorConfig{
			Flags: "0000000000000006", MulticastLimit: uint32(src>>48) % 3, Specialists: []string{"000002" + v.PeerB.String(), "000002" + v.Self.String()},
			StaticIPs: []string{"fc8f:1689:580:3348:d73a::1/40", "10.0.0.1/24"},
		})
		s.SendFrame(start, nw, identity.MAC(src&0xffffffffffff), identity.MAC(dst&0xffffffffffff), etherType, payload)
		s.SendFrame(after(1), nw, nw.mac, identity.MAC(dst&0xffffffffffff), etherType, payload)
		g, _ := groupOf(identity.MAC(dst&0xffffffffffff), etherType, payload)
		s.learnLike(after(2), groupKey{nw.id, g}, v.PeerC, true)
		s.SendFrame(after(3), nw, nw.mac, identity.MAC(dst&0xffffffffffff), etherType, payload)
		s.Tick(after(60000))
	})
}
