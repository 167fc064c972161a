//go:build !windows

package main

import (
	"strings"
	"testing"

	"orrery/engine/vl1"
	"orrery/service/api/apitest"
	"orrery/service/ipc"
)

// relayed is a peer that has no direct path, for a reason.
func relayed(address, name string, r vl1.Reason) ipc.Peer {
	return ipc.Peer{
		Address: address, Name: name, Role: "LEAF", LatencyMs: -1, Relay: "62f865ae71",
		Reason: r.String(), ReasonText: r.Sentence(), Advice: r.Hint(), Passing: r.Passing(),
	}
}

// TestWhy: how each peer is reached, and why not directly.
func TestWhy(t *testing.T) {
	t.Parallel()
	b, socket, home := fakeService(t)
	b.Change(func(b *apitest.Backend) {
		b.State.Peers = append(b.State.Peers, relayed("0123456789", "", vl1.ReasonWaiting), relayed("1c0ffee111", "Bob\x1b[2J", vl1.ReasonPortsVary))
	})
	r := strings.NewReplacer("--socket "+socket+" ", "", "-D"+home+" ", "-DHOME ")
	lines := with([]string{"--socket", socket}, "peers --why", "peers 0123456789", "peers e285b97aef", "-j peers 1c0ffee111", "peers aaaaaaaaaa", "peers zork")
	lines = append(lines, []string{"-D" + home, "peers", "--why"})
	golden(t, "why", transcript(t, "", r, lines...))
}
