package controller

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/internal/loose"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/wire"
)

// The scenarios were recorded with the reference's controller (spec 05 §7).
type scenario struct {
	Name         string
	InitialFiles map[string]any `json:"initial_files"`
	Steps        []step
}

type step struct {
	Method, Path string
	Body         json.RawMessage
	RawBody      *string `json:"raw_body"`
	Status       int
	Response     any
	ResponseRaw  *string `json:"response_raw"`
	Sent         []map[string]any
	Request      *struct {
		NWID, Address, Identity string
		Meta                    map[string]any
		Queued                  bool
	}
	MemberAfter      any  `json:"member_after"`
	ExceptionNoReply bool `json:"exception_no_reply"`
	Files            []string
	File             string
	Content          any
}

func loadScenarios(t testing.TB) (out []scenario) {
	t.Helper()
	for _, name := range []string{"testdata/scenarios.json", "testdata/local_api.json"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var v struct{ Scenarios []scenario }
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v.Scenarios...)
	}
	return out
}

// controllerOf are the addresses of the controllers in the recordings.
var controllerOf = map[string]identity.Address{"local_api_first": 0x294551b91f, "local_api_second": 0x539827c525}

func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, compat := range []bool{true, false} {
		for _, s := range loadScenarios(t) {
			t.Run(fmt.Sprintf("%s/compat=%t", s.Name, compat), func(t *testing.T) {
				t.Parallel()
				newPlayer(t, &s, compat).play()
			})
		}
	}
}

// player runs one scenario on a fresh controller.
type player struct {
	t      *testing.T
	s      *scenario
	compat bool
	c      *Controller
	at     clock.Instant
	start  clock.Wall
}

func newPlayer(t *testing.T, s *scenario, compat bool) *player {
	at := clock.Instant{Mono: clock.Hour, Wall: 1_700_000_000_000}
	self := controllerOf[s.Name]
	if self == 0 {
		self = 0x8e4df28b72
	}
	c := New(Config{Self: testSecret(t, self), Random: testRandom(), Log: testLog(t), Compat: compat})
	p := &player{t: t, s: s, compat: compat, c: c, at: at, start: at.Wall}
	if problems := c.Load(at, p.initial()); len(problems) > 0 && s.Name != "load_existing_files" {
		t.Fatalf("load: %v", problems)
	}
	return p
}

// initial are the records in the scenario's files. Files that the reference
// skips are the importer's to skip; see package store.
func (p *player) initial() (out []Record) {
	for _, members := range []bool{false, true} {
		for name, content := range p.s.InitialFiles {
			m, ok := content.(map[string]any)
			if !ok || m["id"] == nil || strings.Contains(name, "/member/") != members {
				continue
			}
			r := Record{Doc: encode(m), Format: RecordFormat}
			parts := strings.Split(strings.TrimSuffix(name, ".json"), "/")
			r.Network, _ = identity.ParseNetworkID(parts[1])
			if members {
				r.Member, _ = identity.ParseAddress(parts[3])
			}
			out = append(out, r)
		}
	}
	return out
}

func (p *player) play() {
	for i := range p.s.Steps {
		st := p.s.Steps[i]
		if d, ok := deviations[p.s.Name][i]; ok && (!p.compat || d.both) {
			if d.load {
				p.load(&st)
				continue
			}
			d.bend(&st)
		}
		wait := 2 * clock.Second
		if st.Request != nil && st.Request.Queued && len(st.Sent) == 0 {
			wait = clock.Second / 2 // recorded to show that it comes too soon
		}
		p.at = p.at.Add(wait)
		what := fmt.Sprintf("step %d %s %s", i, st.Method, st.Path)
		switch {
		case st.Request != nil:
			p.request(what, &st)
		case st.Method != "":
			p.call(what, &st)
		case st.File != "":
			p.file(what, &st)
		}
		p.c.TakeChanges()
	}
}

// load puts what a step of the reference stored into the controller, as the
// import of its files would.
func (p *player) load(st *step) {
	doc := strings.ReplaceAll(string(encode(st.Response)), `"NOW"`, fmt.Sprint(p.at.Wall))
	id, err := identity.ParseNetworkID(st.Path[len("/controller/network/"):])
	if err != nil {
		p.t.Fatal(err)
	}
	if problems := p.c.Load(p.at, []Record{{Network: id, Doc: []byte(doc)}}); len(problems) > 0 {
		p.t.Fatal(problems)
	}
}

