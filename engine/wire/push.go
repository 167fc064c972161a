package wire

import (
	"encoding/binary"
	"net/netip"
)

// Flags of a path record (spec 02 §15.1).
const (
	// PathForget was meant to withdraw a path; records with it are skipped.
	PathForget = 0x01
	// PathClusterRedirect tells the receiver to talk to this address instead.
	PathClusterRedirect = 0x02
)

const (
	pathIPv4Len = 6
	pathIPv6Len = 18
	// maxPushPacket bounds the packets of a push, header included: records are
	// added while another of pathReserve bytes stays below it.
	maxPushPacket = 1200
	pathReserve   = 24
)

// PathRecord is one path in a PUSH_DIRECT_PATHS (spec 02 §15.1).
type PathRecord struct {
	Flags uint8
	// Extended is to be ignored.
	Extended []byte
	// Address is the zero AddrPort if the record is of an unknown type and to be
	// skipped.
	Address netip.AddrPort
}

// Append appends the record. Address must be of IPv4 or IPv6.
func (r PathRecord) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(append(b, r.Flags), uint16(len(r.Extended)))
	b = append(b, r.Extended...)
	if ip := r.Address.Addr(); ip.Is4() {
		v4 := ip.As4()
		b = append(append(b, inetIPv4, pathIPv4Len), v4[:]...)
	} else {
		v6 := ip.As16()
		b = append(append(b, inetIPv6, pathIPv6Len), v6[:]...)
	}
	return binary.BigEndian.AppendUint16(b, r.Address.Port())
}

// AppendPushDirectPaths appends a payload with as many of the paths as one
// packet of at most 1200 bytes holds, and returns how many those are, so that
// the rest can go into another (spec 02 §15.4). Addresses of neither family are
// left out, but counted as done.
func AppendPushDirectPaths(b []byte, paths []netip.AddrPort) (_ []byte, done int) {
	start := len(b)
	b = append(b, 0, 0)
	records := uint16(0)
	for _, a := range paths {
		if HeaderLen+len(b)-start+pathReserve >= maxPushPacket {
			break
		}
		done++
		if a.Addr().IsValid() {
			b = PathRecord{Address: a}.Append(b)
			records++
		}
	}
	binary.BigEndian.PutUint16(b[start:], records)
	return b, done
}

// PathRecords reads a PUSH_DIRECT_PATHS record by record. Records before a
// malformed one count.
type PathRecords struct {
	b    []byte
	left int
	err  error
}

// ParsePushDirectPaths begins to read a payload. The error is ErrTruncated.
func ParsePushDirectPaths(payload []byte) (PathRecords, error) {
	if len(payload) < 2 {
		return PathRecords{}, ErrTruncated
	}
	return PathRecords{b: payload[2:], left: int(binary.BigEndian.Uint16(payload))}, nil
}

// Next returns the next record, and false at the end or at an error.
//
// The reader advances by the length that a record states, but reads an address
// of known type in its own length, as the reference does: longer records are
// padded, and the padding of the last need not be there.
func (r *PathRecords) Next() (p PathRecord, ok bool) {
	if r.left == 0 || r.err != nil {
		return p, false
	}
	r.left--
	c := cursor{b: r.b}
	p.Flags = c.u8()
	p.Extended = c.take(int(c.u16()))
	kind, stated := c.u8(), int(c.u8())
	at := c.b
	switch kind {
	case inetIPv4:
		if b := c.take(pathIPv4Len); b != nil {
			p.Address = inet4(b)
		}
	case inetIPv6:
		if b := c.take(pathIPv6Len); b != nil {
			p.Address = inet6(b)
		}
	}
	if c.short {
		r.err = ErrTruncated
		return PathRecord{}, false
	}
	r.b = at[min(stated, len(at)):]
	return p, true
}

// Err is ErrTruncated if records are missing: the packet then does not count as
// received.
func (r *PathRecords) Err() error { return r.err }
