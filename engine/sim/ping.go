package sim

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// Stack is the least of a host's IP stack: it answers echo requests, also those
// to a broadcast or multicast address, and notes the answers to its own.
type Stack struct {
	node *Node
	log  echoLog
	// Received counts echo requests and replies that networks delivered. Group
	// queries of the port itself do not count.
	Received int
}

// echoLog has the echo requests that were sent, and who answered them.
type echoLog struct {
	asked   map[uint16]clock.Mono
	took    map[uint16]clock.Mono
	answers map[uint16][]netip.Addr
	next    uint16
}

func newEchoLog() echoLog {
	return echoLog{make(map[uint16]clock.Mono), make(map[uint16]clock.Mono), make(map[uint16][]netip.Addr), 0}
}

// ask returns a fresh sequence number.
func (l *echoLog) ask(now clock.Mono) uint16 {
	l.next++
	l.asked[l.next] = now
	return l.next
}

func (l *echoLog) answered(now clock.Mono, seq uint16, from netip.Addr) {
	at, ok := l.asked[seq]
	if !ok {
		return
	}
	if _, again := l.took[seq]; !again {
		l.took[seq] = now - at
	}
	l.answers[seq] = append(l.answers[seq], from)
}

// NewStack gives a node an IP stack.
func NewStack(n *Node) *Stack {
	s := &Stack{node: n, log: newEchoLog()}
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

// Ping sends an echo request of size bytes of data from the address that suits
// the destination, and returns its sequence number. A node that has no address
// yet sends nothing.
func (s *Stack) Ping(nwid identity.NetworkID, to netip.Addr, size int) uint16 {
	from, ok := s.source(nwid, to)
	seq := s.log.ask(s.node.world.now)
	if ok {
		s.node.SendIP(nwid, echo(from, to, seq, size, false))
	}
	return seq
}

// source is the address to talk to another one from.
func (s *Stack) source(nwid identity.NetworkID, to netip.Addr) (netip.Addr, bool) {
	if to.Is6() && (to.IsLinkLocalUnicast() || to.IsLinkLocalMulticast()) {
		st, ok := s.node.Core.Network(nwid)
		return st.LinkLocal.Addr(), ok
	}
	return s.node.Address(nwid, to.Is4())
}

// Took is the round trip of an echo request, false if nobody answered.
func (s *Stack) Took(seq uint16) (clock.Mono, bool) {
	d, ok := s.log.took[seq]
	return d, ok
}

// Answers are the sources of all answers to an echo request, in order.
func (s *Stack) Answers(seq uint16) []netip.Addr { return s.log.answers[seq] }

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

// echoMessage is an echo request or reply.
type echoMessage struct {
	src, dst netip.Addr
	seq      uint16
	size     int
	reply    bool
}

// parseEcho reads an IP packet with one.
func parseEcho(packet []byte) (m echoMessage, ok bool) {
	var icmp []byte
	request, reply := byte(8), byte(0)
	if p, err := ether.ParseIPv4(packet); err == nil {
		m.src, m.dst, icmp = p.Src(), p.Dst(), p.Payload()
		if p.Protocol() != 1 {
			return m, false
		}
	} else if p, err := ether.ParseIPv6(packet); err == nil {
		proto, body, ok := p.Upper()
		if !ok || proto != 58 {
			return m, false
		}
		m.src, m.dst, icmp = p.Src(), p.Dst(), body
		request, reply = 128, 129
	}
	if len(icmp) < 8 || icmp[0] != request && icmp[0] != reply {
		return m, false
	}
	m.seq, m.size, m.reply = binary.BigEndian.Uint16(icmp[6:]), len(icmp)-8, icmp[0] == reply
	return m, true
}

// receive is the node's host.
func (s *Stack) receive(nwid identity.NetworkID, packet []byte) {
	m, ok := parseEcho(packet)
	if !ok {
		return
	}
	s.Received++
	if m.reply {
		s.log.answered(s.node.world.now, m.seq, m.src)
		return
	}
	own := m.dst
	if !s.owns(nwid, own) {
		if own, ok = s.source(nwid, m.src); !ok {
			return
		}
	}
	s.node.SendIP(nwid, echo(own, m.src, m.seq, m.size, true))
}

// owns reports whether an address is the host's own on a network.
func (s *Stack) owns(nwid identity.NetworkID, a netip.Addr) bool {
	st, ok := s.node.Core.Network(nwid)
	if !ok {
		return false
	}
	for _, p := range st.Addresses {
		// A member owns the /80 around its 6PLANE address.
		if p.Addr() == a || p.Bits() == 40 && netip.PrefixFrom(p.Addr(), 80).Masked().Contains(a) {
			return true
		}
	}
	return st.LinkLocal.Addr() == a
}
