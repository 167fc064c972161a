package rule

import (
	"fmt"
	"net/netip"
	"strings"

	"orrery/engine/ether"
)

// saw says in words what the frame has of what the match compares.
func (o *op) saw(in *Input, h *header) string {
	switch o.kind {
	case MatchSourceAddress:
		return "from " + in.Source.String()
	case MatchDestinationAddress:
		if in.Destination == 0 {
			return "to no single member"
		}
		return "to " + in.Destination.String()
	case MatchVLANID:
		return fmt.Sprintf("VLAN %d", in.VLAN)
	case MatchVLANPCP, MatchVLANDEI:
		return "VLAN tags are not looked into"
	case MatchSourceMAC:
		return "from " + in.SourceMAC.String()
	case MatchDestinationMAC:
		return "to " + in.DestinationMAC.String()
	case MatchEtherType:
		return "ethertype " + etherTypeText(in.EtherType)
	case MatchFrameSize:
		return fmt.Sprintf("%d bytes", len(in.Frame))
	case MatchRandom:
		return fmt.Sprintf("drew %d; each frame draws its own number", in.random())
	case MatchIntegerRange:
		return fmt.Sprintf("%d", o.integer(in.Frame))
	case MatchCharacteristics:
		return "has " + characteristicsText(characteristics(in, h, ^uint64(0)))
	case MatchTagsDifference, MatchTagsAnd, MatchTagsOr, MatchTagsXor, MatchTagsEqual:
		return "our tag " + tagText(in.Local.Tag(o.v)) + ", theirs " + tagText(in.Remote.Tag(o.v))
	case MatchTagSender, MatchTagReceiver:
		who := "the receiver's tag "
		if o.kind == MatchTagSender {
			who = "the sender's tag "
		}
		if (o.kind == MatchTagSender) == in.Inbound {
			return who + tagText(in.Remote.Tag(o.v))
		}
		return who + tagText(in.Local.Tag(o.v))
	case MatchIPv4Source, MatchIPv4Destination, MatchIPv6Source, MatchIPv6Destination,
		MatchIPTOS, MatchIPProtocol, MatchICMP, MatchSourcePort, MatchDestinationPort:
		return o.sawIP(in, h)
	}
	return "this kind of match is unknown"
}

// sawIP is saw for matches on IP headers.
func (o *op) sawIP(in *Input, h *header) string {
	f := in.Frame
	k := h.read(in)
	if k == notIP {
		if in.EtherType == ether.TypeIPv4 || in.EtherType == ether.TypeIPv6 {
			return "too short for an IP header"
		}
		return "not IP"
	}
	address := func(v4, v6 int) string {
		if k == ipv4 {
			return netip.AddrFrom4([4]byte(f[v4 : v4+4])).String()
		}
		return netip.AddrFrom16([16]byte(f[v6 : v6+16])).String()
	}
	switch o.kind {
	case MatchIPv4Source, MatchIPv6Source:
		return "from " + address(12, 8)
	case MatchIPv4Destination, MatchIPv6Destination:
		return "to " + address(16, 24)
	case MatchIPTOS:
		tos := f[1]
		if k != ipv4 {
			tos = f[0]<<4 | f[1]>>4
		}
		return fmt.Sprintf("type of service %d", tos)
	}
	if k == brokenIPv6 {
		return "IPv6 extension headers lead beyond the frame"
	}
	proto := "protocol " + protocolText(h.proto)
	switch o.kind {
	case MatchICMP:
		if h.proto != ether.ProtoICMP && h.proto != ether.ProtoICMPv6 {
			return proto
		}
		if len(f) < h.upper+2 {
			return "too short for ICMP"
		}
		return fmt.Sprintf("%s type %d code %d", proto, f[h.upper], f[h.upper+1])
	case MatchSourcePort, MatchDestinationPort:
		p, name := h.ports(in).source, "source"
		if o.kind == MatchDestinationPort {
			p, name = h.ports(in).destination, "destination"
		}
		if p < 0 {
			return proto + ", no " + name + " port"
		}
		return fmt.Sprintf("%s, %s port %d", proto, name, p)
	}
	return proto
}

func tagText(v uint32, ok bool) string {
	if !ok {
		return "is unknown"
	}
	return fmt.Sprintf("is %d", v)
}

// names of the rule language (spec 05 §5.4).
var (
	etherTypeNames = map[uint16]string{
		ether.TypeIPv4: "ipv4", ether.TypeARP: "arp", 0x0842: "wol", 0x8035: "rarp", ether.TypeIPv6: "ipv6",
		0x809b: "atalk", 0x80f3: "aarp", 0x8137: "ipx_a", 0x8138: "ipx_b",
	}
	protocolNames = map[uint8]string{
		1: "icmp4", 2: "igmp", 4: "ipip", 6: "tcp", 8: "egp", 9: "igp", 17: "udp", 27: "rdp", 50: "esp", 51: "ah",
		58: "icmp6", 115: "l2tp", 132: "sctp", 136: "udplite",
	}
	// characteristicNames are those of the bits 0 to 11 and 59 to 63.
	characteristicNames = map[int]string{
		0: "tcp_fin", 1: "tcp_syn", 2: "tcp_rst", 3: "tcp_psh", 4: "tcp_ack", 5: "tcp_urg", 6: "tcp_ece", 7: "tcp_cwr",
		8: "tcp_ns", 9: "tcp_rs2", 10: "tcp_rs1", 11: "tcp_rs0",
		59: "macauth", 60: "ipauth", 61: "broadcast", 62: "multicast", 63: "inbound",
	}
)

func etherTypeText(t uint16) string {
	if n, ok := etherTypeNames[t]; ok {
		return n
	}
	return fmt.Sprintf("0x%04x", t)
}

func protocolText(p uint8) string {
	if n, ok := protocolNames[p]; ok {
		return n
	}
	return fmt.Sprintf("%d", p)
}

// characteristicsText lists the bits of a mask, the highest first.
func characteristicsText(mask uint64) string {
	var out []string
	for i := 63; i >= 0; i-- {
		if mask>>i&1 == 0 {
			continue
		}
		if n, ok := characteristicNames[i]; ok {
			out = append(out, n)
		} else {
			out = append(out, fmt.Sprintf("%d", i))
		}
	}
	if out == nil {
		return "none"
	}
	return strings.Join(out, ",")
}

// rangeText is a range as the rule language has it.
func rangeText(start, end uint64) string {
	if start == end {
		return fmt.Sprintf("%d", start)
	}
	return fmt.Sprintf("%d-%d", start, end)
}
