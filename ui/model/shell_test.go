package model

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"orrery/service/ipc"
	"orrery/ui/uitest"
)

func TestHeader(t *testing.T) {
	t.Parallel()
	offline := uitest.Snapshot()
	offline.Status.Online = false
	stopped := newState(uitest.Snapshot())
	stopped.Down(ipc.ErrNotRunning)
	for name, c := range map[string]struct {
		s     *State
		badge Badge
	}{
		"connecting": {New(Options{}), Badge{MarkBusy, Busy, "Connecting"}},
		"stopped":    {stopped, Badge{MarkOff, Neutral, "Not running"}},
		"offline":    {newState(offline), Badge{MarkWarning, Warning, "Offline"}},
		"online":     {newState(uitest.Snapshot()), Badge{MarkOK, Good, "Online"}},
	} {
		if h := c.s.Header(); h.Status != c.badge {
			t.Errorf("%s: %+v", name, h.Status)
		}
	}
	if h := newState(offline).Header(); h.Address.Copy != uitest.Self || h.Version != "Version 0.1.0" {
		t.Errorf("%+v", h)
	}
}

func TestBanners(t *testing.T) {
	t.Parallel()
	list := newState(uitest.WithConflict()).Banners()
	if len(list) != 2 {
		t.Fatalf("%d banners: %+v", len(list), list)
	}
	b := list[0]
	if b.ID != "trust.conflict."+uitest.Printer || b.Badge.Tone != Bad || !strings.Contains(b.Title, "Printer") || !strings.Contains(b.Text, "OK(WHOIS)") {
		t.Errorf("%+v", b)
	}
	for i, want := range []ActionKind{Verify, Settle, Block} {
		if got := b.Buttons[i]; got.Action != (Action{Do: want, Target: uitest.Printer}) || !got.Enabled {
			t.Errorf("button %d: %+v", i, got)
		}
	}
	if list[1].ID != "udp.port" || list[1].Badge.Mark != MarkWarning || !strings.Contains(list[1].Text, "choose a port.") {
		t.Errorf("%+v", list[1])
	}

	all := uitest.WithConflict()
	all.Status.Role = ipc.Observer
	list = newState(all).Banners()
	if last := list[len(list)-1]; last.ID != "role" || last.Command != "sudo usermod -aG orrery alice" {
		t.Errorf("%+v", last)
	}
	if list[0].Buttons[1].Enabled || !list[0].Buttons[0].Enabled {
		t.Error("an observer may compare, but not settle")
	}

	// An alert about a conflict without a record shows as it is.
	list = newState(&ipc.Snapshot{Alerts: []ipc.Alert{
		{ID: "a", Severity: "info", Title: "A"}, {ID: "trust.conflict.aaaaaaaaaa", Severity: "error", Title: "C"}, {ID: "b", Severity: "odd", Title: "B"},
	}}).Banners()
	if len(list) != 3 || list[0].Title != "C" || list[1].Title != "A" {
		t.Errorf("%+v", list)
	}
	for version, want := range map[int]string{0: "", ipc.Version: "", ipc.Version + 1: "newer", ipc.Version - 2: "older"} {
		list = newState(&ipc.Snapshot{Status: ipc.Status{APIVersion: version}}).Banners()
		if (len(list) == 1) != (want != "") || want != "" && !strings.Contains(list[0].Title, want) {
			t.Errorf("version %d: %+v", version, list)
		}
	}
	down := newState(uitest.WithConflict())
	down.Down(nil)
	if len(down.Banners()) != 0 || len(New(Options{}).Banners()) != 0 {
		t.Error("banners without a connection")
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	for _, c := range []struct {
		name                   string
		err                    error
		title, words, commands string
	}{
		{"not running", fmt.Errorf("%w (no socket)", ipc.ErrNotRunning), "The service is not running", "Start it", "sudo orreryd start"},
		{"no reason", nil, "The service is not running", "Start it", "sudo orreryd start"},
		{"not allowed", fmt.Errorf("%w (no access)", ipc.ErrNotAllowed), "You may not use the service", "group orrery", "sudo usermod -aG orrery alice"},
		{"untrusted", ipc.ErrUntrusted, "This may not be the service", "another user", ""},
		{"another language", ipc.ErrProtocol, "The service was not understood", "Update", ""},
		{"too slow", context.DeadlineExceeded, "No answer in time", "Try again", ""},
		{"anything", errors.New("disk full"), "That did not work", "Disk full.", ""},
		{"forbidden", &ipc.Error{Code: ipc.CodeForbidden, Message: "no", Need: ipc.Operator}, "You are not allowed to do this", "role operator", "sudo usermod -aG orrery alice"},
		{"forbidden without a need", &ipc.Error{Code: ipc.CodeForbidden}, "You are not allowed to do this", "role operator", "sudo usermod -aG orrery alice"},
		{
			"forbidden with a command", &ipc.Error{Code: ipc.CodeForbidden, Need: ipc.Administrator, Command: "sudo orreryctl orbit 1"},
			"You are not allowed to do this", "role administrator", "sudo orreryctl orbit 1",
		},
		{"administrator", &ipc.Error{Code: ipc.CodeForbidden, Need: ipc.Administrator, Advice: "ask root"}, "You are not allowed to do this", "Ask root.", ""},
		{"conflict", &ipc.Error{Code: ipc.CodeConflict, Message: "another identity is recorded", Advice: "Compare it."}, "This does not fit what is known", "Another identity is recorded.", ""},
		{"not found", &ipc.Error{Code: ipc.CodeNotFound, Message: "gone"}, "Not found", "Gone.", ""},
		{"timeout", &ipc.Error{Code: ipc.CodeTimeout, Message: "slow"}, "No answer in time", "Slow.", ""},
		{"bad request", &ipc.Error{Code: ipc.CodeBadRequest, Message: "bad"}, "The service did not accept this", "Bad.", ""},
		{"unsupported", &ipc.Error{Code: ipc.CodeUnsupported, Message: "no tap"}, "This computer cannot do this", "No tap.", ""},
		{"busy", &ipc.Error{Code: ipc.CodeBusy, Message: "busy"}, "The service is busy", "Try again", ""},
		{"stopping", &ipc.Error{Code: ipc.CodeUnavailable, Message: "bye"}, "The service is starting or stopping", "Try again", ""},
		{"a code that is new", &ipc.Error{Code: "melted", Message: "hot!"}, "That did not work", "Hot!", ""},
		{"nothing said", &ipc.Error{Code: "melted"}, "That did not work", "log", ""},
		{"wrapped", fmt.Errorf("join: %w", &ipc.Error{Code: ipc.CodeBusy, Message: "busy"}), "The service is busy", "Busy.", ""},
	} {
		p := s.Problem(c.err)
		if p.Title != c.title || p.Command != c.commands || !strings.Contains(p.Text+" "+p.Advice, c.words) || p.Text == "" || p.Badge.Text == "" {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}

func TestCommandsOfTheSystem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ os, user, start, group string }{
		{"linux", "", "sudo orreryd start", "sudo usermod -aG orrery $USER"},
		{"darwin", "ada", "sudo orreryd start", "sudo dseditgroup -o edit -a ada -t user orrery"},
		{"windows", `PC\ada`, "orreryd start", `net localgroup orrery "PC\ada" /add`},
		{"windows", "", "orreryd start", `net localgroup orrery "%USERNAME%" /add`},
	} {
		s := New(Options{OS: c.os, User: c.user})
		if got := s.Problem(ipc.ErrNotRunning).Command; got != c.start {
			t.Errorf("%s: %s", c.os, got)
		}
		if got := s.Problem(ipc.ErrNotAllowed).Command; got != c.group {
			t.Errorf("%s: %s", c.os, got)
		}
	}
}

func TestScreen(t *testing.T) {
	t.Parallel()
	if s := New(Options{}).Screen(); !s.Shown || !s.Busy || s.Retry.Label != "" {
		t.Errorf("connecting: %+v", s)
	}
	if s := newState(uitest.Snapshot()).Screen(); s.Shown {
		t.Errorf("up: %+v", s)
	}
	down := New(Options{})
	down.Down(ipc.ErrNotAllowed)
	if s := down.Screen(); !s.Shown || s.Busy || s.Retry.Action.Do != Reconnect || s.Problem.Badge.Mark != MarkRole {
		t.Errorf("down: %+v", s)
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	for _, c := range []struct {
		a     Action
		title string // empty: no question
	}{
		{Action{Do: Leave, Target: uitest.Home}, "Leave home?"},
		{Action{Do: LeaveNow, Target: uitest.Home}, ""},
		{Action{Do: Block, Target: uitest.Alice}, "Block Alice’s laptop?"},
		{Action{Do: Forget, Target: uitest.Alice}, "Forget the key of Alice’s laptop?"},
		{Action{Do: Unblock, Target: uitest.Mallory}, ""},
		{Action{Do: SetNetwork, Target: uitest.Home, Setting: AllowDefault, On: true}, "Send all Internet traffic through home?"},
		{Action{Do: SetNetwork, Target: uitest.Home, Setting: AllowDefault}, ""},
		{Action{Do: SetNetwork, Target: uitest.Home, Setting: AllowDNS, On: true}, ""},
		{Action{Do: Join, Target: uitest.Home}, ""},
	} {
		q, ask := s.Confirm(c.a)
		if ask != (c.title != "") || q.Title != c.title || ask && (q.Text == "" || q.Yes == "" || q.No == "") {
			t.Errorf("%+v: %+v, %v", c.a, q, ask)
		}
	}
}

func TestTrustChange(t *testing.T) {
	t.Parallel()
	for do, want := range map[ActionKind]ipc.TrustUpdate{
		Block: {State: ipc.Blocked, How: "user"}, Unblock: {State: ipc.Seen, How: "user"}, Settle: {SettleConflict: true},
	} {
		if u, ok := TrustChange(Action{Do: do}); !ok || u != want {
			t.Errorf("%d: %+v, %v", do, u, ok)
		}
	}
	if _, ok := TrustChange(Action{Do: Leave}); ok {
		t.Error("leaving changes trust")
	}
}
