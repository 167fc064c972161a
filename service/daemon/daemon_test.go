package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"orrery/engine/identity"
	"orrery/service/api"
	"orrery/service/ipc"
	"orrery/service/store"
)

var (
	_ api.Backend    = (*Daemon)(nil)
	_ api.Controller = control{}
)

const elsewhere = "1122334455667788"

// TestAnsweredIsStored looks into the home right after each answer.
func TestAnsweredIsStored(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	conf, local := filepath.Join(home, "networks.d", elsewhere+".conf"), filepath.Join(home, "networks.d", elsewhere+".local.conf")
	begun := time.Now()
	n, err := r.client.Join(t.Context(), elsewhere, ipc.NetworkSettings{})
	if err != nil {
		t.Fatal(err)
	}
	if n.ID != elsewhere || n.Status != ipc.Requesting || n.JoinedAt.Before(begun.Add(-time.Second)) || n.Settings.AllowManaged == nil || !*n.Settings.AllowManaged {
		t.Errorf("joined: %+v", n)
	}
	for _, f := range []string{conf, local} {
		if _, err := os.Stat(f); err != nil {
			t.Error(err)
		}
	}
	yes := true
	if n, err = r.client.SetNetwork(t.Context(), elsewhere, ipc.NetworkSettings{AllowDNS: &yes, ManagedOnly: []string{"10.0.0.0/8"}}); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(local); !strings.Contains(string(b), "allowDNS=1") || !strings.Contains(string(b), "10.0.0.0/8") || !*n.Settings.AllowDNS {
		t.Errorf("settings %+v, file %q", n.Settings, b)
	}
	// Joining again applies settings and leaves the others and the time alone.
	no := false
	again, err := r.client.Join(t.Context(), elsewhere, ipc.NetworkSettings{AllowDNS: &no})
	if err != nil || *again.Settings.AllowDNS || !again.JoinedAt.Equal(n.JoinedAt) || len(again.Settings.ManagedOnly) != 1 {
		t.Errorf("joined again: %+v, %v", again, err)
	}
	if err := r.client.Leave(t.Context(), elsewhere); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{conf, local} {
		if _, err := os.Stat(f); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there (%v)", f, err)
		}
	}
	other := secret(t, 1).Identity
	rec, err := r.client.UpdateTrust(t.Context(), other.Address.String(), ipc.TrustUpdate{Identity: other.String(), State: ipc.Verified, How: "compared"})
	if err != nil || rec.State != ipc.Verified || rec.How != "compared" {
		t.Fatalf("%+v, %v", rec, err)
	}
	if b, _ := os.ReadFile(filepath.Join(home, "trust.json")); !strings.Contains(string(b), other.String()) {
		t.Error("the trust record is not in the file")
	}
	if err := r.client.ForgetTrust(t.Context(), other.Address.String()); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(filepath.Join(home, "trust.json")); strings.Contains(string(b), other.String()) {
		t.Error("the forgotten trust record is in the file")
	}
}

func TestRefusals(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	c, yes, name := t.Context(), true, "x"
	other := secret(t, 1).Identity
	own := self.Address.String()
	_, err := r.client.SetNetwork(c, elsewhere, ipc.NetworkSettings{AllowDNS: &yes})
	wantError(t, "settings of a network not joined", err, ipc.CodeNotFound)
	wantError(t, "leaving a network not joined", r.client.Leave(c, elsewhere), ipc.CodeNotFound)
	_, err = r.client.UpdateTrust(c, other.Address.String(), ipc.TrustUpdate{State: ipc.Blocked})
	wantError(t, "blocking whom nobody knows", err, ipc.CodeNotFound)
	wantError(t, "forgetting whom nobody knows", r.client.ForgetTrust(c, other.Address.String()), ipc.CodeNotFound)
	_, err = r.client.UpdateTrust(c, own, ipc.TrustUpdate{Name: &name})
	wantError(t, "a trust record of oneself", err, ipc.CodeBadRequest)
	_, err = r.client.Verification(c, own)
	wantError(t, "verifying oneself", err, ipc.CodeBadRequest)
	forged := strings.Replace(secret(t, 2).String(), secret(t, 2).Address.String(), other.Address.String(), 1)
	_, err = r.client.UpdateTrust(c, other.Address.String(), ipc.TrustUpdate{Identity: forged, State: ipc.Seen})
	wantError(t, "an identity whose address is not its own", err, ipc.CodeBadRequest)
	if _, err := r.client.UpdateTrust(c, other.Address.String(), ipc.TrustUpdate{Identity: other.String(), State: ipc.Seen}); err != nil {
		t.Fatal(err)
	}
	var unknown *ipc.Error
	if err := r.client.ForgetTrust(c, "1122334455"); !errors.As(err, &unknown) || unknown.Code != ipc.CodeNotFound || !strings.Contains(unknown.Advice, "Nothing was changed") {
		t.Errorf("forgetting whom nobody knows: %v", err)
	}
	status, _, err := r.client.Reference(c, http.MethodGet, "/controller/network/"+r.hosted(1), nil)
	if err == nil && status != http.StatusNotFound {
		t.Errorf("a hosted network that is not there: %d", status)
	}
	short, cancel := context.WithTimeout(c, 300*time.Millisecond)
	defer cancel()
	if _, err := r.client.Verification(short, "1122334455"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("asking for whom nobody knows: %v", err)
	}
}

