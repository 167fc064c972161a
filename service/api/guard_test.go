package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"orrery/service/api"
	"orrery/service/ipc"
)

// request makes a request of an administrator.
func request(method, path, body string) *http.Request {
	r := api.AsCaller(httptest.NewRequest(method, path, strings.NewReader(body)), as(ipc.Administrator))
	r.Host = ipc.Host
	return r
}

func answer(h http.Handler, r *http.Request) (*httptest.ResponseRecorder, ipc.Error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var e ipc.Error
	_ = json.Unmarshal(w.Body.Bytes(), &e)
	return w, e
}

// TestForeign: what browsers send is refused, whoever runs the browser.
func TestForeign(t *testing.T) {
	t.Parallel()
	b := fixture(t)
	s := api.New(api.Config{Backend: b})
	for _, c := range []struct {
		name  string
		spoil func(*http.Request)
	}{
		{"origin", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }},
		{"null origin", func(r *http.Request) { r.Header.Set("Origin", "null") }},
		{"empty origin", func(r *http.Request) { r.Header["Origin"] = []string{""} }},
		{"own origin", func(r *http.Request) { r.Header.Set("Origin", "http://"+ipc.Host) }},
		{"referer", func(r *http.Request) { r.Header.Set("Referer", "https://evil.example/") }},
		{"foreign host", func(r *http.Request) { r.Host = "evil.example" }},
		{"own host with port", func(r *http.Request) { r.Host = ipc.Host + ":80" }},
		{"address as host", func(r *http.Request) { r.Host = "127.0.0.1" }},
		{"no host", func(r *http.Request) { r.Host = "" }},
	} {
		for _, path := range []string{"/v1/status", "/v1/reference/status", "/v1/nothing"} {
			r := request(http.MethodGet, path, "")
			c.spoil(r)
			if w, e := answer(s, r); w.Code != http.StatusForbidden || e.Code != ipc.CodeForeignOrigin {
				t.Errorf("%s, %s: %d %s", c.name, path, w.Code, w.Body)
			}
		}
	}
	if b.Calls("Snapshot") != 0 {
		t.Error("a foreign request reached the backend")
	}
	r := request(http.MethodGet, "/v1/status", "")
	r.Host = "localhost"
	if w, _ := answer(s, r); w.Code != http.StatusOK {
		t.Errorf("localhost: %d %s", w.Code, w.Body)
	}
}

// TestForeignCompat: the same over TCP, where it matters most. A right token
// does not help.
func TestForeignCompat(t *testing.T) {
	t.Parallel()
	b := fixture(t)
	s := api.NewCompat(api.CompatConfig{Backend: b, Token: testToken})
	ask := func(spoil func(*http.Request)) int {
		r := httptest.NewRequest(http.MethodGet, "/status", nil)
		r.Host, r.RemoteAddr = "127.0.0.1:9993", "127.0.0.1:40000"
		r.Header.Set("X-ZT1-Auth", testToken)
		spoil(r)
		w, _ := answer(s, r)
		return w.Code
	}
	for name, spoil := range map[string]func(*http.Request){
		"origin":              func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:9993") },
		"referer":             func(r *http.Request) { r.Header.Set("Referer", "http://127.0.0.1:9993/") },
		"rebound name":        func(r *http.Request) { r.Host = "evil.example:9993" },
		"name like localhost": func(r *http.Request) { r.Host = "localhost.evil.example" },
		"number as name":      func(r *http.Request) { r.Host = "127.0.0.1.evil.example" },
	} {
		if got := ask(spoil); got != http.StatusForbidden {
			t.Errorf("%s: %d", name, got)
		}
	}
	if b.Calls("Snapshot") != 0 {
		t.Error("a foreign request reached the backend")
	}
	for _, host := range []string{"", "localhost", "LOCALHOST:9993", "127.0.0.1", "[::1]:9993", "::1", "10.0.0.5:9993"} {
		if got := ask(func(r *http.Request) { r.Host = host }); got != http.StatusOK {
			t.Errorf("host %q: %d", host, got)
		}
	}
}

