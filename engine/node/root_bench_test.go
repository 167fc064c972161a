package node_test

import (
	"encoding/binary"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// crowdedRoot has so many leaves that they do not fit the caches of a processor.
func crowdedRoot(b *testing.B) *busyRoot {
	benchLeaves := 4000
	if *long {
		benchLeaves = 50_000
	}
	r := newBusyRoot(b)
	r.meet(benchLeaves)
	r.pass(clock.Second)
	b.ReportAllocs()
	b.ResetTimer()
	return r
}

// BenchmarkRootKeepalive is a leaf's ECHO and the answer, each time another
// leaf's: the root keeps the key schedules of none of them.
func BenchmarkRootKeepalive(b *testing.B) {
	r := crowdedRoot(b)
	for i := range b.N {
		if i%r.leaves == 0 {
			r.pass(18 * clock.Second)
		}
		r.send(i%r.leaves, r.self.Address, wire.VerbEcho, nil)
		r.out.Reset()
	}
}

// BenchmarkRootHello is the HELLO of a leaf that the root knows, and the answer.
func BenchmarkRootHello(b *testing.B) {
	r := crowdedRoot(b)
	for i := range b.N {
		if i%r.leaves == 0 {
			r.pass(60 * clock.Second)
		}
		r.greet(i % r.leaves)
	}
}

// BenchmarkRootStranger is the HELLO of a leaf that the root meets, up to the
// confirmed path, but for the proof of work of its address.
func BenchmarkRootStranger(b *testing.B) {
	r := newBusyRoot(b)
	b.ReportAllocs()
	b.ResetTimer()
	r.meet(b.N)
}

// BenchmarkRootWhois is a WHOIS for one address, and the answer.
func BenchmarkRootWhois(b *testing.B) {
	r := crowdedRoot(b)
	var asked [identity.AddressLen]byte
	for i := range b.N {
		r.address(int(uint32(i)*2654435761) % r.leaves).Put(asked[:])
		r.send(i%r.leaves, r.self.Address, wire.VerbWhois, asked[:])
		r.out.Reset()
	}
}

// BenchmarkRootRelay is a packet from one leaf to another, each time another
// pair, of whom there are as many as leaves.
func BenchmarkRootRelay(b *testing.B) {
	r := crowdedRoot(b)
	payload := make([]byte, 1372)
	b.SetBytes(int64(len(payload)) + wire.HeaderLen)
	for i := range b.N {
		if i%r.leaves == 0 {
			r.pass(clock.Second)
		}
		from := i % r.leaves
		binary.BigEndian.PutUint32(payload, uint32(i))
		r.send(from, r.address((from+r.leaves/2)%r.leaves), wire.VerbFrame, payload)
		r.out.Reset()
	}
}

// BenchmarkRootIdleMinute is what the root does in a minute in which nobody says
// anything.
func BenchmarkRootIdleMinute(b *testing.B) {
	r := crowdedRoot(b)
	for i := range b.N {
		if i%8 == 7 { // before they are forgotten
			b.StopTimer()
			for leaf := range r.leaves {
				r.send(leaf, r.self.Address, wire.VerbNOP, nil)
			}
			r.out.Reset()
			b.StartTimer()
		}
		r.pass(clock.Minute)
	}
}
