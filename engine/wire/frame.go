package wire

import (
	"encoding/binary"

	"orrery/engine/identity"
)

const networkLen = 8

// FrameHeadLen is the length of a FRAME's payload before the Ethernet payload.
const FrameHeadLen = networkLen + 2

// Frame carries an Ethernet frame between two members whose MACs follow from
// their addresses (spec 02 §10.6).
type Frame struct {
	Network   identity.NetworkID
	EtherType uint16
	// Data is the Ethernet payload. If it is empty there is nothing to deliver.
	Data []byte
}

// AppendFrameHead appends what precedes the Ethernet payload.
func AppendFrameHead(b []byte, n identity.NetworkID, etherType uint16) []byte {
	return append(b, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n),
		byte(etherType>>8), byte(etherType))
}

// Append appends the payload.
func (f *Frame) Append(b []byte) []byte {
	return append(AppendFrameHead(b, f.Network, f.EtherType), f.Data...)
}

// ParseFrame reads the payload. Without a network ID it is ErrTruncated; without
// an EtherType the frame is empty, which is tolerated.
func ParseFrame(payload []byte) (f Frame, err error) {
	if len(payload) < FrameHeadLen {
		if len(payload) < networkLen {
			return f, ErrTruncated
		}
		f.Network = identity.NetworkIDFrom(payload)
		return f, nil
	}
	f.Network = identity.NetworkIDFrom(payload)
	f.EtherType = binary.BigEndian.Uint16(payload[networkLen:])
	f.Data = payload[FrameHeadLen:]
	return f, nil
}

// Flags of an EXT_FRAME (spec 02 §10.7).
const (
	// ExtFrameCOM: a certificate of membership is attached. Accepted, not sent.
	ExtFrameCOM = 0x01
	// ExtFrameSubtype masks the subtype, which only informs.
	ExtFrameSubtype = 0x0e
	// ExtFrameAcknowledge asks for an OK.
	ExtFrameAcknowledge = 0x10
)

// Values of flags for what rules send; bridged frames have none (spec 02 §10.7).
const (
	ExtFrameTeeOut      = 0x02
	ExtFrameRedirectOut = 0x04
	ExtFrameWatchOut    = 0x06 | ExtFrameAcknowledge
	ExtFrameTeeIn       = 0x08
	ExtFrameRedirectIn  = 0x0a
	ExtFrameWatchIn     = 0x0c | ExtFrameAcknowledge
)

// ExtFrameHeadLen is the length of an EXT_FRAME's payload before the Ethernet
// payload, without an attached certificate.
const ExtFrameHeadLen = networkLen + 1 + 2*macLen + 2

// ExtFrame carries an Ethernet frame with its MACs (spec 02 §10.7).
type ExtFrame struct {
	Network identity.NetworkID
	Flags   uint8
	// COM is the attached certificate of membership, if Flags has ExtFrameCOM.
	COM []byte
	// Empty is set on parsing if the message ends before or with the EtherType.
	// The fields below are zero then, and nothing is done but to acknowledge.
	Empty     bool
	To, From  identity.MAC
	EtherType uint16
	// Data is the Ethernet payload.
	Data []byte
}

// Subtype is the number in the flags, 0 to 7.
func (f *ExtFrame) Subtype() uint8 { return f.Flags & ExtFrameSubtype >> 1 }

// AppendExtFrameHead appends what precedes the Ethernet payload. flags must not
// have ExtFrameCOM.
func AppendExtFrameHead(b []byte, n identity.NetworkID, flags uint8, to, from identity.MAC, etherType uint16) []byte {
	b = append(b, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n), flags)
	return append(b,
		byte(to>>40), byte(to>>32), byte(to>>24), byte(to>>16), byte(to>>8), byte(to),
		byte(from>>40), byte(from>>32), byte(from>>24), byte(from>>16), byte(from>>8), byte(from),
		byte(etherType>>8), byte(etherType))
}

// Append appends the payload.
func (f *ExtFrame) Append(b []byte) []byte {
	b = append(f.Network.Append(b), f.Flags)
	if f.Flags&ExtFrameCOM != 0 {
		b = append(b, f.COM...)
	}
	b = f.From.Append(f.To.Append(b))
	b = binary.BigEndian.AppendUint16(b, f.EtherType)
	return append(b, f.Data...)
}

// ParseExtFrame reads the payload. The error is ErrTruncated, or that
// of the attached certificate: ErrFormat or ErrTooLong (spec 02 §10.7).
func ParseExtFrame(payload []byte) (f ExtFrame, err error) {
	if len(payload) < networkLen+1 {
		return f, ErrTruncated
	}
	f.Network = identity.NetworkIDFrom(payload)
	f.Flags = payload[networkLen]
	rest := payload[networkLen+1:]
	if f.Flags&ExtFrameCOM != 0 {
		n, err := membershipLen(rest)
		if err != nil {
			return f, err
		}
		f.COM, rest = rest[:n], rest[n:]
	}
	// The reference tests the whole length here, certificate included, so that
	// a certificate alone is not empty but truncated.
	if len(payload) <= ExtFrameHeadLen {
		f.Empty = true
		return f, nil
	}
	if len(rest) < 2*macLen+2 {
		return f, ErrTruncated
	}
	f.To = identity.MACFrom(rest)
	f.From = identity.MACFrom(rest[macLen:])
	f.EtherType = binary.BigEndian.Uint16(rest[2*macLen:])
	f.Data = rest[2*macLen+2:]
	return f, nil
}
