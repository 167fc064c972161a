package vl1

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// TestAnswersTakeAProvenWay: a node with several sockets asks from one that it
// never answered from. What it may be told is more than it asked, so the answer
// goes where it has answered, or to another port of that address.
func TestAnswersTakeAProvenWay(t *testing.T) {
	t.Parallel()
	net := newTestNet(t)
	root, a := net.node(1, "198.51.100.1:9993"), net.node(2, "198.51.100.2:9993")
	net.pass(10 * clock.Second)
	if p := root.peers[a.self.Address]; p == nil || p.direct(net.now.Mono) == nil {
		t.Fatal("the root has no way to the node")
	}
	answer := make([]byte, 1100)
	var went []netip.AddrPort
	for _, from := range []string{"198.51.100.2:9993", "198.51.100.2:40000", "203.0.113.7:9993"} {
		root.do(func() {
			in := &Inbound{From: a.self, ID: 7, Remote: netip.MustParseAddrPort(from), socket: 1}
			root.ReplyOK(net.now, in, wire.VerbNetworkConfigRequest, answer)
			for _, d := range root.out.Send {
				if len(d.Data) > len(answer) {
					went = append(went, d.Remote)
				}
			}
		})
	}
	want := []string{"198.51.100.2:9993", "198.51.100.2:40000", "198.51.100.2:9993"}
	if len(went) != len(want) {
		t.Fatalf("answers went to %v, want %v", went, want)
	}
	for i := range want {
		if went[i].String() != want[i] {
			t.Errorf("answers went to %v, want %v", went, want)
		}
	}
	if root.Stats().Drops[DropUnproven] != 0 {
		t.Errorf("%d answers dropped", root.Stats().Drops[DropUnproven])
	}
}

// TestPatienceAtTheStart: whoever starts has heard of no root yet; that is no
// reason to take another port.
func TestPatienceAtTheStart(t *testing.T) {
	t.Parallel()
	net := newTestNet(t)
	root, a := net.node(1, "198.51.100.1:9993"), net.node(2, "198.51.100.2:9993")
	net.block = func(_, to netip.AddrPort) bool { return to == root.addr }
	asked := func(d clock.Mono) (yes bool) {
		for range int(d / clock.Second) {
			net.now = net.now.Add(clock.Second)
			a.do(func() {
				a.Tick(net.now)
				yes = yes || a.out.Rotate
			})
		}
		return yes
	}
	if asked(rotateAfter - 5*clock.Second) {
		t.Error("another port before the first one had a chance")
	}
	if !asked(15 * clock.Second) {
		t.Error("no other port though no root answers")
	}
}