// TestStorageFails has the directory of networks be a file.
func TestStorageFails(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	put(t, home, "networks.d", nil)
	_, err := r.client.Join(t.Context(), elsewhere, ipc.NetworkSettings{})
	wantError(t, "join", err, ipc.CodeInternal)
	var e *ipc.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "in effect") || e.Advice == "" {
		t.Errorf("%+v", e)
	}
	if a := r.alerts()[alertStorage+"files"]; a.Severity != severityError {
		t.Errorf("alert %+v", a)
	}
	if err := os.Remove(filepath.Join(home, "networks.d")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.client.Join(t.Context(), elsewhere, ipc.NetworkSettings{}); err != nil {
		t.Errorf("after the repair: %v", err)
	}
	if _, err := os.Stat(filepath.Join(home, "networks.d", elsewhere+".conf")); err != nil {
		t.Error(err)
	}
	until(t, "end of the alert", func() error {
		if a, there := r.alerts()[alertStorage+"files"]; there {
			return fmt.Errorf("%+v", a)
		}
		return nil
	})
}

func TestPortFailure(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	r.machine.setRefuse(errors.New("the driver is missing"))
	if _, err := r.client.Join(t.Context(), elsewhere, ipc.NetworkSettings{}); err != nil {
		t.Fatal(err)
	}
	until(t, "failed port", func() error {
		n, err := r.client.Network(t.Context(), elsewhere)
		if err != nil || n.Status != ipc.PortError || !strings.Contains(n.Detail, "driver") {
			return fmt.Errorf("%+v, %w", n, err)
		}
		return nil
	})
	a := r.alerts()["network.port."+elsewhere]
	if a.Severity != severityError || !strings.Contains(a.Text, "driver") || a.Advice == "" || a.Since.IsZero() {
		t.Errorf("alert %+v", a)
	}
	r.machine.setRefuse(nil)
	until(t, "end of the alert", func() error {
		if a, there := r.alerts()["network.port."+elsewhere]; there {
			return fmt.Errorf("%+v", a)
		}
		return nil
	})
}

// TestOwnNetwork joins a network of the own controller, and restarts.
func TestOwnNetwork(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	r.needsNetwork()
	nwid := r.hosted(0x17)
	body := `{"name":"mine","private":false,"v4AssignMode":{"zt":true},"routes":[{"target":"10.1.17.0/24"}],
		"ipAssignmentPools":[{"ipRangeStart":"10.1.17.1","ipRangeEnd":"10.1.17.254"}]}`
	if status, answer, err := r.client.Reference(t.Context(), http.MethodPost, "/controller/network/"+nwid, []byte(body)); err != nil || status != 200 {
		t.Fatalf("%d %s, %v", status, answer, err)
	}
	if _, err := r.client.Join(t.Context(), nwid, ipc.NetworkSettings{}); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		until(t, "configuration", func() error {
			s, err := r.client.Snapshot(t.Context())
			if err != nil || len(s.Networks) != 1 || s.Networks[0].Status != ipc.OK || s.Networks[0].Device == "" {
				return fmt.Errorf("%+v, %w", s, err)
			}
			n := s.Networks[0]
			if n.Name != "mine" || n.Type != "PUBLIC" || len(n.Addresses) != 1 || len(n.Routes) != 1 || n.Revision == 0 || len(n.Multicast) == 0 || !s.Status.Controller || !s.Status.Online {
				return fmt.Errorf("%+v of %+v", n, s.Status)
			}
			return nil
		})
	}
	check()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if !r.machine.closed {
		t.Error("the machine's configuration was not undone")
	}
	r = start(t, home, self)
	check()
}

