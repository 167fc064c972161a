package netconf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/rule"
	"orrery/engine/wire"
)

// minVersion is the oldest version that is read.
const minVersion = 6

// Parse reads a configuration. Unknown keys are ignored, numbers clamped, and
// lists cut at their limits. A field that does not parse refuses the whole,
// except that capabilities and tags merely end at a broken one (spec 04 §5.4).
// No signature is checked: those of the chunks cover the configuration, and
// other members check the credentials when we show them.
func Parse(text []byte) (*Config, error) {
	d := wire.ParseDictionary(text, wire.ConfigCapacity)
	if d.Uint64(keyVersion, 0) < minVersion {
		return nil, ErrVersion
	}
	c := &Config{
		Network:        identity.NetworkID(d.Uint64(keyNetwork, 0)),
		Timestamp:      clock.Wall(d.Int64(keyTimestamp, 0)),
		MaxDelta:       d.Uint64(keyMaxDelta, 0),
		Revision:       d.Uint64(keyRevision, 0),
		IssuedTo:       d.Address(keyIssuedTo),
		TraceTarget:    d.Address(keyTraceTarget),
		TraceLevel:     d.Uint64(keyTraceLevel, 0),
		Flags:          d.Uint64(keyFlags, 0),
		MulticastLimit: uint32(d.Uint64(keyMulticastLimit, 0)),
		Public:         d.Uint64(keyType, typePrivate) == typePublic,
		Name:           clip(d.Text(keyName, ""), sizeName),
		MTU:            int(min(max(uint32(d.Uint64(keyMTU, DefaultMTU)), MinMTU), MaxMTU)),
	}
	if c.Network == 0 || c.IssuedTo == 0 {
		return nil, ErrIncomplete
	}
	for _, f := range fields {
		if blob, ok := d.Get(f.key); ok {
			if err := f.parse(c, blob); err != nil {
				return nil, fmt.Errorf("%w %q: %w", ErrField, f.key, err)
			}
		}
	}
	c.SSO.parse(&d)
	return c, nil
}

// fields are the binary ones, in the order of the table in spec 04 §5.1.
var fields = [...]struct {
	key   string
	parse func(*Config, []byte) error
}{
	{keyMembership, (*Config).parseMembership},
	{keyCapabilities, (*Config).parseCapabilities},
	{keyTags, (*Config).parseTags},
	{keyOwnerships, (*Config).parseOwnerships},
	{keySpecialists, (*Config).parseSpecialists},
	{keyRoutes, (*Config).parseRoutes},
	{keyAddresses, (*Config).parseAddresses},
	{keyRules, (*Config).parseRules},
	{keyDNS, (*Config).parseDNS},
}

func (c *Config) parseMembership(b []byte) (err error) {
	c.Membership, _, err = credential.ParseMembership(b)
	return err
}

func (c *Config) parseCapabilities(b []byte) error {
	for len(b) > 0 && len(c.Capabilities) < MaxCapabilities {
		v, n, err := credential.ParseCapability(b)
		if err != nil {
			break
		}
		c.Capabilities, b = append(c.Capabilities, v), b[n:]
	}
	slices.SortStableFunc(c.Capabilities, func(x, y credential.Capability) int { return cmp.Compare(x.ID, y.ID) })
	return nil
}

func (c *Config) parseTags(b []byte) error {
	for len(b) > 0 && len(c.Tags) < MaxTags {
		v, n, err := credential.ParseTag(b)
		if err != nil {
			break
		}
		c.Tags, b = append(c.Tags, v), b[n:]
	}
	slices.SortStableFunc(c.Tags, func(x, y credential.Tag) int { return cmp.Compare(x.ID, y.ID) })
	return nil
}

func (c *Config) parseOwnerships(b []byte) error {
	for len(b) > 0 {
		v, n, err := credential.ParseOwnership(b)
		if err != nil {
			return err
		}
		if len(c.Ownerships) < MaxOwnerships {
			c.Ownerships = append(c.Ownerships, v)
		}
		b = b[n:]
	}
	return nil
}

func (c *Config) parseSpecialists(b []byte) error {
	for len(b) >= 8 && len(c.Specialists) < MaxSpecialists {
		c.Specialists = append(c.Specialists, Specialist(binary.BigEndian.Uint64(b)))
		b = b[8:]
	}
	return nil
}

// parseRoutes leaves out routes whose target is no network.
func (c *Config) parseRoutes(b []byte) error {
	for len(b) > 0 && len(c.Routes) < MaxRoutes {
		target, n, err := wire.ParseInet(b)
		if err != nil {
			return err
		}
		via, m, err := wire.ParseInet(b[n:])
		if err != nil {
			return err
		}
		if n += m; len(b) < n+4 {
			return wire.ErrTruncated
		}
		r := Route{Target: wire.PrefixOf(target), Via: via.Addr(),
			Flags: binary.BigEndian.Uint16(b[n:]), Metric: binary.BigEndian.Uint16(b[n+2:])}
		if r.Target.IsValid() {
			c.Routes = append(c.Routes, r)
		}
		b = b[n+4:]
	}
	return nil
}

// parseAddresses leaves out null addresses and impossible prefix lengths.
func (c *Config) parseAddresses(b []byte) error {
	for len(b) > 0 && len(c.Addresses) < MaxAddresses {
		a, n, err := wire.ParseInet(b)
		if err != nil {
			return err
		}
		if p := wire.PrefixOf(a); p.IsValid() {
			c.Addresses = append(c.Addresses, p)
		}
		b = b[n:]
	}
	return nil
}

func (c *Config) parseRules(b []byte) (err error) {
	c.Rules, _, err = rule.Parse(b, rule.MaxRules)
	return err
}

func (c *Config) parseDNS(b []byte) error {
	if len(b) < sizeDomain {
		return wire.ErrTruncated
	}
	c.DNS.Domain, _, _ = strings.Cut(string(b[:sizeDomain-1]), "\x00")
	b = b[sizeDomain:]
	for i := range c.DNS.Servers {
		a, n, err := wire.ParseInet(b)
		if err != nil {
			return err
		}
		if a.Addr().IsValid() {
			c.DNS.Servers[i] = a.Addr()
		} else {
			c.DNS.Servers[i] = netip.Addr{}
		}
		b = b[n:]
	}
	return nil
}

// parse reads the keys of the version.
func (s *SSO) parse(d *wire.Dictionary) {
	s.Version, s.Provider = d.Uint64(keySSOVersion, 0), defaultProvider
	if s.Version > 1 {
		return
	}
	s.Enabled = d.Bool(keySSOEnabled, false)
	s.URL = clip(d.Text(keySSOURL, ""), sizeURL)
	if s.Version == 0 {
		s.Expiry = clock.Wall(d.Int64(keySSOExpiry, 0))
		return
	}
	s.Issuer = clip(d.Text(keySSOIssuer, ""), sizeURL)
	s.Central = clip(d.Text(keySSOCentral, ""), sizeURL)
	s.Nonce = clip(d.Text(keySSONonce, ""), sizeNonce)
	s.State = clip(d.Text(keySSOState, ""), sizeState)
	s.ClientID = clip(d.Text(keySSOClient, ""), sizeClient)
	s.Provider = clip(d.Text(keySSOProvider, defaultProvider), sizeProvider)
}
