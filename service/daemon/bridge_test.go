package daemon

import (
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/vl2"
	"orrery/service/netcfg"
)

// TestBridgeAlerts: what keeps a computer from bridging is told, with the cure,
// and nothing where all is well.
func TestBridgeAlerts(t *testing.T) {
	t.Parallel()
	const self identity.Address = 0x1122334455
	br0 := netcfg.Bridge{Name: "br0", MTU: 1500}
	wide := netcfg.Bridge{Name: "br0", MTU: 9000}
	bridge := vl2.Bridging{Allowed: true, Bridges: []identity.Address{self}, LoopAt: clock.Never}
	member := vl2.Bridging{Bridges: []identity.Address{0x5544332211}, LoopAt: clock.Never}
	looped := bridge
	looped.LoopAt, looped.LoopMAC = clock.Hour-30*clock.Second, 0x00163e000001
	old := bridge
	old.LoopAt = clock.Hour - 2*clock.Minute
	replicator := bridge
	replicator.Replicator = true
	for _, c := range []struct {
		what     string
		bridging vl2.Bridging
		ethernet bool
		port     netcfg.Bridge
		config   bool
		want     []string // kinds of alerts
		advice   string
	}{
		{"an ordinary member", member, false, netcfg.Bridge{}, true, nil, ""},
		{"with an Ethernet device", member, true, netcfg.Bridge{}, true, nil, ""},
		{"a bridge without an Ethernet device", bridge, false, netcfg.Bridge{}, true, []string{"bridge"}, "port=tap"},
		{"a replicator without an Ethernet device", replicator, false, netcfg.Bridge{}, true, nil, ""},
		{"a bridge that bridges nothing yet", bridge, true, netcfg.Bridge{}, true, nil, ""},
		{"a bridge on a LAN", bridge, true, wide, true, nil, ""},
		{"a bridge on a LAN of shorter packets", bridge, true, br0, true, []string{"bridgemtu"}, "1500"},
		{"no bridge, and in one", member, true, wide, true, []string{"bridge"}, self.String()},
		{"no configuration yet", member, true, wide, false, nil, ""},
		{"a loop", looped, true, wide, true, []string{"loop"}, "spanning tree"},
		{"a loop that was", old, true, wide, true, nil, ""},
	} {
		s := node.NetworkState{ID: 0x5544332211000001, MTU: 2800, Bridging: c.bridging, Ethernet: c.ethernet}
		if c.config {
			s.Config = &netconf.Config{Name: "shed"}
		}
		var got []string
		for _, a := range bridgeAlerts(&s, self, c.port, clock.Hour) {
			kind := strings.TrimSuffix(strings.TrimPrefix(a.ID, "network."), "."+s.ID.String())
			got = append(got, kind)
			if a.Title == "" || a.Text == "" || !strings.Contains(a.Advice, c.advice) || !isBridgeAlert(a.ID) {
				t.Errorf("%s: %+v", c.what, a)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	s := node.NetworkState{Bridging: vl2.Bridging{}}
	if bridgingView(&s, netcfg.Bridge{}) != nil {
		t.Error("a network without bridges shows some")
	}
}
