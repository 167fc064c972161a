package model

import (
	"errors"
	"strings"
	"testing"

	"orrery/service/ipc"
	"orrery/ui/uitest"
)

// loaded is a comparison that has what there is to compare.
func loaded(s *State) *Verification {
	v := s.Verification(uitest.Bob)
	v.Loaded(uitest.Verification(uitest.Bob), nil)
	return v
}

func TestVerificationThatMatches(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	v := s.Verification(uitest.Bob)
	if p := v.Page(); !p.Busy || p.Groups != nil || p.Match.Enabled || p.Mismatch.Enabled || !p.Later.Enabled || !strings.Contains(p.Title, uitest.Bob) {
		t.Errorf("loading: %+v", p)
	}
	if _, ok := v.Decide(true); ok {
		t.Error("decided before there is anything to compare")
	}
	v.Loaded(uitest.Verification(uitest.Bob), nil)
	if p := v.Page(); p.Busy || len(p.Groups) != 12 || len(p.Words) != 12 || p.QR == "" || !p.Match.Enabled || !p.Mismatch.Enabled || p.Later.Label != "Later" {
		t.Errorf("ready: %+v", p)
	}
	u, ok := v.Decide(true)
	if !ok || u != (ipc.TrustUpdate{Identity: uitest.Identity(uitest.Bob), State: ipc.Verified, How: "safety number"}) {
		t.Errorf("%+v, %v", u, ok)
	}
	if p := v.Page(); !p.Busy || p.Match.Enabled || p.Mismatch.Enabled || len(p.Groups) != 12 {
		t.Errorf("saving: %+v", p)
	}
	if _, ok := v.Decide(false); ok {
		t.Error("decided twice")
	}
	v.Decided(nil)
	if p := v.Page(); p.Busy || p.Groups != nil || p.Trust.Mark != MarkVerified || p.Outcome.Mark != MarkVerified || p.Later.Label != "Close" {
		t.Errorf("matched: %+v", p)
	}
}

func TestVerificationThatDoesNotMatch(t *testing.T) {
	t.Parallel()
	v := loaded(newState(uitest.Snapshot()))
	u, ok := v.Decide(false)
	if !ok || u != (ipc.TrustUpdate{Identity: uitest.Identity(uitest.Bob), State: ipc.Blocked, How: "mismatch"}) {
		t.Errorf("%+v, %v", u, ok)
	}
	v.Decided(nil)
	if p := v.Page(); p.Trust.Mark != MarkBlocked || !strings.Contains(p.Lead, "blocked") {
		t.Errorf("%+v", p)
	}
}

func TestVerificationThatIsRefused(t *testing.T) {
	t.Parallel()
	v := loaded(newState(uitest.Snapshot()))
	v.Decide(true)
	v.Decided(&ipc.Error{Code: ipc.CodeConflict, Message: "another identity is recorded"})
	p := v.Page()
	if p.Problem == nil || p.Problem.Title != "This does not fit what is known" || !p.Match.Enabled {
		t.Errorf("%+v", p)
	}
	if _, ok := v.Decide(true); !ok {
		t.Error("cannot be tried again")
	}
	v.Decided(nil)
	if p := v.Page(); p.Problem != nil {
		t.Errorf("the old problem is still shown: %+v", p.Problem)
	}
}

func TestVerificationOfAnObserver(t *testing.T) {
	t.Parallel()
	v := loaded(newState(withRole(ipc.Observer)))
	if p := v.Page(); len(p.Groups) != 12 || p.Match.Enabled || p.Mismatch.Enabled || p.Match.Why == "" {
		t.Errorf("%+v", p)
	}
	if _, ok := v.Decide(true); ok {
		t.Error("an observer decided")
	}
}

func TestVerificationWhileAnotherRequestRuns(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	v := loaded(s)
	s.Begin(Action{Do: Rename, Target: uitest.Bob})
	if _, ok := v.Decide(true); ok {
		t.Error("decided although a request about the peer is under way")
	}
}

// A number that is not whole must not be shown: it would match too easily.
func TestVerificationWithABadAnswer(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*ipc.Verification){
		"another address":  func(d *ipc.Verification) { d.Address = uitest.Alice },
		"another identity": func(d *ipc.Verification) { d.Identity = uitest.Identity(uitest.Alice) },
		"no groups":        func(d *ipc.Verification) { d.Groups = nil },
		"a group less":     func(d *ipc.Verification) { d.Groups = d.Groups[1:] },
		"a short group":    func(d *ipc.Verification) { d.Groups[3] = "123" },
		"letters":          func(d *ipc.Verification) { d.Groups[3] = "12a45" },
		"no words":         func(d *ipc.Verification) { d.Words = nil },
		"an empty word":    func(d *ipc.Verification) { d.Words[11] = "" },
		"two words in one": func(d *ipc.Verification) { d.Words[0] = "a b" },
	} {
		v := newState(uitest.Snapshot()).Verification(uitest.Bob)
		d := uitest.Verification(uitest.Bob)
		spoil(d)
		v.Loaded(d, nil)
		if p := v.Page(); p.Problem == nil || p.Groups != nil || p.Match.Enabled || p.Outcome.Mark != MarkError {
			t.Errorf("%s: %+v", name, p)
		}
	}
	v := newState(uitest.Snapshot()).Verification(uitest.Bob)
	v.Loaded(nil, nil)
	if p := v.Page(); p.Problem == nil {
		t.Errorf("no answer: %+v", p)
	}
	v = newState(uitest.Snapshot()).Verification(uitest.Bob)
	v.Loaded(nil, errors.New("no root knows it"))
	if p := v.Page(); p.Problem == nil || !strings.Contains(p.Problem.Text, "No root knows it") || p.Later.Label != "Close" {
		t.Errorf("an error: %+v", p)
	}
}
