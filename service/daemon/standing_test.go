package daemon

import (
	"strings"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/vl2"
	"orrery/service/host"
	"orrery/service/ipc"
)

// TestWords: every status that is not plainly good has a sentence, and says what
// can be done.
func TestWords(t *testing.T) {
	t.Parallel()
	const self = identity.Address(0x0123456789)
	page := vl2.Authentication{URL: "https://login.example/x"}
	open := vl2.Authentication{Version: 1, Provider: "okta"}
	held := &netconf.Config{}
	since := time.Date(2026, 11, 20, 1, 2, 3, 0, time.UTC)
	for _, c := range []struct {
		name           string
		s              node.NetworkState
		silent         time.Time
		failure        host.Failure
		detail, advice string
	}{
		{"good", node.NetworkState{Status: vl2.StatusOK, Config: held}, time.Time{}, host.Failure{}, "", ""},
		{"silent", node.NetworkState{Status: vl2.StatusOK, Config: held}, since, host.Failure{}, "has not answered since 2026-11-20 01:02:03 UTC", "whoever runs"},
		{"port", node.NetworkState{Status: vl2.StatusPortError}, time.Time{}, host.Failure{Reason: "no rights"}, "no rights", "administrator"},
		{"waiting", node.NetworkState{Status: vl2.StatusRequestingConfiguration}, time.Time{}, host.Failure{}, "Waiting", ""},
		{"waiting long", node.NetworkState{Status: vl2.StatusRequestingConfiguration}, since, host.Failure{}, "not answered since", "offline"},
		{"denied", node.NetworkState{Status: vl2.StatusAccessDenied}, time.Time{}, host.Failure{}, "must authorise", "0123456789"},
		{"expelled", node.NetworkState{Status: vl2.StatusAccessDenied, Config: held}, time.Time{}, host.Failure{}, "taken", "0123456789"},
		{"unknown", node.NetworkState{Status: vl2.StatusNotFound, ID: 0x8056c2e21c000001}, time.Time{}, host.Failure{}, "does not know", "Check"},
		{"no ports", node.NetworkState{Status: vl2.StatusNotFound, ID: 0xff00500016000000}, time.Time{}, host.Failure{}, "ends before it begins", "four hex digits"},
		{"no ad-hoc network", node.NetworkState{Status: vl2.StatusRequestingConfiguration, ID: 0xff00500016000002}, time.Time{}, host.Failure{}, "never", "Check"},
		{"log in", node.NetworkState{Status: vl2.StatusAuthenticationRequired, Auth: page}, time.Time{}, host.Failure{}, "log in", page.URL},
		{"log in somewhere", node.NetworkState{Status: vl2.StatusAuthenticationRequired}, time.Time{}, host.Failure{}, "does not say where", "Ask"},
		{"log in by OpenID", node.NetworkState{Status: vl2.StatusAuthenticationRequired, Auth: open}, time.Time{}, host.Failure{}, "okta", "token"},
	} {
		n := ipc.Network{Standing: ipc.Standing{SilentSince: c.silent, Login: login(&c.s)}}
		detail, advice := words(&n, &c.s, c.failure, self)
		if !strings.Contains(detail, c.detail) || !strings.Contains(advice, c.advice) || c.detail == "" && detail != "" {
			t.Errorf("%s: %q %q", c.name, detail, advice)
		}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	if login(&node.NetworkState{Status: vl2.StatusOK, Config: &netconf.Config{}}) != nil {
		t.Error("a network without log-in has one")
	}
	expiry := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := node.NetworkState{Status: vl2.StatusOK, Config: &netconf.Config{SSO: netconf.SSO{Enabled: true, URL: "https://a.example", Expiry: clock.Wall(expiry.UnixMilli())}}}
	l := login(&s)
	if l == nil || l.Required || l.URL != "https://a.example" || !l.Expires.Equal(expiry) {
		t.Errorf("%+v", l)
	}
	s.Config.SSO.URL = "http://a.example"
	if l := login(&s); l.URL != "" {
		t.Errorf("a page without encryption: %q", l.URL)
	}
}

// TestNetworkAlerts: what is told, and when.
func TestNetworkAlerts(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	with := func(s ipc.Standing) ipc.Network {
		return ipc.Network{ID: "8056c2e21c000001", Name: "home", JoinedAt: now.Add(-time.Hour), Standing: s}
	}
	const controller = "8056c2e21c"
	for _, c := range []struct {
		name     string
		n        ipc.Network
		id, word string
	}{
		{"all is well", with(ipc.Standing{Controller: controller}), "", ""},
		{"log in", with(ipc.Standing{Login: &ipc.Login{Required: true, URL: "https://secret.example"}}), "network.login.", "network status"},
		{"nowhere to log in", with(ipc.Standing{Login: &ipc.Login{Required: true}}), "network.login.", "Ask"},
		{"logged in", with(ipc.Standing{Login: &ipc.Login{Expires: now.Add(time.Hour)}}), "", ""},
		{"running out", with(ipc.Standing{Login: &ipc.Login{Expires: now.Add(5 * time.Minute)}}), "network.login.", "12:05 UTC"},
		{"silent for a moment", with(ipc.Standing{SilentSince: now.Add(-time.Minute)}), "", ""},
		{"silent", with(ipc.Standing{SilentSince: now.Add(-time.Hour)}), "network.controller.", "home"},
		{"refused", with(ipc.Standing{Controller: controller, Refused: []ipc.RefusedConfig{{From: controller, Text: "bad", Since: now}}}), "network.config.", "whoever runs"},
		{"refused of a member", with(ipc.Standing{Controller: controller, Refused: []ipc.RefusedConfig{{From: "0123456789", Text: "bad", Since: now}}}), "network.config.", "broken"},
	} {
		all := networkAlerts(&c.n, now)
		if c.id == "" {
			if len(all) != 0 {
				t.Errorf("%s: %+v", c.name, all)
			}
			continue
		}
		if len(all) != 1 || all[0].ID != c.id+c.n.ID || !strings.Contains(all[0].Title+all[0].Text+all[0].Advice, c.word) || all[0].Since.IsZero() {
			t.Errorf("%s: %+v", c.name, all)
			continue
		}
		if strings.Contains(all[0].Text+all[0].Advice, "secret.example") {
			t.Errorf("%s: an alert shows a link that not everybody may see", c.name)
		}
	}
}

func TestRefusedView(t *testing.T) {
	t.Parallel()
	at := func(clock.Mono) time.Time { return time.Unix(1, 0) }
	for f := netconf.FaultMalformed; int(f) < netconf.FaultCount; f++ {
		v := refusedView(&vl2.Refusal{Fault: f, From: 0x8056c2e21c, Detail: "x", Count: 3}, 0x8056c2e21c, at)
		if faultWords[f] == "" || !strings.HasPrefix(v.Text, "The network's controller") || !strings.Contains(v.Text, "stays in force") || v.Fault != f.String() || v.Count != 3 {
			t.Errorf("%v: %+v", f, v)
		}
	}
}
