package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"orrery/service/api"
	"orrery/service/caller"
	"orrery/service/ipc"
)

// power orders roles; nobody has none.
func power(r ipc.Role) int {
	for i, known := range []ipc.Role{ipc.Observer, ipc.Operator, ipc.Administrator} {
		if r == known {
			return i + 1
		}
	}
	return 0
}

// needs says who may call what, written down again and apart from the code.
var needs = map[string]ipc.Role{
	"GET /v1/whoami": ipc.Observer, "GET /v1/status": ipc.Observer, "GET /v1/snapshot": ipc.Observer, "GET /v1/events": ipc.Observer,
	"GET /v1/networks": ipc.Observer, "GET /v1/networks/{network}": ipc.Observer, "GET /v1/networks/{network}/invite": ipc.Operator,
	"POST /v1/networks/{network}": ipc.Operator, "PATCH /v1/networks/{network}": ipc.Operator, "DELETE /v1/networks/{network}": ipc.Operator,
	"GET /v1/networks/{network}/bridge": ipc.Operator,
	"GET /v1/peers":                     ipc.Observer, "GET /v1/peers/{address}": ipc.Observer,
	"GET /v1/networks/{network}/rules": ipc.Operator, "POST /v1/networks/{network}/rules/explain": ipc.Operator,
	"GET /v1/trust": ipc.Observer, "GET /v1/trust/{address}": ipc.Observer,
	"PATCH /v1/trust/{address}": ipc.Operator, "DELETE /v1/trust/{address}": ipc.Operator, "GET /v1/verify/{address}": ipc.Observer,
	"GET /v1/planet": ipc.Observer, "GET /v1/moons": ipc.Observer,
	"POST /v1/moons/{moon}": ipc.Administrator, "DELETE /v1/moons/{moon}": ipc.Administrator, "POST /v1/worlds": ipc.Administrator,
	"GET /v1/log": ipc.Operator, "GET /v1/doctor": ipc.Observer, "GET /v1/metrics": ipc.Observer, "GET /metrics": ipc.Observer, "GET /v1/reference/metrics": ipc.Observer,
	"GET /v1/config": ipc.Operator, "PATCH /v1/config/settings": ipc.Administrator, "GET /v1/diagnostics": ipc.Operator,

	"GET /v1/reference/health": ipc.Observer, "GET /v1/reference/status": ipc.Observer, "GET /v1/reference/config": ipc.Operator,
	"POST /v1/reference/config/settings": ipc.Administrator,
	"GET /v1/reference/peer":             ipc.Observer, "GET /v1/reference/peer/{address}": ipc.Observer,
	"GET /v1/reference/network": ipc.Observer, "GET /v1/reference/network/{network}": ipc.Observer,
	"POST /v1/reference/network/{network}": ipc.Operator, "DELETE /v1/reference/network/{network}": ipc.Operator,
	"GET /v1/reference/moon": ipc.Observer, "GET /v1/reference/moon/{moon}": ipc.Observer,
	"POST /v1/reference/moon/{moon}": ipc.Administrator, "DELETE /v1/reference/moon/{moon}": ipc.Administrator,
	"GET /v1/reference/bond/show/{address}": ipc.Observer, "POST /v1/reference/bond/rotate/{address}": ipc.Operator,
	"POST /v1/reference/bond/setmtu/{mtu}/{interface}/{ip}": ipc.Administrator,
	"GET /v1/reference/controller":                          ipc.Administrator, "GET /v1/reference/controller/network": ipc.Administrator,
	"POST /v1/reference/controller/network": ipc.Administrator, "GET /v1/reference/controller/network/{network}": ipc.Administrator,
	"POST /v1/reference/controller/network/{network}": ipc.Administrator, "DELETE /v1/reference/controller/network/{network}": ipc.Administrator,
	"GET /v1/reference/controller/network/{network}/member":              ipc.Administrator,
	"GET /v1/reference/controller/network/{network}/member/{address}":    ipc.Administrator,
	"POST /v1/reference/controller/network/{network}/member/{address}":   ipc.Administrator,
	"DELETE /v1/reference/controller/network/{network}/member/{address}": ipc.Administrator,
	"GET /v1/reference/unstable/controller/network":                      ipc.Administrator,
	"GET /v1/reference/unstable/controller/network/{network}/member":     ipc.Administrator,
}

// bodies are requests that succeed.
var bodies = map[string]string{
	"POST /v1/networks/{network}":               `{"allowDNS":true}`,
	"PATCH /v1/networks/{network}":              `{"allowDNS":false}`,
	"POST /v1/networks/{network}/rules/explain": `{"frame":"AAAAAAAAAAAAAAAAAAAA"}`,
	"PATCH /v1/trust/{address}":                 `{"state":"blocked"}`,
	"PATCH /v1/config/settings":                 `{"lowBandwidthMode":true}`,
	"POST /v1/moons/{moon}":                     `{"seed":"1122334455"}`,
	"POST /v1/worlds":                           `{"world":"` + moonFile + `"}`,
}