// TestNothingStays counts goroutines.
func TestNothingStays(t *testing.T) {
	home, self := newHome(t)
	put(t, home, "local.conf", []byte(`{"settings":{"compatApi":true,"primaryPort":0}}`))
	for range 3 { // what is made once is made now
		r := start(t, home, self)
		r.client.Close()
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
	before := runtime.NumGoroutine()
	for range 5 {
		r := start(t, home, self)
		if _, err := r.client.Join(t.Context(), elsewhere, ipc.NetworkSettings{}); err != nil {
			t.Fatal(err)
		}
		r.client.Close()
		if err := r.stop(); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "end of goroutines", func() error {
		if n := runtime.NumGoroutine(); n > before {
			buf := make([]byte, 1<<20)
			return fmt.Errorf("%d goroutines, were %d:\n%s", n, before, buf[:runtime.Stack(buf, true)])
		}
		return nil
	})
	if _, err := os.Stat(filepath.Join(home, "zerotier-one.pid")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the PID file: %v", err)
	}
}

// TestManyCalls is for the race detector.
func TestManyCalls(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	other := secret(t, 1).Identity
	var all sync.WaitGroup
	call := func(f func(i int)) {
		all.Go(func() {
			for i := range 10 {
				f(i)
			}
		})
	}
	c := t.Context()
	call(func(int) { _, _ = r.client.Join(c, elsewhere, ipc.NetworkSettings{}) })
	call(func(int) { _ = r.client.Leave(c, elsewhere) })
	call(func(i int) {
		on := i%2 == 0
		_, _ = r.client.SetNetwork(c, elsewhere, ipc.NetworkSettings{AllowDNS: &on})
	})
	call(func(i int) {
		u := ipc.TrustUpdate{State: []ipc.TrustState{ipc.Seen, ipc.Blocked}[i%2]}
		if i%5 == 0 { // which is slow
			u.Identity = other.String()
		}
		_, _ = r.client.UpdateTrust(c, other.Address.String(), u)
	})
	call(func(int) { _ = r.client.ForgetTrust(c, other.Address.String()) })
	call(func(i int) {
		_ = r.client.PutSettings(c, map[string]json.RawMessage{"allowManagementFrom": json.RawMessage([]string{"[]", `["10.0.0.0/8"]`}[i%2])})
	})
	call(func(int) { _, _ = r.client.Config(c) })
	call(func(int) { _, _ = r.client.Diagnostics(c) })
	call(func(i int) {
		_, _, _ = r.client.Reference(c, http.MethodPost, "/controller/network/"+r.hosted(9), fmt.Appendf(nil, `{"name":"n%d"}`, i))
	})
	call(func(int) {
		if _, err := r.client.Snapshot(c); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	// What is shown and what is stored agree.
	n, err := r.client.Networks(c)
	_, stat := os.Stat(filepath.Join(home, "networks.d", elsewhere+".conf"))
	if err != nil || (len(n) == 1) != (stat == nil) {
		t.Errorf("joined %v (%v), stored %v", n, err, stat)
	}
}

func TestDiagnosticsHoldNoSecrets(t *testing.T) {
	home, self := newHome(t)
	put(t, home, "local.conf", []byte(`{"settings":{"compatApi":true,"primaryPort":0}}`))
	r := start(t, home, self)
	if _, err := r.client.Join(t.Context(), elsewhere, ipc.NetworkSettings{}); err != nil {
		t.Fatal(err)
	}
	text, err := r.client.Diagnostics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(home, "authtoken.secret"))
	if err != nil {
		t.Fatal(err)
	}
	private := self.Text()[141:]
	for what, s := range map[string]string{"private key": private, "part of the private key": private[20:60], "token": string(token)} {
		if s == "" || strings.Contains(text, s) {
			t.Errorf("the report has the %s", what)
		}
	}
	if !strings.Contains(text, self.Address.String()) || !strings.Contains(text, elsewhere) {
		t.Errorf("the report is\n%s", text)
	}
}

// TestCannotRun checks the reasons that Run gives.
func TestCannotRun(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	for _, c := range []struct {
		name string
		make func(t *testing.T) Config
		want string
	}{
		{"a home that is a file", func(t *testing.T) Config {
			f := filepath.Join(t.TempDir(), "f")
			put(t, filepath.Dir(f), "f", nil)
			return Config{Home: f, Port: 0}
		}, "not a directory"},
		{"a damaged database", func(t *testing.T) Config {
			home, _ := newHome(t)
			put(t, home, "orrery-controller.db", []byte(strings.Repeat("not a database ", 100)))
			return Config{Home: home, Port: 0}
		}, "damaged"},
		{"a socket's path that is too long", func(t *testing.T) Config {
			home, _ := newHome(t)
			return Config{Home: home, Socket: long, Port: 0}
		}, "--socket"},
		{"something else where the socket goes", func(t *testing.T) Config {
			home, _ := newHome(t)
			put(t, home, "orreryd.sock", nil)
			return Config{Home: home, Port: 0}
		}, "not a socket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := c.make(t)
			m := &fakeMachine{}
			cfg.Log = quiet()
			cfg.machine = fixed(m)
			err := Run(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want something about %q", err, c.want)
			}
		})
	}
}

// TestHomeIsLocked runs a second daemon on a home.
func TestHomeIsLocked(t *testing.T) {
	home, self := newHome(t)
	start(t, home, self)
	err := Run(t.Context(), Config{Home: home, Log: quiet(), machine: fixed(&fakeMachine{})})
	var locked *store.LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("%v", err)
	}
}

