package controller

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// sorted are the records in the order in which a store gives them.
func (l *lab) sorted() []Record {
	out := make([]Record, 0, len(l.records))
	for _, r := range l.records {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Record) int {
		return cmp.Or(cmp.Compare(min(a.Member, 1), min(b.Member, 1)), cmp.Compare(a.Network, b.Network), cmp.Compare(a.Member, b.Member))
	})
	return out
}

func TestFiveHundredMembers(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":false,"routes":[{"target":"10.1.0.0/16"},{"target":"fd00:1::/64"}],"v4AssignMode":{"zt":true},"v6AssignMode":{"zt":true},
		"ipAssignmentPools":[{"ipRangeStart":"10.1.0.0","ipRangeEnd":"10.1.1.253"},{"ipRangeStart":"fd00:1::","ipRangeEnd":"fd00:1::ffff:ffff:ffff:ffff"}]}`)
	held := map[netip.Addr]identity.Address{}
	for i := range identity.Address(500) {
		a := 0x1000000000 + i*7919
		for _, p := range l.config(a).Addresses {
			if other, taken := held[p.Addr()]; taken {
				t.Fatalf("%s was given to %s and %s", p.Addr(), other, a)
			}
			held[p.Addr()] = a
		}
	}
	// 10.1.0.0 to 10.1.1.253 without 10.1.0.255 are 509.
	if len(held) != 1000 {
		t.Errorf("%d addresses for 500 members, want two for each", len(held))
	}

	// A change reaches everybody, but not at once.
	l.pushes = nil
	start := l.at.Mono
	l.putNetwork(`{"name":"changed"}`)
	if n := len(l.pushes); n > 40 {
		t.Errorf("%d pushes in one call", n)
	}
	l.putNetwork(`{"name":"changed again"}`)
	l.settle()
	counts := map[identity.Address]int{}
	for _, p := range l.pushes {
		counts[p.To]++
		if cfg := l.parse(p.Config); cfg.Name == "changed again" {
			counts[p.To] = 100
		}
	}
	for i := range identity.Address(500) {
		if a := 0x1000000000 + i*7919; counts[a] != 100 {
			t.Errorf("%s was not told of the last change", a)
		}
	}
	if len(l.pushes) > 540 {
		t.Errorf("%d pushes, pending ones were not joined", len(l.pushes))
	}
	if took := l.at.Mono - start; took < 200*clock.Millisecond || took > clock.Second {
		t.Errorf("telling 500 members took %v", took)
	}

	// Nothing is pushed to those who are gone, nor if nothing changed.
	l.pushes = nil
	l.putNetwork(`{"name":"changed again"}`)
	l.wait(3 * clock.Minute)
	l.putNetwork(`{"name":"for nobody"}`)
	l.settle()
	if len(l.pushes) != 0 {
		t.Errorf("%d pushes to nobody", len(l.pushes))
	}
}

func TestExhaustedPool(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":false,"routes":[{"target":"10.1.0.0/24"},{"target":"fd00::/64"}],"v4AssignMode":{"zt":true},"v6AssignMode":{"zt":true},
		"ipAssignmentPools":[{"ipRangeStart":"10.1.0.1","ipRangeEnd":"10.1.0.5"},{"ipRangeStart":"fd00::1","ipRangeEnd":"fd00::5"}]}`)
	for i := range identity.Address(5) {
		if got := l.config(0x1000000000 + i).Addresses; len(got) != 2 {
			t.Fatalf("member %d: %v", i, got)
		}
	}
	const late identity.Address = 0x2000000000
	for range 3 {
		l.wait(2 * clock.Second)
		if got := l.config(late).Addresses; len(got) != 0 {
			t.Fatalf("address from an exhausted pool: %v", got)
		}
	}
	// An address that becomes free is given away, and a bigger pool is used.
	if _, err := l.c.DeleteMember(l.at, testNet, 0x1000000002); err != nil {
		t.Fatal(err)
	}
	l.wait(2 * clock.Second)
	if got := l.config(late).Addresses; len(got) != 2 {
		t.Errorf("freed addresses are not used: %v", got)
	}
	l.putNetwork(`{"ipAssignmentPools":[{"ipRangeStart":"10.1.0.1","ipRangeEnd":"10.1.0.9"}]}`)
	if got := l.config(late + 1).Addresses; len(got) != 1 {
		t.Errorf("a bigger pool is not used: %v", got)
	}
}

