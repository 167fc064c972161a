package vl2

import (
	"encoding/hex"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// arpVector asks 10.147.17.9, as the vectors do.
const arpVector = "00010800060400013eab2976ee980a9311050000000000000a931109"

// TestResolutionWithoutMulticast: with a multicast limit of 0 the holder of an
// address is still found, and asked by frames that the reference accepts there.
func TestResolutionWithoutMulticast(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	request := unhex(t, arpVector)
	k := groupKey{v.NetworkID, identity.MulticastGroup{MAC: identity.Broadcast, ADI: 0x0a931109}}

	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn})
	s.SendFrame(start, nw, nw.mac, identity.Broadcast, ether.TypeARP, request)
	for _, p := range f.take() {
		if p.Verb != wire.VerbMulticastGather {
			t.Errorf("sent %v while nobody is known", p)
		}
	}
	answer := wire.GatherResult{Network: nw.id, Group: k.group, Total: 1, Members: v.PeerB.Append(nil)}
	s.HandleOK(after(20), wire.VerbMulticastGather, &vl1.Inbound{From: f.known[v.PeerC], Payload: answer.Append(nil)})
	want := sent{To: v.PeerB, Verb: wire.VerbFrame, Payload: hex.EncodeToString(append(wire.AppendFrameHead(nil, nw.id, ether.TypeARP), request...))}
	if out := f.take(); len(out) != 1 || out[0] != want {
		t.Errorf("sent %v\nwant %v", out, want)
	}
	s.SendFrame(after(1000), nw, nw.mac, identity.Broadcast, ether.TypeARP, request)
	if out := f.take(); len(out) != 1 || out[0] != want {
		t.Errorf("sent %v to a holder known\nwant %v", out, want)
	}

	// A solicitation for an address that cannot be computed is a question too, an
	// advertisement to all is not.
	solicitation := func(kind byte) []byte {
		b := make([]byte, 72)
		b[0], b[6], b[7], b[40], b[63] = 0x60, ether.ProtoICMPv6, 255, kind, 9
		return b
	}
	to := identity.MAC(0x3333ff000009)
	s.learnLike(after(1000), groupKey{nw.id, identity.MulticastGroup{MAC: to}}, v.PeerC, true)
	s.SendFrame(after(1000), nw, nw.mac, to, ether.TypeIPv6, solicitation(ether.TypeNeighborSolicitation))
	if out := verbs(f.take()); !slices.Equal(out, []wire.Verb{wire.VerbFrame, wire.VerbMulticastGather, wire.VerbMulticastGather}) {
		t.Errorf("sent %v for a solicitation", out)
	}
	lost := nw.Drops(DropNoMulticast)
	s.SendFrame(after(1000), nw, nw.mac, to, ether.TypeIPv6, solicitation(ether.TypeNeighborAdvertisement))
	s.SendFrame(after(1000), nw, nw.mac, 0x333300000001, ether.TypeIPv6, solicitation(ether.TypeNeighborSolicitation))
	s.SendFrame(after(1000), nw, nw.mac, 0x3333ff00000a, ether.TypeIPv6, solicitation(ether.TypeNeighborSolicitation)) // for another
	s.SendFrame(after(1000), nw, nw.mac, identity.Broadcast, ether.TypeIPv4, request)
	if out := f.take(); len(out) != 0 || nw.Drops(DropNoMulticast) != lost+4 {
		t.Errorf("sent %v on a network without multicast", out)
	}
}

func verbs(out []sent) (all []wire.Verb) {
	for _, p := range out {
		all = append(all, p.Verb)
	}
	slices.Sort(all)
	return all
}

