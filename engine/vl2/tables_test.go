package vl2

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

func TestGroupOf(t *testing.T) {
	t.Parallel()
	arp := make([]byte, 28)
	copy(arp, []byte{0, 1, 8, 0, 6, 4, 0, 1})
	copy(arp[24:], []byte{10, 0, 0, 1})
	if g, ok := groupOf(identity.Broadcast, ether.TypeARP, arp); !ok || g != identity.ResolutionGroup(netip.MustParseAddr("10.0.0.1")) {
		t.Errorf("ARP request goes to %v, %v", g, ok)
	}
	for name, c := range map[string]struct {
		dst       identity.MAC
		etherType uint16
		payload   []byte
	}{
		"short":         {identity.Broadcast, ether.TypeARP, arp[:27]},
		"not ARP":       {identity.Broadcast, 0x0800, arp},
		"not broadcast": {0x01005e000001, ether.TypeARP, arp},
	} {
		if g, ok := groupOf(c.dst, c.etherType, c.payload); ok || g != (identity.MulticastGroup{MAC: c.dst}) {
			t.Errorf("%s goes to %v, %v", name, g, ok)
		}
	}
}

func TestStamps(t *testing.T) {
	t.Parallel()
	var s stamps
	a, b := stampKey{network: 1, peer: 2}, stampKey{network: 1, peer: 3}
	for i, c := range []struct {
		at   clock.Mono
		k    stampKey
		want bool
	}{
		{0, a, true}, {0, b, true}, {clock.Second - 1, a, false}, {clock.Second, a, true}, {clock.Second + 1, a, false},
	} {
		if got := s.allow(c.at, c.k, clock.Second); got != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
	// However many keys there are, each may act for the first time.
	for i := range 10 * stampSlots {
		if !s.allow(2*clock.Second, stampKey{peer: identity.Address(1000 + i)}, clock.Second) {
			t.Fatal("a new key is held back")
		}
	}
}

func TestMemberEviction(t *testing.T) {
	t.Parallel()
	m := memberTable{limit: 3}
	for i, a := range []identity.Address{30, 10, 20} {
		m.open(clock.Mono(i), a)
	}
	m.get(30).proof.Restore(expelled(0, 5)) // revoked: must be remembered
	m.use(0, m.get(30))
	m.open(10, 40)
	if m.get(10) != nil || m.get(30) == nil {
		t.Error("the longest unused membership was not the one to go")
	}
	var order []identity.Address
	for _, x := range m.order {
		order = append(order, x.address)
	}
	if !slices.Equal(order, []identity.Address{20, 30, 40}) {
		t.Errorf("order is %v", order)
	}
	for i, a := range []identity.Address{30, 20, 40} {
		m.get(a).proof.Restore(expelled(0, 5))
		m.use(clock.Mono(i), m.get(a))
	}
	m.open(11, 50)
	if m.get(30) != nil || len(m.order) != 3 {
		t.Error("with all revoked the longest unused must go")
	}
}

// TestMembersInOrderOfUse holds the lists of memberships by their use against a
// search of all, over random uses.
func TestMembersInOrderOfUse(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 4))
	m := memberTable{limit: 40}
	for now := clock.Mono(1); now < 5000; now++ {
		a := identity.Address(1 + rnd.IntN(60))
		if m.get(a) == nil && len(m.order) == m.limit {
			worst := m.order[0]
			for _, x := range m.order {
				if r, wr := x.proof.Threshold() != 0, worst.proof.Threshold() != 0; r != wr && wr || r == wr && x.used < worst.used {
					worst = x
				}
			}
			if got := m.longestUnused(); got != worst {
				t.Fatalf("at %d: %v would go, %v is the longest unused", now, got.address, worst.address)
			}
		}
		m.open(now, a)
		switch rnd.IntN(100) {
		case 0:
			m.get(a).proof.Restore(expelled(0, clock.Wall(now)))
			m.use(now, m.get(a))
		case 1, 2:
			m.removeAt(rnd.IntN(len(m.order)))
		}
		listed := 0
		for _, l := range []*recency{&m.plain, &m.revoked} {
			for x := l.oldest; x != nil; x = x.newer {
				if listed++; x.in != l || m.get(x.address) != x || x.newer != nil && (x.newer.older != x || x.newer.used < x.used) {
					t.Fatalf("at %d: the lists are not in order", now)
				}
			}
		}
		if listed != len(m.order) || len(m.byAddress) != len(m.order) || len(m.order) > m.limit {
			t.Fatalf("at %d: %d listed of %d", now, listed, len(m.order))
		}
	}
}

