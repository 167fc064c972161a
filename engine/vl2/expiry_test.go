package vl2

import (
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// TestLikesExpire: an announcement counts for 600 s, and goes at the next
// clearance, one each 30 s. Groups behind a bridge count for 1,200 s since they
// were last seen.
func TestLikesExpire(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Specialists: []string{"000002" + v.Self.String()}})
	g := identity.MulticastGroup{MAC: 0x01005e0000fb}
	like := wire.MulticastLike{Network: nw.id, Group: g}.Append(nil)
	s.Handle(start, wire.VerbMulticastLike, &vl1.Inbound{From: f.known[v.PeerB], ID: 1, Payload: like})
	behind := identity.MulticastGroup{MAC: 0x01005e0000fc}
	s.SendFrame(start, nw, 0x00163e000001, behind.MAC, ether.TypeIPv4, []byte("x"))
	run := func(from, to clock.Mono) {
		for at := from; at <= to; at += 500 {
			s.Tick(after(at))
		}
		f.take()
	}
	reached := func(at clock.Mono) bool {
		s.SendFrame(after(at), nw, nw.mac, g.MAC, ether.TypeIPv4, []byte("x"))
		return slices.ContainsFunc(f.take(), func(p sent) bool { return p.Verb == wire.VerbMulticastFrame && p.To == v.PeerB })
	}
	run(500, 599_500)
	if !reached(599_500) {
		t.Error("an announcement is forgotten after 599.5 s")
	}
	run(600_000, 630_500)
	if reached(630_500) {
		t.Error("an announcement is remembered after 630.5 s")
	}
	run(631_000, 1_199_500)
	if !nw.wants(behind) {
		t.Error("a group behind us is forgotten after 1,199.5 s")
	}
	run(1_200_000, 1_230_500)
	if nw.wants(behind) {
		t.Error("a group behind us is remembered after 1,230.5 s")
	}
	if len(s.groups.groups) != 0 && s.groups.queued != 0 {
		t.Errorf("%d groups and %d frames are kept", len(s.groups.groups), s.groups.queued)
	}
}

// TestGatherTargets: members are asked for at the best root, the controller and
// the contacts, sixteen nodes at most, each once and never ourselves.
func TestGatherTargets(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	specialists := []string{"000004" + v.Self.String(), "000004" + v.NetworkID.Controller().String()}
	for i := range identity.Address(30) {
		specialists = append(specialists, "000004"+(0x1000000000+i).String())
	}
	f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: 32, Specialists: specialists})
	s.SendFrame(start, nw, nw.mac, 0x01005e0000fb, ether.TypeIPv4, []byte("x"))
	var asked []identity.Address
	for _, p := range f.take() {
		if p.Verb == wire.VerbMulticastGather {
			asked = append(asked, p.To)
		}
	}
	if len(asked) != gatherTargets || asked[0] != f.best || asked[1] != nw.controller || slices.Contains(asked, v.Self) {
		t.Errorf("asked %v", asked)
	}
	if slices.Sort(asked); len(slices.Compact(asked)) != gatherTargets {
		t.Error("somebody was asked twice")
	}
}

// TestPartialAnswers: an answer that names some of the members, and says that
// there are more, is followed by another question after a second, as long as
// answers bring news, also where the limit is reached; else by none for a minute.
func TestPartialAnswers(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	for _, limit := range []uint32{4, 1000} {
		f, s, nw := v.node(t, Limits{}, vectorConfig{Flags: broadcastOn, MulticastLimit: limit})
		g := identity.MulticastGroup{MAC: 0x01005e0000fb}
		next := identity.Address(0x2000000000)
		answer := func(at clock.Mono, news int, total uint32) {
			var members []byte
			for range news {
				members = next.Append(members)
				next++
			}
			if news == 0 {
				members = (next - 1).Append(members)
			}
			r := wire.GatherResult{Network: nw.id, Group: g, Total: total, Members: members}
			s.HandleOK(after(at), wire.VerbMulticastGather, &vl1.Inbound{From: f.known[v.PeerB], Payload: r.Append(nil)})
		}
		asks := func(at clock.Mono) bool {
			f.take()
			s.SendFrame(after(at), nw, nw.mac, g.MAC, ether.TypeIPv4, []byte("x"))
			return slices.ContainsFunc(f.take(), func(p sent) bool { return p.Verb == wire.VerbMulticastGather })
		}
		if !asks(0) {
			t.Fatal("nobody is known, nobody is asked")
		}
		answer(10, 5, 300)
		for _, c := range []struct {
			at   clock.Mono
			want bool
		}{{500, false}, {999, false}, {1000, true}, {1001, false}, {3000, false}} {
			if got := asks(c.at); got != c.want {
				t.Errorf("limit %d, %d ms: asked %v", limit, c.at, got)
			}
		}
		answer(3010, 5, 300)
		if !asks(3020) {
			t.Errorf("limit %d: no question after more news", limit)
		}
		answer(3030, 0, 300)
		if asks(5000) {
			t.Errorf("limit %d: another question after an answer without news", limit)
		}
		answer(5010, 2, 13) // twelve and we
		if asks(7000) {
			t.Errorf("limit %d: another question though all are known", limit)
		}
	}
}
