package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"orrery/engine/identity"
	"orrery/service/api"
	"orrery/service/api/apitest"
	"orrery/service/ipc"
)

// exchange is one request of the reference's capture.
type exchange struct {
	Name, Method, Path string
	Auth               *string
	Node               string
	Status             int
	Headers            map[string]string
	Body               *string         `json:"request_body"`
	JSON               json.RawMessage `json:"json"`
	Raw                *string
}

const (
	testToken    = "f1icwblf9ijzyr960bijq23l"
	metricsToken = "ner3jmm4lgdbf0ch1n7xt9qc"
)

// deviations are exchanges in which Orrery answers otherwise, on purpose.
var deviations = map[string]struct {
	status int
	body   string // "" is not looked at
	why    string
}{
	"status_jsonp":              {200, "", "never wraps answers for scripts: plain JSON"},
	"status_noauth_jsonp":       {401, "{}", "never wraps answers for scripts: plain JSON"},
	"moon_get_16":               {200, "", "takes the 16 digits that are printed everywhere too"},
	"moon_delete_v6":            {200, `{"result":true}`, "the reference forgot the route on its IPv6 listener"},
	"metrics":                   {200, "", "the page is the service's own"},
	"metrics_authtoken":         {200, "", "the page is the service's own"},
	"metrics_b_from_notallowed": {401, "{}", "the source filter has no exception"},
	"s2_bond_setmtu_bad":        {400, "Bonding layer isn't active yet", "bonding is not in use"},
	"s2_bond_setmtu_nolink":     {400, "Bonding layer isn't active yet", "bonding is not in use"},
	"s2_bond_setmtu":            {400, "Bonding layer isn't active yet", "bonding is not in use"},
	"s2_app_index":              {404, "", "no web server"},
	"s2_app_noslash":            {404, "", "no web server"},
	"s2_app_file":               {404, "", "no web server"},
	"s2_app_fallback":           {404, "", "no web server"},
	"s2_app_missing":            {404, "", "no web server"},
	"network_set_badjson":       {200, "", "the network is as it was"},
}

func exchanges(t *testing.T) []exchange {
	t.Helper()
	b, err := os.ReadFile("testdata/local_api.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ HTTP []exchange }
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.HTTP) < 100 {
		t.Fatalf("%d exchanges", len(v.HTTP))
	}
	return v.HTTP
}

// TestReferenceVectors makes every request that was made of the reference, of a
// backend in the same state, and expects the same answer.
func TestReferenceVectors(t *testing.T) {
	t.Parallel()
	for _, x := range exchanges(t) {
		t.Run(x.Name, func(t *testing.T) {
			t.Parallel()
			b := stateOf(t, &x)
			s := api.NewCompat(api.CompatConfig{Backend: b, Token: testToken, MetricsToken: metricsToken, AllowFrom: []netip.Prefix{netip.MustParsePrefix("10.199.0.0/24")}})
			api.SetCompatClock(s, func() time.Time { return clockOf(x.JSON) })
			w := httptest.NewRecorder()
			s.ServeHTTP(w, requestOf(&x))
			wantStatus := x.Status
			d, deviates := deviations[x.Name]
			if deviates {
				wantStatus = d.status
			}
			if w.Code != wantStatus {
				t.Fatalf("status %d, want %d; body %s", w.Code, wantStatus, w.Body)
			}
			body := w.Body.String()
			if deviates {
				if d.body != "" && body != d.body {
					t.Errorf("body %q, want %q", body, d.body)
				}
				return
			}
			compareBody(t, &x, w)
		})
	}
}

