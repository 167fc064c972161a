package vl1

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
)

// A root that tells another external address with every packet has us ask
// everybody once in a while, not each time.
func TestRootsWordResetsRarely(t *testing.T) {
	t.Parallel()
	net, root, a, b := trio(t)
	a.sendTo(b, "x")
	net.pass(3 * second)
	p, from := a.peers[root.self.Address], pathKey{root.addr, 1}
	asked := 0
	for i := range 100 {
		net.now = net.now.Add(clock.Second / 10)
		as := netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(100 + i)}), 9993)
		a.do(func() {
			a.learnSurface(net.now, p, from, as)
			asked += len(a.out.Send)
		})
		net.queue = nil
	}
	if asked == 0 || asked > 2 {
		t.Errorf("peers were asked %d times in ten seconds", asked)
	}
}
