package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"orrery/service/api"
	"orrery/service/ipc"
)

// moonFile is a moon that the reference made, in base64.
const moonFile = "fwAAAE4zqOLAAAABi8/laAD5azVR2d64yc63YNesyH0vbLHt+VjTamOyjAcvh/3XaRK7XGVzMzKNfRRPciyE3Cwa6rMng6HPPjSuK1DDZnyW75ouwjil0hvLZMAKjB/FzEbiBKdALYa2Nsexsr0eeuLmpjTdyIwb3/ncOlLhec4EauppXmKx7NNMB/+caWoZCrAyjbU40mLoiiF6MV7Dlm/qe4I5KfoHFwkklEebkikUAj/aBIq/ALfZwwYhH83Wfy68OZiw4XgcrEoG9cBCXbba/920MLEPbu0jH1aM5ejn5wpJzpk95ZWIaYsQJNgxgZverQVCtr8AAE4zqOLAAMCHpYQJvQUroUKk3VWTYlzVTFiRV5voT8jLDFbraKwd+AgHpASP4SHyJL8CW9BSBQaU53hYEA1NGiOqSaJSEXMAAQTGM2RNJwkAAA=="

// TestMoonCalls gives the calls about moons what they must refuse, and what they
// take.
func TestMoonCalls(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("ab", 64)
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/v1/moons/0000001122334455", `{"seed":"1122334455"}`, 200, `"waiting":true`},
		{"POST", "/v1/moons/1122334455", `{"seed":"1122334455"}`, 200, `"waiting":true`},
		{"POST", "/v1/moons/1122334455", `{"seed":"1122334455","key":"` + key + `"}`, 200, `"waiting":true`},
		{"POST", "/v1/moons/1122334455", `{}`, 404, "no seed"},
		{"POST", "/v1/moons/112233445", `{"seed":"1122334455"}`, 400, "16 hex digits"},
		{"POST", "/v1/moons/0000000000", `{"seed":"1122334455"}`, 400, "16 hex digits"},
		{"POST", "/v1/moons/xx22334455", `{"seed":"1122334455"}`, 400, "16 hex digits"},
		{"POST", "/v1/moons/1122334455", `{"seed":"11223344"}`, 400, "seed is not an address"},
		{"POST", "/v1/moons/1122334455", `{"seed":"1122334455","key":"abc"}`, 400, "128 hex digits"},
		{"POST", "/v1/moons/1122334455", `{"seed":"1122334455","key":"` + key[2:] + `zz"}`, 400, "128 hex digits"},
		{"POST", "/v1/moons/1122334455", `{"sed":"1122334455"}`, 400, "unknown field"},
		{"POST", "/v1/moons/1122334455", `{`, 400, "ends too early"},
		{"DELETE", "/v1/moons/1122334455", "", 200, "{}"},
		{"DELETE", "/v1/moons/112233", "", 400, "16 hex digits"},
		{"POST", "/v1/worlds", `{"world":"` + moonFile + `"}`, 200, `"moon"`},
		{"POST", "/v1/worlds", `{"world":"` + moonFile + `","key":"` + key + `"}`, 409, "not signed by the given key"},
		{"POST", "/v1/worlds", `{"world":"` + moonFile[:100] + `"}`, 400, "truncated"},
		{"POST", "/v1/worlds", `{"world":""}`, 400, "truncated"},
		{"POST", "/v1/worlds", `{"world":"Bw` + moonFile[2:] + `"}`, 400, "not the content"},
		{"POST", "/v1/worlds", `{"world":"!"}`, 400, "not what this call takes"},
		{"POST", "/v1/reference/moon/1122334455", `{"seed":"1122334455"}`, 200, `"waiting":true`},
		{"POST", "/v1/reference/moon/1122334455", `{}`, 200, "{}"},
	} {
		s := api.New(api.Config{Backend: fixture(t)})
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		r.Host = ipc.Host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, api.AsCaller(r, as(ipc.Administrator)))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s %.90s: status %d, %s; want %d, %q", c.method, c.path, c.body, w.Code, w.Body, c.status, c.says)
		}
	}
}

// TestNoOrbiter has a backend whose moons cannot be changed.
func TestNoOrbiter(t *testing.T) {
	t.Parallel()
	s := api.New(api.Config{Backend: struct{ api.Backend }{fixture(t)}})
	for _, path := range []string{"/v1/moons/1122334455", "/v1/reference/moon/1122334455"} {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{"seed":"1122334455"}`))
		r.Host = ipc.Host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, api.AsCaller(r, as(ipc.Administrator)))
		if w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "moons.d") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}
