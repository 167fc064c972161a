package tcprelay

import (
	"fmt"
	"net/netip"
	"testing"

	"orrery/engine/clock"
)

var (
	root    = netip.MustParseAddrPort("5.6.7.8:9993")
	root6   = netip.MustParseAddrPort("[2a00::1]:9993")
	private = netip.MustParseAddrPort("192.168.1.5:9993")
)

// story drives the rules by seconds since the start, which is at an hour.
type story struct {
	*Engage
	t *testing.T
}

func at(s float64) clock.Mono { return clock.Hour + clock.Mono(s*float64(clock.Second)) }

// send checks the advice: u for UDP, t for tunnel, o for open.
func (s story) send(when float64, dst netip.AddrPort, active bool, want string) {
	s.t.Helper()
	a := s.Sending(at(when), dst, 100, active)
	got := ""
	for _, x := range []struct {
		on   bool
		name string
	}{{a.UDP, "u"}, {a.Tunnel, "t"}, {a.Open, "o"}} {
		if x.on {
			got += x.name
		}
	}
	if got != want {
		s.t.Errorf("at %v s to %v: %q, want %q", when, dst, got, want)
	}
}

func (s story) closes(when float64, want bool) {
	s.t.Helper()
	if got := s.Close(at(when)); got != want {
		s.t.Errorf("at %v s closes: %v, want %v", when, got, want)
	}
}

func newStory(t *testing.T, allowed, forced bool) story {
	return story{NewEngage(at(0), allowed, forced), t}
}

func TestEngages(t *testing.T) {
	t.Parallel()
	s := newStory(t, true, false)
	s.send(1, root, false, "u")
	s.send(30, root, false, "u")
	s.send(60, root, false, "u") // not more than 60 s since the start
	s.send(60.1, root, false, "uo")
	s.send(60.2, private, false, "u")
	s.send(60.2, root6, false, "u")
	if a := s.Sending(at(60.3), root, MinDatagram-1, false); a != (Advice{UDP: true}) {
		t.Errorf("something short: %+v", a)
	}
	s.send(61, root, true, "ut")
	s.send(61, private, true, "u")
	s.send(61, root6, true, "u")
	s.closes(62, false)
	// A packet by UDP ends it, and keeps it away for a minute.
	s.Heard(at(70))
	s.send(71, root, true, "u")
	s.closes(71, true)
	s.send(130, root, false, "u")
	s.send(130.1, root, false, "uo")
}

func TestSilenceIsNotDeafness(t *testing.T) {
	t.Parallel()
	s := newStory(t, true, false)
	// Nothing was sent for long: an answer may still come.
	s.send(1000, root, false, "u")
	s.send(1002.5, root, false, "u")
	s.send(1002.6, root, false, "uo")
	// The same after a lull.
	s.send(1063, root, false, "u")
	s.send(1066, root, false, "uo")
	// The reference's rule: a gap of more than 2.5 s and less than a minute.
	s = newStory(t, true, false)
	s.send(1000, root, false, "u")
	s.send(1059, root, false, "uo")
	// Where the reference never connects: datagrams all the time.
	s = newStory(t, true, false)
	opened := false
	for ms := range 5000 {
		a := s.Sending(at(100)+clock.Mono(ms)*clock.Millisecond, root, 100, false)
		opened = opened || a.Open
	}
	if !opened {
		t.Error("a busy node never connects")
	}
}

func TestHeard(t *testing.T) {
	t.Parallel()
	s := newStory(t, true, false)
	s.send(90, root, false, "u")
	s.Heard(at(95))
	s.Heard(at(10)) // old news change nothing
	s.send(100, root, false, "u")
	s.send(155, root, false, "u")
	s.send(155.1, root, false, "uo")
	// Another time than the usual one.
	s = newStory(t, true, false)
	s.SetDeafness(4 * clock.Second)
	s.send(1, root, false, "u")
	s.send(4.1, root, false, "uo")
	s.closes(5, false)
	s.Heard(at(6))
	s.closes(7.9, true)
	s.closes(8, false)
	s.send(10, root, true, "u")
	s.send(10.1, root, true, "ut")
}

func TestRestarted(t *testing.T) {
	t.Parallel()
	s := newStory(t, true, false)
	s.send(100, root, false, "u")
	s.send(103, root, false, "uo")
	s.Restarted(at(110))
	s.send(111, root, true, "u")
	s.send(170, root, true, "u")
	s.send(170.1, root, true, "ut")
	s.send(170.2, root, false, "uo")
}

func TestForced(t *testing.T) {
	t.Parallel()
	s := newStory(t, true, true)
	s.send(0, root, false, "o") // at once
	s.send(1, root, true, "t")
	s.send(1, root6, true, "")
	s.send(1, private, true, "")
	s.Heard(at(2))
	s.send(3, root, true, "t")
	s.closes(3, false)
	s.Set(false, true) // then nothing at all goes out
	s.send(4, root, true, "")
	s.closes(4, true)
	s.Set(true, false)
	s.send(5, root, false, "u")
	s = newStory(t, false, false)
	s.send(1000, root, false, "u")
	s.send(1010, root, true, "u")
	s.closes(1010, true)
}

func TestDisuse(t *testing.T) {
	t.Parallel()
	s := newStory(t, true, false)
	s.closes(0, true) // nothing has been asked of it
	s.send(100, root, false, "u")
	s.send(110, root, false, "uo")
	s.closes(110, false)
	s.closes(410, false)
	s.closes(410.1, true)
	s.send(411, root, true, "ut") // a connection that is not yet closed is used
	s.closes(412, false)
	s.closes(712, true)
}

// TestReliefHasHysteresis: between closing and engaging there is a gap.
func TestReliefHasHysteresis(t *testing.T) {
	t.Parallel()
	s := newStory(t, true, false)
	s.send(100, root, false, "u")
	s.send(110, root, false, "uo")
	s.Heard(at(120))
	for _, c := range []struct {
		when   float64
		closes bool
	}{{120, true}, {149.9, true}, {150, false}, {179, false}} {
		s.closes(c.when, c.closes)
		s.send(c.when, root, true, "u")
	}
	s.send(180.1, root, true, "ut")
}

func ExampleEngage() {
	e := NewEngage(clock.Hour, true, false)
	for s := clock.Mono(0); s < 120; s += 20 {
		a := e.Sending(clock.Hour+s*clock.Second, netip.MustParseAddrPort("5.6.7.8:9993"), 100, false)
		fmt.Println(s, a.UDP, a.Open)
	}
	// Output:
	// 0 true false
	// 20 true false
	// 40 true false
	// 60 true false
	// 80 true true
	// 100 true true
}
