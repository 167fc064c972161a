package controller

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// world does random things to a controller.
type world struct {
	*lab
	rand *rand.Rand
	log  strings.Builder // everything that was sent and answered
}

func newWorld(t testing.TB, seed uint64) *world {
	return &world{lab: newLab(t, Limits{Strangers: 5, Members: 40, PushBatch: 3}), rand: rand.New(rand.NewPCG(seed, 0))}
}

var networkBodies = []string{
	`{}`, `{"private":false}`, `{"private":true}`, `{"name":"é\u0000<&>"}`, privateNet,
	`{"ipAssignmentPools":[{"ipRangeStart":"10.1.0.1","ipRangeEnd":"10.1.0.9"}]}`,
	`{"routes":[{"target":"10.0.0.0/8"},{"target":"10.1.0.0/16","via":"10.0.0.1"},{"target":"fd00::/64"}]}`,
	`{"v6AssignMode":{"zt":true,"rfc4193":true},"ipAssignmentPools":[{"ipRangeStart":"fd00::","ipRangeEnd":"fd00::7"}]}`,
	`{"tags":[{"id":1,"default":7},{"id":2,"default":null}],"capabilities":[{"id":3,"default":true,"rules":[{"type":"ACTION_ACCEPT"}]}]}`,
	`{"authTokens":{"sesame":0}}`, `{"mtu":"x"}`, `{"mtu":-1}`, `{"rules":[]}`, `[`, `{"dns":{"domain":"a.example","servers":["10.0.0.1"]}}`,
}

var memberBodies = []string{
	`{}`, `{"authorized":true}`, `{"authorized":true}`, `{"authorized":false}`, `{"banned":true}`, `{"banned":false}`, `{"name":"x"}`,
	`{"ipAssignments":["10.1.0.3","10.9.9.9"]}`, `{"ipAssignments":[]}`, `{"activeBridge":true}`, `{"multicastReplicator":true}`, `{"multicastReplicator":false}`, `{"noAutoAssignIps":true}`,
	`{"tags":[[1,2],[9,9]]}`, `{"capabilities":[3,4]}`, `{"remoteTraceTarget":"deadbeef01","remoteTraceLevel":2}`, `5`,
}

func (w *world) network() identity.NetworkID { return testNet + identity.NetworkID(w.rand.IntN(3)) }
func (w *world) member() identity.Address    { return 0x1000000000 + identity.Address(w.rand.IntN(25)) }

func (w *world) step() {
	w.wait(clock.Mono(w.rand.IntN(1500)) * clock.Millisecond)
	switch k := w.rand.IntN(20); {
	case k < 3:
		doc, err := w.c.PutNetwork(w.at, w.network(), []byte(networkBodies[w.rand.IntN(len(networkBodies))]))
		fmt.Fprintf(&w.log, "%s %v\n", doc, err)
	case k < 8:
		doc, err := w.c.PutMember(w.at, w.network(), w.member(), []byte(memberBodies[w.rand.IntN(len(memberBodies))]))
		fmt.Fprintf(&w.log, "%s %v\n", doc, err)
	case k == 8 && w.rand.IntN(10) == 0:
		_, err := w.c.DeleteNetwork(w.at, w.network())
		fmt.Fprintln(&w.log, err)
	case k == 9:
		_, err := w.c.DeleteMember(w.at, w.network(), w.member())
		fmt.Fprintln(&w.log, err)
	case k == 10:
		w.c.Tick(w.at)
	default:
		from := testIdentity(w.member())
		if w.rand.IntN(20) == 0 {
			from.Public[3]++
		}
		meta := map[string]any{"revr": w.rand.IntN(2), "majv": 1, "a": []string{"token:sesame", "token:no"}[w.rand.IntN(2)]}
		r := w.c.Request(w.at, from, w.network(), testMeta(meta), netip.MustParseAddrPort("192.0.2.1:1"), uint8(w.rand.IntN(2)))
		fmt.Fprintf(&w.log, "%d %d %x %x\n", r.Outcome, r.Code, r.Body, r.Chunks)
	}
	w.drain()
	for _, p := range w.pushes {
		fmt.Fprintf(&w.log, "%s %d %x\n", p.To, p.Verb, p.Payload)
	}
	w.pushes = nil
}

