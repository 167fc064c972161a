package controller

import (
	"encoding/json"
	"strings"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/internal/loose"
	"orrery/engine/netconf"
)

// ParseNetworkName reads how a management path names a network: 16 hex digits
// of either case, or the ten digits of this controller's address in lower case
// and six underscores for a free number (spec 05 §2.3).
func (c *Controller) ParseNetworkName(s string) (NetworkName, error) {
	if prefix, ok := strings.CutSuffix(s, "______"); ok {
		if prefix != c.self.Address.String() {
			return NetworkName{}, badInput("", "%q is not this controller's address", clipBytes(prefix, 16))
		}
		return NetworkName{Choose: true}, nil
	}
	id, err := identity.ParseNetworkID(s)
	if err != nil {
		return NetworkName{}, badInput("", "%s", err.Error())
	}
	return NetworkName{ID: id}, nil
}

// NewNetwork creates a network under a free random number and returns its
// object. It fails with [ErrNoFreeID], [ErrLimit] or as [Controller.PutNetwork].
func (c *Controller) NewNetwork(at clock.Instant, body []byte) (identity.NetworkID, json.RawMessage, error) {
	var b [8]byte
	for range numberTrials {
		c.random(b[:])
		number := identity.NetworkID(b[5])<<16 | identity.NetworkID(b[6])<<8 | identity.NetworkID(b[7])
		id := identity.NetworkID(c.self.Address)<<24 | max(number, 1)
		if c.networks[id] == nil {
			doc, err := c.PutNetwork(at, id, body)
			return id, doc, err
		}
	}
	return 0, nil, ErrNoFreeID
}

// PutNetwork creates or updates a network from a JSON object and returns the
// network's object (spec 05 §2.5). Fields that the object does not have keep
// their value; read-only and unknown ones are ignored. A body that is refused
// gives a *[BadInputError] and changes nothing.
func (c *Controller) PutNetwork(at clock.Instant, id identity.NetworkID, body []byte) (json.RawMessage, error) {
	in, err := c.parseBody(body)
	if err != nil {
		return nil, err
	}
	if !c.compat && id.Controller() != c.self.Address {
		return nil, badInput("", "network %s belongs to another controller, this one is %s", id, c.self.Address)
	}
	n := c.networks[id]
	if n == nil && len(c.networks) >= c.limits.Networks {
		return nil, ErrLimit
	}
	record := document{}
	if n != nil {
		record = decodeDocument(n.doc)
	}
	fillNetwork(record, at.Wall, c.compat)
	f := form{body: in, record: record, strict: !c.compat}
	f.network()
	if f.err != nil {
		return nil, f.err
	}
	record["id"], record["nwid"] = id.String(), id.String()
	dropNetworkFields(record)
	if n == nil {
		n = c.addNetwork(id)
	}
	if c.saveNetwork(n, record) {
		c.pushNetwork(n)
	}
	doc := clone(n.doc)
	c.pump(at)
	return doc, nil
}

// network reads every writable field of a network (spec 05 §2.5).
func (f *form) network() {
	f.text("name", "")
	f.flag("private", true)
	f.flag("enableBroadcast", false)
	f.integer("multicastLimit", netconf.DefaultMulticastLimit, 32)
	f.integer("mtu", netconf.DefaultMTU, 32)
	f.each("mtu", func(any) {
		f.record["mtu"] = loose.Number(min(max(loose.ToUint(f.record["mtu"], 0)&0xffffffff, netconf.MinMTU), netconf.MaxMTU))
	})
	f.trace()
	f.assignModes()
	f.routes()
	f.pools()
	f.rules()
	f.authTokens()
	f.capabilities()
	f.networkTags()
	f.dns()
}

// fillNetwork completes a record (spec 05 §2.4). The reference resets the
// trace level each time it does so.
func fillNetwork(d document, now clock.Wall, compat bool) {
	for key, v := range map[string]any{
		"private": true, "creationTime": loose.Number(uint64(now)), "name": "", "multicastLimit": loose.Number(netconf.DefaultMulticastLimit), "enableBroadcast": true,
		"v4AssignMode":      map[string]any{"zt": false},
		"v6AssignMode":      map[string]any{"rfc4193": false, "zt": false, "6plane": false},
		"authTokens":        []any{nil},
		"capabilities":      []any{},
		"tags":              []any{},
		"routes":            []any{},
		"ipAssignmentPools": []any{},
		"mtu":               loose.Number(netconf.DefaultMTU), "remoteTraceTarget": nil, "remoteTraceLevel": loose.Number(0),
		"rulesSource": "", "ssoEnabled": false, "clientId": "", "authorizationEndpoint": "",
		"rules": []any{map[string]any{"not": false, "or": false, "type": "ACTION_ACCEPT"}},
		"dns":   []any{},
	} {
		fillField(d, key, v)
	}
	if compat {
		d["remoteTraceLevel"] = loose.Number(0)
	}
	d["objtype"] = "network"
}

func dropNetworkFields(d document) {
	for _, key := range [...]string{"clock", "authorizedMemberCount", "activeMemberCount", "totalMemberCount", "lastModified"} {
		delete(d, key)
	}
}

