package controller

import (
	"encoding/json"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/internal/loose"
)

// member is a member record with what is known about the member in memory.
type member struct {
	address  identity.Address
	doc      []byte
	revision uint64
	view     memberView

	gone   bool       // taken out of the network
	gateAt clock.Mono // last request that passed the gate
	seenAt clock.Mono // last request with the right identity
	remote netip.AddrPort

	// active is set by the first authorised request; without it there is
	// nothing to push.
	active    bool
	ruleset   uint64     // rules engine revision the member asked with, 0 for none
	issuedAt  clock.Mono // last configuration
	timestamp clock.Wall // of the last configuration
	expiry    uint64     // log-in expiry in ms that the last configuration rests on
	expiring  bool       // in Controller.expiring

	configQueued bool
	revokeQueued bool
	told         uint64     // sequence number of the newest revocation sent
	toldAt       clock.Mono // when credentials were last pushed
	// again counts the repetitions since, of the revocations after from up to
	// until.
	again       uint8
	from, until uint64
}

// memberView is what a member record means.
type memberView struct {
	// complete: every field that a request fills in is there.
	complete bool
	// identity is the pinned identity; pinned says that the record has one,
	// pinBad that it cannot be read, which matches nobody.
	identity       identity.Identity
	pinned, pinBad bool

	authorized, banned, tombstone bool
	bridge, replicator            bool
	noAuto, ssoExempt             bool
	named                         bool

	ips  []netip.Addr // as listed, what does not parse left out
	tags []tagPair    // as listed
	caps []uint32     // as listed

	versions   [4]int64 // major, minor, revision, protocol; -1 if unknown
	lastAuth   uint64
	lastDeauth uint64
	expiry     uint64

	tracePinned bool // the member has a trace target of its own
	traceTarget identity.Address
	traceLevel  uint64
}

type tagPair struct{ id, value uint32 }

// versionKeys are the record's keys for the versions, in the order of
// memberView.versions.
var versionKeys = [4]string{"vMajor", "vMinor", "vRev", "vProto"}

// viewMember derives the view of the record of member a of network n.
func viewMember(d document, n identity.NetworkID, a identity.Address) memberView {
	v := memberView{
		authorized: loose.ToBool(d["authorized"], false),
		banned:     loose.ToBool(d["banned"], false),
		tombstone:  loose.ToBool(d["tombstone"], false),
		bridge:     loose.ToBool(d["activeBridge"], false),
		replicator: loose.ToBool(d["multicastReplicator"], false),
		noAuto:     loose.ToBool(d["noAutoAssignIps"], false),
		ssoExempt:  loose.ToBool(d["ssoExempt"], false),
		named:      loose.ToText(d["name"], "") != "",
		lastAuth:   loose.ToUint(d["lastAuthorizedTime"], 0),
		lastDeauth: loose.ToUint(d["lastDeauthorizedTime"], 0),
		expiry:     loose.ToUint(d["authenticationExpiryTime"], 0),
		complete:   memberComplete(d, n, a),
	}
	if s, _ := d["identity"].(string); s != "" {
		v.pinned = true
		id, err := identity.Parse(s)
		v.identity, v.pinBad = id, err != nil
	}
	list, _ := d["ipAssignments"].([]any)
	for _, e := range list {
		s, _ := e.(string)
		if ip, _, ok := looseIP(s); ok {
			v.ips = append(v.ips, ip)
		}
	}
	list, _ = d["tags"].([]any)
	for _, e := range list {
		if p, ok := e.([]any); ok && len(p) == 2 {
			v.tags = append(v.tags, tagPair{uint32(loose.ToUint(p[0], 0)), uint32(loose.ToUint(p[1], 0))})
		}
	}
	list, _ = d["capabilities"].([]any)
	for _, e := range list {
		v.caps = append(v.caps, uint32(loose.ToUint(e, 0)))
	}
	for i, key := range versionKeys {
		v.versions[i] = int64(loose.ToUint(d[key], 1<<64-1))
	}
	s, _ := d["remoteTraceTarget"].(string)
	v.tracePinned = len(s) == 10
	v.traceTarget, v.traceLevel = viewTrace(d)
	return v
}

