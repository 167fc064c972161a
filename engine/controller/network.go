package controller

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/internal/loose"
	"orrery/engine/netconf"
	"orrery/engine/rule"
)

// network is a network record with its members.
type network struct {
	id       identity.NetworkID
	doc      []byte
	revision uint64
	view     networkView

	members     map[identity.Address]*member
	order       []*member            // by address, tombstones included
	used        map[netip.Addr]int   // addresses of all members, with how often they occur
	specialists []netconf.Specialist // members with special roles, ascending; rebuilt when specialistsStale
	// specialistsStale, full: derived state to be computed again. full says that a
	// search of all IPv4 or IPv6 pools found nothing, so that an exhausted
	// network does not repeat it for every request.
	specialistsStale bool
	full4, full6     bool
	strangers        int // members that are [memberView.stranger]

	revocations []revocation // ascending by seq
	seq         uint64       // of the newest revocation
	newcomers   clock.Bucket // records that requests may create
}

// networkView is what a network record means when it is served. It is derived
// from the document alone and tolerates everything that a stored record of the
// reference may hold (spec 05 §3.4 to §3.9).
type networkView struct {
	err error // the record cannot be served: a rule that must not be guessed

	private   bool
	broadcast bool
	sso       bool
	name      string // at most 127 bytes
	mtu       uint64
	multicast uint32
	window    uint64 // credential window in ms

	assign4, assign6  bool
	rfc4193, sixPlane bool

	routes []route
	pools  []pool
	rules  []rule.Rule
	caps   []capability // ascending by id
	tags   []tagDefault // in the order of the record

	// tokens are the values that let a member in, with their expiry in ms, 0
	// for never.
	tokens map[string]uint64

	domain  string
	servers [netconf.MaxDNSServers]netip.Addr // invalid where a slot is empty

	traceTarget identity.Address
	traceLevel  uint64
	loginURL    string
}

type route struct {
	target netip.Addr
	bits   int
	via    netip.Addr // invalid if on-link
}

type pool struct{ start, end netip.Addr }

type capability struct {
	id    uint32
	def   bool
	rules []rule.Rule
}

// tagDefault is a network tag with a numeric default.
type tagDefault struct {
	id    uint32
	value uint32
	// raw is the default as the record has it, which is what is copied into
	// member records.
	rawID, rawValue uint64
}

// viewNetwork derives the view of a record.
func viewNetwork(d document) networkView {
	v := networkView{
		private:   loose.ToBool(d["private"], true),
		broadcast: loose.ToBool(d["enableBroadcast"], true),
		sso:       loose.ToBool(d["ssoEnabled"], false),
		name:      clipBytes(loose.ToText(d["name"], ""), netconf.MaxName),
		mtu:       min(max(loose.ToUint(d["mtu"], netconf.DefaultMTU)&0xffffffff, netconf.MinMTU), netconf.MaxMTU),
		multicast: uint32(loose.ToUint(d["multicastLimit"], netconf.DefaultMulticastLimit)),
		window:    min(max(loose.ToUint(d["certificateTimeoutWindowSize"], netconf.DefaultMaxDelta), netconf.MinMaxDelta), netconf.MaxMaxDelta),
		loginURL:  loose.ToText(d["authorizationEndpoint"], ""),
	}
	if m, ok := d["v4AssignMode"].(map[string]any); ok {
		v.assign4 = loose.ToBool(m["zt"], false)
	}
	if m, ok := d["v6AssignMode"].(map[string]any); ok {
		v.assign6, v.rfc4193, v.sixPlane = loose.ToBool(m["zt"], false), loose.ToBool(m["rfc4193"], false), loose.ToBool(m["6plane"], false)
	}
	v.routes, v.pools = viewRoutes(d["routes"]), viewPools(d["ipAssignmentPools"])
	list, _ := d["rules"].([]any)
	if v.rules, v.err = parseRules(list, rule.MaxRules); v.err == nil {
		v.caps, v.err = viewCapabilities(d["capabilities"])
	}
	v.tags = viewTags(d["tags"])
	v.tokens = viewTokens(d["authTokens"])
	v.domain, v.servers = viewDNS(d["dns"])
	v.traceTarget, v.traceLevel = viewTrace(d)
	return v
}

