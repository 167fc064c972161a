package controller

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/wire"
)

const testNet identity.NetworkID = 0x8e4df28b72000001

// lab is a controller with a clock, and members that follow what it sends.
type lab struct {
	t       testing.TB
	c       *Controller
	at      clock.Instant
	records map[recordKey]Record
	pushes  []Push
}

type recordKey struct {
	network identity.NetworkID
	member  identity.Address
}

func newLab(t testing.TB, limits Limits) *lab {
	l := &lab{t: t, at: clock.Instant{Mono: clock.Hour, Wall: 1_700_000_000_000}, records: map[recordKey]Record{}}
	l.c = New(Config{Self: testSecret(t, 0x8e4df28b72), Random: testRandom(), Log: testLog(t), Limits: limits})
	return l
}

func (l *lab) wait(d clock.Mono) { l.at = l.at.Add(d) }

// drain takes what the controller has to say and keeps the records as a store
// would.
func (l *lab) drain() {
	for _, c := range l.c.TakeChanges() {
		key := recordKey{c.Network, c.Member}
		switch {
		case c.Delete && c.Member == 0:
			for k := range l.records {
				if k.network == c.Network {
					delete(l.records, k)
				}
			}
		case c.Delete:
			delete(l.records, key)
		default:
			l.records[key] = c.Record
		}
	}
	l.pushes = append(l.pushes, l.c.TakePushes()...)
}

func (l *lab) putNetwork(body string) {
	l.t.Helper()
	if _, err := l.c.PutNetwork(l.at, testNet, []byte(body)); err != nil {
		l.t.Fatal(err)
	}
	l.drain()
}

func (l *lab) putMember(a identity.Address, body string) document {
	l.t.Helper()
	doc, err := l.c.PutMember(l.at, testNet, a, []byte(body))
	if err != nil {
		l.t.Fatal(err)
	}
	l.drain()
	return decodeDocument(doc)
}

func (l *lab) ask(a identity.Address) Reply {
	r := l.c.Request(l.at, testIdentity(a), testNet, testMeta(nil), netip.AddrPort{}, 0)
	l.drain()
	return r
}

// config asks and returns the configuration, which must come.
func (l *lab) config(a identity.Address) *netconf.Config {
	l.t.Helper()
	r := l.ask(a)
	if r.Outcome != Configured {
		l.t.Fatalf("request of %s: outcome %d, code %s", a, r.Outcome, r.Code)
	}
	return l.parse(joinChunks(l.t, l.c, r.Chunks))
}

func (l *lab) parse(config []byte) *netconf.Config {
	l.t.Helper()
	cfg, err := netconf.Parse(config)
	if err != nil {
		l.t.Fatal(err)
	}
	return cfg
}

func (l *lab) refused(a identity.Address, code wire.ErrorCode) {
	l.t.Helper()
	if r := l.ask(a); r.Outcome != Refused || r.Code != code || len(r.Body) < 8 || identity.NetworkIDFrom(r.Body) != testNet {
		l.t.Errorf("request of %s: outcome %d, code %s, want %s", a, r.Outcome, r.Code, code)
	}
}

// revoked returns the targets of the revocations that were pushed to a member.
func (l *lab) revoked(to identity.Address) (out []identity.Address) {
	l.t.Helper()
	for _, p := range l.pushes {
		if p.Verb != wire.VerbNetworkCredentials || p.To != to {
			continue
		}
		r := credential.NewReader(p.Payload)
		for r.Next() {
			if o, _ := r.Revocation.Verify(lookup(l.c)); r.Type() != credential.TypeRevocation || o != credential.OK {
				l.t.Errorf("bad revocation: %s, %v", r.Type(), o)
			}
			out = append(out, r.Revocation.Target)
		}
		if !r.Complete() {
			l.t.Errorf("revocations end too early: %v", r.Err())
		}
	}
	return out
}

func (l *lab) pushed(verb wire.Verb, to identity.Address) (n int) {
	for _, p := range l.pushes {
		if p.Verb == verb && p.To == to {
			n++
		}
	}
	return n
}

// settle lets queued pushes go out.
func (l *lab) settle() {
	for {
		at, armed := l.c.Deadline()
		if !armed {
			return
		}
		if at > l.at.Mono {
			l.wait(at - l.at.Mono)
		}
		l.c.Tick(l.at)
		l.drain()
	}
}