// TestCompatCredentials: the first credential that is present decides alone, and
// the source address comes before all.
func TestCompatCredentials(t *testing.T) {
	t.Parallel()
	lan := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, path, remote, header, bearer string
		token                              string
		want                               int
	}{
		{"header", "/status", "127.0.0.1:1", testToken, "", testToken, 200},
		{"IPv6 loopback", "/status", "[::1]:1", testToken, "", testToken, 200},
		{"mapped loopback", "/status", "[::ffff:127.0.0.1]:1", testToken, "", testToken, 200},
		{"allowed network", "/status", "10.1.2.3:1", testToken, "", testToken, 200},
		{"allowed IPv6 network with zone", "/status", "[fd00::1%eth0]:1", testToken, "", testToken, 200},
		{"other network", "/status", "10.2.0.1:1", testToken, "", testToken, 401},
		{"no address", "/status", "@", testToken, "", testToken, 401},
		{"none", "/status", "127.0.0.1:1", "", "", testToken, 401},
		{"query", "/status?auth=" + testToken, "127.0.0.1:1", "", "", testToken, 200},
		{"bearer", "/status", "127.0.0.1:1", "", "bearer " + testToken, testToken, 200},
		{"bearer with two spaces", "/status", "127.0.0.1:1", "", "Bearer  " + testToken, testToken, 401},
		{"basic", "/status", "127.0.0.1:1", "", "Basic " + testToken, testToken, 401},
		{"wrong header, right query", "/status?auth=" + testToken, "127.0.0.1:1", "x", "", testToken, 401},
		{"wrong query, right bearer", "/status?auth=x", "127.0.0.1:1", "", "Bearer " + testToken, testToken, 401},
		{"empty query, right bearer", "/status?auth=", "127.0.0.1:1", "", "Bearer " + testToken, testToken, 401},
		{"longer", "/status", "127.0.0.1:1", testToken + "x", "", testToken, 401},
		{"prefix", "/status", "127.0.0.1:1", testToken[:23], "", testToken, 401},
		{"no token set, none sent", "/status?auth=", "127.0.0.1:1", "", "", "", 401},
		{"health needs none", "/health", "127.0.0.1:1", "", "", testToken, 200},
		{"health from elsewhere", "/health", "10.2.0.1:1", "", "", testToken, 401},
		{"unknown path without token", "/nope", "127.0.0.1:1", "", "", testToken, 401},
		{"unknown path with token", "/nope", "127.0.0.1:1", testToken, "", testToken, 404},
		{"too long", "/status?x=" + strings.Repeat("x", 9000), "127.0.0.1:1", testToken, "", testToken, 414},
	} {
		s := api.NewCompat(api.CompatConfig{Backend: fixture(t), Token: c.token, AllowFrom: lan})
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r.Host, r.RemoteAddr = "localhost", c.remote
		if c.header != "" {
			r.Header.Set("X-ZT1-Auth", c.header)
		}
		if c.bearer != "" {
			r.Header.Set("Authorization", c.bearer)
		}
		if w, _ := answer(s, r); w.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", c.name, w.Code, c.want, w.Body)
		}
	}
}

// TestForeignHostAdvice: each listener advises a host name that it takes itself.
func TestForeignHostAdvice(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.Handler{
		ipc.Host:    api.New(api.Config{Backend: fixture(t)}),
		"localhost": api.NewCompat(api.CompatConfig{Backend: fixture(t), Token: testToken}),
	} {
		r := request(http.MethodGet, "/health", "")
		r.Host, r.RemoteAddr = "evil.example", "127.0.0.1:1"
		if _, e := answer(handler, r); e.Code != ipc.CodeForeignOrigin || !strings.Contains(e.Advice, `"`+name+`"`) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestCompatRole: the token's power can be lowered.
func TestCompatRole(t *testing.T) {
	t.Parallel()
	s := api.NewCompat(api.CompatConfig{Backend: fixture(t), Token: testToken, Role: ipc.Operator})
	for path, want := range map[string]int{"/network/" + nwid: 200, "/controller": 403} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
		r.Header.Set("X-ZT1-Auth", testToken)
		if w, _ := answer(s, r); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}

// TestPathsAndMethods: paths match exactly, and methods are told.
func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	s := api.New(api.Config{Backend: fixture(t)})
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{http.MethodGet, "/", 404, ipc.CodeNotFound},
		{http.MethodGet, "/v1", 404, ipc.CodeNotFound},
		{http.MethodGet, "/v1/", 404, ipc.CodeNotFound},
		{http.MethodGet, "/v2/status", 404, ipc.CodeNotFound},
		{http.MethodGet, "/v1/status/", 404, ipc.CodeNotFound},
		{http.MethodGet, "//v1/status", 404, ipc.CodeNotFound},
		{http.MethodGet, "/v1/../v1/status", 404, ipc.CodeNotFound},
		{http.MethodGet, "/v1/networks/", 404, ipc.CodeNotFound},
		{http.MethodGet, "/v1/reference", 404, ipc.CodeNotFound},
		{http.MethodGet, "/v1/reference/", 404, ipc.CodeNotFound},
		{http.MethodPut, "/v1/status", 405, ipc.CodeMethod},
		{"BREW", "/v1/status", 405, ipc.CodeMethod},
		{http.MethodOptions, "/v1/networks/" + nwid, 405, ipc.CodeMethod},
		{http.MethodHead, "/v1/status", 200, ""},
		{http.MethodGet, "/v1/networks/294551b91fabcde", 400, ipc.CodeBadRequest},
		{http.MethodGet, "/v1/networks/..%2f..%2fetc%2fpass", 404, ipc.CodeNotFound},
		{http.MethodGet, "/v1/networks/294551B91FABCDEF", 200, ""},
		{http.MethodGet, "/v1/networks/1111111111111111", 404, ipc.CodeNotFound},
		{http.MethodPost, "/v1/networks/0000000000000000", 400, ipc.CodeBadRequest},
		{http.MethodGet, "/v1/peers/ffffffffff", 400, ipc.CodeBadRequest},
		{http.MethodGet, "/v1/peers/0123456789", 404, ipc.CodeNotFound},
		{http.MethodGet, "/v1/trust/0123456789", 404, ipc.CodeNotFound},
		{http.MethodDelete, "/v1/trust/0123456789", 404, ipc.CodeNotFound},
		{http.MethodDelete, "/v1/networks/1111111111111111", 404, ipc.CodeNotFound},
	} {
		w, e := answer(s, request(c.method, c.path, "{}"))
		if w.Code != c.status || e.Code != c.code {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, w.Code, e.Code, c.status, c.code)
		}
		if w.Header().Get(ipc.VersionHeader) == "" {
			t.Errorf("%s %s: no version", c.method, c.path)
		}
		if w.Code == 405 && w.Header().Get("Allow") == "" {
			t.Errorf("%s %s: no methods named", c.method, c.path)
		}
	}
}

