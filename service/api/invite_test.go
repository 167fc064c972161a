package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"orrery/service/api"
	"orrery/service/ipc"
)

const inviteLink = "orrery://join/e285b97aef000001?c=" + peerText + "&n=Garden"

// TestInvites gives the calls about invites what they must refuse, and what they
// take. Nothing that is refused changes anything.
func TestInvites(t *testing.T) {
	t.Parallel()
	private := strings.Repeat("5ec4e7", 21) + "5e"
	forged := inviteLink[:len(inviteLink)-10] + "0" + inviteLink[len(inviteLink)-9:]
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/v1/networks/e285b97aef000001", `{"invite":"` + inviteLink + `"}`, 200, `"id":"e285b97aef000001"`},
		{"POST", "/v1/networks/e285b97aef000001", `{"invite":"` + inviteLink + `","allowDNS":true}`, 200, `"allowDNS":true`},
		{"POST", "/v1/networks/e285b97aef000002", `{"invite":"` + inviteLink + `"}`, 400, "not to e285b97aef000002"},
		{"POST", "/v1/networks/e285b97aef000001", `{"invite":"orrery://join/e285b97aef000001?n=Garden"}`, 400, "which key"},
		{"POST", "/v1/networks/e285b97aef000001", `{"invite":"e285b97aef000001"}`, 400, "not an invite"},
		{"POST", "/v1/networks/e285b97aef000001", `{"invite":"` + forged + `"}`, 400, "not genuine"},
		{"POST", "/v1/networks/e285b97aef000001", `{"invite":"orrery://join/e285b97aef000001?c=` + selfText + `"}`, 400, "not that of the network's controller"},
		{"POST", "/v1/networks/e285b97aef000001", `{"invite":"orrery://join/e285b97aef000001?c=` + peerText + ":" + private + `"}`, 400, "private key"},
		{"POST", "/v1/networks/ff00160016000000", `{"invite":"orrery://join/ff00160016000000"}`, 400, "ad-hoc"},
		{"POST", "/v1/networks/e285b97aef000001", `{"invite":"` + inviteLink + `","mtu":99}`, 400, "1280"},
		{"POST", "/v1/networks/e285b97aef000001", `{"invites":""}`, 400, "unknown field"},
		{"GET", "/v1/networks/" + nwid + "/invite", "", 200, `"link":"orrery://join/` + nwid + "?c=" + selfText + `\u0026n=vec+net"`},
		{"GET", "/v1/networks/" + nwid + "/invite?name=Home%20%26%20work", "", 200, `n=Home+%26+work`},
		{"GET", "/v1/networks/" + nwid + "/invite?name=a%E2%80%AEb", "", 400, "do not show"},
		{"GET", "/v1/networks/" + nwid + "/invite?name=" + strings.Repeat("x", 200), "", 400, "128"},
		{"GET", "/v1/networks/ff00160016000000/invite", "", 400, "ad-hoc"},
		{"GET", "/v1/networks/e285b97aef000001/invite", "", 404, "not joined"},
		{"GET", "/v1/networks/xyz/invite", "", 400, "16"},
	} {
		b := fixture(t)
		w := httptest.NewRecorder()
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		r.Host = ipc.Host
		api.New(api.Config{Backend: b}).ServeHTTP(w, api.AsCaller(r, as(ipc.Administrator)))
		body := w.Body.String()
		if w.Code != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s %s %.90s: status %d, %s; want %d, %q", c.method, c.path, c.body, w.Code, body, c.status, c.says)
		}
		if strings.Contains(body, private[:12]) {
			t.Errorf("the answer repeats a private key: %s", body)
		}
		pinned := b.State.Trust[0].State == ipc.Verified
		if joined := len(b.State.Networks) > 1; pinned != joined || joined != (c.method == "POST" && c.status == 200) {
			t.Errorf("%s %.90s: pinned %v, joined %v", c.path, c.body, pinned, joined)
		}
	}
}

// TestNoInviter has a backend without invites.
func TestNoInviter(t *testing.T) {
	t.Parallel()
	s := api.New(api.Config{Backend: struct{ api.Backend }{fixture(t)}})
	for _, c := range [][3]string{{"GET", "/v1/networks/" + nwid + "/invite", ""}, {"POST", "/v1/networks/e285b97aef000001", `{"invite":"` + inviteLink + `"}`}} {
		r := httptest.NewRequest(c[0], c[1], strings.NewReader(c[2]))
		r.Host = ipc.Host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, api.AsCaller(r, as(ipc.Administrator)))
		if w.Code != 501 {
			t.Errorf("%s: %d %s", c[1], w.Code, w.Body)
		}
	}
}

// TestTurnedAwayInTheStream: who is turned away is news at once, how often only
// with the measurements.
func TestTurnedAwayInTheStream(t *testing.T) {
	t.Parallel()
	old := &ipc.Snapshot{Networks: []ipc.Network{{ID: nwid, UnverifiedCount: 1, DroppedUnverified: 3, Unverified: []ipc.Unverified{{Address: peerAddr, From: 3}}}}}
	more := &ipc.Snapshot{Networks: []ipc.Network{{ID: nwid, UnverifiedCount: 1, DroppedUnverified: 9, Unverified: []ipc.Unverified{{Address: peerAddr, From: 9}}}}}
	other := &ipc.Snapshot{Networks: []ipc.Network{{ID: nwid, UnverifiedCount: 2, DroppedUnverified: 9, Unverified: []ipc.Unverified{{Address: peerAddr, From: 9}, {Address: "0011223344"}}}}}
	for _, c := range []struct {
		next       *ipc.Snapshot
		everything bool
		want       int
	}{{more, false, 0}, {more, true, 1}, {other, false, 1}} {
		if events, _ := api.Diff(old, c.next, c.everything); len(events) != c.want {
			t.Errorf("%d events, want %d", len(events), c.want)
		}
	}
}
