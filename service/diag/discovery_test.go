package diag

import (
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
)

// Whatever keeps programs from finding others is found; what was not asked for is
// no fault.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	on := true
	for name, c := range map[string]struct {
		spoil func(n *Network)
		want  string
		level ipc.Level
	}{
		"ready":            {func(*Network) {}, "discovery.ready", ipc.Fine},
		"no configuration": {func(n *Network) { n.Multicasts.Known = false }, "", ""},
		"no network":       {func(n *Network) { n.Status = ipc.Requesting }, "", ""},
		"a line":           {func(n *Network) { n.Multicasts.DeviceLine = true }, "discovery.ready", ipc.Fine},
		"switched on":      {func(n *Network) { n.Settings.LANDiscovery = &on }, "discovery.lan", ipc.Fine},
		"a line, on":       {func(n *Network) { n.Settings.LANDiscovery = &on; n.Multicasts.DeviceLine = true }, "discovery.line", ipc.Unsure},
		"a system with lines only": {func(n *Network) {
			n.Settings.LANDiscovery = &on
			n.Multicasts.DeviceLine, n.Multicasts.Ethernet = true, false
		}, "discovery.line", ipc.Unsure},
		"limit 0":           {func(n *Network) { n.Multicasts.Limit = 0 }, "discovery.off", ipc.Fine},
		"limit 0, on":       {func(n *Network) { n.Multicasts.Limit = 0; n.Settings.LANDiscovery = &on }, "discovery.off", ipc.Unsure},
		"no broadcasts":     {func(n *Network) { n.Broadcast = false }, "discovery.ready", ipc.Fine},
		"no broadcasts, on": {func(n *Network) { n.Broadcast = false; n.Settings.LANDiscovery = &on }, "discovery.broadcasts", ipc.Unsure},
		"device":            {func(n *Network) { n.Multicasts.DeviceMulticast = false }, "discovery.device", ipc.Unsure},
		"no groups":         {func(n *Network) { n.Network.Multicast = []string{"ffffffffffff/0a010102"} }, "discovery.groups", ipc.Unsure},
		"no IPv4":           {func(n *Network) { n.Network.Multicast, n.Addresses = nil, []string{"fd00::1/88"} }, "discovery.ready", ipc.Fine},
		"low limit":         {func(n *Network) { n.Multicasts.Short = 5 }, "discovery.limit", ipc.Unsure},
	} {
		f := healthy()
		n := &f.Networks[0]
		n.Broadcast, n.Network.Multicast = true, []string{"01:00:5e:00:00:01/00000000", "ff:ff:ff:ff:ff:ff/0a010102"}
		n.Multicasts = Multicast{Known: true, Limit: 32, DeviceKnown: true, DeviceMulticast: true, Ethernet: true, Sent: 7, Unheard: 2, LastSent: now.Add(-time.Minute)}
		c.spoil(n)
		got := discovery(f)
		if c.want == "" {
			if len(got) != 0 {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Code != c.want || got[0].Level != c.level || !strings.HasPrefix(got[0].Text, "Network "+n.ID) ||
			(got[0].Level != ipc.Fine) && got[0].Advice == "" || !slices.Contains(got[0].Details, "7 frames sent, 2 of them to nobody; 0 received") ||
			!strings.Contains(got[0].Text, "and none came in") {
			t.Errorf("%s: %+v, want %s %s", name, got, c.level, c.want)
		}
	}
}
