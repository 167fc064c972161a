package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"orrery/service/api"
	"orrery/service/api/apitest"
	"orrery/service/ipc"
)

// TestDoctorForObservers: everybody sees what is wrong, not everybody where.
func TestDoctorForObservers(t *testing.T) {
	t.Parallel()
	b := &apitest.Backend{Health: ipc.Examination{Running: true, Findings: []ipc.Finding{
		{Area: "nat", Code: "nat.hard", Level: ipc.Unsure, Text: "Ports vary.", Advice: "Map one.", Details: []string{"seen at 203.0.113.9:9993"}},
	}}}
	s := api.New(api.Config{Backend: b})
	for role, sees := range map[ipc.Role]bool{ipc.Observer: false, ipc.Operator: true, ipc.Administrator: true} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, api.AsCaller(httptest.NewRequest("GET", "http://orrery/v1/doctor", nil), as(role)))
		body := w.Body.String()
		if w.Code != 200 || !strings.Contains(body, "Ports vary.") || !strings.Contains(body, "Map one.") || strings.Contains(body, "203.0.113.9") != sees {
			t.Errorf("%s: %d %s", role, w.Code, body)
		}
	}
}

// TestMetricsToken opens measurements and nothing else, over TCP.
func TestMetricsToken(t *testing.T) {
	t.Parallel()
	b := fixture(t)
	b.Change(func(b *apitest.Backend) { b.Page = "up 1\n" })
	with := api.NewCompat(api.CompatConfig{Backend: b, Token: testToken, MetricsToken: metricsToken})
	without := api.NewCompat(api.CompatConfig{Backend: b, Token: testToken})
	for _, c := range []struct {
		name   string
		server *api.Compat
		path   string
		token  string
		status int
	}{
		{"its own page", with, "/metrics", metricsToken, 200},
		{"the other token", with, "/metrics", testToken, 200},
		{"the status", with, "/status", metricsToken, 401},
		{"peers", with, "/peer", metricsToken, 401},
		{"no token", with, "/metrics", "", 401},
		{"a wrong token", with, "/metrics", metricsToken + "x", 401},
		{"no metrics token is set", without, "/metrics", "", 401},
		{"no metrics token is set, and one is shown", without, "/metrics", metricsToken, 401},
	} {
		r := httptest.NewRequest("GET", "http://127.0.0.1"+c.path, nil)
		r.RemoteAddr = "127.0.0.1:5000"
		r.Header.Set("X-ZT1-Auth", c.token)
		w := httptest.NewRecorder()
		c.server.ServeHTTP(w, r)
		if w.Code != c.status || c.status == 200 && (w.Body.String() != "up 1\n" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4")) {
			t.Errorf("%s: %d %q %v", c.name, w.Code, w.Body, w.Header())
		}
	}
}

// TestLogQuery refuses what it does not understand.
func TestLogQuery(t *testing.T) {
	t.Parallel()
	b := &apitest.Backend{Lines: []ipc.LogLine{{Seq: 1, Text: "one"}, {Seq: 2, Text: "two"}}}
	s := api.New(api.Config{Backend: b})
	for query, want := range map[string]string{
		"": "one", "?after=1": `"last":2`, "?after=1&level=info&wait=0": "two", "?after=2": `"lines":[]`,
		"?after=x": "bad_request", "?level=loud": "bad_request", "?wait=-1": "bad_request", "?wait=1e9": "bad_request",
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, api.AsCaller(httptest.NewRequest("GET", "http://orrery/v1/log"+query, nil), as(ipc.Operator)))
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	}
}
