package model

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"orrery/service/ipc"
	"orrery/service/ipc/linkfile"
	"orrery/ui/uitest"
)

// TestTrouble: routes, addresses, bridges and members turned away in words.
func TestTrouble(t *testing.T) {
	t.Parallel()
	s := newState(uitest.WithTrouble())
	r, _ := s.Network(uitest.Home)
	type fate struct {
		tone   Tone
		note   bool
		choice RouteChoice
	}
	want := []fate{{Neutral, false, RouteAuto}, {Neutral, true, RouteNever}, {Warning, true, RouteAuto}, {Warning, true, RouteAlways}, {Busy, true, RouteAuto}}
	for i, row := range r.Routes {
		if got := (fate{row.Badge.Tone, row.Note != "", row.Choice}); got != want[i] || !row.Enabled || (row.Badge.Text == "") != (i == 0) {
			t.Errorf("%s: %+v", row.Target, row)
		}
	}
	if n := r.Routes[2].Note; n != "This computer's own network eth0 is 192.168.1.0/24. Choose “Always use” to take it all the same." {
		t.Errorf("%q", n)
	}
	u := r.Unverified
	if u.Title != "8 members are not verified" || len(u.Rows) != 4 || u.More != "and 4 more" || u.Rows[0].Title != "Bob’s phone" || !strings.Contains(u.Rows[0].Text, "1 packet dropped") || !strings.Contains(u.Rows[1].Text, "41 packets") {
		t.Errorf("%+v", u)
	}
	if b := u.Rows[0].Verify; !b.Enabled || b.Action != (Action{Do: Verify, Target: uitest.Bob}) {
		t.Errorf("%+v", b)
	}
	if r.Controller != "8056c2e21c, not verified" || r.VerifyController.Action.Target != "8056c2e21c" || r.Port != "Ethernet frames" || !strings.Contains(r.Bridging, "br0, 3 devices") {
		t.Errorf("%+v", r)
	}
	if len(r.AddressNotes) != 2 || !strings.Contains(r.AddressNotes[0], "no IPv6") || !strings.Contains(r.AddressNotes[1], uitest.Bob) {
		t.Errorf("%q", r.AddressNotes)
	}
	if len(r.Values) != 2 || r.Values[0].Text != "1400 bytes (limited to 1400 by you)" || r.Values[1].Text != "Set" {
		t.Errorf("%+v", r.Values)
	}
	if r.DNSState.Text != "Not possible here" || !strings.Contains(r.DNSNote, "Install systemd-resolved.") {
		t.Errorf("%+v %q", r.DNSState, r.DNSNote)
	}
	for state, tone := range map[string]Tone{"pending": Busy, "ignored": Neutral, "refused": Warning, "failed": Bad} {
		if b, _ := dnsState(&ipc.DNS{State: state}); b.Tone != tone || b.Text == "" {
			t.Errorf("%s: %+v", state, b)
		}
	}
	if b, note := dnsState(&ipc.DNS{State: "applied", By: "systemd-resolved", All: true}); b != (Badge{}) || note != "All names are asked for there, by way of systemd-resolved." {
		t.Errorf("%+v %q", b, note)
	}
	// An observer sees it all and can change nothing.
	all := uitest.WithTrouble()
	all.Status.Role = ipc.Observer
	r, _ = newState(all).Network(uitest.Home)
	if r.Routes[0].Enabled || r.Values[0].Change.Enabled || r.Unverified.Rows[0].Verify.Enabled || r.Invite.Enabled {
		t.Errorf("%+v", r)
	}
}

// TestNobodyIsTurnedAway: no list where there is nobody, or the network is for
// everybody.
func TestNobodyIsTurnedAway(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(n *ipc.Network){
		"nobody": func(n *ipc.Network) { n.Unverified, n.UnverifiedCount = nil, 0 }, "switched off": func(n *ipc.Network) { n.VerifiedOnly = false },
	} {
		all := uitest.WithTrouble()
		spoil(&all.Networks[0])
		if r, _ := newState(all).Network(uitest.Home); r.Unverified.Title != "" || r.Unverified.Rows != nil {
			t.Errorf("%s: %+v", name, r.Unverified)
		}
	}
}