func compareBody(t *testing.T, x *exchange, w *httptest.ResponseRecorder) {
	t.Helper()
	body := w.Body.String()
	if x.Method != http.MethodHead && w.Header().Get("Content-Type") != x.Headers["Content-Type"] {
		t.Errorf("content type %q, want %q", w.Header().Get("Content-Type"), x.Headers["Content-Type"])
	}
	if x.Headers["Accept-Ranges"] != w.Header().Get("Accept-Ranges") {
		t.Errorf("Accept-Ranges %q", w.Header().Get("Accept-Ranges"))
	}
	switch {
	case x.Method == http.MethodHead:
	case x.Status == http.StatusInternalServerError:
		var e struct {
			Error       int
			Description string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Error != 500 || !strings.Contains(e.Description, "parse error") {
			t.Errorf("body %s", body)
		}
	case x.Raw == nil && x.JSON == nil || x.Raw != nil && *x.Raw == "" || x.Headers["Content-Length"] == "0":
		if body != "" {
			t.Errorf("body %q, want none", body)
		}
	case x.Raw != nil:
		if got := own(body); got != own(*x.Raw) {
			t.Errorf("body\n%s\nwant\n%s", got, own(*x.Raw))
		}
	default:
		var want bytes.Buffer
		if err := json.Compact(&want, x.JSON); err != nil {
			t.Fatal(err)
		}
		if got := own(body); got != own(want.String()) {
			t.Errorf("body\n%s\nwant\n%s", got, own(want.String()))
		}
	}
}

var (
	orreryVersion = regexp.MustCompile(`"orreryVersion":"[^"]*",`)
	localSocket   = regexp.MustCompile(`"localSocket":\d+`)
)

// own removes what differs always: our own version, and the handle that is a
// leaked pointer in the reference.
func own(s string) string {
	return localSocket.ReplaceAllString(orreryVersion.ReplaceAllString(s, ""), `"localSocket":0`)
}

func clockOf(raw json.RawMessage) time.Time {
	var o struct{ Clock int64 }
	_ = json.Unmarshal(raw, &o)
	return time.UnixMilli(o.Clock)
}

func requestOf(x *exchange) *http.Request {
	path := x.Path
	auth := ""
	if x.Auth != nil {
		auth = *x.Auth
	}
	query := "?"
	if strings.Contains(path, "?") {
		query = "&"
	}
	if auth == "param" || auth == "badheader_goodparam" {
		path += query + "auth=" + testToken
	}
	var r *http.Request
	if x.Body != nil {
		r = httptest.NewRequest(x.Method, path, strings.NewReader(*x.Body))
	} else {
		r = httptest.NewRequest(x.Method, path, nil)
	}
	r.Host = "localhost"
	r.RemoteAddr = "127.0.0.1:40000"
	switch {
	case strings.HasSuffix(x.Name, "_from_notallowed"):
		r.RemoteAddr = "10.200.0.1:40000"
	case strings.Contains(x.Name, "_from_allowed_lan"):
		r.RemoteAddr = "10.199.0.2:40000"
	case strings.HasSuffix(x.Name, "_v6"):
		r.RemoteAddr = "[::1]:40000"
	}
	switch auth {
	case "header":
		r.Header.Set("X-ZT1-Auth", testToken)
	case "bad", "badheader_goodparam":
		r.Header.Set("X-ZT1-Auth", "wrong")
	case "metrics":
		r.Header.Set("X-ZT1-Auth", metricsToken)
	case "bearer":
		r.Header.Set("Authorization", "Bearer "+testToken)
	}
	return r
}

// stateOf brings a backend into the state in which the reference was.
func stateOf(t *testing.T, x *exchange) *apitest.Backend {
	t.Helper()
	b := &apitest.Backend{}
	b.Conf.LocalConf = json.RawMessage(`{}`)
	b.State.Status.Address = "294551b91f"
	if x.Node == "b" {
		b.State.Status.Address = "e285b97aef"
	}
	if strings.HasPrefix(x.Path, "/controller") || strings.HasPrefix(x.Path, "/unstable") {
		a, _ := identity.ParseAddress("294551b91f")
		b.Hosted = apitest.NewController(a)
		hosted(t, b.Hosted, x)
		return b
	}
	raw := x.JSON
	if len(raw) == 0 || string(raw) == "null" {
		return b
	}
	switch {
	case strings.HasPrefix(x.Path, "/status"), strings.HasPrefix(x.Path, "/health"):
		statusState(t, b, raw)
	case strings.HasPrefix(x.Path, "/config") && x.Method == http.MethodGet:
		b.Conf.LocalConf = raw
	case strings.HasPrefix(x.Path, "/network"):
		b.State.Networks = each(t, raw, networkState)
		if x.Name == "network_leave" || x.Name == "s2_network_leave" {
			b.State.Networks = []ipc.Network{{ID: x.Path[len("/network/"):]}}
		}
	case strings.HasPrefix(x.Path, "/peer"):
		b.State.Peers = each(t, raw, peerState)
	case strings.HasPrefix(x.Path, "/moon") && x.Name != "moon_post_unknown_seed":
		b.Orbits = each(t, raw, moonState)
	}
	return b
}

// each converts an element or a list of elements that are not empty.
func each[T any](t *testing.T, raw json.RawMessage, convert func(*testing.T, json.RawMessage) T) []T {
	t.Helper()
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		list = []json.RawMessage{raw}
	}
	var out []T
	for _, e := range list {
		if string(e) != "{}" && !bytes.Contains(e, []byte(`"result"`)) {
			out = append(out, convert(t, e))
		}
	}
	return out
}

