package netcfg

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
)

// TestApplyOnABridge: what a port cannot have is on its bridge, follows when it
// becomes a port or stops to be one, and goes with the port; the bridge's own
// stays.
func TestApplyOnABridge(t *testing.T) {
	t.Parallel()
	f := newFake(t, "zt0", "zt1", "br0")
	own := Item{Kind: KindAddress, Interface: "br0", Prefix: netip.MustParsePrefix("10.147.17.5/16")}
	f.interfaces["br0"].note(own)
	port, bridge := f.state("zt0"), f.state("br0")
	m := f.open()
	apply(t, m, full())
	alone := f.state("zt0")
	want := full()
	want.Bridge, want.LinkLocal = "br0", netip.Addr{}
	apply(t, m, want)
	if n := len(apply(t, m, want)); n != 0 {
		t.Errorf("%d changes when nothing is to do", n)
	}
	if got := f.state("zt0"); slices.ContainsFunc(got, func(s string) bool { return slices.Contains(alone, s) && len(s) > 16 }) {
		t.Errorf("left on the port: %v", got)
	}
	if got := f.state("br0"); len(got) != len(bridge)+4 {
		t.Errorf("on the bridge: %v", got)
	}
	// Another network's port of the same bridge keeps what it has.
	other := State{Interface: "zt1", Bridge: "br0", Addresses: prefixes("10.200.0.1/24"), Routes: []Route{routeTo("10.9.0.0/24", "10.200.0.9")}}
	apply(t, m, other)
	both := f.state("br0")
	apply(t, m, want)
	if got := f.state("br0"); !slices.Equal(got, both) {
		t.Errorf("two ports of a bridge undo each other's: %v", got)
	}
	// A crash now: the next run undoes it all.
	items := slices.Clone(m.owned)
	m = f.open()
	if got := f.state("br0"); !slices.Equal(got, bridge) {
		t.Errorf("after a crash the bridge has %v, had %v", got, bridge)
	}
	if len(m.owned) != 0 || len(items) == 0 {
		t.Errorf("left in the journal: %v", m.owned)
	}
	apply(t, m, want)
	apply(t, m, other)
	if _, err := m.Remove("zt1"); err != nil {
		t.Fatal(err)
	}
	back := full()
	apply(t, m, back)
	if got := f.state("br0"); !slices.Equal(got, bridge) {
		t.Errorf("the bridge has %v, had %v", got, bridge)
	}
	if got := f.state("zt0"); !slices.Equal(got, alone) {
		t.Errorf("the port has %v, had %v", got, alone)
	}
	// A bridge that is deleted takes along what was on it.
	apply(t, m, want)
	delete(f.interfaces, "br0")
	if _, err := m.Apply(want); !errors.Is(err, ErrNoInterface) {
		t.Errorf("no bridge: %v", err)
	}
	apply(t, m, back)
	if _, err := m.Remove("zt0"); err != nil || len(m.owned) != 0 {
		t.Errorf("%v, left %v", err, m.owned)
	}
	if got := f.state("zt0"); !slices.Equal(got, port) {
		t.Errorf("the port has %v, had %v", got, port)
	}
}