func TestRequestGates(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{Requesters: 8})
	l.putNetwork(`{"private":false}`)
	const a identity.Address = 0x1234567801
	l.config(a)
	l.wait(clock.Second)
	if r := l.ask(a); r.Outcome != Dropped {
		t.Errorf("answered after a second: %+v", r.Outcome)
	}
	l.wait(clock.Millisecond)
	l.config(a)
	if r := l.c.Request(l.at, testIdentity(a), 0x1111111111000001, testMeta(nil), netip.AddrPort{}, 0); r.Outcome != Dropped {
		t.Error("answered for another controller's network")
	}
	// Asking for networks that do not exist is bounded by the requester.
	answers := 0
	for i := range identity.NetworkID(1000) {
		if r := l.c.Request(l.at, testIdentity(0x3333333333), 0x8e4df28b72100000+i, testMeta(nil), netip.AddrPort{}, 0); r.Outcome == Refused {
			answers++
		}
	}
	if answers != 256 {
		t.Errorf("%d answers in an instant, want the burst of 256", answers)
	}
	for i := range identity.Address(1000) {
		l.c.Request(l.at, testIdentity(0x4000000000+i), testNet+1, testMeta(nil), netip.AddrPort{}, 0)
	}
	if n := len(l.c.gate.known); n > 8 || l.c.gate.order.Len() != n {
		t.Errorf("%d requesters remembered, %d in order, want at most 8", n, l.c.gate.order.Len())
	}
}

func TestStrangersMakeRoomForStrangers(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{Strangers: 20})
	l.putNetwork(`{"private":true}`)
	const known, named identity.Address = 0x1000000000, 0x1000000001
	l.refused(known, wire.ErrorNetworkAccessDenied)
	l.putMember(known, `{"authorized":true}`)
	l.refused(named, wire.ErrorNetworkAccessDenied)
	l.putMember(named, `{"name":"wait for Bob to call"}`)
	for i := range identity.Address(100) {
		l.refused(0x2000000000+i, wire.ErrorNetworkAccessDenied)
		l.wait(clock.Second)
	}
	list, _ := l.c.Members(testNet)
	if len(list) != 22 || list[0].Address != known || list[1].Address != named || list[2].Address != 0x2000000000+80 {
		t.Errorf("kept %d: %v", len(list), list)
	}
	if len(l.records) != 23 {
		t.Errorf("%d records stored, want the network and 22 members", len(l.records))
	}
	// Too many at once are refused without a record.
	l = newLab(t, Limits{Strangers: 5000})
	l.putNetwork(`{"private":true}`)
	for i := range identity.Address(1500) {
		l.refused(0x2000000000+i, wire.ErrorNetworkAccessDenied)
	}
	if list, _ := l.c.Members(testNet); len(list) != 1000 {
		t.Errorf("%d records made in an instant", len(list))
	}
	l.wait(10 * clock.Second)
	l.refused(0x3000000000, wire.ErrorNetworkAccessDenied)
	if _, err := l.c.MemberJSON(testNet, 0x3000000000); err != nil {
		t.Errorf("no records are made any more: %v", err)
	}
}

