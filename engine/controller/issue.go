package controller

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
)

// issue makes a member's configuration with all its credentials, writes what
// the member was given into its record together with e, and signs (spec 05
// §3.4 to §3.10). It returns nil if the configuration is too long for a member
// to take.
func (c *Controller) issue(at clock.Instant, n *network, m *member, to identity.Identity, e *edit) (chunks [][]byte, config []byte) {
	addresses := c.assign(n, m)
	tags := c.grantTags(n, m, e)
	e.addresses = addresses.fresh
	v, ts := &n.view, c.stamp(at.Wall, m)
	cfg := netconf.Config{
		Network: n.id, Timestamp: ts, MaxDelta: v.window, Revision: n.revision, IssuedTo: m.address,
		MulticastLimit: v.multicast, Public: !v.private, Name: v.name, MTU: int(v.mtu),
		Routes: make([]netconf.Route, len(v.routes)), Addresses: addresses.list,
		DNS:        netconf.DNS{Domain: v.domain, Servers: v.servers},
		Rules:      netconf.AcceptRules(),
		Membership: credential.NewMembership(n.id, to, ts, v.window),
	}
	if v.broadcast {
		cfg.Flags |= netconf.FlagBroadcast
	}
	if addresses.derived {
		cfg.Flags |= netconf.FlagNDPEmulation
	}
	if v.sso {
		cfg.SSO = netconf.SSO{Enabled: true, URL: v.loginURL, Expiry: clock.Wall(m.view.expiry)}
	}
	cfg.TraceTarget, cfg.TraceLevel = c.trace(v, m)
	for i, r := range v.routes {
		cfg.Routes[i] = netconf.Route{Target: netip.PrefixFrom(r.target, r.bits), Via: r.via}
	}
	roles := n.roles(c.compat)
	cfg.Specialists = append(cfg.Specialists, roles[:min(len(roles), netconf.MaxSpecialists)]...)
	if m.ruleset != 0 {
		cfg.Rules = v.rules
		cfg.Capabilities = c.grantCapabilities(n, m, e, ts)
		for _, t := range tags[:min(len(tags), netconf.MaxTags)] {
			tag := credential.Tag{Network: n.id, Timestamp: ts, ID: t.id, Value: t.value, IssuedTo: m.address}
			tag.Sign(c.self)
			cfg.Tags = append(cfg.Tags, tag)
		}
	}
	cfg.Membership.Sign(c.self)
	cfg.Ownerships = c.certify(n.id, m.address, addresses.list, ts)
	config = cfg.Append(nil)
	chunks, err := netconf.Chunks(n.id, config, c.updateID(), netconf.MaxChunk, c.self)
	if err != nil {
		c.log.Warn("configuration is too long for its member", "nwid", n.id, "peer", m.address, "n", len(config))
		return nil, nil
	}
	c.apply(at, n, m, e)
	m.issuedAt, m.timestamp = at.Mono, ts
	c.watchLogin(n, m)
	c.stats.Configurations++
	return chunks, config
}

// stamp is the timestamp of a member's next configuration: the clock, but never
// that of the one before, which the member would take for the same, and newer
// than what we revoked, as long as our clock has not been set back by more than
// a window: then to start anew is the only way on.
func (c *Controller) stamp(now clock.Wall, m *member) clock.Wall {
	for _, past := range [...]clock.Wall{m.timestamp, clock.Wall(m.view.lastDeauth)} {
		if now <= past && past-now < netconf.MinMaxDelta {
			now = past + 1
		}
	}
	if now == m.timestamp {
		now++
	}
	return now
}

func (c *Controller) updateID() uint64 {
	var b [8]byte
	for {
		c.random(b[:])
		if id := binary.BigEndian.Uint64(b[:]); id != 0 {
			return id
		}
	}
}

// trace says where a member should send its reports.
func (c *Controller) trace(v *networkView, m *member) (identity.Address, uint64) {
	if !m.view.tracePinned {
		return v.traceTarget, v.traceLevel
	}
	if c.compat {
		return m.view.traceTarget, 0
	}
	return m.view.traceTarget, m.view.traceLevel
}

// grantTags returns a member's tags by ID, with the network's defaults, which
// are written into the record.
func (c *Controller) grantTags(n *network, m *member, e *edit) []tagPair {
	if m.ruleset == 0 {
		return nil
	}
	var tags []tagPair
	set := func(t tagPair, replace bool) bool {
		i, found := slices.BinarySearchFunc(tags, t.id, func(t tagPair, id uint32) int { return cmp.Compare(t.id, id) })
		switch {
		case !found:
			tags = slices.Insert(tags, i, t)
		case replace:
			tags[i] = t
		}
		return !found
	}
	for _, t := range m.view.tags {
		set(t, true)
	}
	for _, t := range n.view.tags {
		if set(tagPair{t.id, t.value}, false) {
			e.tags = append(e.tags, t)
		}
	}
	return tags
}

// grantCapabilities signs a member's capabilities, in the order of its record.
func (c *Controller) grantCapabilities(n *network, m *member, e *edit, ts clock.Wall) []credential.Capability {
	ids := slices.Clone(m.view.caps)
	for _, id := range e.caps {
		ids = append(ids, uint32(id))
	}
	var out []credential.Capability
	for i, id := range ids {
		k := n.view.capability(id)
		if k == nil || slices.Contains(ids[:i], id) {
			continue
		}
		if len(out) == netconf.MaxCapabilities {
			break
		}
		one := credential.Capability{Network: n.id, Timestamp: ts, ID: id, Rules: k.rules, MaxCustody: 1}
		one.Sign(c.self, m.address)
		out = append(out, one)
	}
	return out
}

// certify signs who owns the addresses: 16 to a certificate, of which the
// reference issues one only.
func (c *Controller) certify(n identity.NetworkID, a identity.Address, addresses []netip.Prefix, ts clock.Wall) (out []credential.Ownership) {
	for len(addresses) > 0 {
		count := min(len(addresses), credential.MaxThings)
		o := credential.Ownership{Network: n, Timestamp: ts, ID: uint32(len(out) + 1), IssuedTo: a}
		for _, p := range addresses[:count] {
			o.Things = append(o.Things, credential.ThingOf(p.Addr()))
		}
		o.Sign(c.self)
		out = append(out, o)
		if addresses = addresses[count:]; c.compat {
			break
		}
	}
	return out
}
