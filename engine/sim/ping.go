package sim

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// Stack is the least of a host's IP stack: it answers echo requests and notes
// the answers to its own.
type Stack struct {
	node *Node
	// Answers counts echo replies, by the sequence number asked with.
	Answers map[uint16]clock.Mono
	asked   map[uint16]clock.Mono
	next    uint16
	// Received counts packets that networks delivered.
	Received int
}

// NewStack gives a node an IP stack.
func NewStack(n *Node) *Stack {
	s := &Stack{node: n, Answers: make(map[uint16]clock.Mono), asked: make(map[uint16]clock.Mono)}
	n.Host = s.receive
	return s
}

// Address is the node's first address of a family on a network.
func (n *Node) Address(nwid identity.NetworkID, v4 bool) (netip.Addr, bool) {
	s, ok := n.Core.Network(nwid)
	if !ok {
		return netip.Addr{}, false
	}
	for _, p := range s.Addresses {
		if p.Addr().Is4() == v4 {
			return p.Addr(), true
		}
	}
	return netip.Addr{}, false
}

// Ping sends an echo request of size bytes of data and returns its sequence
// number, under which the answer's round trip turns up in Answers.
func (s *Stack) Ping(nwid identity.NetworkID, to netip.Addr, size int) uint16 {
	from, ok := s.node.Address(nwid, to.Is4())
	s.next++
	if ok {
		s.asked[s.next] = s.node.world.now
		s.node.SendIP(nwid, echo(from, to, s.next, size, false))
	}
	return s.next
}

// echo builds an echo request or reply.
func echo(from, to netip.Addr, seq uint16, size int, reply bool) []byte {
	icmp := make([]byte, 8+size)
	binary.BigEndian.PutUint16(icmp[6:], seq)
	if from.Is4() {
		if !reply {
			icmp[0] = 8
		}
		binary.BigEndian.PutUint16(icmp[2:], ether.Checksum(icmp))
		h := make([]byte, 20)
		h[0], h[8], h[9] = 0x45, 64, 1
		binary.BigEndian.PutUint16(h[2:], uint16(20+len(icmp)))
		a, b := from.As4(), to.As4()
		copy(h[12:], a[:])
		copy(h[16:], b[:])
		binary.BigEndian.PutUint16(h[10:], ether.Checksum(h))
		return append(h, icmp...)
	}
	icmp[0] = 128
	if reply {
		icmp[0] = 129
	}
	binary.BigEndian.PutUint16(icmp[2:], ether.Checksum6(from, to, 58, icmp))
	h := make([]byte, 40)
	h[0], h[6], h[7] = 0x60, 58, 64
	binary.BigEndian.PutUint16(h[4:], uint16(len(icmp)))
	a, b := from.As16(), to.As16()
	copy(h[8:], a[:])
	copy(h[24:], b[:])
	return append(h, icmp...)
}

// receive is the node's host.
func (s *Stack) receive(nwid identity.NetworkID, packet []byte) {
	s.Received++
	var src, dst netip.Addr
	var icmp []byte
	request, reply := byte(8), byte(0)
	if p, err := ether.ParseIPv4(packet); err == nil {
		src, dst, icmp = p.Src(), p.Dst(), p.Payload()
		if p.Protocol() != 1 {
			return
		}
	} else if p, err := ether.ParseIPv6(packet); err == nil {
		proto, body, ok := p.Upper()
		if !ok || proto != 58 {
			return
		}
		src, dst, icmp = p.Src(), p.Dst(), body
		request, reply = 128, 129
	}
	if len(icmp) < 8 {
		return
	}
	seq := binary.BigEndian.Uint16(icmp[6:])
	switch icmp[0] {
	case request:
		if !dst.IsMulticast() {
			s.node.SendIP(nwid, echo(dst, src, seq, len(icmp)-8, true))
		}
	case reply:
		if at, ok := s.asked[seq]; ok {
			s.Answers[seq] = s.node.world.now - at
		}
	}
}
