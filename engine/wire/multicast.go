package wire

import (
	"encoding/binary"

	"orrery/engine/identity"
)

// MulticastLikeLen is the length of one announcement in a MULTICAST_LIKE.
const MulticastLikeLen = networkLen + groupLen

// MulticastLike announces that its sender takes part in a group (spec 02 §10.9).
type MulticastLike struct {
	Network identity.NetworkID
	Group   identity.MulticastGroup
}

// Append appends one announcement; a payload is any number of them. A sender
// keeps the packet below [MaxJoinable].
func (m MulticastLike) Append(b []byte) []byte {
	return appendGroup(m.Network.Append(b), m.Group)
}

// MulticastLikes is the payload of a MULTICAST_LIKE, whole announcements only.
type MulticastLikes []byte

// ParseMulticastLikes returns the announcements in a payload. With ErrTruncated,
// for a partial last one, those before it still count, but the packet does not
// count as received (spec 02 §10.9).
func ParseMulticastLikes(payload []byte) (MulticastLikes, error) {
	n := len(payload) / MulticastLikeLen * MulticastLikeLen
	if n < len(payload) {
		return MulticastLikes(payload[:n]), ErrTruncated
	}
	return MulticastLikes(payload), nil
}

// Len is the number of announcements.
func (m MulticastLikes) Len() int { return len(m) / MulticastLikeLen }

// At returns the announcement with index i, from 0 to Len-1.
func (m MulticastLikes) At(i int) MulticastLike {
	e := m[i*MulticastLikeLen : (i+1)*MulticastLikeLen]
	return MulticastLike{Network: identity.NetworkIDFrom(e), Group: groupFrom(e[networkLen:])}
}

func groupFrom(b []byte) identity.MulticastGroup {
	return identity.MulticastGroup{MAC: identity.MACFrom(b), ADI: binary.BigEndian.Uint32(b[macLen:])}
}

// GatherCOM is the flag of a MULTICAST_GATHER with a certificate of membership.
const GatherCOM = 0x01

// MulticastGather asks for members of a group (spec 02 §10.14).
type MulticastGather struct {
	Network identity.NetworkID
	Flags   uint8
	Group   identity.MulticastGroup
	// Limit is the highest number of members wanted.
	Limit uint32
	// COM is the asker's certificate of membership, if Flags has GatherCOM. An
	// unusable one parses as nil.
	COM []byte
}

// Append appends the payload.
func (m *MulticastGather) Append(b []byte) []byte {
	b = append(m.Network.Append(b), m.Flags)
	b = binary.BigEndian.AppendUint32(appendGroup(b, m.Group), m.Limit)
	if m.Flags&GatherCOM != 0 {
		b = append(b, m.COM...)
	}
	return b
}

// ParseMulticastGather reads the payload. The error is ErrTruncated.
func ParseMulticastGather(payload []byte) (m MulticastGather, err error) {
	c := cursor{b: payload}
	m.Network, m.Flags, m.Group, m.Limit = c.network(), c.u8(), c.group(), c.u32()
	if c.short {
		return m, ErrTruncated
	}
	if m.Flags&GatherCOM != 0 {
		if n, err := membershipLen(c.b); err == nil {
			m.COM = c.b[:n:n]
		}
	}
	return m, nil
}

// GatherResult is the body of the OK that answers a MULTICAST_GATHER, and the
// last part of one that answers a MULTICAST_FRAME (spec 02 §12).
type GatherResult struct {
	Network identity.NetworkID
	Group   identity.MulticastGroup
	// Total is how many members the responder knows.
	Total uint32
	// Members are some of them, at most 65535.
	Members Addresses
}

// GatherResultLen is the length of the body without members.
const GatherResultLen = networkLen + groupLen + 4 + 2

// Append appends the body.
func (g *GatherResult) Append(b []byte) []byte {
	return appendMembers(appendGroup(g.Network.Append(b), g.Group), g.Total, g.Members)
}

// ParseGatherResult reads the body. The error is ErrTruncated, also if there
// are fewer members than announced.
func ParseGatherResult(body []byte) (g GatherResult, err error) {
	c := cursor{b: body}
	g.Network, g.Group = c.network(), c.group()
	g.Total, g.Members = c.members()
	return g, c.err()
}

func appendMembers(b []byte, total uint32, m Addresses) []byte {
	b = binary.BigEndian.AppendUint32(b, total)
	b = binary.BigEndian.AppendUint16(b, uint16(m.Len()))
	return append(b, m[:m.Len()*identity.AddressLen]...)
}

func (c *cursor) members() (total uint32, m Addresses) {
	total = c.u32()
	n := int(c.u16())
	return total, Addresses(c.take(n * identity.AddressLen))
}
