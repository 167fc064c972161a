package ether

import (
	"encoding/binary"
	"net/netip"
)

// Types of IGMP messages (RFC 1112, 2236, 3376).
const (
	igmpQuery   = 0x11
	igmpReport1 = 0x12
	igmpReport2 = 0x16
	igmpLeave   = 0x17
	igmpReport3 = 0x22
)

// Types of records in reports of IGMPv3 and MLDv2 (RFC 3376 §4.2.12).
const (
	recordIsInclude = 1
	recordIsExclude = 2
	recordToInclude = 3
	recordToExclude = 4
	recordAllowNew  = 5
)

// Memberships is what a host reports about multicast groups, read one by one
// with [Memberships.Next].
type Memberships struct {
	// single is a report about one group.
	single netip.Addr
	joined bool
	// records are those of a report about several, each with group addresses of
	// size bytes.
	records []byte
	count   int
	size    int
}

// Next returns the next group and whether the host is a member now, or false at
// the end. Records that change no membership are passed over, and what follows
// a truncated record is ignored.
func (m *Memberships) Next() (group netip.Addr, joined, ok bool) {
	if m.single.IsValid() {
		group, m.single = m.single, netip.Addr{}
		return group, m.joined, true
	}
	for m.count > 0 {
		m.count--
		head := 4 + m.size
		if len(m.records) < head {
			break
		}
		kind, sources := m.records[0], int(binary.BigEndian.Uint16(m.records[2:]))
		total := head + sources*m.size + 4*int(m.records[1])
		if len(m.records) < total {
			break
		}
		group, _ = netip.AddrFromSlice(m.records[4:head])
		m.records = m.records[total:]
		if !group.IsMulticast() {
			continue
		}
		switch kind {
		case recordIsExclude, recordToExclude:
			return group, true, true
		case recordToInclude:
			return group, sources > 0, true
		case recordIsInclude, recordAllowNew:
			if sources > 0 {
				return group, true, true
			}
		}
	}
	m.count = 0
	return netip.Addr{}, false, false
}

// ParseIGMP reads a report or leave message of IGMP version 1, 2 or 3 from the
// payload of an IPv4 packet. Errors are ErrTruncated, ErrChecksum, ErrFormat
// for a group that is none, and ErrKind for queries and unknown messages.
func ParseIGMP(b []byte) (Memberships, error) {
	if len(b) < 8 {
		return Memberships{}, ErrTruncated
	}
	if Checksum(b) != 0 {
		return Memberships{}, ErrChecksum
	}
	switch b[0] {
	case igmpReport1, igmpReport2, igmpLeave:
		group := netip.AddrFrom4([4]byte(b[4:8]))
		return one(group, b[0] != igmpLeave)
	case igmpReport3:
		return Memberships{records: b[8:], count: int(binary.BigEndian.Uint16(b[6:])), size: 4}, nil
	}
	return Memberships{}, ErrKind
}

// ParseMLD reads a report or done message of MLD version 1 or 2. Errors are
// those of [ParseIGMP].
func ParseMLD(p IPv6) (Memberships, error) {
	proto, m, ok := p.Upper()
	if !ok || proto != ProtoICMPv6 || len(m) == 0 {
		return Memberships{}, ErrKind
	}
	switch m[0] {
	case TypeMLDReport, TypeMLDDone, TypeMLD2Report:
	default:
		return Memberships{}, ErrKind
	}
	if len(m) < 8 {
		return Memberships{}, ErrTruncated
	}
	if Checksum6(p.Src(), p.Dst(), ProtoICMPv6, m) != 0 {
		return Memberships{}, ErrChecksum
	}
	if m[0] == TypeMLD2Report {
		return Memberships{records: m[8:], count: int(binary.BigEndian.Uint16(m[6:])), size: 16}, nil
	}
	if len(m) < 24 {
		return Memberships{}, ErrTruncated
	}
	return one(netip.AddrFrom16([16]byte(m[8:24])), m[0] == TypeMLDReport)
}

func one(group netip.Addr, joined bool) (Memberships, error) {
	if !group.IsMulticast() {
		return Memberships{}, ErrFormat
	}
	return Memberships{single: group, joined: joined}, nil
}

const (
	// queryResponse is the time within which hosts answer a query, 10 s in
	// tenths for IGMP and in milliseconds for MLD.
	queryResponse4 = 100
	queryResponse6 = 10000
	// queryInterval is the usual interval of queries in seconds; two missed ones
	// are tolerated.
	queryInterval = 125
	robustness    = 2
)

// AppendIGMPQuery appends an IGMPv3 general query from the unspecified address,
// as a switch without an address of its own sends it (RFC 3376 §4.1).
func AppendIGMPQuery(b []byte) []byte {
	const size = 12
	zero, all := netip.AddrFrom4([4]byte{}), netip.AddrFrom4([4]byte{224, 0, 0, 1})
	b = appendIPv4(b, zero, all, ProtoIGMP, 1, size, true)
	start := len(b)
	b = append(b, igmpQuery, queryResponse4, 0, 0, 0, 0, 0, 0, robustness, queryInterval, 0, 0)
	binary.BigEndian.PutUint16(b[start+2:], Checksum(b[start:]))
	return b
}

// AppendMLDQuery appends an MLDv2 general query from src, which must be a
// link-local address for hosts to accept it (RFC 3810 §5.1).
func AppendMLDQuery(b []byte, src netip.Addr) []byte {
	const size = 28
	all := AllNodesAddr()
	b = appendIPv6(b, src, all, ProtoHopByHop, 1, 8+size)
	// A hop-by-hop header with the router alert option and padding.
	b = append(b, ProtoICMPv6, 0, 5, 2, 0, 0, 1, 0)
	start := len(b)
	b = append(b, TypeMLDQuery, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, queryResponse6)
	b = append(b, make([]byte, 18)...)
	b = append(b, robustness, queryInterval, 0, 0)
	return finishICMPv6(b, start, src, all)
}