const privateNet = `{"routes":[{"target":"10.1.0.0/16"}],"ipAssignmentPools":[{"ipRangeStart":"10.1.0.1","ipRangeEnd":"10.1.0.254"}],"v4AssignMode":{"zt":true}}`

func TestJoinAuthoriseRevoke(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(privateNet)
	const a, b, c identity.Address = 0x1234567801, 0x1234567802, 0x1234567803

	// Strangers are recorded and refused.
	for _, m := range []identity.Address{a, b, c} {
		l.refused(m, wire.ErrorNetworkAccessDenied)
	}
	if list, _ := l.c.Members(testNet); len(list) != 3 {
		t.Fatalf("members: %v", list)
	}
	// A first authorisation is not pushed: what the member supports is unknown.
	l.putMember(a, `{"authorized":true}`)
	l.putMember(b, `{"authorized":true}`)
	if len(l.pushes) != 0 {
		t.Fatalf("pushed %v", l.pushes)
	}
	l.wait(2 * clock.Second)
	ours, theirs := l.config(a), l.config(b)
	if !ours.Membership.Agrees(&theirs.Membership, testIdentity(b)) {
		t.Error("the memberships of two members do not agree")
	}
	if len(ours.Addresses) != 1 || ours.Addresses[0] == theirs.Addresses[0] {
		t.Errorf("addresses %v and %v", ours.Addresses, theirs.Addresses)
	}
	if !l.c.Authorized(l.at, testNet, a) || l.c.Authorized(l.at, testNet, c) {
		t.Error("who may use our multicast")
	}

	// De-authorisation tells everybody that is online, and the member itself.
	l.wait(2 * clock.Second)
	l.putMember(b, `{"authorized":false}`)
	for _, m := range []identity.Address{a, b} {
		if got := l.revoked(m); len(got) != 1 || got[0] != b {
			t.Errorf("%s heard of revocations %v", m, got)
		}
	}
	if got := l.revoked(c); got != nil {
		t.Errorf("the stranger heard of %v", got)
	}
	if l.pushed(wire.VerbError, b) != 1 {
		t.Error("the member was not told that it is out")
	}
	if l.c.Authorized(l.at, testNet, b) {
		t.Error("the member may still use our multicast")
	}
	l.refused(b, wire.ErrorNetworkAccessDenied)

	// Re-authorised at once, the new certificate is newer than what was revoked.
	before := l.at.Wall
	l.putMember(b, `{"authorized":true}`)
	if l.pushed(wire.VerbNetworkConfig, b) != 1 {
		t.Fatal("the member that came back got no configuration")
	}
	for _, p := range l.pushes {
		if p.Verb == wire.VerbNetworkConfig && p.To == b {
			if cfg := l.parse(p.Config); cfg.Membership.Timestamp() <= before {
				t.Errorf("timestamp %d, revoked up to %d", cfg.Membership.Timestamp(), before)
			}
		}
	}
	l.wait(181 * clock.Second)
	if l.c.Authorized(l.at, testNet, a) {
		t.Error("a silent member may use our multicast for ever")
	}
}

// Members that were offline hear of a revocation when they come back, also
// after a restart of the controller.
func TestRevocationReachesOfflineMembers(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":false}`)
	const a, b identity.Address = 0x1234567801, 0x1234567802
	l.config(a)
	l.config(b)
	l.wait(10 * clock.Minute)
	if _, err := l.c.DeleteMember(l.at, testNet, b); err != nil {
		t.Fatal(err)
	}
	l.drain()
	if got := l.revoked(a); got != nil {
		t.Fatalf("pushed to an offline member: %v", got)
	}
	l.wait(clock.Minute)
	l.config(a)
	l.settle()
	if got := l.revoked(a); !slices.Equal(got, []identity.Address{b, b, b}) {
		t.Fatalf("told %v", got)
	}

	l.pushes = nil
	l.restart()
	l.wait(clock.Minute)
	l.config(a)
	l.settle()
	if got := l.revoked(a); !slices.Equal(got, []identity.Address{b, b, b}) {
		t.Fatalf("told %v after the restart", got)
	}

	l.pushes = nil
	l.restart()
	l.wait(clock.Hour)
	l.config(a)
	l.settle()
	if got := l.revoked(a); got != nil {
		t.Fatalf("told %v after the credentials have run out anyway", got)
	}
}

