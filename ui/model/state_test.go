package model

import (
	"errors"
	"testing"

	"orrery/service/ipc"
	"orrery/ui/uitest"
)

// newState is a state that has taken over a snapshot.
func newState(all *ipc.Snapshot) *State {
	s := New(Options{OS: "linux", User: "alice"})
	s.Apply(ipc.Event{Kind: ipc.EventSnapshot, All: all})
	return s
}

func withRole(r ipc.Role) *ipc.Snapshot {
	all := uitest.Snapshot()
	all.Status.Role = r
	return all
}

func TestApply(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	has := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	network := func(id string) bool { _, ok := s.Network(id); return ok }
	peer := func(a string) bool { _, ok := s.Peer(a); return ok }

	has("the network of the snapshot", network(uitest.Home), true)
	s.Apply(ipc.Event{Kind: ipc.EventNetwork, Network: &ipc.Network{ID: uitest.Club, Status: ipc.OK}})
	has("a new network", network(uitest.Club), true)
	s.Apply(ipc.Event{Kind: ipc.EventNetworkGone, Gone: uitest.Club})
	has("a network that is gone", network(uitest.Club), false)

	s.Apply(ipc.Event{Kind: ipc.EventPeer, Peer: &ipc.Peer{Address: "aaaaaaaaaa", Role: "LEAF"}})
	has("a new peer", peer("aaaaaaaaaa"), true)
	s.Apply(ipc.Event{Kind: ipc.EventPeerGone, Gone: "aaaaaaaaaa"})
	has("a peer that is gone", peer("aaaaaaaaaa"), false)
	s.Apply(ipc.Event{Kind: ipc.EventTrust, Trust: &ipc.TrustRecord{Address: "bbbbbbbbbb", State: ipc.Verified}})
	has("a peer with only a record", peer("bbbbbbbbbb"), true)
	s.Apply(ipc.Event{Kind: ipc.EventTrustGone, Gone: "bbbbbbbbbb"})
	has("a forgotten peer", peer("bbbbbbbbbb"), false)

	s.Apply(ipc.Event{Kind: ipc.EventAlert, Alert: &ipc.Alert{ID: "x", Severity: "warning", Title: "X"}})
	has("an alert", len(s.Banners()) == 1, true)
	s.Apply(ipc.Event{Kind: ipc.EventAlertGone, Gone: "x"})
	has("no alert", len(s.Banners()) == 0, true)

	s.Apply(ipc.Event{Kind: ipc.EventStatus, Status: &ipc.Status{Address: uitest.Self, Online: false}})
	has("the role after a status without one", s.May(ipc.Operator), true)
	has("offline", s.TrayIcon() == TrayOffline, true)
	s.Apply(ipc.Event{Kind: ipc.EventStatus, Status: &ipc.Status{Address: uitest.Self, Role: ipc.Observer}})
	has("the role after a status with one", s.May(ipc.Operator), false)

	for _, e := range []ipc.Event{
		{},
		{Kind: "new-kind"},
		{Kind: ipc.EventSnapshot},
		{Kind: ipc.EventNetwork},
		{Kind: ipc.EventPeer},
		{Kind: ipc.EventTrust},
		{Kind: ipc.EventAlert},
		{Kind: ipc.EventStatus},
		{Kind: ipc.EventNetworkGone, Gone: "nothing"},
	} {
		s.Apply(e)
	}
	has("the network after odd events", network(uitest.Home), true)

	s.Apply(ipc.Event{Kind: ipc.EventSnapshot, All: &ipc.Snapshot{}})
	has("a network after an empty snapshot", network(uitest.Home), false)
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		role                             ipc.Role
		observer, operator, administrate bool
	}{
		{"", false, false, false},
		{"king", false, false, false},
		{ipc.Observer, true, false, false},
		{ipc.Operator, true, true, false},
		{ipc.Administrator, true, true, true},
	} {
		s := newState(withRole(c.role))
		if s.May(ipc.Observer) != c.observer || s.May(ipc.Operator) != c.operator || s.May(ipc.Administrator) != c.administrate {
			t.Errorf("%q: %v %v %v", c.role, s.May(ipc.Observer), s.May(ipc.Operator), s.May(ipc.Administrator))
		}
	}
}

func TestOneRequestPerThing(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	leave := Action{Do: Leave, Target: uitest.Home}
	set := Action{Do: SetNetwork, Target: uitest.Home, Setting: AllowDNS, On: true}
	other := Action{Do: Leave, Target: uitest.Work}
	block := Action{Do: Block, Target: uitest.Bob}
	if !s.Begin(leave) || s.Begin(leave) || s.Begin(set) {
		t.Error("two requests about one network")
	}
	if !s.Begin(other) || !s.Begin(block) {
		t.Error("no request about another thing")
	}
	if r, _ := s.Network(uitest.Home); !r.Busy || r.Toggle.Enabled || r.Badge.Mark != MarkBusy {
		t.Errorf("the row is not busy: %+v", r)
	}
	if r, _ := s.Peer(uitest.Bob); r.Block.Enabled || r.Rename.Enabled {
		t.Error("the peer's buttons are enabled")
	}
	s.End(leave, errors.New("no"))
	if r, _ := s.Network(uitest.Home); r.Busy || !r.Joined {
		t.Errorf("after a failure: %+v", r)
	}
	if !s.Begin(set) {
		t.Error("no request after the first has ended")
	}
	for range 2 {
		if !s.Begin(Action{Do: Copy}) {
			t.Error("copying is no request")
		}
	}
	s.End(Action{Do: Copy}, nil)
	s.Down(ipc.ErrNotRunning)
	if !s.Begin(set) {
		t.Error("a request of the lost connection is still under way")
	}
}

// A network left here stays, with its settings, until it is joined again.
func TestLeaveAndJoinAgain(t *testing.T) {
	t.Parallel()
	gone := ipc.Event{Kind: ipc.EventNetworkGone, Gone: uitest.Home}
	for name, eventFirst := range map[string]bool{"event first": true, "answer first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newState(uitest.Snapshot())
			leave := Action{Do: LeaveNow, Target: uitest.Home}
			s.Begin(leave)
			if eventFirst {
				s.Apply(gone)
			}
			s.End(leave, nil)
			if r, ok := s.Network(uitest.Home); !ok || r.Joined || r.Title != "home" || r.Toggle.Action.Do != Join {
				t.Fatalf("after leaving: %+v, %v", r, ok)
			}
			s.Apply(gone)
			if set := s.JoinAgain(uitest.Home); set.AllowDNS == nil || !*set.AllowDNS {
				t.Errorf("the settings are lost: %+v", set)
			}
			if n := len(s.Networks().Rows); n != 2 {
				t.Errorf("%d rows", n)
			}
			s.Apply(ipc.Event{Kind: ipc.EventSnapshot, All: uitest.Snapshot()})
			if r, _ := s.Network(uitest.Home); !r.Joined {
				t.Error("joined again, but not shown so")
			}
		})
	}
	s := newState(uitest.Snapshot())
	s.Apply(gone) // somebody else left it
	if _, ok := s.Network(uitest.Home); ok {
		t.Error("a network that somebody else left is listed")
	}
}

func TestDown(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	s.Down(ipc.ErrNotRunning)
	if s.Up() || len(s.Networks().Rows) != 0 || len(s.Peers().Rows) != 0 || s.May(ipc.Observer) {
		t.Error("something is left of the lost connection")
	}
	s.Apply(ipc.Event{Kind: ipc.EventSnapshot, All: uitest.Snapshot()})
	if !s.Up() || s.Screen().Shown {
		t.Error("not up again")
	}
}