// TestRoles calls every endpoint in every role, and without credentials.
func TestRoles(t *testing.T) {
	t.Parallel()
	routes := api.Routes(api.New(api.Config{}))
	if len(routes) < len(needs) {
		t.Fatalf("%d routes, want %d", len(routes), len(needs))
	}
	seen := map[string]bool{}
	for _, route := range routes {
		name := route.Method + " " + route.Path
		need, listed := needs[strings.Replace(name, "PUT ", "POST ", 1)]
		if !listed {
			t.Errorf("%s is not in the test's table", name)
			continue
		}
		seen[name] = true
		for _, role := range []ipc.Role{"", ipc.Observer, ipc.Operator, ipc.Administrator, "god"} {
			t.Run(name+" as "+string(role), func(t *testing.T) {
				t.Parallel()
				testRole(t, route, need, role)
			})
		}
	}
	for name := range needs {
		if !seen[name] {
			t.Errorf("%s does not exist", name)
		}
	}
}

func testRole(t *testing.T, route api.Route, need, role ipc.Role) {
	b := fixture(t)
	s := api.New(api.Config{Backend: b})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { api.StartPublisher(ctx, s); close(done) }()
	defer func() { cancel(); <-done }()

	path := strings.NewReplacer("{network}", nwid, "{address}", peerAddr, "{moon}", peerAddr, "{mtu}", "1400", "{interface}", "v1", "{ip}", "10.0.0.1").Replace(route.Path)
	body := bodies[route.Method+" "+route.Path]
	if body == "" && (route.Method == http.MethodPost || route.Method == http.MethodPut) {
		body = "{}"
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	requestCtx, stop := context.WithTimeout(ctx, 2*time.Minute)
	r := httptest.NewRequest(route.Method, path, reader).WithContext(requestCtx)
	r.Host = ipc.Host
	if role != "" {
		r = api.AsCaller(r, as(role))
	}
	w := httptest.NewRecorder()
	if strings.HasSuffix(route.Path, "/events") {
		stop() // a stream would not end by itself
	}
	defer stop()
	s.ServeHTTP(w, r)

	allowed := power(role) >= power(need)
	if allowed {
		if w.Code == http.StatusForbidden {
			t.Fatalf("refused: %s", w.Body)
		}
		if w.Code >= 500 && !strings.HasSuffix(route.Path, "/events") || w.Code == http.StatusNotFound {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		return
	}
	if w.Code != http.StatusForbidden {
		t.Fatalf("status %d, want 403: %s", w.Code, w.Body)
	}
	var e ipc.Error
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Code != ipc.CodeForbidden || e.Message == "" {
		t.Fatalf("body %s (%v)", w.Body, err)
	}
	if power(role) > 0 && (e.Need != need || e.Advice == "") {
		t.Errorf("need %q, advice %q", e.Need, e.Advice)
	}
	for _, call := range []string{"Snapshot", "Join", "SetNetwork", "Leave", "UpdateTrust", "ForgetTrust", "Verification", "Planet", "Moons", "Orbit", "Deorbit", "UseWorld", "Config", "PutSettings", "Diagnostics"} {
		if n := b.Calls(call); n != 0 {
			t.Errorf("a refused request called %s %d times", call, n)
		}
	}
}

// TestRefusal: a refusal names the role and a command that can be copied.
func TestRefusal(t *testing.T) {
	t.Parallel()
	s := api.New(api.Config{Backend: fixture(t), Policy: caller.Policy{Group: "wheel"}})
	for _, c := range []struct{ method, path, command string }{
		{http.MethodPost, "/v1/networks/" + nwid, "orreryctl join " + nwid},
		{http.MethodPost, "/v1/networks/$(reboot)", "orreryctl join NETWORK"},
		{http.MethodDelete, "/v1/trust/" + peerAddr, "orreryctl trust forget " + peerAddr},
	} {
		r := api.AsCaller(httptest.NewRequest(c.method, c.path, nil), as(ipc.Observer))
		r.Host = ipc.Host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		var e ipc.Error
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		if e.Need != ipc.Operator || !strings.HasSuffix(e.Command, c.command) || !strings.Contains(e.Advice, `"wheel"`) {
			t.Errorf("%s %s: %+v", c.method, c.path, e)
		}
	}
}

// TestRedaction: what an observer must not read is in no answer.
func TestRedaction(t *testing.T) {
	t.Parallel()
	secrets := []string{"198.51.100.9", "203.0.113.7", "nonce=secret", "beer", "/home-a"}
	for _, path := range []string{"/v1/status", "/v1/snapshot", "/v1/networks", "/v1/networks/" + nwid, "/v1/peers", "/v1/peers/" + peerAddr,
		"/v1/trust", "/v1/trust/" + peerAddr, "/v1/reference/status", "/v1/reference/peer", "/v1/reference/network"} {
		for _, role := range []ipc.Role{ipc.Observer, ipc.Operator} {
			s := api.New(api.Config{Backend: fixture(t)})
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { api.StartPublisher(ctx, s); close(done) }()
			r := api.AsCaller(httptest.NewRequest(http.MethodGet, path, nil), as(role))
			r.Host = ipc.Host
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			cancel()
			<-done
			if w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			found := ""
			for _, secret := range secrets {
				if strings.Contains(w.Body.String(), secret) {
					found = secret
				}
			}
			if role == ipc.Observer && found != "" {
				t.Errorf("%s tells an observer %q", path, found)
			}
			if role == ipc.Operator && found == "" {
				t.Errorf("%s keeps from an operator what there is to see", path)
			}
		}
	}
}
