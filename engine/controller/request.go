package controller

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/internal/loose"
	"orrery/engine/netconf"
	"orrery/engine/wire"
)

// edit is what a request changes in a member record.
type edit struct {
	pin        identity.Identity // null if nothing is to be pinned
	authType   string            // "public" or "token" if the request was authorised by itself
	token      any
	versions   *[4]int64
	addresses  []netip.Addr
	tags       []tagDefault
	caps       []uint64
	unfinished bool // the record lacks fields or has none yet
}

func (e *edit) empty() bool {
	return e.pin.Null() && e.authType == "" && e.versions == nil && len(e.addresses) == 0 && len(e.tags) == 0 && len(e.caps) == 0 && !e.unfinished
}

// Request decides on the request of a member for its configuration (spec 05
// §3). from was authenticated by the transport. meta is the request's
// dictionary; it is not kept. remote and hops say where the request came from
// and are only for show; remote is the zero value for this node itself.
//
// Take the changes and make them durable before the reply is sent.
func (c *Controller) Request(at clock.Instant, from identity.Identity, nwid identity.NetworkID, meta wire.Dictionary, remote netip.AddrPort, hops uint8) Reply {
	c.stats.Requests++
	r := c.request(at, from, nwid, meta, remote, hops)
	switch r.Outcome {
	case Dropped:
		c.stats.Dropped++
	case Refused:
		c.stats.Refusals++
	}
	c.pump(at)
	return r
}

func (c *Controller) request(at clock.Instant, from identity.Identity, nwid identity.NetworkID, dict wire.Dictionary, remote netip.AddrPort, hops uint8) Reply {
	if nwid.Controller() != c.self.Address || from.Address.Reserved() || !c.gate.pass(at.Mono, from.Address) {
		return Reply{}
	}
	n := c.networks[nwid]
	if n == nil {
		return refuse(nwid, wire.ErrorObjectNotFound)
	}
	m := n.members[from.Address]
	if m != nil {
		if at.Mono-m.gateAt <= requestGap {
			return Reply{}
		}
		m.gateAt = at.Mono
	}
	if n.view.err != nil {
		return Reply{}
	}
	if m != nil && (m.view.tombstone || m.view.pinned && (m.view.pinBad || m.view.identity != from)) {
		return refuse(nwid, wire.ErrorNetworkAccessDenied)
	}
	fresh := m == nil
	if fresh {
		if m = c.newcomer(at, n, from.Address); m == nil {
			return refuse(nwid, wire.ErrorNetworkAccessDenied)
		}
		m.gateAt = at.Mono
	}
	m.seenAt, m.remote = at.Mono, remote
	if hops > 0 {
		m.remote = netip.AddrPort{}
	}
	e := edit{unfinished: !m.view.complete || c.compat && m.view.traceLevel != 0}
	if !m.view.pinned {
		e.pin = from
	}
	meta := netconf.ParseMetadata(dict)
	admitted := c.authorised(at, n, m, meta.Token, &e)
	switch {
	case m.view.banned:
	case c.loginNeeded(at, n, m):
		c.apply(at, n, m, &e)
		return c.askLogin(n)
	case admitted:
		return c.admit(at, n, m, from, &meta, fresh, &e)
	}
	// The record is how an administrator learns of the member.
	c.apply(at, n, m, &e)
	return refuse(nwid, wire.ErrorNetworkAccessDenied)
}

// authorised decides whether a member may join (spec 05 §3.3 step 6).
func (c *Controller) authorised(at clock.Instant, n *network, m *member, token string, e *edit) bool {
	switch {
	case m.view.banned:
		return false
	case m.view.authorized:
		return true
	case !n.view.private:
		e.authType = "public"
		return true
	}
	expiry, known := n.view.tokens[token]
	if token == "" || !known || expiry != 0 && expiry <= uint64(max(at.Wall, 0)) {
		return false
	}
	e.authType, e.token = "token", token
	return true
}