// TestSnapshotAlerts has a conflict that came about before.
func TestSnapshotAlerts(t *testing.T) {
	home, self := newHome(t)
	wrong := strings.Replace(secret(t, 2).String(), secret(t, 2).Address.String(), secret(t, 1).Address.String(), 1)
	put(t, home, "trust.json", fmt.Appendf(nil, `{"version":1,"records":[{"identity":%q,"state":"seen","name":"Bo","conflict":%q,"conflictAt":5000,"conflictFrom":"HELLO"}]}`,
		secret(t, 1).Identity.String(), wrong))
	r := start(t, home, self)
	a := r.alerts()["trust.conflict."+secret(t, 1).Address.String()]
	if a.Severity != severityError || !strings.Contains(a.Title, "Bo") || !a.Since.Equal(time.UnixMilli(5000)) || !strings.Contains(a.Text, "HELLO") {
		t.Errorf("%+v", a)
	}
	if _, err := r.client.UpdateTrust(t.Context(), secret(t, 1).Address.String(), ipc.TrustUpdate{SettleConflict: true}); err != nil {
		t.Fatal(err)
	}
	if a := r.alerts(); len(a) > 0 {
		t.Errorf("alerts that stay: %+v", a)
	}
}

func TestPeersAndPlanet(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	w, err := r.client.Planet(t.Context())
	if err != nil || w.ID != 77 || w.Kind != "planet" || len(w.Roots) != 1 || !slices.Equal(w.Roots[0].Endpoints, []string{"10.99.0.1/9993"}) || len(w.Signature) != 192 {
		t.Errorf("%+v, %v", w, err)
	}
	if m, err := r.client.Moons(t.Context()); err != nil || len(m) != 0 {
		t.Errorf("%v, %v", m, err)
	}
	c, err := r.client.Config(t.Context())
	if err != nil || c.PrimaryPort == 0 || c.HomeDir != home || len(c.ListeningOn) < 2 || c.SecondaryPort == 0 || c.OperatorGroup != "orrery" || c.CompatAPI {
		t.Errorf("%+v, %v", c, err)
	}
	s, err := r.client.Status(t.Context())
	if err != nil || s.Port != c.PrimaryPort || s.Fingerprint == "" || s.Identity != self.Identity.String() || s.Version != "test" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := identity.Parse(s.Identity); err != nil {
		t.Error(err)
	}
}
