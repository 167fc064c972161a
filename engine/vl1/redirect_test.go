package vl1

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// redirectTo is a PUSH_DIRECT_PATHS that asks to be reached at an address.
func redirectTo(a netip.AddrPort) []byte {
	ip := a.Addr().As4()
	b := []byte{0, 1, wire.PathClusterRedirect, 0, 0, 4, 6}
	return binary.BigEndian.AppendUint16(append(b, ip[:]...), a.Port())
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
