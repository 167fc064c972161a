package wire

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/identity"
)

// cursor reads fields off the front of b. Once something did not fit, short is
// set and all further reads give zero, so that callers check once.
type cursor struct {
	b     []byte
	short bool
}

// take returns the next n bytes, nil if there are fewer.
func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.b, c.short = nil, true
		return nil
	}
	s := c.b[:n:n]
	c.b = c.b[n:]
	return s
}

func (c *cursor) u8() uint8 {
	if s := c.take(1); s != nil {
		return s[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if s := c.take(2); s != nil {
		return binary.BigEndian.Uint16(s)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if s := c.take(4); s != nil {
		return binary.BigEndian.Uint32(s)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if s := c.take(8); s != nil {
		return binary.BigEndian.Uint64(s)
	}
	return 0
}

func (c *cursor) network() identity.NetworkID { return identity.NetworkID(c.u64()) }

func (c *cursor) address() identity.Address {
	if s := c.take(identity.AddressLen); s != nil {
		return identity.AddressFrom(s)
	}
	return 0
}

func (c *cursor) mac() identity.MAC {
	if s := c.take(macLen); s != nil {
		return identity.MACFrom(s)
	}
	return 0
}

func (c *cursor) group() identity.MulticastGroup {
	return identity.MulticastGroup{MAC: c.mac(), ADI: c.u32()}
}

func (c *cursor) inet() (netip.AddrPort, error) {
	a, n, err := ParseInet(c.b)
	if err != nil {
		c.b, c.short = nil, true
		return a, err
	}
	c.b = c.b[n:]
	return a, nil
}

// err is ErrTruncated if something did not fit.
func (c *cursor) err() error {
	if c.short {
		return ErrTruncated
	}
	return nil
}

const (
	macLen   = 6
	groupLen = macLen + 4
)

func appendGroup(b []byte, g identity.MulticastGroup) []byte {
	return binary.BigEndian.AppendUint32(g.MAC.Append(b), g.ADI)
}

// Addresses is a list of addresses as on the wire, 5 bytes each. Trailing bytes
// that are no whole address do not count.
type Addresses []byte

// Len is the number of addresses.
func (a Addresses) Len() int { return len(a) / identity.AddressLen }

// At returns the address with index i, from 0 to Len-1.
func (a Addresses) At(i int) identity.Address {
	return identity.AddressFrom(a[i*identity.AddressLen:])
}
