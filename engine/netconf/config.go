package netconf

import (
	"bytes"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/rule"
)

// Version is the version of the configurations that this package writes.
const Version = 7

// Bits of [Config.Flags]. Others are kept.
const (
	FlagBroadcast        uint64 = 0x02
	FlagNDPEmulation     uint64 = 0x04
	FlagUnsupportedMatch uint64 = 0x08 // unsupported matches are true
	FlagNoCompressFrames uint64 = 0x10
	flagsOfAdHoc                = FlagNDPEmulation
)

// Config is a network's configuration for one member (spec 04 §5). A Config is
// immutable once parsed or handed to another package.
type Config struct {
	Network identity.NetworkID
	// Timestamp is when the controller issued this configuration; credentials of
	// other members are judged by it and not by the clock.
	Timestamp clock.Wall
	// MaxDelta is how far timestamps of credentials may differ from Timestamp, in
	// milliseconds ("credential time max delta").
	MaxDelta uint64
	// Revision counts changes of the network, for display.
	Revision uint64
	// IssuedTo is the member that this configuration is for.
	IssuedTo identity.Address
	// TraceTarget and TraceLevel are where the controller would like reports to
	// go. They have no effect unless the user allows it (spec 04 §14.6).
	TraceTarget identity.Address
	TraceLevel  uint64
	Flags       uint64
	// MulticastLimit is the number of recipients of a multicast; 0 turns off
	// multicast and broadcast, ARP included.
	MulticastLimit uint32
	// Public networks ask for no certificates of membership.
	Public bool
	// Name is at most MaxName bytes, not necessarily UTF-8.
	Name string
	MTU  int

	Membership   credential.Membership
	Capabilities []credential.Capability // ascending by ID once parsed
	Tags         []credential.Tag        // ascending by ID once parsed
	Ownerships   []credential.Ownership
	Specialists  []Specialist
	Routes       []Route
	// Addresses are our own, with the subnet's length; host bits are kept.
	Addresses []netip.Prefix
	// Rules may be empty: then only capabilities let frames through.
	Rules []rule.Rule
	DNS   DNS
	SSO   SSO
}

// Specialist is a member with a special role: roles in the upper 24 bits, the
// address in the lower 40 (spec 04 §5.2).
type Specialist uint64

// Roles of a [Specialist]. One without any role means nothing, but see
// [Config.AlwaysContact].
const (
	ActiveBridge        Specialist = 0x0000020000000000
	Anchor              Specialist = 0x0000040000000000
	MulticastReplicator Specialist = 0x0000080000000000
)

// Address is the member's.
func (s Specialist) Address() identity.Address { return identity.Address(s & (1<<40 - 1)) }

// Has reports whether the member has one of the roles.
func (s Specialist) Has(roles Specialist) bool { return s&roles&^(1<<40-1) != 0 }

// Route is a route that the network wants (spec 04 §5.3). A default route has
// an unspecified address and length 0.
type Route struct {
	Target netip.Prefix
	// Via is the gateway, invalid for a route on the link.
	Via netip.Addr
	// Flags and Metric have no meaning yet.
	Flags  uint16
	Metric uint16
}

// DNS is what the network says of name servers.
type DNS struct {
	// Domain is the search domain, at most 127 bytes.
	Domain string
	// Servers are positions; unset ones are invalid addresses.
	Servers [MaxDNSServers]netip.Addr
}

// SSO says how the member signs in again when its admission expires (spec 04
// §14.4). URLs come from the network: they are not to be trusted.
type SSO struct {
	// Version is 0 or 1; of others nothing else is read or written.
	Version uint64
	Enabled bool
	// URL and Expiry belong to version 0.
	URL    string
	Expiry clock.Wall
	// The rest belongs to version 1, an OpenID Connect flow.
	Issuer   string
	Central  string
	Nonce    string
	State    string
	ClientID string
	Provider string
}

// Broadcast reports whether the network carries broadcasts.
func (c *Config) Broadcast() bool { return c.Flags&FlagBroadcast != 0 }

// NDPEmulation reports whether neighbour solicitations for derived addresses
// are answered locally.
func (c *Config) NDPEmulation() bool { return c.Flags&FlagNDPEmulation != 0 }

// NoCompressFrames reports whether frames are to be sent as they are.
func (c *Config) NoCompressFrames() bool { return c.Flags&FlagNoCompressFrames != 0 }

// Window is the span in which credentials of other members count.
func (c *Config) Window() credential.Window {
	return credential.Window{Center: c.Timestamp, MaxDelta: c.MaxDelta}
}

// Credentials are those of ours that other members want to see.
func (c *Config) Credentials() credential.Bundle {
	b := credential.Bundle{Capabilities: c.Capabilities, Tags: c.Tags, Ownerships: c.Ownerships}
	if !c.Membership.Empty() {
		b.Memberships = []credential.Membership{c.Membership}
	}
	return b
}

// WithRole appends the members that have one of the roles, in the order of the
// configuration.
func (c *Config) WithRole(dst []identity.Address, roles Specialist) []identity.Address {
	for _, s := range c.Specialists {
		if s.Has(roles) {
			dst = append(dst, s.Address())
		}
	}
	return dst
}

// AlwaysContact appends the members that a node keeps in contact with: anchors,
// multicast replicators, and the hub of an ad-hoc network, which has no role in
// the reference (spec 04 §5.2, §6).
func (c *Config) AlwaysContact(dst []identity.Address) []identity.Address {
	for _, s := range c.Specialists {
		if s.Has(Anchor|MulticastReplicator) || c.Network.AdHoc() && !s.Address().Reserved() {
			dst = append(dst, s.Address())
		}
	}
	return dst
}

// Assigned reports whether ip is one of our addresses.
func (c *Config) Assigned(ip netip.Addr) bool {
	for _, p := range c.Addresses {
		if p.Addr() == ip {
			return true
		}
	}
	return false
}

// Local is what rules need to know of us.
func (c *Config) Local() rule.Local {
	l := rule.Local{Self: c.IssuedTo, UnsupportedMatch: c.Flags&FlagUnsupportedMatch != 0}
	for i := range c.Tags {
		t := &c.Tags[i]
		// The first of several tags with one ID counts, as in a binary search of
		// a list without duplicates.
		if n := len(l.Tags); n == 0 || l.Tags[n-1].ID != t.ID {
			l.Tags = append(l.Tags, rule.Tag{ID: t.ID, Value: t.Value})
		}
	}
	for i := range c.Ownerships {
		credential.AddOwned(&l.Side, &c.Ownerships[i])
	}
	if c.NDPEmulation() {
		if p := identity.SixPlane(c.Network, c.IssuedTo); c.Assigned(p.Addr()) {
			l.SixPlane = p.Masked()
		}
		if p := identity.RFC4193(c.Network, c.IssuedTo); c.Assigned(p.Addr()) {
			l.RFC4193 = p.Masked()
		}
	}
	return l
}

// CapabilitySets compiles our own capabilities, in ascending order of ID.
func (c *Config) CapabilitySets() []rule.Set {
	if len(c.Capabilities) == 0 {
		return nil
	}
	sets := make([]rule.Set, len(c.Capabilities))
	for i := range c.Capabilities {
		sets[i] = rule.Compile(c.Capabilities[i].Rules)
	}
	return sets
}

// Equal reports whether both configurations have the same encoding.
func (c *Config) Equal(o *Config) bool { return bytes.Equal(c.Append(nil), o.Append(nil)) }
