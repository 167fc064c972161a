package udp

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"

	"orrery/engine/vl1"
)

// BenchmarkSend sends batches of 128 datagrams of 1432 bytes to a socket that
// nobody reads, so that only sending is measured.
func BenchmarkSend(b *testing.B) {
	for name, cfg := range transports {
		for _, size := range []int{100, 1432} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				s, sink := open(b, cfg), open(b, Config{})
				batch := benchBatch(size, netip.AddrPortFrom(loopback4, uint16(sink.Port())))
				b.SetBytes(int64(size * len(batch)))
				b.ReportAllocs()
				for b.Loop() {
					if err := s.Send(batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkThrough sends batches and waits until they have arrived.
func BenchmarkThrough(b *testing.B) {
	for name, cfg := range transports {
		b.Run(name, func(b *testing.B) {
			s, sink := open(b, cfg), open(b, cfg)
			benchThrough(b, s, sink, netip.AddrPortFrom(loopback4, uint16(sink.Port())))
		})
	}
}

func benchThrough(b *testing.B, s, sink *Sockets, to netip.AddrPort) {
	const count, size = 128, 1432
	batch := benchBatch(size, to)
	var bytes atomic.Int64
	arrived := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- sink.Run(ctx, func(got []vl1.Datagram) {
			n := 0
			for i := range got {
				n += len(got[i].Data)
			}
			if bytes.Add(int64(n)) == count*size {
				bytes.Store(0)
				arrived <- struct{}{}
			}
		})
	}()
	b.SetBytes(count * size)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Send(batch); err != nil {
			b.Fatal(err)
		}
		<-arrived
	}
	cancel()
	<-done
}

func benchBatch(size int, remote netip.AddrPort) []vl1.Datagram {
	batch := make([]vl1.Datagram, 128)
	for i := range batch {
		batch[i] = vl1.Datagram{Data: payload(size, i), Remote: remote}
	}
	return batch
}