// restart makes a new controller from the records.
func (l *lab) restart() {
	l.t.Helper()
	c := New(Config{Self: l.c.self, Random: l.c.random, Log: l.c.log, Limits: l.c.limits})
	if problems := c.Load(l.at, l.sorted()); len(problems) > 0 {
		l.t.Fatal(problems)
	}
	l.c = c
}

func TestRevocationsAreSpacedAndBatched(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":false}`)
	const watcher identity.Address = 0x1234567801
	l.config(watcher)
	for i := range identity.Address(100) {
		l.config(0x2000000000 + i)
	}
	l.pushes = nil
	for i := range identity.Address(100) {
		l.putMember(0x2000000000+i, `{"authorized":false}`)
	}
	var times []clock.Mono
	seen := 0
	for start := l.at.Mono; l.at.Mono < start+20*clock.Second; l.wait(100 * clock.Millisecond) {
		l.c.Tick(l.at)
		l.drain()
		if n := l.pushed(wire.VerbNetworkCredentials, watcher); n > seen {
			seen = n
			times = append(times, l.at.Mono)
		}
	}
	count := make(map[identity.Address]int)
	for _, a := range l.revoked(watcher) {
		count[a]++
	}
	for i := range identity.Address(100) {
		if n := count[0x2000000000+i]; n < 1+repetitions {
			t.Errorf("told of revocation %d %d times", i, n)
		}
	}
	// The first alone, twice all, twice all but the first.
	if seen > 9 {
		t.Errorf("%d packets for what fits into nine", seen)
	}
	for i := 1; i < len(times); i++ {
		if times[i]-times[i-1] < clock.Second {
			t.Errorf("packets %v apart, receivers drop those within a second", times[i]-times[i-1])
		}
	}
}

func TestDisband(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":false}`)
	const a, b identity.Address = 0x1234567801, 0x1234567802
	l.config(a)
	l.config(b)
	if _, err := l.c.DeleteNetwork(l.at, testNet); err != nil {
		t.Fatal(err)
	}
	l.drain()
	l.settle()
	for _, m := range []identity.Address{a, b} {
		if got := l.revoked(m); !slices.Equal(got, []identity.Address{a, b, a, b, a, b}) {
			t.Errorf("%s heard of %s", m, got)
		}
	}
	if len(l.records) != 0 {
		t.Errorf("records left: %v", l.records)
	}
	l.wait(2 * clock.Second)
	l.refused(a, wire.ErrorObjectNotFound)
	if _, armed := l.c.Deadline(); armed {
		t.Error("something is queued for ever")
	}
}

func TestPinnedIdentity(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":false}`)
	const a identity.Address = 0x1234567801
	l.config(a)
	l.wait(2 * clock.Second)
	other := testIdentity(a)
	other.Public[0]++
	before, _ := l.c.MemberJSON(testNet, a)
	r := l.c.Request(l.at, other, testNet, testMeta(nil), netip.AddrPort{}, 0)
	if r.Outcome != Refused || r.Code != wire.ErrorNetworkAccessDenied {
		t.Errorf("another key for the address: %+v", r)
	}
	if after, _ := l.c.MemberJSON(testNet, a); string(before) != string(after) || len(l.c.TakeChanges()) != 0 {
		t.Error("another key changed the record")
	}
	l.wait(2 * clock.Second)
	l.config(a)
}

func TestBan(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":false}`)
	const a identity.Address = 0x1234567801
	l.config(a)
	if d := l.putMember(a, `{"banned":true}`); d["banned"] != true || d["authorized"] != false {
		t.Errorf("record of a banned member: %s", encode(d))
	}
	l.wait(2 * clock.Second)
	l.refused(a, wire.ErrorNetworkAccessDenied)
	if d := l.putMember(a, `{"banned":false}`); d["banned"] != nil {
		t.Errorf("ban not lifted: %s", encode(d))
	}
	l.wait(2 * clock.Second)
	l.config(a)
	l.putMember(a, `{"banned":true}`)
	if d := l.putMember(a, `{"authorized":true}`); d["banned"] != nil {
		t.Errorf("authorising does not lift the ban: %s", encode(d))
	}
}

