package vl2

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/netconf"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// TestTraceNeedsPermission: who is to get reports gets none before the user
// agrees, then counts and nothing else, and none any more when the user has
// changed its mind.
func TestTraceNeedsPermission(t *testing.T) {
	t.Parallel()
	v := new(configVectors)
	loadVectors(t, "netconf.json", v)
	controller, target := v.secret(t, "controller"), v.secret(t, "peerB").Address
	f, s, nw := v.node(t)
	c := netconf.Config{Network: v.NetworkID, IssuedTo: v.secret(t, "self").Address, Timestamp: 1, MTU: 1500, TraceTarget: target, TraceLevel: 30}
	s.Handle(after(1), wire.VerbNetworkConfig, &vl1.Inbound{From: controller.Identity, Payload: chunk(controller, nw.id, 1, c.Append(nil))})
	now := clock.Mono(10)
	reports := func() (all []wire.Dictionary) {
		// No rule accepts anything: a frame of the host is dropped.
		for range 3 {
			s.SendFrame(after(now), nw, nw.mac, 0x020000000001, 0x0800, make([]byte, 40))
		}
		f.take()
		for range 20 {
			now += 500
			s.Tick(after(now))
		}
		for _, p := range f.take() {
			if p.Verb != wire.VerbRemoteTrace {
				continue
			}
			text, _, ok := wire.NextRemoteTrace(unhex(t, p.Payload))
			if !ok || p.To != target {
				t.Errorf("sent %v", p)
			}
			all = append(all, wire.ParseDictionary(text, traceCapacity))
		}
		return all
	}
	if got := reports(); len(got) != 0 {
		t.Fatal("reports without permission")
	}
	nw.SetTrace(true)
	got := reports()
	if len(got) != 1 {
		t.Fatalf("%d reports", len(got))
	}
	total := uint64(0)
	for r := range DropReasonCount {
		total += got[0].Uint64(DropReason(r).String(), 0)
	}
	if total != 3 || got[0].Text(traceNetwork, "") != nw.id.String() || got[0].Text(traceEvent, "") != traceDrops || got[0].Len() > 5 {
		t.Errorf("%d dropped frames reported in %d fields", total, got[0].Len())
	}
	nw.SetTrace(false)
	if got := reports(); len(got) != 0 {
		t.Error("reports after permission was withdrawn")
	}
}