// stranger reports whether nobody but the member itself has ever had to do
// with this record, so that it may make room for another.
func (v *memberView) stranger() bool {
	return v.pinned && !v.authorized && !v.banned && !v.tombstone && !v.bridge && !v.replicator && !v.noAuto && !v.ssoExempt && !v.named &&
		v.lastAuth == 0 && v.lastDeauth == 0 && v.expiry == 0 && !v.tracePinned &&
		len(v.ips) == 0 && len(v.tags) == 0 && len(v.caps) == 0
}

// memberDefaults are the fields that every member record gets (spec 05 §2.6),
// apart from the creation time and the identifiers.
func memberDefaults(set func(key string, v any)) {
	for _, key := range [...]string{"activeBridge", "authorized", "noAutoAssignIps", "ssoExempt"} {
		set(key, false)
	}
	for _, key := range [...]string{"authenticationExpiryTime", "lastAuthorizedTime", "lastDeauthorizedTime", "remoteTraceLevel", "revision"} {
		set(key, loose.Number(0))
	}
	for _, key := range [...]string{"lastAuthorizedCredential", "lastAuthorizedCredentialType", "remoteTraceTarget"} {
		set(key, nil)
	}
	for _, key := range [...]string{"capabilities", "ipAssignments", "tags"} {
		set(key, []any{})
	}
	for _, key := range versionKeys {
		set(key, json.Number("-1"))
	}
	set("objtype", "member")
}

// fillMember completes a record. The reference resets the trace level each
// time it does so.
func fillMember(d document, now clock.Wall, n identity.NetworkID, a identity.Address, compat bool) {
	fillField(d, "creationTime", loose.Number(uint64(now)))
	memberDefaults(func(key string, v any) { fillField(d, key, v) })
	if compat {
		d["remoteTraceLevel"] = loose.Number(0)
	}
	d["id"], d["address"], d["nwid"] = a.String(), a.String(), n.String()
}

// fillField sets a field that is not there.
func fillField(d document, key string, v any) {
	if _, ok := d[key]; !ok {
		d[key] = v
	}
}

// memberComplete reports whether fillMember would change nothing.
func memberComplete(d document, n identity.NetworkID, a identity.Address) bool {
	_, complete := d["creationTime"]
	for key, want := range map[string]string{"id": a.String(), "address": a.String(), "nwid": n.String()} {
		if d[key] != want {
			return false
		}
	}
	memberDefaults(func(key string, _ any) {
		if _, ok := d[key]; !ok {
			complete = false
		}
	})
	return complete
}

// dropMemberFields removes what is computed and must not be stored.
func dropMemberFields(d document) {
	for _, key := range [...]string{"clock", "physicalAddr", "recentLog", "lastModified", "lastRequestMetaData", "authenticationURL", "authenticationClientID"} {
		delete(d, key)
	}
}

func isNumber(v any) bool {
	_, ok := v.(json.Number)
	return ok
}

// newMember makes a member without a record.
func newMember(a identity.Address) *member {
	return &member{
		address: a, gateAt: clock.Never, seenAt: clock.Never, issuedAt: clock.Never, toldAt: clock.Never,
		view: memberView{versions: [4]int64{-1, -1, -1, -1}},
	}
}

// putMember replaces a member's record and the state derived from it.
func (n *network) putMember(m *member, d document, doc []byte) {
	n.index(&m.view, -1)
	if m.view.stranger() {
		n.strangers--
	}
	m.doc, m.revision, m.view = doc, loose.ToUint(d["revision"], 0), viewMember(d, n.id, m.address)
	n.index(&m.view, 1)
	if m.view.stranger() {
		n.strangers++
	}
}

// online reports whether the member has asked recently.
func (m *member) online(now clock.Mono) bool { return now-m.seenAt < onlineFor }

// has reports whether the record lists an address.
func (m *member) has(ip netip.Addr) bool { return slices.Contains(m.view.ips, ip) }