// admit answers an authorised member.
func (c *Controller) admit(at clock.Instant, n *network, m *member, from identity.Identity, meta *netconf.Metadata, fresh bool, e *edit) Reply {
	m.ruleset = meta.RulesEngine
	versions := [4]int64{int64(meta.Major), int64(meta.Minor), int64(meta.Revision), int64(meta.Protocol)}
	if versions != m.view.versions {
		e.versions = &versions
	}
	// Default capabilities are granted at first sight. The reference does not
	// grant them to a member that was entered by hand before (spec 05 §8.15).
	if first := fresh || !c.compat && !m.view.pinned; first && m.ruleset != 0 {
		for i := range n.view.caps {
			if k := &n.view.caps[i]; k.def && !slices.Contains(m.view.caps, k.id) {
				e.caps = append(e.caps, uint64(k.id))
			}
		}
	}
	chunks, config := c.issue(at, n, m, from, e)
	if chunks == nil {
		return refuse(n.id, wire.ErrorObjectNotFound)
	}
	m.active = true
	c.queueRevocation(n, m)
	return Reply{Outcome: Configured, Chunks: chunks, Config: config}
}

// apply writes an edit into the record.
func (c *Controller) apply(at clock.Instant, n *network, m *member, e *edit) {
	if e.empty() {
		return
	}
	d := document{}
	if m.doc != nil {
		d = decodeDocument(m.doc)
	}
	fillMember(d, at.Wall, n.id, m.address, c.compat)
	if !e.pin.Null() {
		d["identity"] = e.pin.String()
	}
	if e.authType != "" {
		c.stats.Authorisations++
		d["authorized"], d["lastAuthorizedTime"] = true, loose.Number(uint64(at.Wall))
		d["lastAuthorizedCredentialType"], d["lastAuthorizedCredential"] = e.authType, e.token
	}
	if e.versions != nil {
		for i, key := range versionKeys {
			d[key] = loose.Number(uint64(e.versions[i]))
		}
	}
	appendTo(d, "ipAssignments", e.addresses, func(ip netip.Addr) any { return renderIP(ip) })
	appendTo(d, "tags", e.tags, func(t tagDefault) any { return []any{loose.Number(t.rawID), loose.Number(t.rawValue)} })
	appendTo(d, "capabilities", e.caps, func(id uint64) any { return loose.Number(id) })
	dropMemberFields(d)
	if n.members[m.address] == nil {
		n.insert(m)
	}
	c.saveMember(n, m, d)
}

// appendTo appends to an array of a record.
func appendTo[T any](d document, key string, add []T, render func(T) any) {
	if len(add) == 0 {
		return
	}
	list, _ := d[key].([]any)
	list = slices.Clip(list)
	for _, v := range add {
		list = append(list, render(v))
	}
	d[key] = list
}

// refuse is an error reply.
func refuse(nwid identity.NetworkID, code wire.ErrorCode) Reply {
	return Reply{Outcome: Refused, Code: code, Body: nwid.Append(nil)}
}

// newcomer makes a member for an address without a record, nil if there is no
// room or they come too fast. On a private network the stranger that was longest
// silent makes room, so that nobody can fill memory and disk by asking (spec 05
// §8.3).
func (c *Controller) newcomer(at clock.Instant, n *network, a identity.Address) *member {
	if !n.newcomers.Take(at.Mono, newcomerBurst, newcomerEvery) {
		return nil
	}
	crowded := n
	switch {
	case len(n.order) >= c.limits.Members:
	case n.view.private && n.strangers >= c.limits.Strangers:
	case n.view.private && c.uninvited() >= c.limits.Uninvited:
		crowded = c.mostStrangers()
	default:
		return newMember(a)
	}
	oldest := crowded.oldestStranger()
	if oldest == nil {
		return nil
	}
	c.dropMember(crowded, oldest)
	return newMember(a)
}

// uninvited counts the strangers of all networks.
func (c *Controller) uninvited() (total int) {
	for _, n := range c.networks {
		total += n.strangers
	}
	return total
}

// mostStrangers is the network with the most strangers, of equals that with the
// lowest ID.
func (c *Controller) mostStrangers() *network {
	most := c.networks[c.order[0]]
	for _, id := range c.order {
		if n := c.networks[id]; n.strangers > most.strangers {
			most = n
		}
	}
	return most
}
