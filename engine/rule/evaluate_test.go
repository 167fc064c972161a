package rule_test

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"orrery/engine/identity"
	"orrery/engine/rule"
)

func TestEvaluateVectors(t *testing.T) {
	t.Parallel()
	v := load(t)
	links := v.links()
	if len(v.FilterCases) != 991 {
		t.Fatalf("%d cases, want 991", len(v.FilterCases))
	}
	for _, c := range v.FilterCases {
		in := c.input(v, links[c.Ctx])
		set := rule.Compile(mustParse(t, c.Rules))
		got := set.Evaluate(in)
		if got.Result.String() != c.Result {
			t.Errorf("%s (%s, in %v): %v, want %s; rules %x", c.Name, c.Ctx, c.In, got.Result, c.Result, []byte(c.Rules))
			continue
		}
		want := rule.Verdict{Result: got.Result}
		if c.CC != nil {
			want.CopyTo, want.CopyLength, want.Watch = *c.CC, c.CCLength, c.CCWatch
		}
		if c.NewZTDest != nil {
			want.Destination = *c.NewZTDest
		}
		if got != want {
			t.Errorf("%s: verdict %+v, want %+v", c.Name, got, want)
		}
		log, traced := set.Trace([]byte("head"), in)
		if traced != got {
			t.Errorf("%s: traced %+v, evaluated %+v", c.Name, traced, got)
		}
		if !bytes.Equal(log[4:], c.Log) {
			t.Errorf("%s: log %x, want %x", c.Name, log[4:], []byte(c.Log))
		}
	}
}

// TestStrictDerived checks the hardening that is off by default: under NDP
// emulation an address of another member does not count as the sender's own.
func TestStrictDerived(t *testing.T) {
	t.Parallel()
	v := load(t)
	links := v.links()
	seen := 0
	for _, c := range v.FilterCases {
		if !strings.HasPrefix(c.Name, "chr/6plane-") && !strings.HasPrefix(c.Name, "chr/rfc4193-") {
			continue
		}
		l := *links[c.Ctx]
		l.local.StrictDerived = true
		set := rule.Compile(mustParse(t, c.Rules))
		in := c.input(v, &l)
		strict := set.Evaluate(in).Result.String()
		if other := strings.Contains(c.Name, "other-nodes-address"); (strict == c.Result) == (other && c.In) {
			t.Errorf("%s (in %v): %s strictly, %s otherwise", c.Name, c.In, strict, c.Result)
		}
		seen++
	}
	if seen == 0 {
		t.Error("no case concerns derived addresses")
	}
}

// TestDerivedEmbedding checks which part of a derived address names its owner.
func TestDerivedEmbedding(t *testing.T) {
	t.Parallel()
	const nwid, self, peer, other = identity.NetworkID(0xb10ca2393e1a2b3c), identity.Address(0x803348d73a), identity.Address(0xc872fe451a), identity.Address(0x5735dba8d9)
	local := rule.Local{
		Self: self, StrictDerived: true,
		SixPlane: identity.SixPlane(nwid, self).Masked(), RFC4193: identity.RFC4193(nwid, self).Masked(),
	}
	set := rule.Compile([]rule.Rule{{Type: rule.MatchCharacteristics, Mask: rule.IPAuthenticated}, {Type: rule.ActionAccept}})
	for _, owner := range []identity.Address{peer, other} {
		want := rule.NoMatch
		if owner == peer {
			want = rule.Accept
		}
		for _, src := range [][16]byte{identity.SixPlane(nwid, owner).Addr().As16(), identity.RFC4193(nwid, owner).Addr().As16()} {
			frame := make([]byte, 40)
			copy(frame[8:], src[:])
			in := rule.Input{Inbound: true, Source: peer, Destination: self, EtherType: 0x86dd, Frame: frame, Local: &local, Remote: &rule.Side{}}
			if got := set.Evaluate(&in).Result; got != want {
				t.Errorf("address %x of %v from %v: %v, want %v", src, owner, peer, got, want)
			}
		}
	}
}

func TestEmptySet(t *testing.T) {
	t.Parallel()
	var zero rule.Set
	in := &rule.Input{EtherType: 0x0800, Local: &rule.Local{}}
	if got := zero.Evaluate(in).Result; got != rule.NoMatch {
		t.Errorf("zero set: %v", got)
	}
	empty := rule.Compile(nil)
	if got := empty.Evaluate(in).Result; got != rule.NoMatch || empty.Len() != 0 {
		t.Errorf("empty set: %v, %d rules", got, empty.Len())
	}
	if log, _ := empty.Trace(nil, in); len(log) != 0 {
		t.Errorf("log of an empty set: %x", log)
	}
}

// TestFewBytes evaluates every match on every prefix of frames that make the
// evaluator look far into them.
func TestFewBytes(t *testing.T) {
	t.Parallel()
	v := load(t)
	rules := everyMatch(t)
	for _, f := range v.Frames {
		for _, ether := range []uint16{0x0800, 0x86dd, 0x0806, 0x1234} {
			for n := range f[:min(len(f), 120)] {
				in := rule.Input{Inbound: n%2 == 0, EtherType: ether, Frame: f[:n:n], Local: &rule.Local{}}
				for i := range rules {
					set := rule.Compile([]rule.Rule{rules[i], {Type: rule.ActionAccept}})
					set.Evaluate(&in)
				}
			}
		}
	}
}

// everyMatch is one rule of each match type.
func everyMatch(t testing.TB) []rule.Rule {
	t.Helper()
	var out []rule.Rule
	operand, err := hex.DecodeString(strings.Repeat("00", 20))
	if err != nil {
		t.Fatal(err)
	}
	for kind := byte(16); kind < 64; kind++ {
		r, _, err := rule.Parse(append([]byte{kind, 20}, operand...), 1)
		if err != nil {
			t.Fatal(err)
		}
		if r[0].Type == rule.MatchCharacteristics {
			r[0].Mask = ^uint64(0)
		}
		out = append(out, r...)
	}
	return out
}

// TestNeighborSources: from 64 bytes on, neighbour discovery is judged by what it
// is about. The recorded cases have no frame of just that length.
func TestNeighborSources(t *testing.T) {
	t.Parallel()
	set := rule.Compile([]rule.Rule{{Type: rule.MatchCharacteristics, Mask: rule.IPAuthenticated}, {Type: rule.ActionAccept}})
	frame := make([]byte, 64)
	frame[0], frame[6] = 0x60, 58
	target := netip.MustParseAddr("fd00::1")
	copy(frame[48:], target.AsSlice())
	for kind, remote := range map[byte]*rule.Side{135: nil, 136: {IPs: []netip.Addr{target}}} {
		for n, want := range map[int]rule.Result{64: rule.Accept, 63: rule.NoMatch} {
			frame[40] = kind
			in := rule.Input{Inbound: true, EtherType: 0x86dd, Frame: frame[:n], Local: &rule.Local{}, Remote: remote}
			if got := set.Evaluate(&in).Result; got != want {
				t.Errorf("type %d, %d bytes: %v, want %v", kind, n, got, want)
			}
		}
	}
}
