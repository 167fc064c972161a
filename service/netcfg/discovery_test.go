package netcfg

import (
	"log/slog"
	"slices"
	"testing"
)

// windowsLike is a fake machine that ranks interfaces by metric.
type windowsLike struct{ *fakeSystem }

func (windowsLike) platform() platform {
	return platform{implied: true, gateways: true, ranks: true}
}

func TestDiscoveryPlan(t *testing.T) {
	t.Parallel()
	onRanking := onWindows
	onRanking.ranks = true
	onRouting := onLinux
	onRouting.routed = true
	for _, c := range []struct {
		name string
		p    platform
		want State
		out  []string
	}{
		{
			"linux", onRouting, State{Discovery: true, index: 7, Addresses: prefixes("10.147.17.5/24")},
			[]string{"addr 10.147.17.5/24", "route 255.255.255.255/32 metric 7", "route 224.0.0.0/4 metric 7"},
		},
		{"linux without IPv4", onRouting, State{Discovery: true, index: 7, Addresses: prefixes("fd00::5/88")}, []string{"addr fd00::5/88"}},
		{"linux, off", onRouting, State{index: 7, Addresses: prefixes("10.147.17.5/24")}, []string{"addr 10.147.17.5/24"}},
		{"windows", onRanking, State{Discovery: true, Addresses: prefixes("10.147.17.5/24")}, []string{"addr 10.147.17.5/24", "metric 1"}},
		{"macOS", onMac, State{Discovery: true, Addresses: prefixes("10.1.1.1/32")}, []string{"addr 10.1.1.1/32"}},
	} {
		items, err := plan(c.want, c.p)
		var got []string
		for _, it := range items {
			got = append(got, brief(it.Item))
		}
		if err != nil || !slices.Equal(got, c.out) {
			t.Errorf("%s: %v, %v\nwant %v", c.name, got, err, c.out)
		}
	}
}

// The metric goes back to what it was when discovery is switched off, also if the
// user had set one, and when the next run finds the journal.
func TestDiscoveryIsUndone(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 25} {
		f := newFake(t, "zt0")
		f.interfaces["zt0"].settings[KindMetric] = before
		m, err := openOn(windowsLike{f}, f.journal, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		metric := func(what string, want int) {
			t.Helper()
			if got := f.interfaces["zt0"].settings[KindMetric]; got != want {
				t.Errorf("%s: metric %d, want %d", what, got, want)
			}
		}
		want := State{Interface: "zt0", Addresses: prefixes("10.1.1.1/24"), Discovery: true}
		for range 2 {
			if _, err := m.Apply(want); err != nil {
				t.Fatal(err)
			}
			metric("on", discoveryMetric)
		}
		want.Discovery = false
		if _, err := m.Apply(want); err != nil {
			t.Fatal(err)
		}
		metric("off", before)
		want.Discovery = true
		if _, err := m.Apply(want); err != nil {
			t.Fatal(err)
		}
		if _, err := openOn(windowsLike{f}, f.journal, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		metric("after a crash", before)
	}
}
