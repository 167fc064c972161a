package node

import (
	"fmt"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Texts of REMOTE_TRACE come out with who sent them, and a batch of datagrams
// brings a bounded number.
func TestTracesAreBounded(t *testing.T) {
	t.Parallel()
	c := &Core{out: new(Outbox)}
	u, from := upper{c}, identity.Identity{Address: 0x1122334455}
	text := []byte("event=drop\n")
	u.Trace(clock.Instant{}, from, text)
	text[0] = 'X' // it was borrowed
	if got := c.out.Traces; len(got) != 1 || got[0].From != from || string(got[0].Text) != "event=drop\n" || c.out.Empty() {
		t.Errorf("traces: %+v", got)
	}
	for i := range 1000 {
		u.Trace(clock.Instant{}, from, []byte(strings.Repeat(fmt.Sprint(i%10), 100)))
	}
	if n := len(c.out.Traces); n != maxTraces {
		t.Errorf("%d traces", n)
	}
	c.out.Reset()
	if len(c.out.Traces) != 0 || !c.out.Empty() {
		t.Error("traces are left after a reset")
	}
}
