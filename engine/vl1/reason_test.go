package vl1

import (
	"net/netip"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Every reason has a code of its own, a sentence, and a hint what to do.
func TestReasonsAreExplained(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for r := range Reason(ReasonCount) {
		if code := r.String(); seen[code] || (code == "") != (r == ReasonNone) || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz-") != "" {
			t.Errorf("reason %d has the code %q", r, code)
		}
		seen[r.String()] = true
		if !strings.HasSuffix(r.Sentence(), ".") || (r.Hint() == "") != (r == ReasonNone) {
			t.Errorf("%s: %q, %q", r, r.Sentence(), r.Hint())
		}
	}
	if r := Reason(200); r.String() != "unknown" || r.Sentence() != "" || r.Hint() != "" {
		t.Error("a number that is no reason has text")
	}
}

// A peer varies its ports if it has more external ports than sockets, in what it
// said at one time.
func TestSurvey(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		addrs string
		want  bool
	}{
		"cone":                {"192.168.1.2:9993 9.9.9.9:9993", false},
		"cone, two sockets":   {"192.168.1.2:9993 192.168.1.2:21000 9.9.9.9:9993 9.9.9.9:21000", false},
		"symmetric":           {"192.168.1.2:9993 9.9.9.9:30001 9.9.9.9:30002", true},
		"two NATs":            {"192.168.1.2:9993 9.9.9.9:30001 8.8.8.8:30002", false},
		"public":              {"9.9.9.9:9993 9.9.9.9:21000", false},
		"symmetric in IPv6":   {"192.168.1.2:9993 [2a00::1]:1 [2a00::1]:2", false},
		"same address, again": {"192.168.1.2:9993 9.9.9.9:9993 9.9.9.9:9993", false},
	} {
		a := attempt{surveyed: clock.Never}
		for _, s := range strings.Fields(x.addrs) {
			a.survey(clock.Second, netip.MustParseAddrPort(s))
		}
		if a.variesThere != x.want {
			t.Errorf("%s: varies ports: %v", name, a.variesThere)
		}
		// A minute later it is behind another NAT.
		a.survey(60*clock.Second, netip.MustParseAddrPort("192.168.1.2:9993"))
		a.survey(60*clock.Second, netip.MustParseAddrPort("7.7.7.7:9993"))
		if a.variesThere {
			t.Errorf("%s: still varies ports behind another NAT", name)
		}
	}
	a := attempt{surveyed: clock.Never}
	for i := range uint16(1000) {
		a.survey(clock.Second, netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, 9, 9}), i))
	}
	if len(a.outer) > maxSurvey {
		t.Errorf("%d addresses are kept", len(a.outer))
	}
}

// However many peers are relayed, a bounded number is followed, and each of those
// is known to its peer.
func TestWatchedPeersAreBounded(t *testing.T) {
	t.Parallel()
	net := newTestNet(t)
	a := net.node(1, "44.0.0.1:9993")
	for i := range 3 * maxWatched {
		a.relaying(clock.Mono(i), &Peer{id: identity.Identity{Address: identity.Address(0x1000000 + i)}})
	}
	if len(a.watched) != maxWatched {
		t.Fatalf("%d peers are followed", len(a.watched))
	}
	late := 0
	for _, x := range a.watched {
		if x.peer.attempt != x {
			t.Fatal("a peer does not know that it is followed")
		}
		if x.used >= 2*maxWatched {
			late++
		}
	}
	if late < maxWatched/2 {
		t.Errorf("only %d of those followed were used lately", late)
	}
	// They are gone from memory, so nobody follows them any more.
	a.do(func() { a.review(net.now) })
	if a.watched != nil {
		t.Errorf("%d peers that are gone are followed", len(a.watched))
	}
}
