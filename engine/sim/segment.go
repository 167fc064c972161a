package sim

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// Segment is a stretch of Ethernet that ends in a node's Ethernet port: the
// port's own host, and behind a bridge others.
type Segment struct {
	node  *Node
	nwid  identity.NetworkID
	hosts []*EtherHost
	cable *Segment // to another segment
	// Carried counts the frames that were on the segment.
	Carried int
	// Unknown counts frames of ethertypes that no host knows, by ethertype.
	Unknown map[uint16]int
}

// EtherHost is a host with an Ethernet interface: it resolves and answers ARP,
// and speaks ICMP echo over IPv4.
type EtherHost struct {
	segment *Segment
	MAC     identity.MAC
	IP      netip.Addr
	arp     map[netip.Addr]identity.MAC
	waiting map[netip.Addr][][]byte
	log     echoLog
}

// NewSegment attaches a segment to a node's Ethernet port on a network.
func NewSegment(n *Node, nwid identity.NetworkID) *Segment {
	s := &Segment{node: n, nwid: nwid, Unknown: make(map[uint16]int)}
	n.Host = func(id identity.NetworkID, frame []byte) {
		if id == nwid {
			s.carry(nil, frame)
		}
	}
	return s
}

// NewHost puts a host on the segment.
func (s *Segment) NewHost(mac identity.MAC, ip netip.Addr) *EtherHost {
	h := &EtherHost{
		segment: s, MAC: mac, IP: ip, arp: make(map[netip.Addr]identity.MAC), waiting: make(map[netip.Addr][][]byte), log: newEchoLog(),
	}
	s.hosts = append(s.hosts, h)
	return h
}

// cableDelay is what a frame needs from one segment to another.
const cableDelay = clock.Millisecond / 100

// Connect joins two segments by a short cable, as a switch on either
// end would that has learnt nothing.
func (s *Segment) Connect(o *Segment) { s.cable, o.cable = o, s }

// Disconnect takes the cable away.
func (s *Segment) Disconnect() {
	if s.cable != nil {
		s.cable.cable, s.cable = nil, nil
	}
}

// Move takes a host from its segment to another.
func (h *EtherHost) Move(to *Segment) {
	h.segment.hosts = slices.DeleteFunc(h.segment.hosts, func(o *EtherHost) bool { return o == h })
	h.segment, to.hosts = to, append(to.hosts, h)
}

// carry brings a frame to whom it is addressed: from a host to the others and
// to the network, from the network (nil) to the hosts, and over the cable.
func (s *Segment) carry(from *EtherHost, frame []byte) {
	if o := s.cable; o != nil {
		s.node.world.After(cableDelay, func() { o.pass(frame) })
	}
	s.deliver(from, frame, from != nil)
}

// pass takes a frame that came over the cable.
func (s *Segment) pass(frame []byte) { s.deliver(nil, frame, true) }

// deliver gives a frame to the hosts but the one that sent it, and to the network
// unless it came from there, or is for one of the hosts.
func (s *Segment) deliver(from *EtherHost, frame []byte, network bool) {
	s.Carried++
	dst := identity.MACFrom(frame)
	for _, h := range s.hosts {
		if h != from && (dst == h.MAC || dst.Multicast()) {
			h.receive(frame)
			if !dst.Multicast() {
				return
			}
		}
	}
	if network {
		s.node.SendFrame(s.nwid, frame)
	}
}

// Send sends a frame from the host.
func (h *EtherHost) Send(dst identity.MAC, etherType uint16, payload []byte) {
	h.segment.carry(h, append(ether.AppendHeader(nil, dst, h.MAC, etherType), payload...))
}

// sendIP resolves the destination if need be, and sends a packet.
func (h *EtherHost) sendIP(to netip.Addr, packet []byte) {
	if mac, ok := h.arp[to]; ok {
		h.Send(mac, ether.TypeIPv4, packet)
		return
	}
	h.waiting[to] = append(h.waiting[to], packet)
	h.Send(identity.Broadcast, ether.TypeARP, ether.ARP{
		Op: ether.ARPRequest, SenderMAC: h.MAC, SenderIP: h.IP, TargetIP: to,
	}.Append(nil))
}

// Ping sends an echo request and returns its sequence number.
func (h *EtherHost) Ping(to netip.Addr, size int) uint16 {
	seq := h.log.ask(h.segment.node.world.now)
	h.sendIP(to, echo(h.IP, to, seq, size, false))
	return seq
}

// Took is the round trip of an echo request, false if nobody answered.
func (h *EtherHost) Took(seq uint16) (clock.Mono, bool) {
	d, ok := h.log.took[seq]
	return d, ok
}

func (h *EtherHost) receive(frame []byte) {
	payload := frame[ether.HeaderLen:]
	switch t := binary.BigEndian.Uint16(frame[12:]); t {
	case ether.TypeARP:
		h.resolve(payload)
	case ether.TypeIPv4:
		m, ok := parseEcho(payload)
		if !ok || m.dst != h.IP {
			return
		}
		if m.reply {
			h.log.answered(h.segment.node.world.now, m.seq, m.src)
			return
		}
		h.sendIP(m.src, echo(h.IP, m.src, m.seq, m.size, true))
	default:
		h.segment.Unknown[t]++
	}
}

// resolve handles an ARP message.
func (h *EtherHost) resolve(b []byte) {
	a, err := ether.ParseARP(b)
	if err != nil || a.TargetIP != h.IP {
		return
	}
	h.arp[a.SenderIP] = a.SenderMAC
	if a.Op == ether.ARPRequest {
		h.Send(a.SenderMAC, ether.TypeARP, ether.ARP{
			Op: ether.ARPReply, SenderMAC: h.MAC, SenderIP: h.IP, TargetMAC: a.SenderMAC, TargetIP: a.SenderIP,
		}.Append(nil))
	}
	packets := h.waiting[a.SenderIP]
	delete(h.waiting, a.SenderIP)
	for _, p := range packets {
		h.Send(a.SenderMAC, ether.TypeIPv4, p)
	}
}
