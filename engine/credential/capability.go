package credential

import (
	"encoding/binary"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/rule"
)

// MaxCustody is the longest chain of custody a capability can have.
const MaxCustody = 7

// capabilityHead is the size of the fields before the rules.
const capabilityHead = 22

// Custody is one handing over of a capability, signed by the one who gives.
type Custody struct {
	To        identity.Address
	From      identity.Address
	Signature identity.Signature
}

// Capability lets its holder send frames that the base rules do not accept, if
// these rules do (spec 04 §7.4).
type Capability struct {
	Network   identity.NetworkID
	Timestamp clock.Wall
	// ID orders the capabilities of a member in evaluation.
	ID uint32
	// Rules has at most rule.MaxCapabilityRules elements. What is signed is
	// their encoding, so an issuer must use rules that survive it unchanged
	// ([rule.Rule.Normal]).
	Rules []rule.Rule
	// MaxCustody is 1 if the holder cannot hand the capability on.
	MaxCustody uint8
	Custody    []Custody
}

// ParseCapability reads a capability from the front of b; n is its length.
func ParseCapability(b []byte) (c Capability, n int, err error) {
	if len(b) < capabilityHead {
		return c, 0, ErrTruncated
	}
	count := int(binary.BigEndian.Uint16(b[20:]))
	if count > rule.MaxCapabilityRules {
		return c, 0, ErrFormat
	}
	c = Capability{
		Network:   identity.NetworkIDFrom(b),
		Timestamp: clock.Wall(binary.BigEndian.Uint64(b[8:])),
		ID:        binary.BigEndian.Uint32(b[16:]),
	}
	if c.Rules, n, err = rule.Parse(b[capabilityHead:], count); err != nil {
		return Capability{}, 0, ErrTruncated
	}
	n += capabilityHead // may lie beyond the end
	if len(b) <= n {
		return Capability{}, 0, ErrTruncated
	}
	c.MaxCustody = b[n]
	if c.MaxCustody < 1 || c.MaxCustody > MaxCustody {
		return Capability{}, 0, ErrFormat
	}
	if n, err = c.parseCustody(b, n+1); err == nil {
		n, err = skipTrailer(b, n)
	}
	if err != nil {
		return Capability{}, 0, err
	}
	return c, n, nil
}

// parseCustody reads the chain at b[n:] up to and with the zero address that
// ends it, and returns where that ends.
func (c *Capability) parseCustody(b []byte, n int) (int, error) {
	for {
		if len(b) < n+identity.AddressLen {
			return 0, ErrTruncated
		}
		to := identity.AddressFrom(b[n:])
		n += identity.AddressLen
		if to == 0 {
			return n, nil
		}
		if len(c.Custody) >= int(c.MaxCustody) {
			return 0, ErrFormat
		}
		if len(b) < n+identity.AddressLen {
			return 0, ErrTruncated
		}
		e := Custody{To: to, From: identity.AddressFrom(b[n:])}
		var err error
		if n, err = parseSignature(b, n+identity.AddressLen, &e.Signature); err != nil {
			return 0, err
		}
		c.Custody = append(c.Custody, e)
	}
}

// appendBody appends the fields before the chain of custody.
func (c *Capability) appendBody(dst []byte) []byte {
	rules := c.Rules[:min(len(c.Rules), rule.MaxCapabilityRules)]
	dst = c.Network.Append(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(c.Timestamp))
	dst = binary.BigEndian.AppendUint32(dst, c.ID)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(rules)))
	dst = rule.Append(dst, rules)
	return append(dst, c.MaxCustody)
}

// Append appends the encoded form.
func (c *Capability) Append(dst []byte) []byte {
	dst = c.appendBody(dst)
	for i := range c.Custody {
		e := &c.Custody[i]
		dst = e.From.Append(e.To.Append(dst))
		dst = appendSignature(dst, &e.Signature)
	}
	return append(dst, 0, 0, 0, 0, 0, 0, 0) // zero address, no additional fields
}

// AppendSigned appends the bytes that every holder in the chain signs. The
// chain itself is not among them.
func (c *Capability) AppendSigned(dst []byte) []byte {
	dst = c.appendBody(binary.BigEndian.AppendUint64(dst, guard))
	return binary.BigEndian.AppendUint64(append(dst, 0, 0), guard)
}

// IssuedTo is the last holder in the chain, 0 if the capability is unsigned.
func (c *Capability) IssuedTo() identity.Address {
	if len(c.Custody) == 0 {
		return 0
	}
	return c.Custody[len(c.Custody)-1].To
}

// Sign hands the capability to a member: from the controller if the chain is
// empty, else from its present holder. It reports whether the chain had room.
func (c *Capability) Sign(s *identity.Secret, to identity.Address) bool {
	if c.MaxCustody == 0 {
		c.MaxCustody = 1
	}
	if len(c.Custody) >= int(min(c.MaxCustody, MaxCustody)) || to == 0 {
		return false
	}
	c.Custody = append(c.Custody, Custody{To: to, From: s.Address, Signature: s.Sign(c.AppendSigned(nil))})
	return true
}

// Verify checks that the chain begins at the network's controller, is unbroken,
// and that everyone in it signed. On Wait, missing is whom to ask for.
//
// The signatures do not cover to whom the capability went: anyone who has seen
// it can re-address it (spec 04 §17.1). Accept it only from its holder.
func (c *Capability) Verify(look Lookup) (o Outcome, missing identity.Address) {
	holder := c.Network.Controller()
	if len(c.Custody) == 0 || holder == 0 {
		return Bad, 0
	}
	for i := range c.Custody {
		if c.Custody[i].From != holder || c.Custody[i].To == 0 {
			return Bad, 0
		}
		holder = c.Custody[i].To
	}
	msg := c.AppendSigned(nil)
	for i := range c.Custody {
		if o, missing = verify(look, c.Custody[i].From, msg, &c.Custody[i].Signature); o != OK {
			return o, missing
		}
	}
	return OK, 0
}

// Equal reports whether both capabilities have the same encoding.
func (c *Capability) Equal(o *Capability) bool {
	return c.Network == o.Network && c.Timestamp == o.Timestamp && c.ID == o.ID && c.MaxCustody == o.MaxCustody &&
		slices.Equal(c.Rules, o.Rules) && slices.Equal(c.Custody, o.Custody)
}
