package daemon

import (
	"errors"
	"strings"
	"testing"

	"orrery/service/api"
	"orrery/service/ipc"
)

var (
	_ api.Examiner   = (*Daemon)(nil)
	_ api.Chronicler = (*Daemon)(nil)
)

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

// TestLog follows the log of a daemon over the socket.
func TestLog(t *testing.T) {
	t.Parallel()
	home, self := newHome(t)
	r := start(t, home, self)
	var l *ipc.Log
	until(t, "line", func() (err error) {
		if l, err = r.client.Log(t.Context(), 0, "info", 0); err == nil && len(l.Lines) == 0 {
			err = errors.New("nothing")
		}
		return err
	})
	if l.Last < l.Lines[len(l.Lines)-1].Seq || l.Lines[0].At.IsZero() || l.Lines[0].Level == "DEBUG" {
		t.Errorf("%+v", l)
	}
	// What comes later is waited for.
	go r.daemon.log.Debug("a peer has no direct path", "peer", self.Address, "reason", "waiting")
	after := l.Last
	until(t, "the new line", func() error {
		l, err := r.client.Log(t.Context(), after, "debug", 5)
		if err != nil {
			return err
		}
		for _, x := range l.Lines {
			if x.Fields == "peer="+self.Address.String()+" reason=waiting" && x.Level == "DEBUG" {
				return nil
			}
		}
		after = l.Last
		return errors.New("other lines")
	})
	if _, err := r.client.Log(t.Context(), 0, "loud", 0); err == nil {
		t.Error("an unknown level is taken")
	}
}
