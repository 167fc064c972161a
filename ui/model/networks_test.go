package model

import (
	"slices"
	"strings"
	"testing"

	"orrery/service/ipc"
	"orrery/ui/uitest"
)

func TestNetworkStatusInWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		network ipc.Network
		offline bool
		badge   Badge
		words   []string // that the sentence must contain
	}{
		{"ok", ipc.Network{Status: ipc.OK, Addresses: []string{"10.0.0.1/8"}}, false, Badge{MarkOK, Good, "Connected"}, []string{"up"}},
		{"no address", ipc.Network{Status: ipc.OK}, false, Badge{MarkOK, Good, "Connected"}, []string{"no address"}},
		{"requesting", ipc.Network{Status: ipc.Requesting}, false, Badge{MarkBusy, Busy, "Connecting"}, []string{"8056c2e21c"}},
		{"requesting offline", ipc.Network{Status: ipc.Requesting}, true, Badge{MarkBusy, Busy, "Connecting"}, []string{"root"}},
		{"denied", ipc.Network{Status: ipc.AccessDenied}, false, Badge{MarkWarning, Warning, "Waiting for permission"}, []string{uitest.Self}},
		{"not found", ipc.Network{Status: ipc.NotFound}, false, Badge{MarkError, Bad, "Not found"}, []string{"8056c2e21c", "Check"}},
		{"port error with detail", ipc.Network{Status: ipc.PortError, Detail: "No /dev/net/tun."}, false, Badge{MarkError, Bad, "No device"}, []string{"No /dev/net/tun."}},
		{"port error", ipc.Network{Status: ipc.PortError}, false, Badge{MarkError, Bad, "No device"}, []string{"could not be made"}},
		{"too old", ipc.Network{Status: ipc.TooOld, Detail: "Version 13."}, false, Badge{MarkError, Bad, "Update needed"}, []string{"newer", "Version 13."}},
		{"log in nowhere", ipc.Network{Status: ipc.AuthRequired, Detail: "It waits elsewhere."}, false, Badge{MarkWarning, Warning, "Log in"}, []string{"waits elsewhere"}},
		{"log in", ipc.Network{Status: ipc.AuthRequired, AuthURL: "https://login.example/", Detail: "In the service's words."}, false, Badge{MarkWarning, Warning, "Log in"}, []string{"web page"}},
		{"never answered", ipc.Network{Status: ipc.Requesting, Standing: ipc.Standing{SilentSince: uitest.Time}}, false, Badge{MarkBusy, Busy, "Connecting"}, []string{"has not answered since 22 November 2026, 10:30"}},
		{"silent controller", ipc.Network{Status: ipc.OK, Addresses: []string{"10.0.0.1/8"}, Detail: "In the service's words.", Standing: ipc.Standing{SilentSince: uitest.Time}}, false, Badge{MarkOK, Good, "Connected"}, []string{"22 November 2026, 10:30", "stays in force"}},
		{"turned out", ipc.Network{Status: ipc.AccessDenied, Revision: 7}, false, Badge{MarkWarning, Warning, "Waiting for permission"}, []string{"taken", uitest.Self}},
		{"port error with advice", ipc.Network{Status: ipc.PortError, Detail: "No device.", Standing: ipc.Standing{Advice: "Load the driver."}}, false, Badge{MarkError, Bad, "No device"}, []string{"No device. Load the driver."}},
		{"unknown", ipc.Network{Status: "MELTED"}, false, Badge{MarkWarning, Warning, "Unknown"}, []string{"MELTED"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.network.ID = uitest.Home
			all := &ipc.Snapshot{Status: ipc.Status{Address: uitest.Self, Online: !c.offline, Role: ipc.Operator}, Networks: []ipc.Network{c.network}}
			r, _ := newState(all).Network(uitest.Home)
			if r.Badge != c.badge {
				t.Errorf("badge %+v, want %+v", r.Badge, c.badge)
			}
			for _, w := range c.words {
				if !strings.Contains(r.Sentence, w) {
					t.Errorf("%q does not say %q", r.Sentence, w)
				}
			}
		})
	}
}