// TestRouteChange: a choice about one route leaves the others as they are.
func TestRouteChange(t *testing.T) {
	t.Parallel()
	s := newState(uitest.WithTrouble())
	for _, c := range []struct {
		route          string
		choice         RouteChoice
		accept, ignore []string
		asks           bool
	}{
		{"192.168.1.0/24", RouteAlways, []string{"10.0.0.0/8", "192.168.1.0/24"}, []string{"192.168.7.0/24"}, false},
		{"192.168.7.0/24", RouteAlways, []string{"10.0.0.0/8", "192.168.7.0/24"}, []string{}, false},
		{"10.0.0.0/8", RouteNever, []string{}, []string{"192.168.7.0/24", "10.0.0.0/8"}, false},
		{"192.168.7.0/24", RouteAuto, []string{"10.0.0.0/8"}, []string{}, false},
		{"0.0.0.0/0", RouteAlways, []string{"10.0.0.0/8", "0.0.0.0/0"}, []string{"192.168.7.0/24"}, true},
		{"0.0.0.0/0", RouteNever, []string{"10.0.0.0/8"}, []string{"192.168.7.0/24", "0.0.0.0/0"}, false},
	} {
		a := Action{Do: SetRoute, Target: uitest.Home, Route: c.route, Choice: c.choice}
		got := s.RouteChange(a)
		if !slices.Equal(got.AcceptRoutes, c.accept) || !slices.Equal(got.IgnoreRoutes, c.ignore) || got.AcceptRoutes == nil || got.IgnoreRoutes == nil {
			t.Errorf("%+v: %+v", a, got)
		}
		if _, asks := s.Confirm(a); asks != c.asks {
			t.Errorf("%+v asks: %v", a, asks)
		}
	}
}

func TestCheckValue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key   SettingKey
		field string
		ready bool
	}{
		{MTU, "1400", true}, {MTU, " 1280 ", true}, {MTU, "10000", true}, {MTU, "", true}, {MTU, "0", true}, {MTU, "1279", false}, {MTU, "10001", false}, {MTU, "big", false},
		{MTU, "-5", false}, {JoinToken, "abc-123", true}, {JoinToken, "", true}, {JoinToken, strings.Repeat("x", 257), false}, {JoinToken, "a\u202eb", false},
	} {
		v := CheckValue(c.key, c.field)
		if v.Ready != c.ready || v.Wrong == c.ready || v.Message == "" || (v.Settings.MTU != nil) != (c.ready && c.key == MTU) || (v.Settings.Token != nil) != (c.ready && c.key == JoinToken) {
			t.Errorf("%s %q: %+v", c.key, c.field, v)
		}
	}
	s := newState(uitest.WithTrouble())
	if s.Value(uitest.Home, MTU) != "1400" || s.Value(uitest.Home, JoinToken) != "secret" || s.Value(uitest.Work, MTU) != "" {
		t.Error("the dialogs do not begin with what is set")
	}
}