// TestBadBodies: every wrong body is refused with a reason before the backend
// sees anything of it.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	b := fixture(t)
	s := api.New(api.Config{Backend: b})
	network, trust := "/v1/networks/"+nwid, "/v1/trust/"+peerAddr
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{http.MethodPost, network, ``, 400, "empty"},
		{http.MethodPost, network, `{`, 400, "too early"},
		{http.MethodPost, network, `nonsense`, 400, "invalid character"},
		{http.MethodPost, network, `[]`, 400, "a list"},
		{http.MethodPost, network, `{} {}`, 400, "goes on"},
		{http.MethodPost, network, `{"allowDNS":"yes"}`, 400, "allowDNS"},
		{http.MethodPost, network, `{"allowEverything":true}`, 400, "allowEverything"},
		{http.MethodPatch, network, `{"port":"bridge"}`, 400, "tap"},
		{http.MethodPatch, network, `{"allowManagedPrefixes":["10.0.0.0"]}`, 400, "10.0.0.0"},
		{http.MethodPatch, network, `{"allowManagedPrefixes":[` + strings.Repeat(`"10.0.0.0/8",`, 64) + `"10.0.0.0/8"]}`, 400, "up to 64"},
		{http.MethodPatch, network, `{"acceptRoutes":["10.0.0.0/33"]}`, 400, "acceptRoutes"},
		{http.MethodPatch, network, `{"ignoreRoutes":["nonsense"]}`, 400, "ignoreRoutes"},
		{http.MethodPatch, network, `{"mtu":1279}`, 400, "1280 to 10000"},
		{http.MethodPatch, network, `{"mtu":10001}`, 400, "1280 to 10000"},
		{http.MethodPatch, network, `{"mtu":"big"}`, 400, "mtu"},
		{http.MethodPatch, network, `{"token":"` + strings.Repeat("x", 257) + `"}`, 400, "up to 256"},
		{http.MethodPatch, network, `{"token":"a\nb"}`, 400, "printable"},
		{http.MethodPatch, network, `{"port":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "larger"},
		{http.MethodPatch, trust, `{"state":"adored"}`, 400, "adored"},
		{http.MethodPatch, trust, `{"state":"verified"}`, 400, "must be given"},
		{http.MethodPatch, trust, `{"state":"verified","identity":"x"}`, 400, "identity"},
		{http.MethodPatch, trust, `{"state":"verified","identity":"` + selfText + `"}`, 400, "not of " + peerAddr},
		{http.MethodPatch, trust, `{"name":"` + strings.Repeat("x", 129) + `"}`, 400, "name"},
		{http.MethodPatch, trust, `{"name":"a\u202eb"}`, 400, "name"},
		{http.MethodPatch, trust, `{"name":"a\nb"}`, 400, "name"},
		{http.MethodPatch, trust, `{"note":"a\u0000b"}`, 400, "note"},
		{http.MethodPatch, trust, `{"how":"` + strings.Repeat("x", 300) + `"}`, 400, "how"},
		{http.MethodPatch, "/v1/config/settings", `{}`, 400, "no settings"},
		{http.MethodPatch, "/v1/config/settings", `null`, 400, "no settings"},
	} {
		w, e := answer(s, request(c.method, c.path, c.body))
		if w.Code != c.status || !strings.Contains(e.Message, c.says) {
			t.Errorf("%s %s %.60s: %d %q, want %d and %q", c.method, c.path, c.body, w.Code, e.Message, c.status, c.says)
		}
	}
	for _, call := range []string{"Join", "SetNetwork", "UpdateTrust", "PutSettings"} {
		if b.Calls(call) != 0 {
			t.Errorf("%s was called", call)
		}
	}
}

// TestPastedSecret: a private key that somebody pasted goes no further.
func TestPastedSecret(t *testing.T) {
	t.Parallel()
	b := fixture(t)
	s := api.New(api.Config{Backend: b})
	body := `{"state":"verified","identity":"` + peerText + ":" + strings.Repeat("ab", 64) + `"}`
	w, _ := answer(s, request(http.MethodPatch, "/v1/trust/"+peerAddr, body))
	if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "abababab") || !strings.Contains(w.Body.String(), `"verified"`) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}
