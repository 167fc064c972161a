package netconf

import (
	"encoding/binary"
	"net/netip"

	"orrery/engine/rule"
	"orrery/engine/wire"
)

// Append appends the dictionary, key by key in the reference's order, with
// lists cut to their limits. The result must be shorter than
// wire.ConfigCapacity for a member to take it; see [Chunks].
func (c *Config) Append(dst []byte) []byte {
	var (
		d    = wire.NewDictionaryWriter(dst[len(dst):], 0)
		blob []byte
	)
	d.AddUint64(keyVersion, Version)
	d.AddUint64(keyNetwork, uint64(c.Network))
	d.AddUint64(keyTimestamp, uint64(c.Timestamp))
	d.AddUint64(keyMaxDelta, c.MaxDelta)
	d.AddUint64(keyRevision, c.Revision)
	d.AddText(keyIssuedTo, c.IssuedTo.String())
	d.AddText(keyTraceTarget, c.TraceTarget.String())
	d.AddUint64(keyTraceLevel, c.TraceLevel)
	d.AddUint64(keyFlags, c.Flags)
	d.AddUint64(keyMulticastLimit, uint64(c.MulticastLimit))
	d.AddUint64(keyType, c.kind())
	d.AddText(keyName, clip(c.Name, sizeName))
	d.AddUint64(keyMTU, uint64(max(c.MTU, 0)))
	if !c.Membership.Empty() {
		blob = c.Membership.Append(blob[:0])
		d.AddBytes(keyMembership, blob)
	}
	blob = blob[:0]
	for i := range limit(c.Capabilities, MaxCapabilities) {
		blob = c.Capabilities[i].Append(blob)
	}
	addBlob(&d, keyCapabilities, blob)
	blob = blob[:0]
	for i := range limit(c.Tags, MaxTags) {
		blob = c.Tags[i].Append(blob)
	}
	addBlob(&d, keyTags, blob)
	blob = blob[:0]
	for i := range limit(c.Ownerships, MaxOwnerships) {
		blob = c.Ownerships[i].Append(blob)
	}
	addBlob(&d, keyOwnerships, blob)
	blob = blob[:0]
	for _, s := range limit(c.Specialists, MaxSpecialists) {
		blob = binary.BigEndian.AppendUint64(blob, uint64(s))
	}
	addBlob(&d, keySpecialists, blob)
	addBlob(&d, keyRoutes, c.appendRoutes(blob[:0]))
	blob = blob[:0]
	for _, p := range limit(c.Addresses, MaxAddresses) {
		blob = wire.AppendInet(blob, wire.InetOf(p))
	}
	addBlob(&d, keyAddresses, blob)
	addBlob(&d, keyRules, rule.Append(blob[:0], limit(c.Rules, rule.MaxRules)))
	d.AddBytes(keyDNS, c.DNS.append(blob[:0]))
	c.SSO.add(&d)
	return append(dst, d.Bytes()...)
}

// kind is the network's type as a number.
func (c *Config) kind() uint64 {
	if c.Public {
		return typePublic
	}
	return typePrivate
}

// appendRoutes appends target, gateway, flags and metric of each route.
func (c *Config) appendRoutes(b []byte) []byte {
	for _, r := range limit(c.Routes, MaxRoutes) {
		b = wire.AppendInet(b, wire.InetOf(r.Target))
		b = wire.AppendInet(b, netip.AddrPortFrom(r.Via, 0))
		b = binary.BigEndian.AppendUint16(b, r.Flags)
		b = binary.BigEndian.AppendUint16(b, r.Metric)
	}
	return b
}

// append appends the domain, padded, and the four servers.
func (n *DNS) append(b []byte) []byte {
	var domain [sizeDomain]byte
	copy(domain[:sizeDomain-1], n.Domain)
	b = append(b, domain[:]...)
	for _, s := range n.Servers {
		b = wire.AppendInet(b, netip.AddrPortFrom(s, 0))
	}
	return b
}

// add writes the keys of the version.
func (s *SSO) add(d *wire.DictionaryWriter) {
	if s.Version > 1 {
		return
	}
	d.AddUint64(keySSOVersion, s.Version)
	d.AddBool(keySSOEnabled, s.Enabled)
	switch {
	case !s.Enabled:
	case s.Version == 0:
		if s.URL != "" {
			d.AddText(keySSOURL, clip(s.URL, sizeURL))
		}
		d.AddUint64(keySSOExpiry, uint64(s.Expiry))
	default:
		d.AddText(keySSOIssuer, clip(s.Issuer, sizeURL))
		d.AddText(keySSOCentral, clip(s.Central, sizeURL))
		d.AddText(keySSONonce, clip(s.Nonce, sizeNonce))
		d.AddText(keySSOState, clip(s.State, sizeState))
		d.AddText(keySSOClient, clip(s.ClientID, sizeClient))
		d.AddText(keySSOProvider, clip(s.Provider, sizeProvider))
	}
}

// addBlob writes a list unless it is empty.
func addBlob(d *wire.DictionaryWriter, key string, blob []byte) {
	if len(blob) > 0 {
		d.AddBytes(key, blob)
	}
}

// clip cuts text to what fits a buffer of size bytes with its NUL.
func clip(s string, size int) string { return s[:min(len(s), size-1)] }

// limit is the first n elements of list.
func limit[T any](list []T, n int) []T { return list[:min(len(list), n)] }