// call maps a recorded HTTP request to the management API as package service/api
// does.
func (p *player) call(what string, st *step) {
	path, query, _ := strings.Cut(st.Path, "?")
	if query != "" { // jsonp is not offered
		return
	}
	doc, err := p.route(st.Method, path, []byte(st.body()))
	status := statusOf(err)
	if status != st.Status {
		p.t.Errorf("%s %s: status %d (%v), want %d", what, st.body(), status, err, st.Status)
	}
	if st.Response != nil && status == 200 {
		p.compare(what, st.Response, doc)
	}
	sent := p.sent(Reply{}, 0)
	if st.Sent != nil { // recorded only where it matters
		p.compareSent(what, st.Sent, sent)
	}
}

func (st *step) body() string {
	if st.RawBody != nil {
		return *st.RawBody
	}
	return string(st.Body)
}

func statusOf(err error) int {
	var bad *BadInputError
	var conflict *ConflictError
	switch {
	case err == nil:
		return 200
	case errors.As(err, &bad):
		return bad.Status
	case errors.As(err, &conflict):
		return 409
	case errors.Is(err, ErrNotFound):
		return 404
	}
	return 503
}

var (
	pathNetwork = regexp.MustCompile(`^/controller/network/([0-9a-fA-F]{16}|[0-9a-fA-F]{10}_{6})$`)
	pathMembers = regexp.MustCompile(`^/(unstable/)?controller/network/([0-9a-fA-F]{16})/member$`)
	pathMember  = regexp.MustCompile(`^/controller/network/([0-9a-fA-F]{16})/member/([0-9a-fA-F]{10})$`)
)

func (p *player) route(method, path string, body []byte) ([]byte, error) {
	put := method == "POST" || method == "PUT"
	if method != "GET" && method != "DELETE" && !put {
		return nil, ErrNotFound
	}
	switch path {
	case "/controller":
		return p.c.StatusJSON(p.at, true), nil
	case "/controller/network":
		return encode(p.c.Networks()), nil
	case "/unstable/controller/network":
		return p.c.NetworksUnstableJSON(), nil
	}
	if m := pathMember.FindStringSubmatch(path); m != nil {
		id, _ := identity.ParseNetworkID(m[1])
		a, _ := identity.ParseAddress(m[2])
		switch {
		case put:
			return p.c.PutMember(p.at, id, a, body)
		case method == "DELETE":
			return p.c.DeleteMember(p.at, id, a)
		}
		return p.c.MemberJSON(id, a)
	}
	if m := pathMembers.FindStringSubmatch(path); m != nil {
		id, _ := identity.ParseNetworkID(m[2])
		if m[1] != "" {
			return p.c.MembersUnstableJSON(id)
		}
		list, err := p.c.Members(id)
		out := map[string]any{}
		for _, m := range list {
			out[m.Address.String()] = loose.Number(m.Revision)
		}
		return encode(out), err
	}
	m := pathNetwork.FindStringSubmatch(path)
	if m == nil {
		return nil, ErrNotFound
	}
	name, err := p.c.ParseNetworkName(m[1])
	switch {
	case err != nil:
		return nil, err
	case put && name.Choose:
		_, doc, err := p.c.NewNetwork(p.at, body)
		return doc, err
	case put:
		return p.c.PutNetwork(p.at, name.ID, body)
	case method == "DELETE":
		return p.c.DeleteNetwork(p.at, name.ID)
	}
	return p.c.NetworkJSON(name.ID)
}

func (p *player) request(what string, st *step) {
	what += "request of " + st.Request.Address
	from, err := identity.Parse(st.Request.Identity)
	if err != nil {
		p.t.Fatal(err)
	}
	nwid, _ := identity.ParseNetworkID(st.Request.NWID)
	r := p.c.Request(p.at, from, nwid, testMeta(st.Request.Meta), netip.MustParseAddrPort("192.0.2.7:9993"), 0)
	p.compareSent(what, st.Sent, p.sent(r, from.Address))
	if _, m := p.c.lookup(nwid, from.Address); m != nil {
		p.compare(what+": record", st.MemberAfter, m.doc)
	} else if st.MemberAfter != nil {
		p.t.Errorf("%s: no record, want %v", what, st.MemberAfter)
	}
}

