package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"orrery/service/api"
	"orrery/service/ipc"
)

// TestWrongTypes: a value of the wrong type is refused in words that tell which
// one it is and what it must be.
func TestWrongTypes(t *testing.T) {
	t.Parallel()
	for body, says := range map[string]string{
		`{"mtu":"1400"}`:                 `mtu is a text, and must be a whole number`,
		`{"mtu":1400.5}`:                 `mtu is a number 1400.5, and must be a whole number`,
		`{"verifiedOnly":1}`:             `verifiedOnly is a number, and must be true or false`,
		`{"acceptRoutes":"10.0.0.0/24"}`: `acceptRoutes is a text, and must be a list`,
		`{"token":true}`:                 `token is true or false, and must be a text`,
		`[]`:                             `it is a list, and must be an object`,
		`{"zork":1}`:                     `unknown field`,
	} {
		s := api.New(api.Config{Backend: fixture(t)})
		r := httptest.NewRequest(http.MethodPatch, "/v1/networks/294551b91fabcdef", strings.NewReader(body))
		r.Host = ipc.Host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, api.AsCaller(r, as(ipc.Administrator)))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), says) || strings.Contains(w.Body.String(), "Go ") {
			t.Errorf("%s: status %d, %s; want %q", body, w.Code, w.Body, says)
		}
	}
}