// describe is everything that a restart must restore.
func describe(c *Controller) string {
	var b strings.Builder
	for _, id := range c.order {
		n := c.networks[id]
		fmt.Fprintf(&b, "%s %d %s %v %v\n", id, n.revision, n.doc, n.view.rules, n.roles(false))
		for _, ip := range slices.SortedFunc(maps.Keys(n.used), netip.Addr.Compare) {
			fmt.Fprintf(&b, " %s×%d\n", ip, n.used[ip])
		}
		for _, m := range n.order {
			fmt.Fprintf(&b, " %s %d %s %+v\n", m.address, m.revision, m.doc, m.view)
		}
	}
	return b.String()
}

// Whatever happens, the changes are enough to make the controller again, and
// no two members are given one address.
func TestRestartFromChanges(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		w := newWorld(t, seed)
		for i := range 600 {
			w.step()
			if i%40 != 39 {
				continue
			}
			before := describe(w.c)
			again := New(Config{Self: w.c.self, Random: w.c.random, Log: w.c.log, Limits: w.c.limits})
			if problems := again.Load(w.at, w.sorted()); len(problems) > 0 {
				t.Fatal(problems)
			}
			if after := describe(again); after != before {
				t.Fatalf("seed %d step %d: restart changed the state\nbefore %s\nafter %s", seed, i, before, after)
			}
			for _, n := range w.c.networks {
				checkNetwork(t, n)
			}
			if i%120 == 119 {
				w.c = again
			}
		}
	}
}

// checkNetwork compares what is kept with what follows from the records.
func checkNetwork(t *testing.T, n *network) {
	t.Helper()
	used, strangers := map[netip.Addr]int{}, 0
	for _, m := range n.order {
		if m.view.stranger() {
			strangers++
		}
		if n.members[m.address] != m || m.gone {
			t.Errorf("member %s is lost", m.address)
		}
		for _, ip := range m.view.ips {
			used[ip]++
		}
		if !reflect.DeepEqual(m.view, viewMember(decodeDocument(m.doc), n.id, m.address)) {
			t.Errorf("the view of member %s is not that of its record", m.address)
		}
	}
	if n.strangers != strangers {
		t.Errorf("%d strangers, counted %d", strangers, n.strangers)
	}
	if !maps.Equal(used, n.used) || len(n.members) != len(n.order) {
		t.Errorf("addresses in use: kept %v, are %v", n.used, used)
	}
	for ip, count := range used {
		if count > 1 {
			t.Errorf("%s belongs to %d members", ip, count)
		}
	}
}

func TestDeterministic(t *testing.T) {
	t.Parallel()
	run := func() string {
		w := newWorld(t, 99)
		for range 500 {
			w.step()
		}
		return w.log.String()
	}
	if a, b := run(), run(); a != b {
		t.Error("the same calls gave other results")
	}
}

// Values that a program may post.
var bodySeeds = append(append([]string{
	`{"routes":[{"target":"10.1.2.3/16","via":"10.1.0.1"},{"target":"::ffff:1.2.3.4/100"},7]}`,
	`{"capabilities":[{"id":-1,"rules":[{"type":"MATCH_CHARACTERISTICS","mask":"zz"}]}],"tags":[{"id":1e400,"default":-1.5}]}`,
	`{"ipAssignments":["::1","10.1.0.5/24","junk"],"tags":[["3","4"],[1,4294967297]],"capabilities":[null,true,"9"]}`,
	`{"v6AssignMode":"rfc4193,6plane","v4AssignMode":"zt","authTokens":{"a":0,"b":-1,"c":1.5}}`, `null`, `"x"`, `{"mtu":1e3}`,
}, networkBodies...), memberBodies...)