func viewRoutes(v any) (out []route) {
	list, _ := v.([]any)
	for _, e := range list {
		if len(out) == netconf.MaxRoutes {
			break
		}
		m, _ := e.(map[string]any)
		text, ok := m["target"].(string)
		if !ok {
			continue
		}
		target, bits, ok := looseIP(text)
		if !ok || bits > target.BitLen() {
			continue
		}
		r := route{target: target, bits: bits}
		if text, ok := m["via"].(string); ok {
			if via, _, ok := looseIP(text); ok && via.Is4() == target.Is4() {
				r.via = via
			}
		}
		out = append(out, r)
	}
	return out
}

func viewPools(v any) (out []pool) {
	list, _ := v.([]any)
	for _, e := range list {
		if len(out) == maxElements {
			break
		}
		m, _ := e.(map[string]any)
		if p, ok := loosePool(m); ok {
			out = append(out, p)
		}
	}
	return out
}

// loosePool reads a pool whose ends are of one family.
func loosePool(m map[string]any) (pool, bool) {
	start, _, ok1 := looseIP(loose.ToText(m["ipRangeStart"], ""))
	end, _, ok2 := looseIP(loose.ToText(m["ipRangeEnd"], ""))
	return pool{start, end}, ok1 && ok2 && start.Is4() == end.Is4()
}

func viewCapabilities(v any) (out []capability, err error) {
	list, _ := v.([]any)
	for _, e := range list[:min(len(list), maxElements)] {
		m, ok := e.(map[string]any)
		if !ok {
			continue
		}
		c := capability{id: uint32(loose.ToUint(m["id"], 0)), def: loose.ToBool(m["default"], false)}
		rules, _ := m["rules"].([]any)
		if c.rules, err = parseRules(rules, rule.MaxCapabilityRules); err != nil {
			return nil, err
		}
		// Of two with one masked id the last one wins.
		i, found := slices.BinarySearchFunc(out, c.id, func(c capability, id uint32) int { return cmp.Compare(c.id, id) })
		if found {
			out[i] = c
		} else {
			out = slices.Insert(out, i, c)
		}
	}
	return out, nil
}

func viewTags(v any) (out []tagDefault) {
	list, _ := v.([]any)
	for _, e := range list[:min(len(list), maxElements)] {
		m, ok := e.(map[string]any)
		if !ok || !isNumber(m["default"]) {
			continue
		}
		id, value := loose.ToUint(m["id"], 0), loose.ToUint(m["default"], 0)
		out = append(out, tagDefault{id: uint32(id), value: uint32(value), rawID: id, rawValue: value})
	}
	return out
}

// viewTokens reads the tokens. Anything but an object, such as the reference's
// default, has none.
func viewTokens(v any) map[string]uint64 {
	m, _ := v.(map[string]any)
	tokens := make(map[string]uint64, len(m))
	for token, expiry := range m {
		if isNumber(expiry) {
			tokens[token] = loose.ToUint(expiry, 0)
		}
	}
	return tokens
}

func viewDNS(v any) (domain string, servers [netconf.MaxDNSServers]netip.Addr) {
	m, _ := v.(map[string]any)
	list, _ := m["servers"].([]any)
	for i, e := range list[:min(len(list), netconf.MaxDNSServers)] {
		if ip, _, ok := looseIP(loose.ToText(e, "")); ok {
			servers[i] = ip
		}
	}
	return clipBytes(loose.ToText(m["domain"], ""), netconf.MaxName), servers
}

// viewTrace reads the trace fields of a network or member.
func viewTrace(d document) (identity.Address, uint64) {
	s, _ := d["remoteTraceTarget"].(string)
	level := loose.ToUint(d["remoteTraceLevel"], 0)
	if len(s) != 10 {
		return 0, level
	}
	return identity.Address(loose.Uint(s, 16) & 0xffffffffff), level
}

