package vl2

import (
	"orrery/engine/ether"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// What precedes the Ethernet payload in the packet of a frame, in bytes.
const (
	frameOverhead    = wire.HeaderLen + wire.FrameHeadLen
	extFrameOverhead = wire.HeaderLen + wire.ExtFrameHeadLen
)

// SetLimit sets the size in bytes above which packets are unwelcome here, 0 for
// none: TCP connections that are opened from now on keep below it.
func (nw *Network) SetLimit(size int) { nw.limit = size }

// clamp makes the two ends of a TCP connection that a frame opens agree on
// segments that the way to a peer carries in one datagram, where it is known to
// lose longer ones or parts of them, and on none above the user's own limit. It
// returns the frame to go on with: f, or a copy in buf. Both SYN and its answer
// pass here, so both directions of the connection are covered.
//
// A frame on its way out is clamped before the rules see it, one on its way in
// after that: rules must see the same at both ends.
func (s *Switch) clamp(nw *Network, peer identity.Address, f *frame, overhead int, buf *[]byte) *frame {
	if !ether.OpensTCP(f.etherType, f.payload) {
		return f
	}
	limit := nw.limit
	if whole := s.link.Whole(peer); whole > overhead && (limit == 0 || whole-overhead < limit) {
		limit = whole - overhead
	}
	if limit == 0 {
		return f
	}
	*buf = append((*buf)[:0], f.payload...)
	if !ether.ClampSegment(f.etherType, *buf, limit) {
		return f
	}
	nw.clamped++
	s.scratch.clamped = frame{f.src, f.dst, f.etherType, *buf}
	return &s.scratch.clamped
}

// Clamped counts TCP connections, each direction by itself, whose segments were
// made smaller than their end asked for.
func (nw *Network) Clamped() uint64 { return nw.clamped }
