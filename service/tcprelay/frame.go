package tcprelay

import (
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
)

// Sizes in bytes.
const (
	// HeaderLen is the length of a message's header: 17 03 03 and the length of
	// the body, big endian.
	HeaderLen = 5
	// MaxBody bounds the body of a message. It is more than any datagram of the
	// protocol needs, and the limit of the TLS records that messages look like.
	MaxBody = 16384
	// MinDatagram is the least that is relayed: the header of a fragment.
	MinDatagram = 16
	// MaxDatagram is the most that fits into a message with either kind of
	// address.
	MaxDatagram = MaxBody - headIPv6
)

// Errors of messages. After each of them nothing that follows in the stream can
// be understood.
var (
	// ErrHeader is returned for something that is not a message at all, such as
	// the answer of another server.
	ErrHeader = errors.New("not a relay message")
	// ErrTooLong is returned for a body of more than MaxBody bytes.
	ErrTooLong = errors.New("relay message is too long")
	// ErrAddress is returned for an unknown type of address or a cut one.
	ErrAddress = errors.New("relay message with a bad address")
)

// Kind is what a message is.
type Kind uint8

// The kinds. Ignored are those that mean nothing to a receiver: empty ones and
// those without address.
const (
	Ignored Kind = iota
	Greeting
	Packet
)

// Message is one message of the stream.
type Message struct {
	Kind Kind
	// Version is the sender's version in a greeting.
	Version Version
	// Addr is where a packet goes to, or comes from.
	Addr netip.AddrPort
	// Datagram is a packet's content, a view.
	Datagram []byte
}

// Version is what a greeting tells: the sender's version of the protocol's
// reference implementation.
type Version struct {
	Major, Minor uint8
	Revision     uint16
}

// The types of address, the first byte of a body, and the lengths of the bodies'
// heads with them.
const (
	typeNone = 0
	typeIPv4 = 4
	typeIPv6 = 6

	headIPv4 = 1 + 4 + 2
	headIPv6 = 1 + 16 + 2

	greetingLen = 4
)

// AppendGreeting appends a greeting, which is a client's first message.
func AppendGreeting(b []byte, v Version) []byte {
	b = append(b, 0x17, 3, 3, 0, greetingLen, v.Major, v.Minor)
	return binary.BigEndian.AppendUint16(b, v.Revision)
}

// AppendPacket appends a datagram for or from an address. The address must be
// valid and the datagram no longer than MaxDatagram.
func AppendPacket(b []byte, addr netip.AddrPort, datagram []byte) []byte {
	ip := addr.Addr().Unmap()
	head := headIPv4
	if ip.Is6() {
		head = headIPv6
	}
	n := head + len(datagram)
	b = append(b, 0x17, 3, 3, byte(n>>8), byte(n))
	if ip.Is6() {
		a := ip.As16()
		b = append(append(b, typeIPv6), a[:]...)
	} else {
		a := ip.As4()
		b = append(append(b, typeIPv4), a[:]...)
	}
	b = binary.BigEndian.AppendUint16(b, addr.Port())
	return append(b, datagram...)
}

// ParseBody reads the body of a message. Its datagram is a view.
func ParseBody(b []byte) (m Message, err error) {
	switch {
	case len(b) > MaxBody:
		return m, ErrTooLong
	case len(b) == greetingLen: // by its length alone, whatever the first byte
		m.Kind = Greeting
		m.Version = Version{Major: b[0], Minor: b[1], Revision: binary.BigEndian.Uint16(b[2:])}
		return m, nil
	case len(b) == 0 || b[0] == typeNone:
		return m, nil
	}
	var ip netip.Addr
	head := 0
	switch {
	case b[0] == typeIPv4 && len(b) >= headIPv4:
		ip, head = netip.AddrFrom4([4]byte(b[1:])), headIPv4
	case b[0] == typeIPv6 && len(b) >= headIPv6:
		ip, head = netip.AddrFrom16([16]byte(b[1:])).Unmap(), headIPv6
	default:
		return m, ErrAddress
	}
	m.Kind = Packet
	m.Addr = netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[head-2:]))
	m.Datagram = b[head:]
	return m, nil
}

// Reader takes a stream apart. It keeps one message, and what was read with it.
type Reader struct {
	src        io.Reader
	buf        []byte
	start, end int // what is read and not yet returned
}

// NewReader returns a reader of a stream.
func NewReader(src io.Reader) *Reader { return &Reader{src: src, buf: make([]byte, 4096)} }

// Next returns the next message; its datagram is valid until the next call. The
// error is io.EOF between two messages and io.ErrUnexpectedEOF in the middle of
// one, an error of this package, or the stream's own.
func (r *Reader) Next() (Message, error) {
	if err := r.fill(HeaderLen); err != nil {
		return Message{}, err
	}
	h := r.buf[r.start:]
	if h[0] != 0x17 || h[1] != 3 || h[2] != 3 {
		return Message{}, ErrHeader
	}
	n := int(binary.BigEndian.Uint16(h[3:]))
	if n > MaxBody {
		return Message{}, ErrTooLong
	}
	if err := r.fill(HeaderLen + n); err != nil {
		return Message{}, err
	}
	body := r.buf[r.start+HeaderLen : r.start+HeaderLen+n]
	r.start += HeaderLen + n
	return ParseBody(body)
}

// fill reads until there are n bytes.
func (r *Reader) fill(n int) error {
	if r.end-r.start >= n {
		return nil
	}
	if n > len(r.buf)-r.start {
		to := r.buf
		if n > len(to) {
			to = make([]byte, HeaderLen+MaxBody)
		}
		r.end = copy(to, r.buf[r.start:r.end])
		r.buf, r.start = to, 0
	}
	for empty := 0; r.end-r.start < n; {
		got, err := r.src.Read(r.buf[r.end:])
		r.end += got
		switch {
		case r.end-r.start >= n:
		case errors.Is(err, io.EOF) && r.end > r.start:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case got == 0:
			if empty++; empty == 100 {
				return io.ErrNoProgress
			}
		}
	}
	return nil
}
