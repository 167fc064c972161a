package wire

import "encoding/binary"

// Sizes of a QOS_MEASUREMENT (spec 02 §10.19).
const (
	// QOSRecordLen is the length of one record.
	QOSRecordLen = 10
	// MaxQOSRecords is the highest number of records in a packet.
	MaxQOSRecords = 140

	minQOSPayload = 9
)

// QOSRecord says how long its sender had held a packet when it reported it
// (spec 02 §10.19).
type QOSRecord struct {
	// PacketID is the ID of the packet on the wire.
	PacketID uint64
	// Held is the time in milliseconds.
	Held uint16
}

// Append appends one record; a payload is 1 to [MaxQOSRecords] of them. Both
// fields are little-endian, unlike everything else.
func (r QOSRecord) Append(b []byte) []byte {
	return binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint64(b, r.PacketID), r.Held)
}

// QOSRecords is the payload of a QOS_MEASUREMENT.
type QOSRecords []byte

// ParseQOSMeasurement checks a payload: 9 to 1400 bytes, else ErrTruncated or
// ErrTooLong. A partial last record is left out.
func ParseQOSMeasurement(payload []byte) (QOSRecords, error) {
	switch n := len(payload); {
	case n < minQOSPayload:
		return nil, ErrTruncated
	case n > MaxQOSRecords*QOSRecordLen:
		return nil, ErrTooLong
	}
	return QOSRecords(payload[:len(payload)/QOSRecordLen*QOSRecordLen]), nil
}

// Len is the number of records.
func (r QOSRecords) Len() int { return len(r) / QOSRecordLen }

// At returns the record with index i, from 0 to Len-1.
func (r QOSRecords) At(i int) QOSRecord {
	e := r[i*QOSRecordLen : (i+1)*QOSRecordLen]
	return QOSRecord{PacketID: binary.LittleEndian.Uint64(e), Held: binary.LittleEndian.Uint16(e[8:])}
}

// PathNegotiationRequest proposes a path by its utility (spec 02 §10.22).
type PathNegotiationRequest struct {
	Utility int16
}

// Append appends the payload.
func (r PathNegotiationRequest) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(b, uint16(r.Utility))
}

// ParsePathNegotiationRequest reads the payload, which has 2 bytes, neither
// fewer (ErrTruncated) nor more (ErrTooLong).
func ParsePathNegotiationRequest(payload []byte) (PathNegotiationRequest, error) {
	switch n := len(payload); {
	case n < 2:
		return PathNegotiationRequest{}, ErrTruncated
	case n > 2:
		return PathNegotiationRequest{}, ErrTooLong
	}
	return PathNegotiationRequest{Utility: int16(binary.BigEndian.Uint16(payload))}, nil
}