// testMeta writes a recorded meta-data object: numbers as 16 hex digits.
func testMeta(meta map[string]any) wire.Dictionary {
	if meta == nil {
		meta = map[string]any{"v": 7, "pv": 12, "majv": 1, "minv": 14, "revv": 1, "revr": 1}
	}
	var w wire.DictionaryWriter
	for key, v := range meta {
		switch v := v.(type) {
		case string:
			w.AddText(key, v)
		default:
			w.AddUint64(key, loose.ToUint(json.Number(fmt.Sprint(v)), 0))
		}
	}
	return wire.ParseDictionary(w.Bytes(), wire.MetadataCapacity)
}

// sent describes reply and pushes as the recording does.
func (p *player) sent(r Reply, to identity.Address) (out []map[string]any) {
	const packet = "1122334455667788"
	switch r.Outcome {
	case Refused:
		out = append(out, describeError(r.Code, r.Body, to, packet))
	case Configured:
		out = append(out, p.describe(joinChunks(p.t, p.c, r.Chunks), packet))
	}
	for _, push := range p.c.TakePushes() {
		switch push.Verb {
		case wire.VerbNetworkConfig:
			if push.Config != nil {
				out = append(out, p.describe(push.Config, "0000000000000000"))
			}
		case wire.VerbError:
			out = append(out, describeError(push.Code, push.Payload, push.To, "0000000000000000"))
		}
	}
	return out
}

func describeError(code wire.ErrorCode, body []byte, to identity.Address, packet string) map[string]any {
	m := map[string]any{"send": "error", "to": to.String(), "request_packet_id": packet}
	switch code {
	case wire.ErrorObjectNotFound:
		m["code"] = "OBJECT_NOT_FOUND"
	case wire.ErrorNetworkAccessDenied:
		m["code"] = "ACCESS_DENIED"
	case wire.ErrorNetworkAuthenticationRequired:
		m["code"], m["data"] = "AUTHENTICATION_REQUIRED", string(body[min(10, len(body)):])
	}
	return m
}

func (p *player) describe(config []byte, packet string) map[string]any {
	cfg, err := netconf.Parse(config)
	if err != nil {
		p.t.Fatalf("own configuration: %v", err)
	}
	texts := func(in []netip.Prefix) []any {
		out := []any{}
		for _, a := range in {
			out = append(out, renderPrefix(a.Addr(), a.Bits()))
		}
		return out
	}
	m := map[string]any{
		"send": "config", "to": cfg.IssuedTo.String(), "request_packet_id": packet, "nwid": cfg.Network.String(),
		"revision": num(cfg.Revision), "name": cfg.Name, "mtu": num(cfg.MTU), "multicastLimit": num(cfg.MulticastLimit),
		"flags": num(cfg.Flags), "credentialTimeMaxDelta": num(cfg.MaxDelta), "type": "PRIVATE",
		"remoteTraceTarget": cfg.TraceTarget.String(), "remoteTraceLevel": num(cfg.TraceLevel), "ssoEnabled": cfg.SSO.Enabled,
		"staticIps": texts(cfg.Addresses), "rule_count": num(len(cfg.Rules)), "rules_wire": hex.EncodeToString(rule.Append(nil, cfg.Rules)),
	}
	if cfg.Public {
		m["type"] = "PUBLIC"
	}
	routes, specialists, tags, caps, coos, servers := []any{}, []any{}, []any{}, []any{}, []any{}, []any{}
	for _, r := range cfg.Routes {
		via := ""
		if r.Via.IsValid() {
			via = r.Via.String()
		}
		routes = append(routes, map[string]any{"target": renderPrefix(r.Target.Addr(), r.Target.Bits()), "via": via})
	}
	for _, s := range cfg.Specialists {
		specialists = append(specialists, fmt.Sprintf("%016x", uint64(s)))
	}
	look := func(a identity.Address) (identity.Identity, bool) { return p.c.self.Identity, a == p.c.self.Address }
	check := func(o fmt.Stringer, name string) {
		if o.String() != "ok" {
			p.t.Errorf("%s does not verify", name)
		}
	}
	for i := range cfg.Tags {
		t := &cfg.Tags[i]
		o, _ := t.Verify(look)
		check(o, "tag")
		tags = append(tags, []any{num(t.ID), num(t.Value)})
	}
	for i := range cfg.Capabilities {
		k := &cfg.Capabilities[i]
		o, _ := k.Verify(look)
		check(o, "capability")
		caps = append(caps, map[string]any{"id": num(k.ID), "rules_wire": hex.EncodeToString(rule.Append(nil, k.Rules))})
	}
	for i := range cfg.Ownerships {
		k, things := &cfg.Ownerships[i], []any{}
		o, _ := k.Verify(look)
		check(o, "ownership")
		for _, t := range k.Things {
			things = append(things, map[string]any{"type": num(t.Type), "value": hex.EncodeToString(t.Value[:])})
		}
		coos = append(coos, map[string]any{"id": num(k.ID), "things": things})
	}
	o, _ := cfg.Membership.Verify(look)
	check(o, "membership")
	var qualifiers []any
	for _, q := range cfg.Membership.Qualifiers() {
		value := fmt.Sprintf("%016x", q.Value)
		var v any = value
		if q.ID == 0 {
			v = num(q.Value)
		}
		qualifiers = append(qualifiers, []any{num(q.ID), v, fmt.Sprintf("%016x", q.MaxDelta)})
	}
	m["com"] = map[string]any{"qualifiers": qualifiers, "signed_by": cfg.Membership.Signer.String()}
	for _, s := range cfg.DNS.Servers {
		text := ""
		if s.IsValid() {
			text = s.String() + "/0"
		}
		servers = append(servers, text)
	}
	m["routes"], m["specialists"], m["tags"], m["capabilities"] = routes, specialists, tags, caps
	m["certificates_of_ownership"], m["dns"] = coos, map[string]any{"domain": cfg.DNS.Domain, "servers": servers}
	return m
}

