package model

import (
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
	"orrery/ui/uitest"
)

func addresses(p PeersPage) (list []string) {
	for _, r := range p.Rows {
		list = append(list, r.Address)
	}
	return list
}

func TestPeersAreSorted(t *testing.T) {
	t.Parallel()
	want := []string{uitest.Alice, uitest.Bob, uitest.Mallory, uitest.Printer, uitest.Gone, uitest.Planet}
	if got := addresses(newState(uitest.Snapshot()).Peers()); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := addresses(newState(uitest.WithConflict()).Peers()); got[0] != uitest.Printer {
		t.Errorf("the conflict is not first: %v", got)
	}
}

// Of the records of peers that are not here, only those show about which the
// user has said something or has to.
func TestPeersThatAreAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rec  ipc.TrustRecord
		show bool
	}{
		"seen":     {ipc.TrustRecord{State: ipc.Seen}, false},
		"noted":    {ipc.TrustRecord{State: ipc.Seen, Note: "x"}, false},
		"named":    {ipc.TrustRecord{State: ipc.Seen, Name: "Bob"}, true},
		"verified": {ipc.TrustRecord{State: ipc.Verified}, true},
		"blocked":  {ipc.TrustRecord{State: ipc.Blocked}, true},
		"conflict": {ipc.TrustRecord{State: ipc.Seen, Conflict: "x"}, true},
	} {
		c.rec.Address = "aaaaaaaaaa"
		p := newState(&ipc.Snapshot{Trust: []ipc.TrustRecord{c.rec}}).Peers()
		if (len(p.Rows) == 1) != c.show {
			t.Errorf("%s: %d rows", name, len(p.Rows))
		}
		if c.show && (p.Rows[0].Reach.Text != "Not here" || p.Rows[0].Latency != missing) {
			t.Errorf("%s: %+v", name, p.Rows[0])
		}
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	path := func(a string, preferred, expired bool) ipc.Path {
		return ipc.Path{Address: a, Preferred: preferred, Expired: expired}
	}
	for _, c := range []struct {
		name  string
		peer  ipc.Peer
		badge Badge
		path  string
	}{
		{"direct", ipc.Peer{Role: "LEAF", Direct: true, Paths: []ipc.Path{path("a:1", false, false)}}, Badge{MarkDirect, Good, "Direct"}, "a:1"},
		{"the preferred path", ipc.Peer{Role: "LEAF", Direct: true, Paths: []ipc.Path{path("a:1", false, false), path("b:2", true, false)}}, Badge{MarkDirect, Good, "Direct"}, "b:2"},
		{"not an expired path", ipc.Peer{Role: "LEAF", Direct: true, Paths: []ipc.Path{path("a:1", true, true), path("b:2", false, false)}}, Badge{MarkDirect, Good, "Direct"}, "b:2"},
		{"direct without a path", ipc.Peer{Role: "LEAF", Direct: true}, Badge{MarkDirect, Good, "Direct"}, missing},
		{"relayed", ipc.Peer{Role: "LEAF", Paths: []ipc.Path{path("a:1", true, true)}}, Badge{MarkRelayed, Warning, "Relayed"}, "through a root"},
		{"a silent root", ipc.Peer{Role: "PLANET", Paths: []ipc.Path{path("a:1", false, false)}}, Badge{MarkWarning, Warning, "No answer"}, "a:1"},
		{"a silent moon", ipc.Peer{Role: "MOON"}, Badge{MarkWarning, Warning, "No answer"}, missing},
		{"a root", ipc.Peer{Role: "PLANET", Direct: true, Paths: []ipc.Path{path("a:1", false, false)}}, Badge{MarkDirect, Good, "Direct"}, "a:1"},
	} {
		c.peer.Address = "aaaaaaaaaa"
		r, _ := newState(&ipc.Snapshot{Peers: []ipc.Peer{c.peer}}).Peer("aaaaaaaaaa")
		if r.Reach != c.badge || r.Path != c.path {
			t.Errorf("%s: %+v by %q", c.name, r.Reach, r.Path)
		}
	}
}

func TestPeerTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		peer                   ipc.Peer
		role, latency, version string
	}{
		{ipc.Peer{Role: "LEAF", LatencyMs: 12, Version: "1.14.1"}, "Device", "12 ms", "1.14.1"},
		{ipc.Peer{Role: "PLANET", LatencyMs: 0}, "Root", "under 1 ms", missing},
		{ipc.Peer{Role: "MOON", LatencyMs: -1, Version: "\n"}, "Root (moon)", missing, missing},
		{ipc.Peer{Role: "COMET", LatencyMs: -1, Version: strings.Repeat("9", 40)}, "COMET", missing, strings.Repeat("9", 24) + "…"},
	} {
		c.peer.Address = "aaaaaaaaaa"
		r, _ := newState(&ipc.Snapshot{Peers: []ipc.Peer{c.peer}}).Peer("aaaaaaaaaa")
		if r.Role != c.role || r.Latency != c.latency || r.Version != c.version {
			t.Errorf("%+v: %q %q %q", c.peer, r.Role, r.Latency, r.Version)
		}
	}
}

func TestTrustInWords(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 3, 1, 23, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		rec   ipc.TrustRecord
		badge Badge
		words []string
	}{
		{"seen", ipc.TrustRecord{State: ipc.Seen, How: "first seen in HELLO", Changed: day}, Badge{MarkUnverified, Neutral, "Not verified"}, []string{"Nobody has checked", "1 March 2026: first contact."}},
		{"unknown state", ipc.TrustRecord{State: "adored"}, Badge{MarkUnverified, Neutral, "Not verified"}, nil},
		{"verified", ipc.TrustRecord{State: ipc.Verified, How: "safety number", Changed: day}, Badge{MarkVerified, Good, "Verified"}, []string{"safety number compared"}},
		{"by invite", ipc.TrustRecord{State: ipc.Verified, How: "invite", Changed: day}, Badge{MarkVerified, Good, "Verified"}, []string{"from an invite"}},
		{"without a date", ipc.TrustRecord{State: ipc.Verified, How: "invite"}, Badge{MarkVerified, Good, "Verified"}, []string{"owner."}},
		{"blocked", ipc.TrustRecord{State: ipc.Blocked, How: "mismatch", Changed: day}, Badge{MarkBlocked, Bad, "Blocked"}, []string{"did not match"}},
		{"conflict", ipc.TrustRecord{State: ipc.Verified, Conflict: "x"}, Badge{MarkConflict, Bad, "Key conflict"}, []string{"refused", "owner"}},
	} {
		c.rec.Address = "aaaaaaaaaa"
		r, _ := newState(&ipc.Snapshot{Trust: []ipc.TrustRecord{c.rec}}).Peer("aaaaaaaaaa")
		if r.Trust != c.badge {
			t.Errorf("%s: %+v", c.name, r.Trust)
		}
		for _, w := range c.words {
			if !strings.Contains(r.TrustText, w) {
				t.Errorf("%s: %q does not say %q", c.name, r.TrustText, w)
			}
		}
	}
	if r, _ := newState(uitest.Snapshot()).Peer(uitest.Mallory); r.Reach.Text != "None" || r.Path != missing {
		t.Errorf("a blocked peer is reached: %+v", r)
	}
	// The date is that of the user's day.
	s := New(Options{Zone: time.FixedZone("", 3600)})
	s.Apply(ipc.Event{Kind: ipc.EventSnapshot, All: &ipc.Snapshot{Trust: []ipc.TrustRecord{{Address: "a", State: ipc.Verified, How: "x", Changed: day}}}})
	if r, _ := s.Peer("a"); !strings.Contains(r.TrustText, "2 March 2026") {
		t.Errorf("%q", r.TrustText)
	}
}

func TestPeerButtons(t *testing.T) {
	t.Parallel()
	conflict := uitest.WithConflict()
	for _, c := range []struct {
		name                                  string
		all                                   *ipc.Snapshot
		address                               string
		verify, rename, block, settle, forget string // label, with "!" when disabled
	}{
		{"an operator", uitest.Snapshot(), uitest.Bob, "Verify…", "Name…", "Block…", "!", "!"},
		{"a blocked peer", uitest.Snapshot(), uitest.Mallory, "Verify…", "Name…", "Unblock", "!", "!"},
		{"a conflict", conflict, uitest.Printer, "Verify…", "Name…", "Block…", "Keep the known key", "Forget the key…"},
		{"an observer", withRole(ipc.Observer), uitest.Bob, "Verify…", "Name…!", "Block…!", "!", "!"},
	} {
		r, ok := newState(c.all).Peer(c.address)
		show := func(b Button) string {
			if b.Enabled {
				return b.Label
			}
			return b.Label + "!"
		}
		if !ok || show(r.Verify) != c.verify || show(r.Rename) != c.rename || show(r.Block) != c.block || show(r.Settle) != c.settle || show(r.Forget) != c.forget {
			t.Errorf("%s: %q %q %q %q", c.name, show(r.Verify), show(r.Rename), show(r.Block), show(r.Settle))
		}
	}
	if _, ok := newState(uitest.Snapshot()).Peer("ffffffffff"); ok {
		t.Error("an unknown peer is known")
	}
}

