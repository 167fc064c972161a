package vl2

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/trust"
	"orrery/engine/wire"
)

// onlyVerifiedBusy is busy with a network for verified peers, over a table with
// many records; the member is verified or not.
func onlyVerifiedBusy(t testing.TB, state trust.State) (h *sinkhole, send, receive func()) {
	h, s, nw, in := busy(t)
	table := trust.New(1 << 20)
	for i := range identity.Address(10_000) {
		table.Identify(0, identity.Identity{Address: 0x2000000000 + i}, trust.FromHello)
	}
	if err := table.Set(0, in.From, state, "test"); err != nil {
		t.Fatal(err)
	}
	s.cfg.Verified = table.VerifiedAddress
	at := start.Add(clock.Second)
	s.SetVerifiedOnly(at, nw, true)
	payload, dst := tcpSegment(), identity.MACOf(nw.id, in.From.Address)
	return h, func() { s.SendFrame(at, nw, nw.mac, dst, 0x0800, payload) }, func() { s.Handle(at, wire.VerbFrame, in) }
}

// TestVerifiedOnlyDoesNotAllocate: neither for members that are verified nor for
// those that are turned away, after the first frame.
func TestVerifiedOnlyDoesNotAllocate(t *testing.T) {
	for state, passes := range map[trust.State]bool{trust.Verified: true, trust.Seen: false} {
		h, send, receive := onlyVerifiedBusy(t, state)
		for name, f := range map[string]func(){"send": send, "receive": receive} {
			f()
			before := h.sent + h.delivered
			n := testing.AllocsPerRun(100, f)
			if passed := h.sent+h.delivered-before == 101; n != 0 || passed != passes {
				t.Errorf("%s, %s: %v allocations, passed %v", state, name, n, passed)
			}
		}
	}
}

func BenchmarkHandleFrameVerifiedOnly(b *testing.B) {
	h, _, receive := onlyVerifiedBusy(b, trust.Verified)
	b.ReportAllocs()
	for b.Loop() {
		receive()
	}
	if h.delivered == 0 {
		b.Fatal("nothing was delivered")
	}
}

func BenchmarkHandleFrameTurnedAway(b *testing.B) {
	h, _, receive := onlyVerifiedBusy(b, trust.Seen)
	b.ReportAllocs()
	for b.Loop() {
		receive()
	}
	if h.delivered != 0 {
		b.Fatal("something was delivered")
	}
}
