package vl1

import (
	"net/netip"
	"testing"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/wire"
)

// FuzzReceive gives a live wire datagrams: as they are (mode 0), or as the body
// of a packet that a peer (1), a root (2) or a stranger saying HELLO (3) sealed
// with its right key. Whatever comes, nothing panics, state stays bounded, and
// a peer is answered as before.
func FuzzReceive(f *testing.F) {
	v := loadVectors()
	for i := range v.Cases {
		c := &v.Cases[i]
		for j := range c.Steps {
			if s := &c.Steps[j]; c.Setup.Node == "bob" && j < 3 {
				f.Add(uint8(0), uint8(0), unhex(s.Datagram))
			}
		}
	}
	for verb := range uint8(wire.VerbCount) {
		for mode := range uint8(4) {
			f.Add(mode, verb, make([]byte, 40))
		}
	}
	// A RENDEZVOUS, paths to try, an OK to nothing.
	f.Add(uint8(2), uint8(wire.VerbRendezvous), unhex("00b109cbaf08870704cb007132"))
	f.Add(uint8(1), uint8(wire.VerbPushDirectPaths), unhex("00020000000406cb00710127090000000406cb0071022709"))
	f.Add(uint8(2), uint8(wire.VerbOK), append(unhex("010000000000000001"), make([]byte, 30)...))
	f.Add(uint8(1), uint8(wire.VerbUserMessage|0x80), unhex("1f7a0100ff14507a7a7a7a7a"))
	setup := receiveCase{Name: "fuzz"}
	setup.Setup.Node, setup.Setup.Planet, setup.Setup.Preloaded, setup.Setup.Protocol = "bob", "planet", []string{"alice", "carol"}, 12
	setup.Setup.HavePaths, setup.Setup.RootHasPath = true, true
	f.Fuzz(func(t *testing.T, mode, verb uint8, data []byte) {
		n := newVectorNode(t, &setup)
		alice, root, controller := v.secret("alice").Identity, v.secret("root").Identity, v.secret("controller").Identity
		from := vectorEndpoints["alice"]
		datagram := data
		if mode %= 4; mode > 0 {
			src, suite := alice.Address, armor.Suite(3)
			switch mode {
			case 2:
				src, from = root.Address, vectorEndpoints["root"]
			case 3:
				src, from, verb, suite = controller.Address, vectorEndpoints["controller"], uint8(wire.VerbHello), armor.Poly1305None
			}
			p := wire.Packet(append(wire.AppendHeader(nil, 42, n.w.self.Address, src, wire.Verb(verb&31)), data...))
			if len(p) > wire.MaxPacketLen {
				return
			}
			p[27] = verb
			n.keys[src].Seal(p, suite)
			datagram = p
		}
		remote := netip.MustParseAddrPort(from)
		for range 3 {
			n.do(func() {
				n.w.Receive(n.now, []Datagram{{Data: append([]byte(nil), datagram...), Remote: remote, Socket: 1}})
			})
			n.now = n.now.Add(600 * clock.Millisecond)
			n.do(func() { n.w.Tick(n.now) })
		}
		if s := n.w.Sizes(); s.Peers > 5 || s.Paths > 20 || s.Held > maxHeld || s.Queued > maxQueued || s.Asked > strangerBurst+30 || s.Validating != 0 || s.Incomplete > 1 {
			t.Fatalf("state after one datagram: %+v", s)
		}
		if len(n.did) > strangerBurst+60 {
			t.Fatalf("one datagram made %d", len(n.did))
		}
		n.now = n.now.Add(clock.Second)
		n.did = nil
		ping := wire.Packet(wire.AppendHeader(nil, 7, n.w.self.Address, alice.Address, wire.VerbEcho))
		n.keys[alice.Address].Seal(ping, armor.AESGMACSIV)
		n.do(func() {
			n.w.Receive(n.now, []Datagram{{Data: ping, Remote: netip.MustParseAddrPort(vectorEndpoints["alice"]), Socket: 1}})
		})
		if len(n.did) == 0 {
			t.Fatal("a peer is not answered any more")
		}
	})
}