func TestMemberCleaning(t *testing.T) {
	t.Parallel()
	v := loadMulticast(t)
	_, s, nw := v.node(t, Limits{}, vectorConfig{Flags: "0", Private: true})
	nw.members.open(start.Mono, 1)
	nw.members.open(start.Mono, 2).proof.Restore(expelled(0, start.Wall))
	nw.members.open(start.Mono+memberLife/2, 3)
	s.cleanNetwork(start.Add(memberLife), nw)
	if got := nw.Members(); !slices.Equal(got, []identity.Address{2, 3}) {
		t.Errorf("left are %v", got)
	}
	// The revocation is forgotten when no certificate from before it can count.
	nw.window = credential.Window{Center: start.Wall + 2*1800000 + 1, MaxDelta: 1800000}
	s.cleanNetwork(start.Add(memberLife), nw)
	if got := nw.Members(); !slices.Equal(got, []identity.Address{3}) {
		t.Errorf("left are %v", got)
	}
}

func TestCredentialBucket(t *testing.T) {
	t.Parallel()
	limits := Limits{CredentialBurst: 2, Peers: 2}.withDefaults()
	table := newPeerTable(&limits)
	p := table.open(0, 1)
	for i, c := range []struct {
		at   clock.Mono
		want bool
	}{
		{0, true}, {1, true}, {2, false}, {clock.Second - 1, false}, {clock.Second, true}, {clock.Second + 1, false},
		{10 * clock.Second, true}, {10 * clock.Second, true}, {10 * clock.Second, false},
		{11*clock.Second - 1, false}, {11 * clock.Second, true},
	} {
		if got := p.credentials.Take(c.at, limits.CredentialBurst, clock.Second); got != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
	p.hold(0, 77)
	if p.resume(1, 78) || !p.resume(1, 77) || p.resume(1, 77) {
		t.Error("a held packet is free once")
	}
	p.hold(0, 77)
	if p.resume(heldLife, 77) {
		t.Error("a packet held too long is free")
	}
	for i := range uint64(100) {
		p.hold(1, i)
	}
	if len(p.held) > maxHeldPerPeer {
		t.Errorf("%d held", len(p.held))
	}
	table.open(1, 2)
	table.open(2, 3)
	if table.byAddress[1] != nil || len(table.byAddress) != 2 {
		t.Error("the longest unused peer was not the one to go")
	}
	table.clean(secs(100))
	if len(table.byAddress) != 0 {
		t.Error("idle peers stay")
	}
}

func secs(seconds clock.Mono) clock.Mono { return seconds * clock.Second }

// books checks what a table of groups keeps count of.
func books(t *testing.T, table *groupTable) {
	t.Helper()
	likes, hearsay, empty := 0, 0, 0
	perPeer := map[identity.Address]int{}
	for _, g := range table.groups {
		if len(g.likes) == 0 {
			empty++
		}
		rumours := 0
		for _, l := range g.likes {
			likes++
			if l.rumour {
				rumours++
			}
			if l.own {
				perPeer[l.member]++
			} else {
				hearsay++
			}
		}
		if rumours != g.rumours {
			t.Errorf("%d rumours, on the books %d", rumours, g.rumours)
		}
	}
	if likes != table.likes || hearsay != table.hearsay || empty != table.empty || !maps.Equal(perPeer, table.perPeer) {
		t.Errorf("%d likes, %d hearsay, %d empty, %v; on the books %d, %d, %d, %v",
			likes, hearsay, empty, perPeer, table.likes, table.hearsay, table.empty, table.perPeer)
	}
}

func TestGroupTable(t *testing.T) {
	t.Parallel()
	limits := Limits{Likes: 6, LikesPerPeer: 2}.withDefaults()
	table := newGroupTable(&limits)
	k := func(n identity.NetworkID) groupKey { return groupKey{n, identity.MulticastGroup{MAC: 1}} }
	for i, c := range []struct {
		k    groupKey
		a    identity.Address
		own  bool
		want bool
	}{
		{k(1), 1, true, true}, {k(1), 1, true, false}, {k(2), 1, true, true}, {k(3), 1, true, false}, // two per peer
		{k(3), 1, false, true}, {k(3), 1, true, false}, // also of what was hearsay
		{k(1), 2, true, true}, {k(1), 3, false, true}, {k(1), 3, true, false}, {k(1), 4, false, true},
		{k(2), 4, false, false},                        // six in all
		{k(2), 2, true, true}, {k(2), 2, false, false}, // makes hearsay go
		{k(2), 3, true, true}, {k(3), 4, true, false}, // six again, within a second
	} {
		if got := table.add(secs(100)+clock.Mono(i), c.k, c.a, c.own); got != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
		books(t, &table)
	}
	// Of the three with two, the lowest address makes room, but not for one that
	// has as many.
	if !table.add(secs(102), k(3), 4, true) || table.perPeer[1] != 0 || table.perPeer[2] != 2 || table.perPeer[4] != 1 {
		t.Errorf("after making room: %v", table.perPeer)
	}
	books(t, &table)
	table.leave(secs(101), k(1), 2)
	table.leave(secs(101), k(1), 2)
	if !table.add(secs(103), k(2), 4, true) || table.likes != 5 {
		t.Error("no room after one left")
	}
	table.clean(secs(701)) // what was announced before 101 s is gone
	if g := table.get(k(2)); len(g.likes) != 1 || g.likes[0].member != 4 || table.get(k(1)) != nil {
		t.Errorf("left in the second group: %v", g.likes)
	}
	books(t, &table)
	table.dropNetwork(2)
	if table.get(k(2)) != nil || table.likes != 1 || len(table.perPeer) != 1 {
		t.Errorf("%d likes of %v left", table.likes, table.perPeer)
	}
	table.clean(secs(10000))
	if len(table.groups) != 0 {
		t.Error("something is left after all expired")
	}
	books(t, &table)
}

// TestWhoLeftStaysAway: what others say does not bring back who left a group, its
// own announcement does, and so does time.
func TestWhoLeftStaysAway(t *testing.T) {
	t.Parallel()
	limits := Limits{}.withDefaults()
	table := newGroupTable(&limits)
	k := groupKey{1, identity.MulticastGroup{MAC: 1}}
	table.leave(secs(1), k, 5) // a group that is not known
	if table.add(secs(1), k, 4, true); !table.add(secs(1), k, 5, false) {
		t.Fatal("a member is refused that never left")
	}
	table.leave(secs(2), k, 5)
	if table.add(secs(601), k, 5, false) {
		t.Error("hearsay brought a member back")
	}
	if !table.add(secs(3), k, 5, true) || table.get(k).left(secs(3), 5) {
		t.Error("its own announcement did not bring a member back")
	}
	table.leave(secs(4), k, 5)
	if !table.add(secs(604), k, 5, false) {
		t.Error("a member is kept away for ever")
	}
	for i := range identity.Address(1000) {
		table.add(secs(605), k, 100+i, true)
		table.leave(secs(605), k, 100+i)
	}
	if n := len(table.get(k).gone); n > maxGone {
		t.Errorf("%d members who left are remembered", n)
	}
	books(t, &table)
	table.clean(secs(2000))
	if len(table.groups) != 0 {
		t.Error("something is left after all expired")
	}
}

// TestHearsayFillsHalf: what others say of the members of groups leaves room for
// what members say themselves.
func TestHearsayFillsHalf(t *testing.T) {
	t.Parallel()
	limits := Limits{Likes: 8}.withDefaults()
	table := newGroupTable(&limits)
	k := groupKey{1, identity.MulticastGroup{MAC: 1}}
	for i := range identity.Address(20) {
		table.add(1, k, 100+i, false)
	}
	if table.likes != 4 {
		t.Errorf("%d likes of hearsay, want 4", table.likes)
	}
	for i := range identity.Address(8) {
		if !table.add(clock.Mono(i), k, 200+i, true) {
			t.Errorf("announcement %d is refused", i)
		}
	}
	books(t, &table)
}

func TestDatedGroups(t *testing.T) {
	t.Parallel()
	var d datedGroups
	g := func(n identity.MAC) identity.MulticastGroup { return identity.MulticastGroup{MAC: n} }
	if !d.touch(1, g(2), 2) || !d.touch(2, g(1), 2) || d.touch(3, g(3), 2) || d.touch(9, g(1), 2) {
		t.Error("touch errs about what is new")
	}
	if !d.expire(10, 9) || len(d) != 1 || d[0].group != g(1) {
		t.Errorf("left are %v", d)
	}
	d.remove(g(1))
	d.remove(g(1))
	if len(d) != 0 {
		t.Errorf("left are %v", d)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for r := range DropReasonCount {
		name := DropReason(r).String()
		if seen[name] || name == "unknown" {
			t.Errorf("reason %d is called %q", r, name)
		}
		seen[name] = true
	}
	for s := StatusRequestingConfiguration; s <= StatusAuthenticationRequired; s++ {
		if name := s.String(); seen[name] || name == "UNKNOWN" {
			t.Errorf("status %d is called %q", s, name)
		} else {
			seen[name] = true
		}
	}
}
