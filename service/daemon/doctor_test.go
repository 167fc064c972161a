package daemon

import (
	"strings"
	"testing"

	"orrery/service/api"
	"orrery/service/ipc"
)

var _ api.Examiner = (*Daemon)(nil)

// TestDoctor examines a daemon that is its own root, with a network of its own
// that has no controller entry, and one of somebody who is not there.
func TestDoctor(t *testing.T) {
	t.Parallel()
	home, self := newHome(t)
	r := start(t, home, self)
	for _, id := range []string{elsewhere, r.hosted(1)} {
		if _, err := r.client.Join(t.Context(), id, ipc.NetworkSettings{}); err != nil {
			t.Fatal(err)
		}
	}
	x, err := r.client.Examine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !x.Running || x.Version != "test" || x.Address != self.Address.String() || x.At.IsZero() {
		t.Errorf("%+v", x)
	}
	byCode := make(map[string]ipc.Finding)
	for _, f := range x.Findings {
		byCode[f.Code] = f
		if f.Text == "" || f.Area == "" || !strings.HasPrefix(f.Code, f.Area+".") || f.Level == ipc.Broken && f.Advice == "" {
			t.Errorf("finding %+v", f)
		}
		if strings.Contains(f.Text+f.Advice, "127.0.0.1") {
			t.Errorf("a physical address outside of the details: %+v", f)
		}
	}
	for code, level := range map[string]ipc.Level{
		"service.running": ipc.Fine, "sockets.open": ipc.Fine, "udp.root": ipc.Fine, "clock.plausible": ipc.Fine,
		"mapping.trying": ipc.Fine, "tcp-relay.ready": ipc.Fine, "peers.direct": ipc.Fine, "networks.requesting_configuration": ipc.Unsure, "networks.not_found": ipc.Broken,
	} {
		if f, ok := byCode[code]; !ok || f.Level != level {
			t.Errorf("%s: %+v, want level %q", code, f, level)
		}
	}
	if t.Failed() {
		for _, f := range x.Findings {
			t.Logf("%-8s %-24s %s -> %s", f.Level, f.Code, f.Text, f.Advice)
		}
	}
}
