package wire

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Hello introduces its sender (spec 02 §13.1).
type Hello struct {
	// Protocol, Major, Minor and Revision are the sender's versions.
	Protocol, Major, Minor uint8
	Revision               uint16
	// Time is the sender's clock, echoed in the OK.
	Time clock.Wall
	// Identity is the sender's. Its address is not checked against its key.
	Identity identity.Identity
	// SentTo is the physical address that the packet is sent to.
	SentTo netip.AddrPort
	// PlanetID and PlanetTime name the sender's planet; both are 0 in HELLOs of
	// before protocol 5.
	PlanetID   uint64
	PlanetTime clock.Wall
	// Moons are the moons held, then the moons wanted with Time 0. Parsing leaves
	// them empty: they are in the encrypted tail, see [ParseHelloTail].
	Moons []MoonRevision
}

// MoonRevision is a moon that the sender of a HELLO holds or wants.
type MoonRevision struct {
	ID uint64
	// Time is the revision held, 0 if the moon is only wanted.
	Time clock.Wall
}

const (
	helloMinLen     = 13 + identity.BinaryLen
	helloPlanetLen  = 16
	moonRevisionLen = 17
	moonType        = 127
)

// Append appends the payload, with the tail in clear. The tail begins at
// [Hello.TailOffset] and must be encrypted before the packet is sealed.
func (h *Hello) Append(b []byte) []byte {
	b = append(b, h.Protocol, h.Major, h.Minor)
	b = binary.BigEndian.AppendUint16(b, h.Revision)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Time))
	b = h.Identity.AppendBinary(b)
	b = AppendInet(b, h.SentTo)
	b = binary.BigEndian.AppendUint64(b, h.PlanetID)
	b = binary.BigEndian.AppendUint64(b, uint64(h.PlanetTime))
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.Moons)))
	for _, m := range h.Moons {
		b = append(b, moonType)
		b = binary.BigEndian.AppendUint64(b, m.ID)
		b = binary.BigEndian.AppendUint64(b, uint64(m.Time))
	}
	return b
}

// TailOffset is the offset in the payload of the tail that [Hello.Append]
// writes; in the packet it is [HeaderLen] more.
func (h *Hello) TailOffset() int { return helloMinLen + InetLen(h.SentTo) + helloPlanetLen }

// ParseHello reads a HELLO up to its encrypted tail, which begins at offset tail
// of the payload; tail is len(payload) if there is none. It takes the forms of
// older senders, which end after the identity, the address or the planet. The
// caller checks version and source before it decrypts. Errors are ErrTruncated
// and ErrFormat (spec 02 §13.2, §13.3).
func ParseHello(payload []byte) (h Hello, tail int, err error) {
	if len(payload) < helloMinLen {
		return h, 0, ErrTruncated
	}
	h.Protocol, h.Major, h.Minor = payload[0], payload[1], payload[2]
	h.Revision = binary.BigEndian.Uint16(payload[3:])
	h.Time = clock.Wall(binary.BigEndian.Uint64(payload[5:]))
	id, n, err := parseIdentity(payload[13:])
	if err != nil {
		return h, 0, err
	}
	h.Identity = id
	tail = 13 + n
	if tail == len(payload) {
		return h, tail, nil
	}
	h.SentTo, n, err = ParseInet(payload[tail:])
	if err != nil {
		return h, 0, err
	}
	tail += n
	// Fewer bytes than a planet takes are read as a tail, as the reference does.
	if rest := payload[tail:]; len(rest) >= helloPlanetLen {
		h.PlanetID = binary.BigEndian.Uint64(rest)
		h.PlanetTime = clock.Wall(binary.BigEndian.Uint64(rest[8:]))
		tail += helloPlanetLen
	}
	return h, tail, nil
}

// MoonRevisions is the list of moons in a HELLO's tail, as on the wire.
type MoonRevisions []byte

// ParseHelloTail checks a decrypted tail. Fewer than 2 bytes are no moons; bytes
// after the last moon are ignored. The error is ErrTruncated if there are fewer
// moons than announced: then the HELLO must not be answered (spec 02 §13.3).
func ParseHelloTail(tail []byte) (MoonRevisions, error) {
	if len(tail) < 2 {
		return nil, nil
	}
	n := int(binary.BigEndian.Uint16(tail)) * moonRevisionLen
	if len(tail)-2 < n {
		return nil, ErrTruncated
	}
	return MoonRevisions(tail[2 : 2+n]), nil
}

// Len is the number of entries.
func (m MoonRevisions) Len() int { return len(m) / moonRevisionLen }

// At returns the entry with index i; ok is false for one that is not of a moon,
// which is to be skipped.
func (m MoonRevisions) At(i int) (r MoonRevision, ok bool) {
	e := m[i*moonRevisionLen : (i+1)*moonRevisionLen]
	return MoonRevision{
		ID:   binary.BigEndian.Uint64(e[1:]),
		Time: clock.Wall(binary.BigEndian.Uint64(e[9:])),
	}, e[0] == moonType
}

// OKHello is the body of the OK that answers a HELLO (spec 02 §13.4).
type OKHello struct {
	// Time is the clock value of the HELLO.
	Time clock.Wall
	// Protocol, Major, Minor and Revision are the responder's versions.
	Protocol, Major, Minor uint8
	Revision               uint16
	// SeenAt is the address from which the HELLO came, as the responder saw it.
	SeenAt netip.AddrPort
	// Worlds are updates of planet and moons, serialized back to back.
	Worlds []byte
}

const okHelloMinLen = 13

// Append appends the body, which follows [AppendOK].
func (o *OKHello) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(o.Time))
	b = append(b, o.Protocol, o.Major, o.Minor)
	b = binary.BigEndian.AppendUint16(b, o.Revision)
	b = AppendInet(b, o.SeenAt)
	b = binary.BigEndian.AppendUint16(b, uint16(len(o.Worlds)))
	return append(b, o.Worlds...)
}

// ParseOKHello reads the body. It may end after the versions or the address.
// Worlds that run past the end are an error, whoever sends them; the reference
// ignores that from senders that it takes no worlds from. Unlike the reference's,
// a world must not run past the announced length. Errors are ErrTruncated and
// ErrFormat (spec 02 §13.5).
func ParseOKHello(body []byte) (o OKHello, err error) {
	if len(body) < okHelloMinLen {
		return o, ErrTruncated
	}
	o.Time = clock.Wall(binary.BigEndian.Uint64(body))
	o.Protocol, o.Major, o.Minor = body[8], body[9], body[10]
	o.Revision = binary.BigEndian.Uint16(body[11:])
	rest := body[okHelloMinLen:]
	if len(rest) == 0 {
		return o, nil
	}
	seen, n, err := ParseInet(rest)
	if err != nil {
		return o, err
	}
	o.SeenAt = seen
	if rest = rest[n:]; len(rest) >= 2 {
		n = int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; n > len(rest) {
			return o, ErrTruncated
		}
		o.Worlds = rest[:n]
	}
	return o, nil
}
