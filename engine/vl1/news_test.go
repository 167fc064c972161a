package vl1

import (
	"testing"

	"orrery/engine/wire"
)

// A root with a newer revision says so to each peer at its heartbeats, three times
// to one that does not ask; and a root that says so all day makes nobody ask more
// than each ten seconds.
func TestNewsAreBounded(t *testing.T) {
	t.Parallel()
	net, root, a, _ := trio(t)
	net.pass(30 * second)
	hellos := func(n *testNode, run func()) uint64 {
		before := n.stats.Out[wire.VerbHello]
		run()
		return n.stats.Out[wire.VerbHello] - before
	}
	if got := hellos(root, func() { net.pass(100 * second) }); got != 0 {
		t.Errorf("a root said HELLO %d times without news", got)
	}
	// The peer's planet cannot be updated with this one, which nobody signed.
	root.top.planet.Timestamp++
	root.top.revision++
	asked := hellos(a, func() {
		if got := hellos(root, func() { net.pass(100 * second) }); got != 2*newsTimes {
			t.Errorf("a root told its two peers %d times", got)
		}
	})
	if asked == 0 || asked > newsTimes {
		t.Errorf("it was asked %d times", asked)
	}
	asked = hellos(a, func() {
		for range 60 {
			root.do(func() { root.hello(net.now, root.peers[a.self.Address], pathKey{a.addr, 1}) })
			net.pass(second)
		}
	})
	if asked < 4 || asked > 7 {
		t.Errorf("in a minute of news the root was asked %d times", asked)
	}
}