func num(v any) json.Number { return json.Number(fmt.Sprint(v)) }

func (p *player) file(what string, st *step) {
	parts := strings.Split(strings.TrimSuffix(st.File, ".json"), "/")
	id, _ := identity.ParseNetworkID(parts[1])
	doc := p.c.networks[id].doc
	if len(parts) == 4 {
		a, _ := identity.ParseAddress(parts[3])
		doc = p.c.networks[id].members[a].doc
	}
	p.compare(what+st.File, st.Content, doc)
}

func (p *player) compareSent(what string, want, got []map[string]any) {
	if len(want) != len(got) {
		p.t.Errorf("%s: sent %d messages, want %d: %s", what, len(got), len(want), encode(got))
		return
	}
	for i := range want {
		delete(want[i], "legacy") // not visible in a configuration
		p.compare(fmt.Sprintf("%s: message %d", what, i), want[i], encode(got[i]))
	}
}

// compare compares documents. "NOW" in the recording is any time since the
// start.
func (p *player) compare(what string, want any, got []byte) {
	p.t.Helper()
	have, err := parseValue(got)
	if err != nil {
		p.t.Errorf("%s: %v in %s", what, err, got)
		return
	}
	if have = p.maskNow(want, have); !reflect.DeepEqual(normal(want), normal(have)) {
		p.t.Errorf("%s:\n got %s\nwant %s", what, encode(have), encode(want))
	}
}

// maskNow returns got with every plausible time replaced by "NOW" where want
// has that.
func (p *player) maskNow(want, got any) any {
	switch w := want.(type) {
	case string:
		if n, ok := got.(json.Number); ok && w == "NOW" {
			if v := loose.ToUint(n, 0); v >= uint64(p.start) && v <= uint64(p.at.Wall)+10 {
				return "NOW"
			}
		}
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			for key := range w {
				if v, ok := g[key]; ok {
					g[key] = p.maskNow(w[key], v)
				}
			}
		}
	case []any:
		if g, ok := got.([]any); ok && len(g) == len(w) {
			for i := range w {
				g[i] = p.maskNow(w[i], g[i])
			}
		}
	}
	return got
}

// normal gives equal values equal types.
func normal(v any) any {
	var out any
	d := json.NewDecoder(strings.NewReader(string(encode(v))))
	d.UseNumber()
	_ = d.Decode(&out)
	return out
}
