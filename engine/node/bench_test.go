package node_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// pair makes two members of a network that have a direct path, and says where
// the first sends from.
func pair(tb testing.TB) (w *sim.World, a, b *sim.Node, nwid identity.NetworkID) {
	w = sim.New(7, sim.Link{Delay: clock.Millisecond})
	at := func(name string, index, last int) *sim.Node {
		return w.NewNode(name, w.NewSecret(index), netip.AddrFrom4([4]byte{198, 51, 100, byte(last)}), nil)
	}
	root := at("R", 0, 1)
	a, b = at("A", 1, 11), at("B", 2, 12)
	root.Serve()
	planet := w.NewPlanet(root)
	for _, n := range []*sim.Node{root, a, b} {
		n.Start(planet)
	}
	w.Run(clock.Second)
	nwid = identity.NetworkID(uint64(root.Identity().Address)<<24 | 1)
	root.Control(func(c *controller.Controller, at clock.Instant) error {
		_, err := c.PutNetwork(at, nwid, []byte(`{"private":false,"v4AssignMode":{"zt":true},"routes":[{"target":"10.1.17.0/24"}],
			"ipAssignmentPools":[{"ipRangeStart":"10.1.17.1","ipRangeEnd":"10.1.17.254"}]}`))
		return err
	})
	stack := sim.NewStack(a)
	sim.NewStack(b)
	a.Join(nwid)
	b.Join(nwid)
	w.Run(2 * clock.Second)
	to, ok := b.Address(nwid, true)
	if !ok {
		tb.Fatal("no address")
	}
	stack.Ping(nwid, to, 56)
	w.Run(10 * clock.Second)
	stack.Ping(nwid, to, 56)
	w.Run(clock.Second)
	return w, a, b, nwid
}

// BenchmarkForward carries IP packets from one member's device to the other's:
// host port, rules, armour, fragments, reassembly, and back.
func BenchmarkForward(b *testing.B) {
	for _, size := range []int{64, 1400, 2748} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			w, x, y, nwid := pair(b)
			to, _ := y.Address(nwid, true)
			from, _ := x.Address(nwid, true)
			packets := make([][]byte, 64)
			for i := range packets {
				packets[i] = datagram(from, to, size)
			}
			var out, in node.Outbox
			batch := make([]vl1.Datagram, 0, 256)
			at := w.Now()
			src := netip.MustParseAddrPort("198.51.100.11:9993")
			delivered := 0
			run := func() {
				out.Reset()
				x.Core.Packets(at, nwid, packets, &out)
				batch = batch[:0]
				for _, d := range out.Send {
					batch = append(batch, vl1.Datagram{Data: d.Data, Remote: src, Socket: 1})
				}
				in.Reset()
				y.Core.Datagrams(at, batch, &in)
				delivered += len(in.Deliver)
			}
			run()
			if delivered != len(packets) {
				b.Fatalf("%d of %d delivered", delivered, len(packets))
			}
			b.ReportAllocs()
			b.SetBytes(int64(size))
			b.ResetTimer()
			n := 0
			for n < b.N {
				run()
				n += len(packets)
			}
		})
	}
}

// BenchmarkForwardUnderFlood is BenchmarkForward at a node that also gets 10,000
// spoofed HELLOs a second, as time would have it: a packet of 1400 bytes is
// reckoned as 2 µs of the second. What is above BenchmarkForward/1400 is what the
// flood takes from its peers.
func BenchmarkForwardUnderFlood(b *testing.B) {
	w, x, y, nwid := pair(b)
	to, _ := y.Address(nwid, true)
	from, _ := x.Address(nwid, true)
	packets := make([][]byte, 50)
	for i := range packets {
		packets[i] = datagram(from, to, 1400)
	}
	forged := forgedHello(w.NewSecret(99), y.Identity())
	buf := make([]byte, 0, 512)
	var out, in node.Outbox
	batch := make([]vl1.Datagram, 0, 256)
	at := w.Now()
	src := netip.MustParseAddrPort("198.51.100.11:9993")
	delivered, n := 0, 0
	b.ReportAllocs()
	b.SetBytes(1400)
	b.ResetTimer()
	for n < b.N {
		at = at.Add(clock.Millisecond / 10)
		out.Reset()
		x.Core.Packets(at, nwid, packets, &out)
		batch = batch[:0]
		for _, d := range out.Send {
			batch = append(batch, vl1.Datagram{Data: d.Data, Remote: src, Socket: 1})
		}
		buf = append(buf[:0], forged...)
		stranger := netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(n >> 8), byte(n), 1}), 4444)
		batch = append(batch, vl1.Datagram{Data: buf, Remote: stranger, Socket: 1})
		in.Reset()
		y.Core.Datagrams(at, batch, &in)
		delivered += len(in.Deliver)
		n += len(packets)
	}
	if delivered < n {
		b.Fatalf("%d of %d delivered", delivered, n)
	}
}

// forgedHello is a HELLO that looks right and whose MAC is not.
func forgedHello(s *identity.Secret, to identity.Identity) []byte {
	h := wire.Hello{Protocol: 12, Major: 1, Minor: 14, Identity: s.Identity, SentTo: netip.MustParseAddrPort("198.51.100.12:9993")}
	return h.Append(wire.AppendHeader(nil, 5, to.Address, s.Address, wire.VerbHello))
}

// datagram is an IPv4 packet of a protocol that nothing answers.
func datagram(from, to netip.Addr, size int) []byte {
	p := make([]byte, size)
	p[0], p[8], p[9] = 0x45, 64, 253
	binary.BigEndian.PutUint16(p[2:], uint16(size))
	a, b := from.As4(), to.As4()
	copy(p[12:], a[:])
	copy(p[16:], b[:])
	binary.BigEndian.PutUint16(p[10:], ether.Checksum(p[:20]))
	return p
}
