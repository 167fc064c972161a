package vl1

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/trust"
	"orrery/engine/wire"
)

// A root introduces those whose HELLO it relays, so a stranger says it twice at
// once, by the relay and directly. Both are answered when its identity is
// validated: with the relayed one alone go worlds, with the direct one the path.
func TestRelayedAndDirectHelloOfAStranger(t *testing.T) {
	for _, relayedFirst := range []bool{true, false} {
		net, root, _, _ := trio(t)
		x := net.node(77, "203.0.113.77:9993")
		net.queue = nil // it has not said anything yet
		y := net.node(78, "203.0.113.78:9993")
		net.queue = nil
		hello := func(hops int) []byte {
			x.Begin(net.now, &x.out)
			p := x.peers[y.self.Address]
			if p == nil {
				var err error
				if p, err = x.admit(net.now, y.self, trust.FromUser); err != nil {
					t.Fatal(err)
				}
			}
			x.hello(net.now, p, toAll(y.addr))
			data := slices.Clone(x.out.Send[0].Data)
			x.out.Reset()
			for range hops {
				wire.Packet(data).IncrementHops()
			}
			return data
		}
		relayed := Datagram{Data: hello(1), Remote: root.addr, Socket: 1}
		direct := Datagram{Data: hello(0), Remote: x.addr, Socket: 1}
		again := Datagram{Data: hello(0), Remote: x.addr, Socket: 1}
		batch := []Datagram{relayed, direct, again}
		if !relayedFirst {
			batch = []Datagram{direct, again, relayed}
		}
		y.do(func() { y.Receive(net.now, batch) })
		var to []netip.AddrPort
		for _, d := range net.queue {
			if p := wire.Packet(d.data); wire.Classify(d.data) == wire.KindPacket && p.Destination() == x.self.Address {
				to = append(to, d.to)
			}
		}
		if !slices.Contains(to, root.addr) || !slices.Contains(to, x.addr) {
			t.Errorf("relayed first %v: answers went to %v, want %v and %v", relayedFirst, to, root.addr, x.addr)
		}
	}
}