// PutMember creates or updates a member of an existing network and returns the
// member's object (spec 05 §2.7). Beyond the reference's fields it takes
// "banned": a banned member is refused whatever else says it may join, and
// authorising it lifts the ban. Errors are those of [Controller.PutNetwork],
// [ErrNotFound] and *[ConflictError].
func (c *Controller) PutMember(at clock.Instant, id identity.NetworkID, a identity.Address, body []byte) (json.RawMessage, error) {
	n := c.networks[id]
	if n == nil {
		return nil, ErrNotFound
	}
	in, err := c.parseBody(body)
	if err != nil {
		return nil, err
	}
	if a.Reserved() && !c.compat {
		return nil, badInput("", "%s is no member's address", a)
	}
	m := n.members[a]
	if m == nil && len(n.order) >= c.limits.Members {
		return nil, ErrLimit
	}
	record := document{}
	switch {
	case m == nil:
	case m.view.tombstone:
		// New certificates must be newer than what was revoked.
		record["lastDeauthorizedTime"] = loose.Number(m.view.lastDeauth)
	default:
		record = decodeDocument(m.doc)
	}
	fillMember(record, at.Wall, id, a, c.compat)
	f := form{body: in, record: record, strict: !c.compat}
	f.member(at.Wall)
	if f.err == nil {
		f.err = c.conflict(n, m, record)
	}
	if f.err != nil {
		return nil, f.err
	}
	dropMemberFields(record)
	if m == nil {
		m = newMember(a)
		n.insert(m)
	}
	before := m.view
	if c.saveMember(n, m, record) {
		c.memberChanged(at, n, m, &before)
	}
	doc := clone(m.doc) // a push may add to it
	c.pump(at)
	return doc, nil
}

// member reads every writable field of a member (spec 05 §2.7).
func (f *form) member(now clock.Wall) {
	f.flag("activeBridge", false)
	f.flag("noAutoAssignIps", false)
	f.integer("authenticationExpiryTime", 0, 64)
	f.text("name", "")
	f.trace()
	f.each("authorized", func(v any) { f.authorise(loose.ToBool(v, false), now) })
	if f.strict {
		// Not in every record, so that records stay as the reference has them.
		f.each("multicastReplicator", func(v any) {
			delete(f.record, "multicastReplicator")
			if loose.ToBool(v, false) {
				f.record["multicastReplicator"] = true
			}
		})
		f.each("banned", func(v any) {
			if !loose.ToBool(v, false) {
				delete(f.record, "banned")
				return
			}
			f.authorise(false, now)
			f.record["banned"] = true
		})
	}
	f.addresses()
	f.memberTags()
	f.memberCapabilities()
}

// authorise changes the authorisation by hand.
func (f *form) authorise(want bool, now clock.Wall) {
	if want {
		delete(f.record, "banned")
	}
	if want == loose.ToBool(f.record["authorized"], false) {
		return
	}
	f.record["authorized"] = want
	if !want {
		f.record["lastDeauthorizedTime"] = loose.Number(uint64(now))
		return
	}
	f.record["lastAuthorizedTime"] = loose.Number(uint64(now))
	f.record["lastAuthorizedCredentialType"] = "api"
	f.record["lastAuthorizedCredential"] = nil
}

func (f *form) addresses() {
	f.list("ipAssignments", func(path string, e any) (any, bool) {
		s, ok := e.(string)
		if !ok {
			f.refuse(path, "want text, an IP address")
			if bad, is := f.err.(*BadInputError); is && !f.strict {
				bad.Status = 500
			}
			return nil, false
		}
		ip, _, ok := looseIP(s)
		if !ok {
			return nil, false
		}
		if _, valid := strictIP(s); f.strict && !valid {
			f.refuse(path, "not an IP address: %q", clipBytes(s, 64))
			return nil, false
		}
		return renderIP(ip), true
	})
}

func (f *form) memberTags() {
	f.byID("tags", func(_ string, e any) (uint64, any, bool) {
		p, ok := e.([]any)
		if !ok || len(p) != 2 {
			return 0, nil, false
		}
		id, value := uint64(uint32(loose.ToUint(p[0], 0))), uint64(uint32(loose.ToUint(p[1], 0)))
		return id, []any{loose.Number(id), loose.Number(value)}, true
	})
}

func (f *form) memberCapabilities() {
	f.byID("capabilities", func(_ string, e any) (uint64, any, bool) {
		id := loose.ToUint(e, 0)
		return id, loose.Number(id), true
	})
}

// conflict refuses to give a member an address that another one has. What the
// member had before is not looked at, so that duplicates of an imported network
// can be written back.
func (c *Controller) conflict(n *network, m *member, record document) error {
	if c.compat {
		return nil
	}
	list, _ := record["ipAssignments"].([]any)
	for _, e := range list {
		s, _ := e.(string)
		ip, _, ok := looseIP(s)
		if !ok || n.used[ip] == 0 || m != nil && m.has(ip) {
			continue
		}
		for _, other := range n.order {
			if other != m && other.has(ip) {
				return &ConflictError{Address: renderIP(ip), Holder: other.address}
			}
		}
	}
	return nil
}

// parseBody reads a request body (spec 05 §2.2, §7).
func (c *Controller) parseBody(body []byte) (document, error) {
	status := 400
	if c.compat {
		status = 500
	}
	if len(body) > c.limits.Body {
		return nil, &BadInputError{Reason: "the body is too long", Status: 413}
	}
	v, err := parseValue(body)
	if err != nil {
		return nil, &BadInputError{Reason: "the body is not JSON: " + err.Error(), Status: status}
	}
	m, ok := v.(map[string]any)
	if !ok && !c.compat {
		return nil, badInput("", "the body is not a JSON object")
	}
	return m, nil
}
