//go:build !windows

package main

import (
	"strings"
	"testing"

	"orrery/service/api/apitest"
	"orrery/service/ipc"
)

// TestBridge shows a network's bridges in each of the parts that a computer can
// have.
func TestBridge(t *testing.T) {
	t.Parallel()
	b, socket, home := fakeService(t)
	r := strings.NewReplacer("--socket "+socket+" ", "", "-D"+home+" ", "-DHOME ")
	nwid := ""
	b.Change(func(b *apitest.Backend) { nwid = b.State.Networks[0].ID })
	var all strings.Builder
	all.WriteString(transcript(t, "", r, with([]string{"--socket", socket}, "bridge "+nwid, "bridge 1111111111111111", "bridge zork")...))
	bridges := []string{"e285b97aef", "1c0ffee111"}
	for _, x := range []ipc.Bridging{
		{Bridges: bridges, Limit: 16384},
		{Bridges: bridges, Port: "br0", PortMTU: 1500, Refused: 7, Limit: 16384},
		{Allowed: true, Bridges: bridges, Limit: 16384},
		{Allowed: true, Active: true, Bridges: bridges, Port: "br0\x1b[2J", PortMTU: 1500, Remote: 1, Local: 1, Looped: 3, Limit: 16384},
	} {
		b.Change(func(b *apitest.Backend) { b.State.Networks[0].Bridging = &x })
		all.WriteString(transcript(t, "", r, with([]string{"--socket", socket}, "bridge "+nwid)...))
	}
	all.WriteString(transcript(t, "", r, with([]string{"--socket", socket}, "-j bridge "+nwid)...))
	all.WriteString(transcript(t, "", r, []string{"-D" + home, "bridge", nwid}))
	golden(t, "bridge", strings.ReplaceAll(all.String(), nwid, "NETWORK"))
}
