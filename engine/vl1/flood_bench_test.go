package vl1

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// received measures what a datagram costs that is one of 10,000 a second.
func received(b *testing.B, n *testNode, make func(i int) wire.Packet) {
	pkts := [256]wire.Packet{}
	for i := range pkts {
		pkts[i] = make(i)
	}
	batch := []Datagram{{Remote: elsewhere, Socket: 1}}
	buf := [2048]byte{}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		n.net.now = n.net.now.Add(clock.Second / 10000)
		batch[0].Data = append(buf[:0], pkts[i%len(pkts)]...)
		n.Begin(n.net.now, &n.out)
		n.Receive(n.net.now, batch)
		n.out.Reset()
		i++
	}
}

// BenchmarkStrangersHello is a HELLO of a stranger among 10,000 a second: forged,
// or with a right MAC but a hash that is not. Most are refused before anything is
// computed.
func BenchmarkStrangersHello(b *testing.B) {
	for name, forged := range map[string]bool{"forged": true, "right MAC": false} {
		b.Run(name, func(b *testing.B) {
			net := newTestNet(b)
			root := net.node(1, "198.51.100.1:9993")
			received(b, root, func(i int) wire.Packet {
				p := helloOf(net, cheapSecret(uint64(7000+i)), root, elsewhere)
				if forged {
					p[40] ^= 1
				}
				return p
			})
		})
	}
}

// BenchmarkAgreement is the most that one HELLO of a stranger costs.
func BenchmarkAgreement(b *testing.B) {
	net := newTestNet(b)
	root := net.node(1, "198.51.100.1:9993")
	p := helloOf(net, cheapSecret(7000), root, elsewhere)
	p[40] ^= 1
	batch := []Datagram{{Remote: elsewhere, Socket: 1}}
	var buf [512]byte
	b.ReportAllocs()
	for b.Loop() {
		root.agree = clock.Bucket{}
		batch[0].Data = append(buf[:0], p...)
		root.Begin(net.now, &root.out)
		root.Receive(net.now, batch)
		root.out.Reset()
	}
}

// BenchmarkReceive is what refused datagrams cost.
func BenchmarkReceive(b *testing.B) {
	net := newTestNet(b)
	net.node(1, "198.51.100.1:9993")
	a, to := net.node(2, "198.51.100.11:9993"), net.node(3, "198.51.100.12:9993")
	net.pass(second)
	a.sendTo(to, "x")
	net.pass(5 * second)
	b.Run("a stranger's frame", func(b *testing.B) {
		received(b, to, func(i int) wire.Packet {
			return append(wire.AppendHeader(nil, uint64(i), to.self.Address, 0x1100000000, wire.VerbFrame), make([]byte, 100)...)
		})
	})
	b.Run("a known peer's, forged", func(b *testing.B) {
		received(b, to, func(int) wire.Packet {
			p := a.packetTo(to, wire.VerbFrame, make([]byte, 100))
			p[60] ^= 1
			return p
		})
	})
	b.Run("a replay", func(b *testing.B) {
		p := a.packetTo(to, wire.VerbFrame, make([]byte, 100))
		received(b, to, func(int) wire.Packet { return p })
	})
	b.Run("a part", func(b *testing.B) {
		received(b, to, func(i int) wire.Packet {
			return append(wire.AppendFragmentHeader(nil, uint64(i), to.self.Address, 3, 1), make([]byte, 900)...)
		})
	})
}
