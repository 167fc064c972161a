package vl1

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// redirectTo is a PUSH_DIRECT_PATHS that asks to be reached at an address.
func redirectTo(a netip.AddrPort) []byte {
	kind := byte(4)
	if a.Addr().Is6() {
		kind = 6
	}
	ip := a.Addr().AsSlice()
	b := []byte{0, 1, wire.PathClusterRedirect, 0, 0, kind, byte(len(ip) + 2)}
	return binary.BigEndian.AppendUint16(append(b, ip...), a.Port())
}

// remotes are the addresses of the paths that one node has to another.
func remotes(from, to *testNode) (as []netip.AddrPort) {
	if p := from.peers[to.self.Address]; p != nil {
		for i := range p.slots {
			as = append(as, p.slots[i].remote)
		}
	}
	return as
}

// A root that asks to be reached elsewhere is, once it answers there, and only
// there: the other path is dropped. Nothing changes for a root that does not
// answer there, and nobody else is obeyed.
func TestClusterRedirect(t *testing.T) {
	t.Parallel()
	net := newTestNet(t)
	root, a, b := net.node(1, "198.51.100.1:9993"), net.node(2, "198.51.100.2:9993"), net.node(3, "198.51.100.3:9993")
	net.pass(10 * clock.Second)
	a.sendTo(b, "x")
	net.pass(5 * clock.Second)
	push := func(from *testNode, to netip.AddrPort) {
		from.do(func() { from.Send(net.now, a.self.Address, wire.VerbPushDirectPaths, nil, redirectTo(to), false) })
		net.pass(2 * clock.Second)
	}
	other, nobody := netip.MustParseAddrPort("198.51.100.1:9999"), netip.MustParseAddrPort("198.51.100.1:7777")

	push(root, nobody)
	if got := remotes(a, root); len(got) != 1 || got[0] != netip.MustParseAddrPort("198.51.100.1:9993") {
		t.Fatalf("paths to a root that does not answer where it wants to be: %v", got)
	}
	net.wires[other] = root
	old := root.addr
	root.addr = other // it answers from there from now on
	root.do(func() { root.Send(net.now, a.self.Address, wire.VerbPushDirectPaths, nil, redirectTo(other), false) })
	net.queue[0].from = old
	net.pass(2 * clock.Second)
	if got := remotes(a, root); len(got) != 1 || got[0] != other {
		t.Errorf("paths to the root after its redirect: %v", got)
	}
	if s := a.peers[root.self.Address].slotOf(pathKey{other, 1}); s == nil || s.priority != 3 {
		t.Errorf("the new path: %+v, want priority 3", s)
	}
	// A member wants the same.
	third := netip.MustParseAddrPort("198.51.100.3:9999")
	before := remotes(a, b)
	push(b, third)
	if got := remotes(a, b); len(before) == 0 || len(got) != len(before) || got[0] != before[0] {
		t.Errorf("paths to a member that is not obeyed: %v, then %v", before, got)
	}
}

// The controller of a network that we joined is obeyed as well. Of the other
// paths go those of lower priority, and those to the same machine: in IPv6, to
// the same /64.
func TestClusterRedirectByAController(t *testing.T) {
	t.Parallel()
	net := newTestNet(t)
	net.node(1, "[2a00:1::1]:9993")
	a, c := net.node(2, "[2a00:2::2]:9993"), net.node(3, "[2a00:3::3]:9993")
	net.pass(10 * clock.Second)
	for range 2 {
		a.sendTo(c, "x")
		net.pass(5 * clock.Second)
	}
	p := a.peers[c.self.Address]
	if got := remotes(a, c); len(got) != 1 || got[0] != c.addr {
		t.Fatalf("paths before: %v", got)
	}
	add := func(addr string, priority int) netip.AddrPort {
		x := a.pathTo(pathKey{netip.MustParseAddrPort(addr), 1})
		x.users++
		x.lastIn = net.now.Mono
		p.slots = append(p.slots, slot{path: x, seen: net.now.Mono, priority: priority})
		return x.remote
	}
	low, near := add("[2a00:4::4]:9993", 2), add("[2a00:5::1]:9993", 9)
	far, other := add("[2a00:5:0:1::1]:9993", 9), add("5.0.0.1:9993", 9)
	target := netip.MustParseAddrPort("[2a00:5::9]:9993")
	net.wires[target] = c
	ask := func() []netip.AddrPort {
		from := c.addr
		c.do(func() { c.Send(net.now, a.self.Address, wire.VerbPushDirectPaths, nil, redirectTo(target), false) })
		for i := range net.queue {
			net.queue[i].from = from
		}
		c.addr = target // it answers from there from now on
		net.settle()
		c.addr = from
		return remotes(a, c)
	}
	if got := ask(); len(got) < 5 || !slices.Contains(got, low) {
		t.Fatalf("a member is obeyed: %v", got)
	}
	w := p.slotOf(pathKey{target, 1})
	if w != nil && w.priority != 1 {
		t.Errorf("a member gave its path priority %d", w.priority)
	}
	a.serves = c.self.Address
	got := ask()
	for addr, stays := range map[netip.AddrPort]bool{c.addr: false, low: false, near: false, far: true, other: true, target: true} {
		if slices.Contains(got, addr) != stays {
			t.Errorf("%v: there is %v, want %v", addr, !stays, stays)
		}
	}
	if s := p.slotOf(pathKey{target, 1}); s == nil || s.priority != 3 {
		t.Errorf("the new path: %+v, want priority 3", s)
	}
	users := 0
	for _, x := range a.allPaths {
		users += int(x.users)
	}
	if want := len(p.slots) + len(a.peers[net.order[0].self.Address].slots); users != want {
		t.Errorf("%d users of paths, want %d", users, want)
	}
}
