//go:build !windows

package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// TestDoctor prints findings of every level, and what can be seen of a machine on
// which no service runs.
func TestDoctor(t *testing.T) {
	t.Parallel()
	b, socket, home := fakeService(t)
	r := strings.NewReplacer("--socket "+socket+" ", "", "-D"+home+" ", "-DHOME ")
	fine := ipc.Finding{Area: "roots", Code: "roots.answer", Level: ipc.Fine, Text: "All roots answer: 1 of 1.", Details: []string{"62f865ae71 (planet) answers in 4 ms from 198.51.100.1:9993"}}
	unsure := ipc.Finding{Area: "peers", Code: "peers.ports-vary", Level: ipc.Unsure, Text: "1c0ffee111 (Bob\x1b[2J): both sides are behind routers that give every connection another port, so neither can be found by the other.", Advice: "Forward a UDP port to one of the computers."}
	broken := ipc.Finding{Area: "peers", Code: "networks.x", Level: ipc.Broken, Text: "Something is broken.", Advice: "Repair it."}
	set := func(fs ...ipc.Finding) {
		b.Change(func(b *apitest.Backend) { b.Health = ipc.Examination{Running: true, Version: "0.1.0", Findings: fs} })
	}
	var all strings.Builder
	set(fine)
	all.WriteString(transcript(t, "", r, with([]string{"--socket", socket}, "doctor", "doctor --details")...))
	set(fine, unsure)
	all.WriteString(transcript(t, "", r, with([]string{"--socket", socket}, "doctor", "-j doctor")...))
	set(fine, unsure, broken)
	all.WriteString(transcript(t, "", r, with([]string{"--socket", socket}, "doctor")...))
	all.WriteString(transcript(t, "", r, with([]string{"-D" + home}, "doctor")...))
	golden(t, "doctor", all.String())

	nobody := filepath.Join(t.TempDir(), "s")
	got := transcript(t, "", r, []string{"--socket", nobody, "doctor", "--service-home", filepath.Join(home, "none"), "--service-port", "0"})
	got = strings.Join(strings.Fields(got), " ") // lines end where the names of folders have them end
	for _, want := range []string{"PROBLEM service", "The service does not answer", "-> Start it", "does not exist yet", "problem", "= 1"} {
		if !strings.Contains(got, want) {
			t.Errorf("without a service: no %q in\n%s", want, got)
		}
	}
}

// TestTrace prints the log.
func TestTrace(t *testing.T) {
	t.Parallel()
	b, socket, _ := fakeService(t)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	b.Change(func(b *apitest.Backend) {
		b.Lines = []ipc.LogLine{{Seq: 1, At: at, Level: "INFO", Text: "online"}, {Seq: 2, At: at, Level: "DEBUG", Text: "a peer has no direct path", Fields: "peer=1c0ffee111 reason=waiting\x1b"}}
	})
	r := strings.NewReplacer("--socket "+socket+" ", "")
	golden(t, "trace", transcript(t, "", r, with([]string{"--socket", socket}, "trace", "-j trace", "trace --level loud")...))
}