// TestResolutionThroughBridges: without multicast, hosts behind a bridge ask and
// are asked. A bridge's frames may go anywhere, ours to a bridge only if it
// knows why.
func TestResolutionThroughBridges(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	request := unhex(t, arpVector)
	k := groupKey{v.NetworkID, identity.MulticastGroup{MAC: identity.Broadcast, ADI: 0x0a931109}}
	ext := func(nw *Network, dst, src identity.MAC) string {
		return hex.EncodeToString(append(wire.AppendExtFrameHead(nil, nw.id, 0, dst, src, ether.TypeARP), request...))
	}

	// To a bridge: for itself, and for whoever is behind it.
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, Specialists: []string{"000002" + v.PeerC.String()}})
	s.SendFrame(start, nw, nw.mac, identity.Broadcast, ether.TypeARP, request)
	out := slices.DeleteFunc(f.take(), func(p sent) bool { return p.Verb == wire.VerbMulticastGather })
	if len(out) != 2 || out[0].Verb != wire.VerbFrame || out[1].Payload != ext(nw, identity.Broadcast, nw.mac) {
		t.Errorf("sent %v to a bridge", out)
	}

	// As a bridge: with the host's own MAC.
	f, s, nw = v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, Specialists: []string{"000002" + v.Self.String()}})
	s.learnLike(start, k, v.PeerB, true)
	s.SendFrame(start, nw, 0x00163eaabbcc, identity.Broadcast, ether.TypeARP, request)
	out = slices.DeleteFunc(f.take(), func(p sent) bool { return p.Verb != wire.VerbExtFrame && p.Verb != wire.VerbFrame })
	if len(out) != 1 || out[0].To != v.PeerB || out[0].Payload != ext(nw, identity.Broadcast, 0x00163eaabbcc) {
		t.Errorf("sent %v for a host behind us", out)
	}
	// And it lets in the same question for the hosts behind it, but nothing else.
	b := f.known[v.PeerB]
	macB := identity.MACOf(nw.id, v.PeerB)
	in := vl1.Inbound{From: b, ID: 1, Payload: unhex(t, ext(nw, identity.Broadcast, macB))}
	s.Handle(after(1), wire.VerbExtFrame, &in)
	if got := f.takeDelivered(); len(got) != 1 || got[0].dst != identity.Broadcast {
		t.Errorf("a bridge delivered %v", got)
	}
	in.Payload = append(wire.AppendExtFrameHead(nil, nw.id, 0, identity.Broadcast, macB, ether.TypeIPv4), request...)
	s.Handle(after(2), wire.VerbExtFrame, &in)
	if got := f.takeDelivered(); len(got) != 0 {
		t.Errorf("a bridge delivered %v on a network without multicast", got)
	}
}

// TestResolutionIsNotCrowdedOut: neither bridges nor members that once had the
// address keep a low limit from letting the question reach its holder.
func TestResolutionIsNotCrowdedOut(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	k := groupKey{v.NetworkID, identity.MulticastGroup{MAC: identity.Broadcast, ADI: 0x0a931109}}
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 1,
		Specialists: []string{"0000020000000101", "0000020000000102", "0000020000000103"}})
	for _, a := range []identity.Address{v.PeerB, v.PeerC, 0x777777} {
		s.learnLike(start, k, a, true)
	}
	s.SendFrame(start, nw, nw.mac, identity.Broadcast, ether.TypeARP, unhex(t, arpVector))
	to := map[identity.Address]bool{}
	for _, p := range f.take() {
		if p.Verb == wire.VerbMulticastFrame {
			to[p.To] = true
		}
	}
	if len(to) != 6 || !to[v.PeerB] || !to[v.PeerC] {
		t.Errorf("asked %v, want three bridges and three holders", to)
	}
	// Other frames keep to the limit.
	other := identity.MulticastGroup{MAC: 0x01005e0000fb}
	s.learnLike(start, groupKey{nw.id, other}, v.PeerB, true)
	s.SendFrame(start, nw, nw.mac, other.MAC, ether.TypeIPv4, []byte("x"))
	if out := verbs(f.take()); !slices.Equal(out, []wire.Verb{wire.VerbMulticastFrame}) {
		t.Errorf("sent %v beyond the limit", out)
	}
	// A question that waits reaches the bridges and then the holder.
	k.group.ADI = 0x0a93110a
	request := unhex(t, arpVector)
	request[27] = 0x0a
	s.SendFrame(start, nw, nw.mac, identity.Broadcast, ether.TypeARP, request)
	f.take()
	s.learnLike(after(50), k, v.PeerB, false)
	if out := f.take(); len(out) != 1 || out[0].To != v.PeerB {
		t.Errorf("sent %v to a holder found late", out)
	}
}

// TestGatherIsBounded: a stream to a group without members asks for them eight
// times at once, then each second.
func TestGatherIsBounded(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32})
	asked := 0
	for ms := range 10_000 {
		s.SendFrame(after(clock.Mono(ms)), nw, nw.mac, 0x01005e0000fb, ether.TypeIPv4, []byte("x"))
		for _, p := range f.take() {
			if p.Verb == wire.VerbMulticastGather && p.To == nw.controller {
				asked++
			}
		}
	}
	if asked < 15 || asked > askBurst+10 {
		t.Errorf("asked %d times in ten seconds", asked)
	}
}
