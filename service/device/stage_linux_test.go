package device

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// tcp4 is an IPv4 TCP packet with headroom, of size bytes of payload, as far as
// the stage looks.
func tcp4(flow byte, size int) []byte {
	b := make([]byte, tunHeadroom+40+size)
	p := b[tunHeadroom:]
	p[0], p[9] = 0x45, 6
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	copy(p[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2, 0, flow, 0, 80})
	return b
}

func TestStage(t *testing.T) {
	t.Parallel()
	var s stage
	in := [][]byte{
		tcp4(1, 100), tcp4(2, 100), tcp4(1, 100), make([]byte, tunHeadroom), tcp4(1, 100), tcp4(3, 1), tcp4(3, 1),
	}
	for range 2 { // the second batch finds the first's table
		out := s.prepare(in)
		if len(out) != 6 {
			t.Fatalf("%d packets, want 6: the empty one is left out", len(out))
		}
		moved := []bool{true, false, false, false, true, false}
		kept := [][]byte{in[0], in[1], in[2], in[4], in[5], in[6]}
		for i := range out {
			if !bytes.Equal(out[i], kept[i]) {
				t.Errorf("packet %d changed", i)
			}
			if got := cap(out[i]) > len(out[i]); got != moved[i] {
				t.Errorf("packet %d: moved is %v, want %v", i, got, moved[i])
			}
		}
	}
}

func TestStageFullBuffers(t *testing.T) {
	t.Parallel()
	var s stage
	var in [][]byte
	for range 100 { // more than a super-packet takes
		in = append(in, tcp4(1, 1400))
	}
	var moved []int
	for i, b := range s.prepare(in) {
		if cap(b) > len(b) {
			moved = append(moved, i)
		}
	}
	if len(moved) != 3 || moved[0] != 0 || moved[1] != 45 || moved[2] != 90 {
		t.Errorf("packets %v moved", moved)
	}
	in = in[:0]
	for i := range 120 { // more flows than buffers
		in = append(in, tcp4(byte(i/2), 10))
	}
	if out := s.prepare(in); len(out) != 120 || s.used > stageBuffers {
		t.Errorf("%d packets, %d buffers", len(out), s.used)
	}
}

func FuzzFlowOf(f *testing.F) {
	f.Add(tcp4(1, 3)[tunHeadroom:])
	f.Add(append([]byte{0x60, 0, 0, 0, 0, 8, 17, 64}, make([]byte, 40)...))
	f.Fuzz(func(t *testing.T, p []byte) {
		addrs, ports, ok := flowOf(p)
		if ok && (len(ports) != 4 || len(addrs) != 8 && len(addrs) != 32) {
			t.Errorf("%d bytes of addresses, %d of ports", len(addrs), len(ports))
		}
		if ok {
			slot(addrs, ports)
		}
	})
}

func BenchmarkStage(b *testing.B) {
	var s stage
	var in [][]byte
	for i := range 128 {
		in = append(in, tcp4(byte(i&1), 1400))
	}
	b.SetBytes(128 * 1400)
	b.ReportAllocs()
	for b.Loop() {
		s.prepare(in)
	}
}