func TestDeletedMember(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":false}`)
	const a identity.Address = 0x1234567801
	l.config(a)
	if _, err := l.c.DeleteMember(l.at, testNet, a); err != nil {
		t.Fatal(err)
	}
	l.drain()
	l.restart()
	l.wait(2 * clock.Second)
	l.refused(a, wire.ErrorNetworkAccessDenied)
	if _, err := l.c.MemberJSON(testNet, a); !errors.Is(err, ErrNotFound) {
		t.Errorf("a deleted member is shown: %v", err)
	}
	if _, err := l.c.DeleteMember(l.at, testNet, a); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	if b, _ := l.c.MembersUnstableJSON(testNet); strings.Contains(string(b), "tombstone") {
		t.Errorf("listed: %s", b)
	}
	if d := l.putMember(a, `{"name":"again"}`); d["identity"] != nil || d["tombstone"] != nil {
		t.Errorf("taken in again with an old record: %s", encode(d))
	}
	l.wait(2 * clock.Second)
	l.config(a)
}

func TestTimestampsAlwaysDiffer(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":false}`)
	const a identity.Address = 0x1234567801
	last := l.config(a).Timestamp
	for i, step := range []clock.Wall{0, 1000, -5000, 60_000, -24 * 3_600_000} {
		l.at.Mono += 2 * clock.Second
		l.at.Wall += step
		ts := l.config(a).Timestamp
		if ts == last {
			t.Errorf("step %d: the same timestamp again", i)
		}
		if ts < last && step > -netconf.MinMaxDelta {
			t.Errorf("step %d: timestamp went back from %d to %d", i, last, ts)
		}
		last = ts
	}
	if last > l.at.Wall+1 {
		t.Error("a clock that was set back by a day is not followed")
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	doc := fmt.Sprintf(`{"id":%q,"nwid":%q,"objtype":"network","ssoEnabled":true,"revision":1}`, testNet, testNet)
	l.records[recordKey{network: testNet}] = Record{Network: testNet, Format: RecordFormat, Doc: []byte(doc)}
	l.restart()
	const a, b identity.Address = 0x1234567801, 0x1234567802
	until := l.at.Wall + 60_000
	l.putMember(a, fmt.Sprintf(`{"authorized":true,"authenticationExpiryTime":%d}`, until))
	l.putMember(b, fmt.Sprintf(`{"authorized":true,"authenticationExpiryTime":%d}`, until*2))
	cfg := l.config(a)
	if !cfg.SSO.Enabled || cfg.SSO.Expiry != until {
		t.Errorf("log-in of the configuration: %+v", cfg.SSO)
	}
	l.config(b)
	l.wait(59 * clock.Second)
	l.c.Tick(l.at)
	l.drain()
	if got := l.revoked(b); got != nil {
		t.Fatalf("revoked %v too early", got)
	}
	l.wait(2 * clock.Second)
	l.c.Tick(l.at)
	l.drain()
	if got := l.revoked(b); len(got) != 1 || got[0] != a {
		t.Errorf("revoked %v when the log-in ran out", got)
	}
	l.refused(a, wire.ErrorNetworkAuthenticationRequired)
	var record struct{ Authorized bool }
	raw, _ := l.c.MemberJSON(testNet, a)
	if err := json.Unmarshal(raw, &record); err != nil || !record.Authorized {
		t.Error("an expired log-in changed the record")
	}
}

// TestLoginProlonged: however often a log-in is prolonged it is watched once, and
// what counts is when the last one runs out.
func TestLoginProlonged(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	doc := fmt.Sprintf(`{"id":%q,"nwid":%q,"objtype":"network","ssoEnabled":true,"revision":1}`, testNet, testNet)
	l.records[recordKey{network: testNet}] = Record{Network: testNet, Format: RecordFormat, Doc: []byte(doc)}
	l.restart()
	const a, b identity.Address = 0x1234567801, 0x1234567802
	l.putMember(b, `{"authorized":true,"authenticationExpiryTime":9999999999999}`)
	l.config(b)
	for range 20 {
		l.putMember(a, fmt.Sprintf(`{"authorized":true,"authenticationExpiryTime":%d}`, l.at.Wall+10_000))
		l.config(a)
		l.wait(5 * clock.Second)
		l.config(b)
		l.c.Tick(l.at)
		l.drain()
	}
	if n := len(l.c.expiring); n != 2 || l.revoked(b) != nil {
		t.Fatalf("%d log-ins watched, want 2; revoked %v", n, l.revoked(b))
	}
	l.wait(6 * clock.Second)
	l.c.Tick(l.at)
	l.drain()
	if got := l.revoked(b); len(got) != 1 || got[0] != a || len(l.c.expiring) != 1 {
		t.Errorf("revoked %v, %d watched", got, len(l.c.expiring))
	}
}

// TestSilentMemberIsNotTold: only a member that got a configuration from us and
// asked lately hears that it is out.
func TestSilentMemberIsNotTold(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":true}`)
	const silent, stranger, online identity.Address = 0x1234567801, 0x1234567802, 0x1234567803
	l.putMember(silent, `{"authorized":true}`)
	l.config(silent)
	l.wait(onlineFor)
	l.refused(stranger, wire.ErrorNetworkAccessDenied)
	l.putMember(online, `{"authorized":true}`)
	l.config(online)
	for _, a := range []identity.Address{silent, stranger, online} {
		l.putMember(a, `{"authorized":true}`)
		l.putMember(a, `{"authorized":false}`)
		l.drain()
		if got, want := l.pushed(wire.VerbError, a), map[bool]int{true: 1}[a == online]; got != want {
			t.Errorf("%s was told %d times, want %d", a, got, want)
		}
	}
}

// TestNewBridgeIsAnnounced: members drop what comes through a bridge that they
// know nothing of, so they are told at once, and of its end too.
func TestNewBridgeIsAnnounced(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":true}`)
	const bridge, other identity.Address = 0x1111111111, 0x2222222222
	for _, a := range []identity.Address{bridge, other} {
		l.putMember(a, `{"authorized":true}`)
		l.config(a)
	}
	for i, c := range []struct {
		body  string
		told  []identity.Address
		bridg int
	}{
		{`{"activeBridge":true}`, []identity.Address{bridge, other}, 1},
		{`{"name":"shed"}`, []identity.Address{bridge}, 1},
		{`{"authorized":false}`, []identity.Address{other}, 0},
		{`{"authorized":true}`, []identity.Address{bridge, other}, 1},
		{`{"activeBridge":false}`, []identity.Address{bridge, other}, 0},
	} {
		l.wait(5 * clock.Second)
		l.ask(bridge)
		l.ask(other)
		l.pushes = nil
		l.putMember(bridge, c.body)
		var told []identity.Address
		for _, p := range l.pushes {
			if p.Config == nil {
				continue
			}
			told = append(told, p.To)
			if p.To == other {
				if got := len(l.parse(p.Config).WithRole(nil, netconf.ActiveBridge)); got != c.bridg {
					t.Errorf("%d: %d bridges announced, want %d", i, got, c.bridg)
				}
			}
		}
		slices.Sort(told)
		if !slices.Equal(told, c.told) {
			t.Errorf("%d: told %v, want %v", i, told, c.told)
		}
	}
}

// TestReplicatorIsAnnounced: a member that sends others' multicast on is a bridge
// too, or nobody would take it from there; records of others do not have the
// field.
func TestReplicatorIsAnnounced(t *testing.T) {
	t.Parallel()
	l := newLab(t, Limits{})
	l.putNetwork(`{"private":true}`)
	const hub, other identity.Address = 0x1111111111, 0x2222222222
	for _, a := range []identity.Address{hub, other} {
		if _, has := l.putMember(a, `{"authorized":true}`)["multicastReplicator"]; has {
			t.Error("an ordinary member's record names the role")
		}
		l.config(a)
	}
	for i, c := range []struct {
		body string
		want []netconf.Specialist
	}{
		{`{"multicastReplicator":true}`, []netconf.Specialist{netconf.Specialist(hub) | netconf.ActiveBridge | netconf.MulticastReplicator}},
		{`{"activeBridge":true}`, []netconf.Specialist{netconf.Specialist(hub) | netconf.ActiveBridge | netconf.MulticastReplicator}},
		{`{"multicastReplicator":false}`, []netconf.Specialist{netconf.Specialist(hub) | netconf.ActiveBridge}},
		{`{"activeBridge":false,"multicastReplicator":true}`, []netconf.Specialist{netconf.Specialist(hub) | netconf.ActiveBridge | netconf.MulticastReplicator}},
		{`{"authorized":false}`, nil},
	} {
		l.wait(5 * clock.Second)
		record := l.putMember(hub, c.body)
		if got := l.config(other).Specialists; !slices.Equal(got, c.want) {
			t.Errorf("%d: announced %x, want %x", i, got, c.want)
		}
		if _, has := record["multicastReplicator"]; has != (i != 2) { // only the third takes it away
			t.Errorf("%d: record %v", i, record)
		}
	}
}