// TestSwitches: each switch shows its setting and sends no other.
func TestSwitches(t *testing.T) {
	t.Parallel()
	on := true
	for key, set := range map[SettingKey]ipc.NetworkSettings{
		AllowGlobal: {AllowGlobal: &on}, DNSDefault: {DNSDefault: &on, AllowDNS: &on}, VerifiedOnly: {VerifiedOnly: &on}, LANDiscovery: {LANDiscovery: &on}, RemoteTrace: {RemoteTrace: &on}, Ethernet: {Port: "tap"},
	} {
		all := &ipc.Snapshot{Status: ipc.Status{Role: ipc.Operator}, Networks: []ipc.Network{{ID: uitest.Home, Settings: set}}}
		r, _ := newState(all).Network(uitest.Home)
		i := slices.IndexFunc(r.Settings, func(x Setting) bool { return x.Key == key })
		if i < 0 || !r.Settings[i].On || !r.Settings[i].Enabled || r.Settings[i].Label == "" || r.Settings[i].Hint == "" {
			t.Errorf("%s: %+v", key, r.Settings)
		}
	}
	other := New(Options{OS: "windows"})
	other.Apply(ipc.Event{Kind: ipc.EventSnapshot, All: uitest.Snapshot()})
	if r, _ := other.Network(uitest.Home); slices.ContainsFunc(r.Settings, func(x Setting) bool { return x.Key == Ethernet }) {
		t.Error("an Ethernet device where there is none")
	}
	if got := other.Change(LANDiscovery, true); got.Port != "" || !*got.LANDiscovery {
		t.Errorf("%+v", got)
	}
	linux := newState(&ipc.Snapshot{Status: ipc.Status{Role: ipc.Operator}, Networks: []ipc.Network{{ID: uitest.Home, Settings: ipc.NetworkSettings{LANDiscovery: &on, Port: "tap"}}}})
	if r, _ := linux.Network(uitest.Home); slices.ContainsFunc(r.Settings, func(x Setting) bool { return x.Key == Ethernet && x.Enabled }) {
		t.Error("the device that discovery needs can be switched off")
	}
	if got := linux.Change(LANDiscovery, true); got.Port != "tap" {
		t.Errorf("%+v", got)
	}
	if got := linux.Change(LANDiscovery, false); got.Port != "" {
		t.Errorf("%+v", got)
	}
	mac := New(Options{OS: "darwin"})
	mac.Apply(ipc.Event{Kind: ipc.EventSnapshot, All: uitest.Snapshot()})
	if r, _ := mac.Network(uitest.Home); slices.ContainsFunc(r.Settings, func(x Setting) bool { return x.Key == LANDiscovery }) {
		t.Error("a switch for what this system cannot do")
	}
	for _, c := range []struct {
		key  SettingKey
		on   bool
		port string
	}{{Ethernet, true, "tap"}, {Ethernet, false, "tun"}} {
		if got := change(c.key, c.on); got.Port != c.port {
			t.Errorf("%+v", got)
		}
	}
	if got := change(VerifiedOnly, true); got.VerifiedOnly == nil || !*got.VerifiedOnly || got.LANDiscovery != nil || got.AcceptRoutes != nil {
		t.Errorf("%+v", got)
	}
}

func TestInvitation(t *testing.T) {
	t.Parallel()
	s := newState(uitest.WithTrouble())
	r, _ := s.Network(uitest.Home)
	if r.Invite.Action != (Action{Do: OpenInvite, Target: uitest.Home}) {
		t.Errorf("%+v", r.Invite)
	}
	i := s.Invitation(uitest.Home)
	if p := i.Page(); !p.Busy || p.Problem != nil || p.QR != "" || p.Title != "Invite to home" {
		t.Errorf("%+v", p)
	}
	link := "orrery://join/" + uitest.Home + "?c=" + uitest.Identity(uitest.Home[:10]) + "&n=My%2Fgar%3Aden"
	i.Loaded(&ipc.Invite{Link: link, Since: uitest.Time}, nil)
	p := i.Page()
	if p.Busy || p.Problem != nil || p.QR != link || p.Link.Copy != link || len([]rune(p.Link.Text)) > 60 || !strings.Contains(p.Sure, "22 November 2026") ||
		p.PictureName != "My-gar-den.png" || p.FileName != "My-gar-den.orrery" || !strings.Contains(p.Lead, "let them in") {
		t.Errorf("%+v", p)
	}
	if got, err := linkfile.Read(p.File); err != nil || got != link {
		t.Errorf("%+v, %v", got, err)
	}
	i.Loaded(&ipc.Invite{Link: link, Own: true}, nil)
	if p := i.Page(); !strings.Contains(p.Sure, "This computer is the controller") {
		t.Errorf("%q", p.Sure)
	}
	i.Loaded(nil, &ipc.Error{Code: ipc.CodeConflict, Message: "not verified"})
	if p := i.Page(); p.Problem == nil || p.Problem.Title != "There can be no invite yet" {
		t.Errorf("%+v", p.Problem)
	}
	// What cannot be used is not shown.
	for _, bad := range []func(){
		func() { i.Loaded(nil, &ipc.Error{Code: ipc.CodeConflict, Message: "not verified"}) },
		func() { i.Loaded(&ipc.Invite{Link: "https://example.org"}, nil) },
		func() { i.Loaded(nil, errors.New("x")) },
	} {
		bad()
		if p := i.Page(); p.Problem == nil || p.QR != "" || p.File != nil || p.Verify.Action.Target != "8056c2e21c" {
			t.Errorf("%+v", p)
		}
	}
	if r, _ := newState(&ipc.Snapshot{Networks: []ipc.Network{{ID: uitest.Club}}}).Network(uitest.Club); r.Invite.Label != "" || r.VerifyController.Label != "" {
		t.Error("an invite to an ad-hoc network")
	}
}
