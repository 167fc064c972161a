package rule

import (
	"net/netip"

	"orrery/engine/ether"
	"orrery/engine/identity"
)

// tcpMask are the bits that come from a TCP header.
const tcpMask = 0xfff

// characteristics returns those bits of the frame's that mask asks for. Only
// these are worked out.
func characteristics(in *Input, h *header, mask uint64) (bits uint64) {
	if in.Inbound {
		bits |= Inbound
	}
	if in.DestinationMAC.Multicast() {
		bits |= Multicast
	}
	if in.DestinationMAC == identity.Broadcast {
		bits |= Broadcast
	}
	if mask&IPAuthenticated != 0 && sourceAuthenticated(in) {
		bits |= IPAuthenticated
	}
	if mask&MACAuthenticated != 0 && macAuthenticated(in) {
		bits |= MACAuthenticated
	}
	if mask&tcpMask != 0 {
		bits |= tcpFlags(in, h)
	}
	return bits & mask
}

// tcpFlags is bytes 12 and 13 of a TCP header, the data offset cleared. Bytes
// past the end of the frame count as 0.
func tcpFlags(in *Input, h *header) (bits uint64) {
	k := h.read(in)
	if k != ipv4 && k != ipv6 || h.proto != ether.ProtoTCP {
		return 0
	}
	f, at := in.Frame, h.upper+12
	if k == ipv6 && len(f) <= at+2 {
		return 0
	}
	if len(f) > at {
		bits = uint64(f[at]&0x0f) << 8
	}
	if len(f) > at+1 {
		bits |= uint64(f[at+1])
	}
	return bits
}

// macAuthenticated reports whether the sender's certificates name the source
// MAC.
func macAuthenticated(in *Input) bool {
	if !in.Inbound {
		return in.Local.ownsMAC(in.SourceMAC)
	}
	return in.Remote != nil && in.Remote.ownsMAC(in.SourceMAC)
}

// sourceAuthenticated reports whether the sender's certificates name the IP
// that the frame claims to come from. Neighbour solicitations always pass.
func sourceAuthenticated(in *Input) bool {
	ip, pass := claimedSource(in)
	switch {
	case pass:
		return true
	case !ip.IsValid():
		return false
	case !in.Inbound:
		return in.Local.ownsIP(ip)
	case in.Remote == nil:
		return false
	}
	return in.Remote.ownsIP(ip) || in.derivedSource(ip)
}

// claimedSource is the IP address that the frame's sender says it has: the IP
// source, the sender of an ARP packet or the target of a neighbour
// advertisement; zero if there is none. pass is set where none is needed.
func claimedSource(in *Input) (ip netip.Addr, pass bool) {
	f := in.Frame
	switch in.EtherType {
	case ether.TypeIPv4:
		if len(f) >= 20 {
			ip = netip.AddrFrom4([4]byte(f[12:16]))
		}
	case ether.TypeARP:
		if len(f) >= ether.ARPLen {
			ip = netip.AddrFrom4([4]byte(f[14:18]))
		}
	case ether.TypeIPv6:
		if len(f) >= 64 && f[6] == ether.ProtoICMPv6 {
			switch f[40] {
			case ether.TypeNeighborSolicitation:
				return ip, true
			case ether.TypeNeighborAdvertisement:
				return netip.AddrFrom16([16]byte(f[48:64])), false
			}
		}
		if len(f) >= 40 {
			ip = netip.AddrFrom16([16]byte(f[8:24]))
		}
	}
	return ip, false
}

// derivedSource reports whether ip lies in one of the prefixes from which NDP
// emulation derives addresses, see [Local.SixPlane].
func (in *Input) derivedSource(ip netip.Addr) bool {
	l := in.Local
	six, rfc := l.SixPlane.Contains(ip), l.RFC4193.Contains(ip)
	if !l.StrictDerived || !six && !rfc {
		return six || rfc
	}
	b := ip.As16()
	return six && identity.AddressFrom(b[5:]) == in.Source || rfc && identity.AddressFrom(b[11:]) == in.Source
}
