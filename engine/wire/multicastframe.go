package wire

import (
	"encoding/binary"

	"orrery/engine/identity"
)

// Flags of a MULTICAST_FRAME (spec 02 §10.15) and, the first two, of the OK that
// answers one.
const (
	// MulticastFrameCOM: a certificate of membership is attached. Accepted, not
	// sent.
	MulticastFrameCOM = 0x01
	// MulticastFrameGather: members of the group are wanted, or in the OK given.
	MulticastFrameGather = 0x02
	// MulticastFrameSource: the source MAC is given and not the sender's own.
	MulticastFrameSource = 0x04
	// MulticastFrameReplicate asks a replicator to send the frame on.
	MulticastFrameReplicate = 0x08
)

// MulticastFrame carries an Ethernet frame to one member of a group (spec 02
// §10.15).
type MulticastFrame struct {
	Network identity.NetworkID
	Flags   uint8
	// COM is the attached certificate, if Flags has MulticastFrameCOM.
	COM []byte
	// GatherLimit is the number of members wanted, if Flags has
	// MulticastFrameGather.
	GatherLimit uint32
	// Source is the frame's source, if Flags has MulticastFrameSource; else it
	// follows from the sender's address.
	Source identity.MAC
	// Group is the frame's destination.
	Group     identity.MulticastGroup
	EtherType uint16
	// Data is the Ethernet payload.
	Data []byte
}

// AppendHead appends what precedes the Ethernet payload.
func (m *MulticastFrame) AppendHead(b []byte) []byte {
	b = append(m.Network.Append(b), m.Flags)
	if m.Flags&MulticastFrameCOM != 0 {
		b = append(b, m.COM...)
	}
	if m.Flags&MulticastFrameGather != 0 {
		b = binary.BigEndian.AppendUint32(b, m.GatherLimit)
	}
	if m.Flags&MulticastFrameSource != 0 {
		b = m.Source.Append(b)
	}
	return binary.BigEndian.AppendUint16(appendGroup(b, m.Group), m.EtherType)
}

// Append appends the payload.
func (m *MulticastFrame) Append(b []byte) []byte { return append(m.AppendHead(b), m.Data...) }

// ParseMulticastFrame reads the payload. The error is ErrTruncated, or
// that of the attached certificate: ErrFormat or ErrTooLong.
func ParseMulticastFrame(payload []byte) (m MulticastFrame, err error) {
	c := cursor{b: payload}
	m.Network, m.Flags = c.network(), c.u8()
	if m.Flags&MulticastFrameCOM != 0 {
		if m.COM, err = c.membership(); err != nil {
			return m, err
		}
	}
	if m.Flags&MulticastFrameGather != 0 {
		m.GatherLimit = c.u32()
	}
	if m.Flags&MulticastFrameSource != 0 {
		m.Source = c.mac()
	}
	m.Group, m.EtherType = c.group(), c.u16()
	m.Data = c.b
	return m, c.err()
}

// OKMulticastFrame is the body of the OK that answers a MULTICAST_FRAME (spec 02
// §12).
type OKMulticastFrame struct {
	Network identity.NetworkID
	Group   identity.MulticastGroup
	// Flags has MulticastFrameCOM and MulticastFrameGather.
	Flags uint8
	// COM is the attached certificate, if Flags has MulticastFrameCOM.
	COM []byte
	// Total and Members are as in [GatherResult], if Flags has
	// MulticastFrameGather.
	Total   uint32
	Members Addresses
}

// Append appends the body.
func (o *OKMulticastFrame) Append(b []byte) []byte {
	b = append(appendGroup(o.Network.Append(b), o.Group), o.Flags)
	if o.Flags&MulticastFrameCOM != 0 {
		b = append(b, o.COM...)
	}
	if o.Flags&MulticastFrameGather != 0 {
		b = appendMembers(b, o.Total, o.Members)
	}
	return b
}

// ParseOKMulticastFrame reads the body. The error is ErrTruncated, or
// that of the attached certificate: ErrFormat or ErrTooLong.
func ParseOKMulticastFrame(body []byte) (o OKMulticastFrame, err error) {
	c := cursor{b: body}
	o.Network, o.Group, o.Flags = c.network(), c.group(), c.u8()
	if o.Flags&MulticastFrameCOM != 0 {
		if o.COM, err = c.membership(); err != nil {
			return o, err
		}
	}
	if o.Flags&MulticastFrameGather != 0 {
		o.Total, o.Members = c.members()
	}
	return o, c.err()
}
