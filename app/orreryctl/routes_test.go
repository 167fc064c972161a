//go:build !windows

package main

import (
	"strings"
	"testing"

	"orrery/service/api/apitest"
	"orrery/service/ipc"
)

// TestRoutes: what became of routes and addresses.
func TestRoutes(t *testing.T) {
	t.Parallel()
	b, socket, home := fakeService(t)
	b.Change(func(b *apitest.Backend) {
		n := &b.State.Networks[0]
		n.AddressStates = []ipc.AddressState{{
			Address: "192.168.1.9/24", State: ipc.RouteRefused, Reason: "192.168.1.0/24 is the network that eth0 is in; the address was not applied.",
			Advice: "orreryctl set " + n.ID + " acceptRoutes=192.168.1.0/24 applies it all the same.",
		}}
		n.Routes = []ipc.Route{
			{Target: "10.9.0.0/16", Via: "10.147.17.9", State: ipc.RouteApplied},
			{Target: "10.0.0.0/8", State: ipc.RouteNarrowed, Reason: "It is applied but for 10.5.0.0/16, which is the network that eth\x1b[2J is in."},
			{Target: "0.0.0.0/0", Via: "10.147.17.9", State: ipc.RouteIgnored, Reason: "allowDefault is off for this network.", Advice: "orreryctl set " + n.ID + " allowDefault=1"},
		}
	})
	id := b.State.Networks[0].ID
	r := strings.NewReplacer("--socket "+socket+" ", "", "-D"+home+" ", "-DHOME ")
	lines := with([]string{"--socket", socket}, "routes "+id, "-j routes "+id, "-j listnetworks", "routes 1122334455667788", "routes zork")
	lines = append(lines, []string{"-D" + home, "routes", id})
	golden(t, "routes", transcript(t, "", r, lines...))
}
