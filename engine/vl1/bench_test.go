package vl1

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// direct gives two wires with a direct path between them, on which frames of
// size bytes go from a to b.
func direct(tb testing.TB, size int) (a, b *testNode, frame []byte) {
	net := newTestNet(tb)
	net.node(1, "198.51.100.1:9993")
	a, b = net.node(2, "198.51.100.11:9993"), net.node(3, "198.51.100.12:9993")
	net.pass(second)
	a.sendTo(b, "x")
	net.pass(3 * second)
	b.sendTo(a, "x")
	net.pass(second)
	b.silent = true
	return a, b, make([]byte, size)
}

// carried sends one frame and has it received.
func carried(a, b *testNode, frame []byte, batch []Datagram) {
	at := a.net.now
	a.Begin(at, &a.out)
	a.Send(at, b.self.Address, wire.VerbFrame, frame[:10], frame[10:], false)
	for i := range a.out.Send {
		batch[i] = Datagram{Data: a.out.Send[i].Data, Remote: a.addr, Socket: 1}
	}
	b.Begin(at, &b.out)
	b.Receive(at, batch[:len(a.out.Send)])
	a.out.Reset()
	b.out.Reset()
}

// Carrying a frame allocates nothing, whole or in parts.
func TestFramesDoNotAllocate(t *testing.T) {
	for _, size := range []int{1000, 2800, 9000} {
		a, b, frame := direct(t, size)
		batch := make([]Datagram, 8)
		for range 200 {
			carried(a, b, frame, batch) // tables and arenas grow first
		}
		before := b.stats.In[wire.VerbFrame]
		allocs := testing.AllocsPerRun(1000, func() { carried(a, b, frame, batch) })
		if allocs != 0 {
			t.Errorf("%d bytes: %v allocations for each frame", size, allocs)
		}
		if got := b.stats.In[wire.VerbFrame] - before; got != 1001 {
			t.Errorf("%d bytes: %d of 1001 frames arrived", size, got)
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	for name, size := range map[string]int{"1400": 1400, "2800 in 2 parts": 2800} {
		b.Run(name, func(b *testing.B) {
			from, to, frame := direct(b, size)
			batch := make([]Datagram, 8)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				carried(from, to, frame, batch)
			}
		})
	}
}

// BenchmarkRelay is a root forwarding a packet.
func BenchmarkRelay(b *testing.B) {
	from, to, frame := direct(b, 1400)
	root := from.net.order[0]
	pkt := wire.AppendHeader(nil, 1, to.self.Address, from.self.Address, wire.VerbFrame)
	pkt = append(pkt, frame...)
	batch := []Datagram{{Data: pkt, Remote: from.addr, Socket: 1}}
	b.ReportAllocs()
	b.SetBytes(int64(len(pkt)))
	for b.Loop() {
		wire.Packet(pkt).SetHops(0)
		root.Begin(from.net.now, &root.out)
		root.Receive(from.net.now, batch)
		root.out.Reset()
	}
}

// BenchmarkIdleTick is what a root with many idle peers does every five seconds.
func BenchmarkIdleTick(b *testing.B) {
	net := newTestNet(b)
	root := net.node(1, "198.51.100.1:9993")
	for i := range 1000 {
		root.do(func() {
			if _, err := root.admit(net.now, cheapSecret(uint64(100+i)).Identity, "test"); err != nil {
				b.Fatal(err)
			}
		})
	}
	for _, p := range root.order {
		p.lastReceive, p.unstored = net.now.Mono, false
	}
	b.ReportAllocs()
	for b.Loop() {
		net.now = net.now.Add(5 * clock.Second)
		root.Begin(net.now, &root.out)
		root.ping(net.now)
		root.out.Reset()
	}
}