func parse[T any](t *testing.T, raw json.RawMessage) (v T) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func statusState(t *testing.T, b *apitest.Backend, raw json.RawMessage) {
	t.Helper()
	o := parse[struct {
		Address, PublicIdentity             string
		Online                              bool
		PlanetWorldID, PlanetWorldTimestamp int64
		Config                              map[string]map[string]json.RawMessage
	}](t, raw)
	s := o.Config["settings"]
	b.State.Status = ipc.Status{
		Address: o.Address, Identity: o.PublicIdentity, Online: o.Online, Version: "9.9.9",
		PlanetID: uint64(o.PlanetWorldID), PlanetTime: time.UnixMilli(o.PlanetWorldTimestamp),
	}
	if s == nil {
		return
	}
	for _, a := range parse[[]string](t, s["surfaceAddresses"]) {
		b.State.Status.Surface = append(b.State.Status.Surface, strings.Replace(a, "/", ":", 1))
	}
	b.Conf = ipc.Config{
		HomeDir: parse[string](t, s["homeDir"]), ListeningOn: parse[[]string](t, s["listeningOn"]),
		PrimaryPort: parse[int](t, s["primaryPort"]), SecondaryPort: parse[int](t, s["secondaryPort"]), TertiaryPort: parse[int](t, s["tertiaryPort"]),
		PortMapping: parse[bool](t, s["portMappingEnabled"]), AllowTCPFallback: parse[bool](t, s["allowTcpFallbackRelay"]),
		ForceTCPRelay: parse[bool](t, s["forceTcpRelay"]),
	}
	for _, k := range []string{"homeDir", "listeningOn", "surfaceAddresses", "primaryPort", "secondaryPort", "tertiaryPort", "softwareUpdate", "softwareUpdateChannel"} {
		delete(s, k)
	}
	conf, err := json.Marshal(o.Config)
	if err != nil {
		t.Fatal(err)
	}
	b.Conf.LocalConf = conf
}

func networkState(t *testing.T, raw json.RawMessage) ipc.Network {
	t.Helper()
	o := parse[struct {
		ID, MAC, Name, Status, Type, PortDeviceName       string
		MTU                                               int
		Bridge, BroadcastEnabled                          bool
		NetconfRevision                                   uint64
		AllowManaged, AllowGlobal, AllowDefault, AllowDNS bool
		AssignedAddresses                                 []string
		Routes                                            []ipc.Route
		DNS                                               ipc.DNS
		MulticastSubscriptions                            []struct {
			MAC string
			ADI uint32
		}
	}](t, raw)
	n := ipc.Network{
		ID: o.ID, MAC: o.MAC, Name: o.Name, Status: ipc.NetworkStatus(o.Status), Type: o.Type, Device: o.PortDeviceName,
		MTU: o.MTU, Bridge: o.Bridge, Broadcast: o.BroadcastEnabled, Revision: o.NetconfRevision, Addresses: o.AssignedAddresses,
		Routes: o.Routes, DNS: o.DNS,
		Settings: ipc.NetworkSettings{AllowManaged: &o.AllowManaged, AllowGlobal: &o.AllowGlobal, AllowDefault: &o.AllowDefault, AllowDNS: &o.AllowDNS},
	}
	for _, m := range o.MulticastSubscriptions {
		n.Multicast = append(n.Multicast, m.MAC+"/"+hex32(m.ADI))
	}
	return n
}

func hex32(v uint32) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 8)
	for i := range b {
		b[i] = digits[v>>(28-4*i)&15]
	}
	return string(b)
}

func peerState(t *testing.T, raw json.RawMessage) ipc.Peer {
	t.Helper()
	o := parse[struct {
		Address, Role, Version string
		Latency                int
		Paths                  []struct {
			Address               string
			LastSend, LastReceive int64
			Preferred             bool
		}
	}](t, raw)
	p := ipc.Peer{Address: o.Address, Role: o.Role, LatencyMs: o.Latency}
	if o.Version != "-1.-1.-1" {
		p.Version = o.Version
	}
	for _, h := range o.Paths {
		p.Paths = append(p.Paths, ipc.Path{
			Address: strings.Replace(h.Address, "/", ":", 1), Preferred: h.Preferred, Active: true,
			LastSend: time.UnixMilli(h.LastSend), LastReceive: time.UnixMilli(h.LastReceive),
		})
	}
	p.Paths = append(p.Paths, ipc.Path{Address: "192.0.2.1:1", Expired: true}) // never shown
	return p
}