// FuzzPutNetwork checks that no body can do harm, and that what a network
// shows can be written back without changing it.
func FuzzPutNetwork(f *testing.F) {
	for _, s := range bodySeeds {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, compat bool) {
		l := newLab(t, Limits{})
		l.c.compat = compat
		doc, err := l.c.PutNetwork(l.at, testNet, body)
		if err != nil {
			if len(l.c.networks) != 0 || len(l.c.TakeChanges()) != 0 {
				t.Fatalf("a refused body changed something: %v", err)
			}
			return
		}
		// Once, because the default rule is spelled in a way that is not kept.
		doc = writeBack(t, doc, func(body []byte) (json.RawMessage, error) { return l.c.PutNetwork(l.at, testNet, body) })
		again := writeBack(t, doc, func(body []byte) (json.RawMessage, error) { return l.c.PutNetwork(l.at, testNet, body) })
		if !bytes.Equal(doc, again) {
			t.Fatalf("written back:\n got %s\nwant %s", again, doc)
		}
		l.putMemberAndAsk(t)
	})
}

// writeBack posts an object as it was read, but for tokens, of which null is
// read as the default (spec 05 §2.5).
func writeBack(t *testing.T, doc []byte, put func([]byte) (json.RawMessage, error)) []byte {
	t.Helper()
	d := decodeDocument(doc)
	delete(d, "authTokens")
	again, err := put(encode(d))
	if err != nil {
		t.Fatalf("%s was written and cannot be written back: %v", doc, err)
	}
	return again
}

// putMemberAndAsk serves the network that a fuzzer made.
func (l *lab) putMemberAndAsk(t *testing.T) {
	_, _ = l.c.PutMember(l.at, testNet, 0x1234567801, []byte(`{"authorized":true}`))
	if r := l.ask(0x1234567801); r.Outcome == Configured {
		l.parse(joinChunks(t, l.c, r.Chunks))
	}
}

// FuzzPutMember is FuzzPutNetwork for members.
func FuzzPutMember(f *testing.F) {
	for _, s := range bodySeeds {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, compat bool) {
		l := newLab(t, Limits{})
		l.c.compat = compat
		l.putNetwork(privateNet)
		doc, err := l.c.PutMember(l.at, testNet, 0x1234567801, body)
		if err != nil {
			if len(l.c.TakeChanges()) != 0 {
				t.Fatalf("a refused body changed something: %v", err)
			}
			return
		}
		again := writeBack(t, doc, func(body []byte) (json.RawMessage, error) { return l.c.PutMember(l.at, testNet, 0x1234567801, body) })
		if !bytes.Equal(doc, again) {
			t.Fatalf("written back:\n got %s\nwant %s", again, doc)
		}
		l.putMemberAndAsk(t)
	})
}

// FuzzLoad checks that no stored record can do harm.
func FuzzLoad(f *testing.F) {
	for _, s := range loadScenarios(f) {
		for _, st := range s.Steps {
			if st.Response != nil && s.Name != "too_many_rules" {
				f.Add(encode(st.Response), []byte(`{}`))
			}
			if st.MemberAfter != nil && s.Name != "too_many_rules" {
				f.Add([]byte(`{"private":false}`), encode(st.MemberAfter))
			}
		}
	}
	f.Fuzz(func(t *testing.T, network, member []byte) {
		l := newLab(t, Limits{})
		l.c.Load(l.at, []Record{{Network: testNet, Doc: network}, {Network: testNet, Member: 0x1234567801, Doc: member}})
		l.putMemberAndAsk(t)
		_, _ = l.c.MembersUnstableJSON(testNet)
		_, _ = l.c.DeleteNetwork(l.at, testNet)
		l.settle()
	})
}

func BenchmarkRequest(b *testing.B) {
	l := newLab(b, Limits{})
	l.putNetwork(`{"private":false,"routes":[{"target":"10.0.0.0/8"}],"v4AssignMode":{"zt":true},"ipAssignmentPools":[{"ipRangeStart":"10.1.0.0","ipRangeEnd":"10.1.255.0"}]}`)
	for i := range identity.Address(1000) {
		l.config(0x1000000000 + i)
	}
	meta := testMeta(nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		l.wait(20 * clock.Millisecond)
		l.c.Request(l.at, testIdentity(0x1000000000+identity.Address(i%1000)), testNet, meta, netip.AddrPort{}, 0)
		l.c.TakeChanges()
		l.c.TakePushes()
	}
}