func TestNamesOfPeers(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	if r, _ := s.Peer(uitest.Alice); r.Title != "Alice’s laptop" || r.Second != uitest.Alice {
		t.Errorf("%+v", r)
	}
	if r, _ := s.Peer(uitest.Bob); r.Title != uitest.Bob || r.Second != "no name" {
		t.Errorf("%+v", r)
	}
	s.Apply(ipc.Event{Kind: ipc.EventPeer, Peer: &ipc.Peer{Address: "c", Name: "from the peer"}})
	if r, _ := s.Peer("c"); r.Title != "from the peer" {
		t.Errorf("%+v", r)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	for filter, want := range map[string]int{"": 6, "  ": 6, "ALICE": 1, "d3a1": 1, "203.0": 1, "root": 1, "vary ports": 1, "verified": 5, "not verified": 3, "relayed": 1, "nobody": 0} {
		s.Filter(filter)
		p := s.Peers()
		if len(p.Rows) != want {
			t.Errorf("%q: %v, want %d", filter, addresses(p), want)
		}
		if p.Summary != "3 direct, 1 relayed" {
			t.Errorf("%q: summary %q", filter, p.Summary)
		}
		if want == 0 && !strings.Contains(p.Empty.Text, "nobody") {
			t.Errorf("%q: %+v", filter, p.Empty)
		}
	}
	s.Filter("")
	s.Select(Action{Do: SelectPeer, Target: uitest.Gone})
	if p := s.Peers(); p.Rows[p.Selected].Address != uitest.Gone {
		t.Errorf("selected %d", p.Selected)
	}
	if p := newState(&ipc.Snapshot{}).Peers(); p.Selected != -1 || p.Empty.Title != "No peers yet" {
		t.Errorf("%+v", p)
	}
}

// A relayed peer says why, translated; a reason that only a newer service knows
// is shown in the service's words, without what could harm a label.
func TestWhy(t *testing.T) {
	t.Parallel()
	s := newState(uitest.Snapshot())
	if r, _ := s.Peer(uitest.Bob); r.Path != "both routers vary ports" || !strings.HasPrefix(r.Why, "Both sides are behind routers") || !strings.Contains(r.Why, "Forward a UDP port") {
		t.Errorf("%+v", r)
	}
	for _, a := range []string{uitest.Alice, uitest.Mallory, uitest.Gone} {
		if r, _ := s.Peer(a); r.Why != "" {
			t.Errorf("%s: %q", a, r.Why)
		}
	}
	for _, c := range []struct {
		name string
		peer ipc.Peer
		path string
		why  string
	}{
		{"new", ipc.Peer{Reason: "sunspots", ReasonText: "The sun\u202e is active.", Advice: "Wait."}, "through a root", "The sun is active. Wait."},
		{"passing", ipc.Peer{Reason: "waiting", Passing: true}, "waiting for an answer", "The addresses of the other side are being tried, and have not answered yet."},
		{"tunnelled", ipc.Peer{Reason: "tunnelled", Tunnelled: true}, missing, "UDP does not get through here, so packets take the slow way over a TCP relay. Let UDP out of this network: in the computer's firewall, or ask whoever runs the network."},
	} {
		c.peer.Address, c.peer.Role = "0123456789", "LEAF"
		s.Apply(ipc.Event{Kind: ipc.EventPeer, Peer: &c.peer})
		if r, _ := s.Peer("0123456789"); r.Path != c.path || r.Why != c.why {
			t.Errorf("%s: %q, %q", c.name, r.Path, r.Why)
		}
	}
}