func moonState(t *testing.T, raw json.RawMessage) ipc.World {
	t.Helper()
	o := parse[struct {
		ID, Signature, UpdatesMustBeSignedBy string
		Timestamp                            int64
		Roots                                []struct {
			Identity        string
			StableEndpoints []string
		}
	}](t, raw)
	w := ipc.World{Kind: "moon", ID: number(t, o.ID), Timestamp: time.UnixMilli(o.Timestamp), Signature: o.Signature, UpdateKey: o.UpdatesMustBeSignedBy}
	for _, r := range o.Roots {
		w.Roots = append(w.Roots, ipc.WorldRoot{Identity: r.Identity, Endpoints: r.StableEndpoints})
	}
	return w
}

func number(t *testing.T, hex string) uint64 {
	t.Helper()
	n, err := identity.ParseNetworkID(hex) // 16 digits too
	if err != nil {
		t.Fatal(err)
	}
	return uint64(n)
}

// hosted puts records into a controller that make its answers those captured.
func hosted(t *testing.T, c *apitest.Controller, x *exchange) {
	t.Helper()
	put := func(nwid string, o map[string]any) identity.NetworkID {
		n := identity.NetworkID(number(t, nwid))
		c.Records[n] = o
		if c.MemberRecords[n] == nil {
			c.MemberRecords[n] = map[identity.Address]map[string]any{}
		}
		return n
	}
	member := func(n identity.NetworkID, o map[string]any) {
		a, err := identity.ParseAddress(o["id"].(string))
		if err != nil {
			t.Fatal(err)
		}
		c.MemberRecords[n][a] = o
	}
	if x.Status != http.StatusOK || len(x.JSON) == 0 {
		return
	}
	segments := strings.Split(strings.TrimPrefix(x.Path, "/unstable"), "/")
	if len(segments) > 3 && len(segments[3]) == 16 { // the capture's second scenario has another controller
		c.Address, _ = identity.ParseAddress(segments[3][:10])
	}
	switch {
	case x.Name == "controller_networks":
		for _, id := range parse[[]string](t, x.JSON) {
			put(id, map[string]any{})
		}
	case x.Name == "controller_networks_unstable":
		o := parse[struct{ Data []map[string]any }](t, x.JSON)
		for _, n := range o.Data {
			delete(n, "meta")
			put(n["id"].(string), n)
		}
	case strings.HasSuffix(x.Path, "/member"):
		n := put(segments[3], map[string]any{})
		if strings.HasPrefix(x.Path, "/unstable") {
			for _, m := range parse[struct{ Data []map[string]any }](t, x.JSON).Data {
				member(n, m)
			}
			return
		}
		for a := range parse[map[string]int](t, x.JSON) {
			member(n, map[string]any{"id": a})
		}
	case len(segments) > 5:
		member(put(segments[3], map[string]any{}), parse[map[string]any](t, x.JSON))
	case len(segments) > 3:
		put(segments[3], parse[map[string]any](t, x.JSON))
		if x.Method != http.MethodGet && x.Method != http.MethodDelete { // the fake would not normalise what is posted
			empty := "{}"
			x.Body = &empty
		}
	}
}

// TestReferenceBackendErrors: what a backend refuses comes out with a status.
func TestReferenceBackendErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{ipc.Errorf(ipc.CodeBadRequest, "no \"such\" thing"), 400, `{"error": 400, "description": "no \"such\" thing"}`},
		{ipc.Errorf(ipc.CodeUnavailable, "starting").Advise("Wait"), 503, `{"error": 503, "description": "starting. Wait"}`},
		{context.DeadlineExceeded, 504, ""},
		{os.ErrPermission, 500, `{"error": 500, "description": "the service failed to do this. Its log says why"}`},
	} {
		b := &apitest.Backend{Fail: c.err}
		s := api.NewCompat(api.CompatConfig{Backend: b, Token: testToken})
		r := httptest.NewRequest(http.MethodGet, "/status", nil)
		r.Host, r.RemoteAddr = "127.0.0.1:9993", "127.0.0.1:1"
		r.Header.Set("X-ZT1-Auth", testToken)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.status || c.body != "" && w.Body.String() != c.body {
			t.Errorf("%v: %d %s", c.err, w.Code, w.Body)
		}
	}
}