func TestNetworkRow(t *testing.T) {
	t.Parallel()
	r, _ := newState(uitest.Snapshot()).Network(uitest.Home)
	if r.Title != "home" || r.Device != "orr0" || r.Kind != "Private network" || r.Controller != "8056c2e21c, verified" || r.Summary != "10.147.20.5" {
		t.Errorf("%+v", r)
	}
	if want := (Copyable{"10.147.20.5/24", "10.147.20.5"}); r.Addresses[0] != want || r.Addresses[1].Copy != "fd80:56c2:e21c:0:199:9389:e92c:eee5" {
		t.Errorf("addresses %+v", r.Addresses)
	}
	if want := []RouteRow{
		{Target: "10.147.20.0/24", Text: "10.147.20.0/24", Choice: RouteAuto, Enabled: true},
		{Target: "192.168.7.0/24", Text: "192.168.7.0/24 through 10.147.20.1", Choice: RouteAuto, Enabled: true},
	}; !slices.Equal(r.Routes, want) {
		t.Errorf("routes %+v", r.Routes)
	}
	if r.DNS != "10.147.20.1 for home.arpa" {
		t.Errorf("DNS %q", r.DNS)
	}
	if want := (Button{Label: "Leave…", Enabled: true, Action: Action{Do: Leave, Target: uitest.Home}}); r.Toggle != want {
		t.Errorf("toggle %+v", r.Toggle)
	}
}

func TestNetworkKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ id, kind, want, controller string }{
		{uitest.Home, "PUBLIC", "Public network", "8056c2e21c"},
		{uitest.Home, "PRIVATE", "Private network", "8056c2e21c"},
		{uitest.Home, "", "", "8056c2e21c"},
		{uitest.Club, "PUBLIC", "Ad-hoc network", ""},
	} {
		r, _ := newState(&ipc.Snapshot{Networks: []ipc.Network{{ID: c.id, Type: c.kind}}}).Network(c.id)
		if r.Kind != c.want || r.Controller != c.controller {
			t.Errorf("%s %s: %q, %q", c.id, c.kind, r.Kind, r.Controller)
		}
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url    string
		status ipc.NetworkStatus
		button bool
	}{
		{"https://login.example/x?y=z", ipc.AuthRequired, true},
		{"http://10.0.0.1/", ipc.AuthRequired, false},
		{"https://user:secret@login.example/", ipc.AuthRequired, false},
		{"https://login.example/", ipc.OK, false},
		{"", ipc.AuthRequired, false},
		{"file:///etc/passwd", ipc.AuthRequired, false},
		{"javascript:alert(1)", ipc.AuthRequired, false},
		{"https://", ipc.AuthRequired, false},
		{"https://a b/", ipc.AuthRequired, false},
	} {
		r, _ := newState(&ipc.Snapshot{Networks: []ipc.Network{{ID: uitest.Home, Status: c.status, AuthURL: c.url}}}).Network(uitest.Home)
		if (r.SignIn.Label != "") != c.button {
			t.Errorf("%q, %s: %+v", c.url, c.status, r.SignIn)
		}
	}
}

// TestLogin: who is logged in sees until when, and can log in again.
func TestLogin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		login  *ipc.Login
		status ipc.NetworkStatus
		label  string
		until  string
	}{
		{nil, ipc.OK, "", ""},
		{&ipc.Login{Required: true, URL: "https://login.example/"}, ipc.AuthRequired, "Log in…", ""},
		{&ipc.Login{URL: "https://login.example/", Expires: uitest.Time}, ipc.OK, "Log in again…", "Logged in until 22 November 2026, 10:30"},
		{&ipc.Login{Expires: uitest.Time}, ipc.OK, "", "Logged in until 22 November 2026, 10:30"},
		{&ipc.Login{URL: "http://login.example/", Required: true}, ipc.AuthRequired, "", ""},
	} {
		r, _ := newState(&ipc.Snapshot{Networks: []ipc.Network{{ID: uitest.Home, Status: c.status, Standing: ipc.Standing{Login: c.login}}}}).Network(uitest.Home)
		if r.SignIn.Label != c.label || r.Login != c.until {
			t.Errorf("%+v: %+v, %q", c.login, r.SignIn, r.Login)
		}
	}
}

