package wire

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/identity"
)

// Limits of a peer's cache record.
const (
	// MaxPeerPaths is the highest number of paths in a record.
	MaxPeerPaths = 64
	// MaxPeerRecordLen is the longest record that needs to be read from a file.
	MaxPeerRecordLen = 4192

	peerRecordVersion = 2
	peerRecordHeadLen = 1 + identity.BinaryLen + 5*2
)

// PeerRecord is what is remembered of a peer that is not in memory, the content
// of peers.d/<address>.peer (spec 03 §1.4). The reader of a file must check that
// its name is the identity's address.
type PeerRecord struct {
	// Identity is the peer's. Its address is not checked against its key.
	Identity identity.Identity
	// Protocol, Major, Minor and Revision are the peer's versions, 0 if unknown.
	Protocol, Major, Minor, Revision uint16
	// Paths are addresses at which to try the peer.
	Paths []netip.AddrPort
}

// Append appends the record, with at most [MaxPeerPaths] paths.
func (r *PeerRecord) Append(b []byte) []byte {
	b = r.Identity.AppendBinary(append(b, peerRecordVersion))
	paths := r.Paths[:min(len(r.Paths), MaxPeerPaths)]
	for _, v := range [...]uint16{r.Protocol, r.Major, r.Minor, r.Revision, uint16(len(paths))} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	for _, a := range paths {
		b = AppendInet(b, a)
	}
	return b
}

// ParsePeerRecord reads a record. A malformed or cut path ends the list and
// keeps the rest; nil paths and more than [MaxPeerPaths] are left out. ErrFormat
// is returned for another version and for a null or malformed identity,
// ErrTruncated for too few bytes.
func ParsePeerRecord(b []byte) (r PeerRecord, err error) {
	if len(b) < peerRecordHeadLen {
		return r, ErrTruncated
	}
	if b[0] != peerRecordVersion {
		return r, ErrFormat
	}
	id, n, err := parseIdentity(b[1:])
	if err != nil {
		return r, err
	}
	if id.Null() {
		return r, ErrFormat
	}
	c := cursor{b: b[1+n:]}
	r = PeerRecord{Identity: id, Protocol: c.u16(), Major: c.u16(), Minor: c.u16(), Revision: c.u16()}
	count := int(c.u16())
	if c.short {
		return PeerRecord{}, ErrTruncated
	}
	for range min(count, MaxPeerPaths) {
		a, err := c.inet()
		if err != nil {
			break
		}
		if a.Addr().IsValid() {
			r.Paths = append(r.Paths, a)
		}
	}
	return r, nil
}
