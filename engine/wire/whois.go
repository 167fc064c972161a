package wire

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/identity"
)

// ParseWhois returns the addresses that a WHOIS asks for. One to four trailing
// bytes are ignored. A WHOIS is written with [identity.Address.Append] (spec 02
// §10.4).
func ParseWhois(payload []byte) Addresses {
	return Addresses(payload[:len(payload)/identity.AddressLen*identity.AddressLen])
}

// ParseWhoisReply appends the identities in the body of an OK to a WHOIS to dst.
// With an error, ErrTruncated or ErrFormat, the identities before the bad one
// are appended; the reference counts such a packet as received if there is one.
// Addresses are not checked against keys: the caller must
// [identity.Identity.Validate] each. The body is written with
// [identity.Identity.AppendBinary] (spec 02 §12).
func ParseWhoisReply(dst []identity.Identity, body []byte) ([]identity.Identity, error) {
	for {
		id, n, err := parseIdentity(body)
		if err != nil {
			return dst, err
		}
		dst = append(dst, id)
		if body = body[n:]; len(body) == 0 {
			return dst, nil
		}
	}
}

// Rendezvous tells its receiver that it may reach a peer directly (spec 02
// §10.5).
type Rendezvous struct {
	// Flags are to be sent as 0 and ignored.
	Flags uint8
	// Peer may be reachable.
	Peer identity.Address
	// At is where. It is the zero AddrPort if the sender gave an address of
	// neither family; nothing is to be done then, nor if the port is 0.
	At netip.AddrPort
}

// Append appends the payload: flags, peer, port, address length and address, in
// this order, which differs from other physical addresses.
func (r Rendezvous) Append(b []byte) []byte {
	b = r.Peer.Append(append(b, r.Flags))
	b = binary.BigEndian.AppendUint16(b, r.At.Port())
	switch ip := r.At.Addr(); {
	case ip.Is4():
		v4 := ip.As4()
		return append(append(b, 4), v4[:]...)
	case ip.Is6():
		v6 := ip.As16()
		return append(append(b, 16), v6[:]...)
	}
	return append(b, 0)
}

// ParseRendezvous reads the payload. The error is ErrTruncated.
func ParseRendezvous(payload []byte) (Rendezvous, error) {
	c := cursor{b: payload}
	r := Rendezvous{Flags: c.u8(), Peer: c.address()}
	port := c.u16()
	switch c.u8() {
	case 4:
		if ip := c.take(4); ip != nil {
			r.At = netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip)), port)
		}
	case 16:
		if ip := c.take(16); ip != nil {
			r.At = netip.AddrPortFrom(netip.AddrFrom16([16]byte(ip)), port)
		}
	}
	return r, c.err()
}
