package credential

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// MaxThings is the number of addresses that one ownership can name.
const MaxThings = 16

// Sizes of the encoded form.
const (
	ownershipHead = 30
	thingLen      = 17
)

// ThingType says what kind of address a [Thing] is.
type ThingType uint8

// Kinds of things. Others are kept but match nothing.
const (
	ThingMAC  ThingType = 1
	ThingIPv4 ThingType = 2
	ThingIPv6 ThingType = 3
)

// Thing is an address that a member owns, padded with zeros.
type Thing struct {
	Type  ThingType
	Value [16]byte
}

// ThingOf is an IP address as a thing. IPv4 in IPv6 form counts as IPv6.
func ThingOf(ip netip.Addr) (t Thing) {
	if ip.Is4() {
		b := ip.As4()
		t.Type = ThingIPv4
		copy(t.Value[:], b[:])
		return t
	}
	return Thing{Type: ThingIPv6, Value: ip.As16()}
}

// IP is the thing as an address, if it is one.
func (t *Thing) IP() (netip.Addr, bool) {
	switch t.Type {
	case ThingIPv4:
		return netip.AddrFrom4([4]byte(t.Value[:4])), true
	case ThingIPv6:
		return netip.AddrFrom16(t.Value), true
	}
	return netip.Addr{}, false
}

// MAC is the thing as a MAC, if it is one.
func (t *Thing) MAC() (identity.MAC, bool) {
	if t.Type != ThingMAC {
		return 0, false
	}
	return identity.MACFrom(t.Value[:]), true
}

// Ownership is a certificate of ownership: the addresses from which a member
// may speak (spec 04 §7.5).
type Ownership struct {
	Network   identity.NetworkID
	Timestamp clock.Wall
	Flags     uint64
	ID        uint32
	// Things has at most MaxThings elements.
	Things    []Thing
	IssuedTo  identity.Address
	SignedBy  identity.Address
	Signature identity.Signature
}

// ParseOwnership reads a certificate from the front of b; n is its length. More
// than MaxThings things are ErrFormat, unlike in the reference, which goes on
// to read the excess as other fields.
func ParseOwnership(b []byte) (c Ownership, n int, err error) {
	if len(b) < ownershipHead {
		return c, 0, ErrTruncated
	}
	count := int(binary.BigEndian.Uint16(b[28:]))
	if count > MaxThings {
		return c, 0, ErrFormat
	}
	n = ownershipHead + thingLen*count
	if len(b) < n+2*identity.AddressLen {
		return c, 0, ErrTruncated
	}
	c = Ownership{
		Network:   identity.NetworkIDFrom(b),
		Timestamp: clock.Wall(binary.BigEndian.Uint64(b[8:])),
		Flags:     binary.BigEndian.Uint64(b[16:]),
		ID:        binary.BigEndian.Uint32(b[24:]),
		IssuedTo:  identity.AddressFrom(b[n:]),
		SignedBy:  identity.AddressFrom(b[n+identity.AddressLen:]),
	}
	if count > 0 {
		c.Things = make([]Thing, count)
	}
	for i := range c.Things {
		t := b[ownershipHead+thingLen*i:]
		c.Things[i] = Thing{Type: ThingType(t[0]), Value: [16]byte(t[1:thingLen])}
	}
	if n, err = parseSignature(b, n+2*identity.AddressLen, &c.Signature); err == nil {
		n, err = skipTrailer(b, n)
	}
	if err != nil {
		return Ownership{}, 0, err
	}
	return c, n, nil
}

// appendBody appends the fields before the signature.
func (c *Ownership) appendBody(dst []byte) []byte {
	things := c.Things[:min(len(c.Things), MaxThings)]
	dst = c.Network.Append(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.Timestamp))
	dst = binary.BigEndian.AppendUint64(dst, c.Flags)
	dst = binary.BigEndian.AppendUint32(dst, c.ID)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(things)))
	for i := range things {
		dst = append(dst, byte(things[i].Type))
		dst = append(dst, things[i].Value[:]...)
	}
	dst = c.IssuedTo.Append(dst)
	return c.SignedBy.Append(dst)
}

// Append appends the encoded form, 141 bytes and 17 for each thing.
func (c *Ownership) Append(dst []byte) []byte {
	dst = appendSignature(c.appendBody(dst), &c.Signature)
	return append(dst, 0, 0)
}

// AppendSigned appends the bytes that are signed.
func (c *Ownership) AppendSigned(dst []byte) []byte {
	dst = c.appendBody(binary.BigEndian.AppendUint64(dst, guard))
	return binary.BigEndian.AppendUint64(append(dst, 0, 0), guard)
}

// Sign signs the certificate as controller s.
func (c *Ownership) Sign(s *identity.Secret) {
	c.SignedBy = s.Address
	c.Signature = s.Sign(c.AppendSigned(nil))
}

// Verify checks that the network's controller signed the certificate. On Wait,
// missing is whom to ask for.
func (c *Ownership) Verify(look Lookup) (o Outcome, missing identity.Address) {
	if c.SignedBy == 0 || c.SignedBy != c.Network.Controller() {
		return Bad, 0
	}
	return verify(look, c.SignedBy, c.AppendSigned(nil), &c.Signature)
}

// Equal reports whether both certificates have the same encoding.
func (c *Ownership) Equal(o *Ownership) bool {
	return c.Network == o.Network && c.Timestamp == o.Timestamp && c.Flags == o.Flags && c.ID == o.ID &&
		c.IssuedTo == o.IssuedTo && c.SignedBy == o.SignedBy && c.Signature == o.Signature && slices.Equal(c.Things, o.Things)
}

// OwnsIP reports whether the certificate names ip. IPv4 in IPv6 form is another
// address than plain IPv4.
func (c *Ownership) OwnsIP(ip netip.Addr) bool {
	return slices.ContainsFunc(c.Things, func(t Thing) bool { a, ok := t.IP(); return ok && a == ip })
}

// OwnsMAC reports whether the certificate names m.
func (c *Ownership) OwnsMAC(m identity.MAC) bool {
	return slices.ContainsFunc(c.Things, func(t Thing) bool { a, ok := t.MAC(); return ok && a == m })
}
