package device

import (
	"bytes"
	"encoding/binary"
)

const (
	// maxStaged is the largest batch that the stage takes at once.
	maxStaged = 128
	// stageBuffers bounds the large buffers, and so the flows that are joined
	// within one batch.
	stageBuffers = 16
	// stageBuffer is the size of one. The library joins packets up to the
	// buffer's size less twice the headroom, and must stay below 64 KiB.
	stageBuffer = 65535
	// flowSlots is the size of the table of flows, a power of two.
	flowSlots = 256
)

// stage prepares batches for the library's receive offload, which appends the
// packets of a flow to the first of them, in that one's own buffer. Our packets
// lie next to each other in receive buffers, so their capacity is not ours to
// give. Therefore capacities are clipped, and the first packet of each flow that
// has more than one in the batch moves to a large buffer.
type stage struct {
	bufs    [][]byte
	buffers [stageBuffers][]byte
	used    int
	flows   [flowSlots]flow
	batch   uint32
}

// flow is what a batch has had of a flow. It counts only if batch is current.
type flow struct {
	batch  uint32
	head   int16
	moved  bool
	v6     bool
	ports  [4]byte
	addrs  [32]byte
	length int
}

// prepare returns the batch as the library may have it. The result is valid
// until the next call.
func (s *stage) prepare(bufs [][]byte) [][]byte {
	s.bufs = s.bufs[:0]
	s.used = 0
	if s.batch++; s.batch == 0 { // after 2³² batches, old entries could look current
		clear(s.flows[:])
		s.batch = 1
	}
	for _, b := range bufs {
		if len(b) <= tunHeadroom {
			continue
		}
		s.bufs = append(s.bufs, b[:len(b):len(b)])
		s.note(len(s.bufs)-1, b[tunHeadroom:])
	}
	return s.bufs
}

// note finds packet p's flow and moves the flow's first packet when a second
// comes along. A mistaken guess costs a copy, no more.
func (s *stage) note(i int, p []byte) {
	addrs, ports, ok := flowOf(p)
	if !ok {
		return
	}
	f := &s.flows[slot(addrs, ports)]
	v6 := len(addrs) == 32
	if f.batch != s.batch || f.v6 != v6 || string(f.ports[:]) != string(ports) || !bytes.Equal(f.addrs[:len(addrs)], addrs) || f.length+len(p) > stageBuffer-2*tunHeadroom {
		*f = flow{batch: s.batch, head: int16(i), v6: v6, length: len(p)}
		copy(f.ports[:], ports)
		copy(f.addrs[:], addrs)
		return
	}
	f.length += len(p)
	if f.moved || s.used == stageBuffers {
		return
	}
	if s.buffers[s.used] == nil {
		s.buffers[s.used] = make([]byte, stageBuffer)
	}
	large := s.buffers[s.used]
	s.used++
	s.bufs[f.head] = large[:copy(large, s.bufs[f.head])]
	f.moved = true
}

// flowOf returns views of the addresses and ports of a TCP or UDP packet that
// offloads may join: no IPv4 options or fragments, no IPv6 extension headers.
func flowOf(p []byte) (addrs, ports []byte, ok bool) {
	const tcp, udp = 6, 17
	switch {
	case len(p) >= 28 && p[0] == 0x45 && (p[9] == tcp || p[9] == udp) && p[6]&0x3f == 0 && p[7] == 0:
		return p[12:20], p[20:24], true
	case len(p) >= 48 && p[0]>>4 == 6 && (p[6] == tcp || p[6] == udp):
		return p[8:40], p[40:44], true
	}
	return nil, nil, false
}

// slot is the flow's place in the table. Flows that share one displace each
// other, which costs them the offload only.
func slot(addrs, ports []byte) uint32 {
	h := binary.NativeEndian.Uint32(ports) * 0x9e3779b1
	for ; len(addrs) > 0; addrs = addrs[4:] {
		h = (h ^ binary.NativeEndian.Uint32(addrs)) * 0x9e3779b1
		h ^= h >> 15
	}
	return h % flowSlots
}