// TestUninvited: strangers of all networks together are bounded too, and the
// network that has most gives way.
func TestUninvited(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{Strangers: 20, Uninvited: 30})
	l.putNetwork(`{"private":true}`)
	if _, err := l.c.PutNetwork(l.at, testNet+1, []byte(`{"private":true}`)); err != nil {
		t.Fatal(err)
	}
	ask := func(nwid identity.NetworkID, a identity.Address) {
		l.c.Request(l.at, testIdentity(a), nwid, testMeta(nil), netip.AddrPort{}, 0)
		l.wait(clock.Second)
		l.drain()
	}
	for i := range identity.Address(20) {
		ask(testNet, 0x2000000000+i)
		ask(testNet+1, 0x2000000000+i)
	}
	// The last one came to the second network, when both had the same.
	for id, want := range map[identity.NetworkID]int{testNet: 14, testNet + 1: 16} {
		list, _ := l.c.Members(id)
		if len(list) != want || list[want-1].Address != 0x2000000000+19 {
			t.Errorf("network %s kept %d: %v", id, len(list), list)
		}
		checkNetwork(t, l.c.networks[id])
	}
}

func TestRecordLimits(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{Networks: 2, Members: 3, Body: 100})
	l.putNetwork(`{"private":false}`)
	if _, _, err := l.c.NewNetwork(l.at, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.c.NewNetwork(l.at, []byte(`{}`)); !errors.Is(err, ErrLimit) {
		t.Errorf("a third network: %v", err)
	}
	for i := range identity.Address(3) {
		l.config(0x1000000000 + i)
	}
	l.refused(0x1000000003, wire.ErrorNetworkAccessDenied)
	if _, err := l.c.PutMember(l.at, testNet, 0x1000000004, []byte(`{}`)); !errors.Is(err, ErrLimit) {
		t.Errorf("a fourth member by hand: %v", err)
	}
	var bad *BadInputError
	if _, err := l.c.PutNetwork(l.at, testNet, fmt.Appendf(nil, `{"name":"%0100d"}`, 1)); !errors.As(err, &bad) || bad.Status != 413 {
		t.Errorf("a long body: %v", err)
	}
}

func TestManualAddressConflict(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(privateNet)
	l.putMember(0x1000000001, `{"ipAssignments":["10.1.0.7"]}`)
	var conflict *ConflictError
	if _, err := l.c.PutMember(l.at, testNet, 0x1000000002, []byte(`{"ipAssignments":["10.1.0.7"]}`)); !errors.As(err, &conflict) || conflict.Holder != 0x1000000001 {
		t.Errorf("address given twice: %v", err)
	}
	if _, err := l.c.MemberJSON(testNet, 0x1000000002); !errors.Is(err, ErrNotFound) {
		t.Error("a refused body made a member")
	}
	// An imported duplicate can be written back.
	dup := fmt.Appendf(nil, `{"id":"1000000003","nwid":%q,"ipAssignments":["10.1.0.7"],"revision":1}`, testNet)
	l.records[recordKey{testNet, 0x1000000003}] = Record{Network: testNet, Member: 0x1000000003, Doc: dup}
	l.restart()
	l.putMember(0x1000000003, `{"ipAssignments":["10.1.0.7"],"name":"x"}`)
}

func TestNetworkNames(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	for in, want := range map[string]NetworkName{
		"8e4df28b72______": {Choose: true}, "8E4DF28B72000001": {ID: testNet},
	} {
		if got, err := l.c.ParseNetworkName(in); err != nil || got != want {
			t.Errorf("%s: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "8E4DF28B72______", "0123456789______", "8e4df28b72_____", "8e4df28b7200000g"} {
		if _, err := l.c.ParseNetworkName(in); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
	seen := map[identity.NetworkID]bool{}
	for range 50 {
		id, _, err := l.c.NewNetwork(l.at, []byte(`{}`))
		if err != nil || seen[id] || id.Controller() != 0x8e4df28b72 || id&0xffffff == 0 {
			t.Fatalf("new network %s: %v", id, err)
		}
		seen[id] = true
	}
}

// TestNewest: only as many revocations are signed as are remembered.
func TestNewest(t *testing.T) {
	t.Parallel()
	members := make([]*member, maxRevocations+5)
	for i := range members {
		members[i] = newMember(identity.Address(i))
	}
	if got := newest(members); len(got) != maxRevocations || got[0].address != 5 {
		t.Errorf("%d, first %s", len(got), got[0].address)
	}
	if got := newest(members[:3]); len(got) != 3 {
		t.Errorf("%d of 3", len(got))
	}
}