func TestNetworksAreSortedAndSelected(t *testing.T) {
	t.Parallel()
	all := &ipc.Snapshot{Status: ipc.Status{Role: ipc.Operator}, Networks: []ipc.Network{
		{ID: "3333333333333333", Name: "beta"}, {ID: "1111111111111111"}, {ID: "5555555555555555", Name: "Alpha"}, {ID: "4444444444444444", Name: "beta"},
	}}
	s := newState(all)
	want := []string{"1111111111111111", "5555555555555555", "3333333333333333", "4444444444444444"}
	p := s.Networks()
	for i, r := range p.Rows {
		if r.ID != want[i] {
			t.Errorf("row %d is %s, want %s", i, r.ID, want[i])
		}
	}
	if p.Selected != 0 {
		t.Errorf("selected %d, want the first", p.Selected)
	}
	s.Select(Action{Do: SelectNetwork, Target: want[2]})
	if p = s.Networks(); p.Selected != 2 {
		t.Errorf("selected %d", p.Selected)
	}
	s.Apply(ipc.Event{Kind: ipc.EventNetworkGone, Gone: want[2]})
	if p = s.Networks(); p.Selected != 0 {
		t.Errorf("selected %d after the network went", p.Selected)
	}
	empty := newState(&ipc.Snapshot{}).Networks()
	if empty.Selected != -1 || empty.Empty.Title == "" {
		t.Errorf("%+v", empty)
	}
}

func TestNamesOfNetworksAreCleaned(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"  home ":                        "home",
		"two\nlines":                     "twolines",
		"evil\u202etxt.exe":              "eviltxt.exe",
		"\x00\x07":                       uitest.Home,
		"Ünïcödé 网络":                     "Ünïcödé 网络",
		strings.Repeat("x", nameLimit+5): strings.Repeat("x", nameLimit) + "…",
		"bad \xff utf8":                  "bad  utf8",
	} {
		r, _ := newState(&ipc.Snapshot{Networks: []ipc.Network{{ID: uitest.Home, Name: in}}}).Network(uitest.Home)
		if r.Title != want {
			t.Errorf("%q is shown as %q, want %q", in, r.Title, want)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	on := func(list []Setting) (s string) {
		for _, x := range list {
			b := "-"
			if x.On {
				b = "+"
			}
			if x.Enabled {
				b += "e"
			}
			s += b + " "
		}
		return strings.TrimSpace(s)
	}
	for _, c := range []struct {
		name string
		set  ipc.NetworkSettings
		role ipc.Role
		want string
	}{
		{"defaults", ipc.NetworkSettings{}, ipc.Operator, "+e -e -e -e - -e -e -e -e"},
		{"all on", ipc.NetworkSettings{AllowManaged: &yes, AllowGlobal: &yes, AllowDefault: &yes, AllowDNS: &yes}, ipc.Operator, "+e +e +e +e -e -e -e -e -e"},
		{"not managed", ipc.NetworkSettings{AllowManaged: &no, AllowGlobal: &yes, AllowDNS: &no}, ipc.Operator, "-e + - -e - -e -e -e -e"},
		{"observer", ipc.NetworkSettings{AllowDNS: &yes}, ipc.Observer, "+ - - + - - - - -"},
	} {
		s := newState(&ipc.Snapshot{Status: ipc.Status{Role: c.role}, Networks: []ipc.Network{{ID: uitest.Home, Settings: c.set}}})
		r, _ := s.Network(uitest.Home)
		if got := on(r.Settings); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key SettingKey
		get func(ipc.NetworkSettings) *bool
	}{
		{AllowManaged, func(s ipc.NetworkSettings) *bool { return s.AllowManaged }},
		{AllowGlobal, func(s ipc.NetworkSettings) *bool { return s.AllowGlobal }},
		{AllowDefault, func(s ipc.NetworkSettings) *bool { return s.AllowDefault }},
		{AllowDNS, func(s ipc.NetworkSettings) *bool { return s.AllowDNS }},
	} {
		for _, on := range []bool{true, false} {
			set, n := change(c.key, on), 0
			for _, p := range []*bool{set.AllowManaged, set.AllowGlobal, set.AllowDefault, set.AllowDNS} {
				if p != nil {
					n++
				}
			}
			if p := c.get(set); p == nil || *p != on || n != 1 {
				t.Errorf("%s %v: %+v", c.key, on, set)
			}
		}
	}
	if set := change("other", true); set.AllowManaged != nil || set.AllowDNS != nil {
		t.Errorf("an unknown setting changes %+v", set)
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	p := newState(withRole(ipc.Observer)).Networks()
	if p.Join.Enabled || p.Join.Why == "" || p.Rows[0].Toggle.Enabled {
		t.Errorf("an observer may join: %+v", p.Join)
	}
	if p = newState(withRole(ipc.Operator)).Networks(); !p.Join.Enabled || p.Join.Why != "" {
		t.Errorf("an operator may not join: %+v", p.Join)
	}
}