// capability finds a capability by its id.
func (v *networkView) capability(id uint32) *capability {
	i, found := slices.BinarySearchFunc(v.caps, id, func(c capability, id uint32) int { return cmp.Compare(c.id, id) })
	if !found {
		return nil
	}
	return &v.caps[i]
}

// newNetwork makes a network without a record.
func newNetwork(id identity.NetworkID) *network {
	return &network{
		id:      id,
		members: make(map[identity.Address]*member),
		used:    make(map[netip.Addr]int),
	}
}

// put replaces the record.
func (n *network) put(d document, doc []byte) {
	n.doc, n.revision, n.view = doc, loose.ToUint(d["revision"], 0), viewNetwork(d)
	n.full4, n.full6 = false, false
}

// insert adds a member, which must not be there yet.
func (n *network) insert(m *member) {
	i, _ := n.find(m.address)
	n.order = slices.Insert(n.order, i, m)
	n.members[m.address] = m
}

// remove takes a member out and frees its addresses.
func (n *network) remove(m *member) {
	n.index(&m.view, -1)
	if m.view.stranger() {
		n.strangers--
	}
	if i, found := n.find(m.address); found {
		n.order = slices.Delete(n.order, i, i+1)
	}
	delete(n.members, m.address)
	m.gone = true
}

// oldestStranger is the stranger that was longest silent, nil if there is none.
func (n *network) oldestStranger() (oldest *member) {
	for _, m := range n.order {
		if m.view.stranger() && (oldest == nil || m.seenAt < oldest.seenAt) {
			oldest = m
		}
	}
	return oldest
}

func (n *network) find(a identity.Address) (int, bool) {
	return slices.BinarySearchFunc(n.order, a, func(m *member, a identity.Address) int { return cmp.Compare(m.address, a) })
}

// index adds (step 1) or takes away (step -1) what a member contributes to the
// network's derived state.
func (n *network) index(v *memberView, step int) {
	for _, ip := range v.ips {
		if n.used[ip] += step; n.used[ip] <= 0 {
			delete(n.used, ip)
			n.full4, n.full6 = false, false
		}
	}
	if v.bridge || v.replicator {
		n.specialistsStale = true
	}
}

// count returns the members that are not deleted, and those authorised.
func (n *network) count() (total, authorised int) {
	for _, m := range n.order {
		if m.view.tombstone {
			continue
		}
		total++
		if m.view.authorized {
			authorised++
		}
	}
	return total, authorised
}

// roles returns the members to announce with special roles, ascending. One that
// sends others' multicast on must be a bridge too: nobody takes frames with
// another's MAC from anyone else (spec 04 §12.5).
func (n *network) roles(compat bool) []netconf.Specialist {
	if n.specialistsStale {
		n.specialistsStale = false
		n.specialists = n.specialists[:0]
		for _, m := range n.order {
			if role := m.view.role(compat); role != 0 {
				n.specialists = append(n.specialists, role|netconf.Specialist(m.address))
			}
		}
	}
	return n.specialists
}

// role is the member's special role for the others, without its address, 0 if it
// has none. Whether it is authorised does not matter if compat.
func (v *memberView) role(compat bool) netconf.Specialist {
	switch {
	case v.tombstone, !compat && (!v.authorized || v.banned):
	case v.replicator && !compat:
		return netconf.ActiveBridge | netconf.MulticastReplicator
	case v.bridge:
		return netconf.ActiveBridge
	}
	return 0
}

// sameBut reports whether two encoded documents differ in nothing but their
// revision.
func sameBut(a, b document) bool {
	ra, rb := a["revision"], b["revision"]
	a["revision"], b["revision"] = nil, nil
	same := bytes.Equal(encode(a), encode(b))
	a["revision"], b["revision"] = ra, rb
	return same
}

// clipBytes cuts text to n bytes.
func clipBytes(s string, n int) string { return s[:min(len(s), n)] }
