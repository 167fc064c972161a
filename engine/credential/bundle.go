package credential

import (
	"encoding/binary"
)

// Reader takes a NETWORK_CREDENTIALS payload apart, one credential at a time
// (spec 04 §7.7). Credentials of several networks may be mixed.
//
//	r := credential.NewReader(payload)
//	for r.Next() {
//		switch r.Type() {
//		case credential.TypeMembership: … r.Membership …
//		}
//	}
//	if r.Err() != nil { … }
type Reader struct {
	// The current credential, by Type. Slices inside are not views.
	Membership Membership
	Capability Capability
	Tag        Tag
	Revocation Revocation
	Ownership  Ownership

	b        []byte
	kind     Type
	section  int // 0 memberships, then the index into sections plus 1
	left     int // credentials left in the section
	err      error
	complete bool
}

// sections are the counted lists after the memberships, in order.
var sections = [...]Type{TypeCapability, TypeTag, TypeRevocation, TypeOwnership}

// NewReader starts at the beginning of a payload, which it borrows.
func NewReader(payload []byte) *Reader { return &Reader{b: payload} }

// Next moves to the next credential and reports whether there is one. False
// means the end of the payload, or an error.
func (r *Reader) Next() bool {
	if r.err != nil || r.complete {
		return false
	}
	for r.left == 0 {
		if r.section == 0 {
			if len(r.b) > 0 && r.b[0] != 0 {
				return r.take(TypeMembership)
			}
			if len(r.b) == 0 {
				r.complete = true
				return false
			}
			r.b = r.b[1:]
			// A sender of old may stop here.
			r.complete = len(r.b) == 0
		}
		if r.section == len(sections) {
			r.complete = true
		}
		if len(r.b) == 0 || r.complete {
			return false
		}
		if len(r.b) < 2 {
			r.err = ErrTruncated
			return false
		}
		r.left = int(binary.BigEndian.Uint16(r.b))
		r.b = r.b[2:]
		r.section++
	}
	r.left--
	return r.take(sections[r.section-1])
}

// take parses one credential.
func (r *Reader) take(kind Type) bool {
	var n int
	r.kind = kind
	switch kind {
	case TypeMembership:
		r.Membership, n, r.err = ParseMembership(r.b)
	case TypeCapability:
		r.Capability, n, r.err = ParseCapability(r.b)
	case TypeTag:
		r.Tag, n, r.err = ParseTag(r.b)
	case TypeRevocation:
		r.Revocation, n, r.err = ParseRevocation(r.b)
	case TypeOwnership:
		r.Ownership, n, r.err = ParseOwnership(r.b)
	}
	if r.err != nil {
		return false
	}
	r.b = r.b[n:]
	return true
}

// Type is the kind of the current credential.
func (r *Reader) Type() Type { return r.kind }

// Err is ErrTruncated or ErrFormat if the payload is broken at this point. What
// came before counts all the same.
func (r *Reader) Err() error { return r.err }

// Complete reports, after Next returned false, whether the payload ended where
// one that counts as received may: after the memberships or after the last
// section, not between sections (spec 02 §16.1).
func (r *Reader) Complete() bool { return r.err == nil && r.complete }

// Bundle is what a NETWORK_CREDENTIALS packet carries. Fields may be empty.
type Bundle struct {
	Memberships  []Membership
	Capabilities []Capability
	Tags         []Tag
	Revocations  []Revocation
	Ownerships   []Ownership
}

// Append appends the payload with everything in the bundle.
func (s *Bundle) Append(dst []byte) []byte {
	for i := range s.Memberships {
		dst = s.Memberships[i].Append(dst)
	}
	dst = append(dst, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s.Capabilities)))
	for i := range s.Capabilities {
		dst = s.Capabilities[i].Append(dst)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s.Tags)))
	for i := range s.Tags {
		dst = s.Tags[i].Append(dst)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s.Revocations)))
	for i := range s.Revocations {
		dst = s.Revocations[i].Append(dst)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(s.Ownerships)))
	for i := range s.Ownerships {
		dst = s.Ownerships[i].Append(dst)
	}
	return dst
}

// Empty reports whether the bundle has no credentials.
func (s *Bundle) Empty() bool {
	return len(s.Memberships)+len(s.Capabilities)+len(s.Tags)+len(s.Revocations)+len(s.Ownerships) == 0
}

// Split encodes the bundle as payloads of at most size bytes, memberships in the
// first, so that a receiver that takes only one packet gets the most important.
// A credential that does not fit alone is left out. An empty bundle gives none.
func (s *Bundle) Split(size int) [][]byte {
	var (
		out [][]byte
		cur Bundle
		n   = bundleOverhead
		buf []byte
	)
	add := func(length int, put func()) {
		if bundleOverhead+length > size {
			return
		}
		if n+length > size {
			out, cur, n = append(out, cur.Append(nil)), Bundle{}, bundleOverhead
		}
		put()
		n += length
	}
	for i := range s.Memberships {
		buf = s.Memberships[i].Append(buf[:0])
		add(len(buf), func() { cur.Memberships = append(cur.Memberships, s.Memberships[i]) })
	}
	for i := range s.Capabilities {
		buf = s.Capabilities[i].Append(buf[:0])
		add(len(buf), func() { cur.Capabilities = append(cur.Capabilities, s.Capabilities[i]) })
	}
	for i := range s.Tags {
		add(tagLen, func() { cur.Tags = append(cur.Tags, s.Tags[i]) })
	}
	for i := range s.Revocations {
		add(revocationLen, func() { cur.Revocations = append(cur.Revocations, s.Revocations[i]) })
	}
	for i := range s.Ownerships {
		buf = s.Ownerships[i].Append(buf[:0])
		add(len(buf), func() { cur.Ownerships = append(cur.Ownerships, s.Ownerships[i]) })
	}
	if !cur.Empty() {
		out = append(out, cur.Append(nil))
	}
	return out
}

// bundleOverhead is the size of the payload without credentials: the zero byte
// and four counts.
const bundleOverhead = 1 + 4*2
