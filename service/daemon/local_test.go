package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/service/udp"
)

// sockets waits until the open sockets are as cond wants them, and returns them.
func (r *running) sockets(what string, cond func(all []udp.Status) error) []udp.Status {
	r.t.Helper()
	var all []udp.Status
	until(r.t, what, func() error {
		all = r.daemon.sockets.Status()
		if err := cond(all); err != nil {
			return fmt.Errorf("%w: %+v", err, all)
		}
		return nil
	})
	return all
}

// local lists the different addresses of sockets, by what role they have.
func local(all []udp.Status, role udp.Role) (at []string) {
	for _, s := range all {
		if s.Role == role && !slices.Contains(at, s.Local.String()) {
			at = append(at, s.Local.String())
		}
	}
	return at
}

// TestRotation gives the core another port when it asks for one, and no port
// where none is allowed.
func TestRotation(t *testing.T) {
	t.Parallel()
	home, self := newHome(t)
	r := start(t, home, self)
	secondary := func() int { return r.daemon.ports.get().Secondary }
	before := r.daemon.ports.get()
	if before.Secondary == 0 || before.Tertiary == 0 {
		t.Fatalf("%+v", before)
	}
	ask := func() {
		r.daemon.host.Do(func(_ *node.Core, _ clock.Instant, out *node.Outbox) { out.Rotate = true })
	}
	ask()
	r.sockets("another port", func(all []udp.Status) error {
		if p := secondary(); p == 0 || p == before.Secondary {
			return errors.New("the same port")
		}
		if at := local(all, udp.Secondary); len(at) == 0 || strings.HasSuffix(at[0], fmt.Sprintf(":%d", before.Secondary)) {
			return errors.New("another socket")
		}
		return nil
	})
	if now := r.daemon.ports.get(); now.Primary != before.Primary || now.Tertiary != before.Tertiary {
		t.Errorf("%+v after %+v", now, before)
	}
	if err := r.client.PutSettings(t.Context(), map[string]json.RawMessage{"allowSecondaryPort": json.RawMessage("false")}); err != nil {
		t.Fatal(err)
	}
	ask()
	ask()
	r.daemon.connect(look) // waits for what is under way
	if at := local(r.sockets("none", func([]udp.Status) error { return nil }), udp.Secondary); at != nil || secondary() != 0 {
		t.Errorf("secondary sockets at %v, port %d", at, secondary())
	}
}

// TestPortsAndBindFollowSettings changes them while the service runs.
func TestPortsAndBindFollowSettings(t *testing.T) {
	t.Parallel()
	home, self := newHome(t)
	r := start(t, home, self)
	r.daemon.conf.mu.Lock()
	r.daemon.cfg.Port = -1 // as without a port on the command line
	r.daemon.conf.mu.Unlock()
	var free [3]int
	for i := range free {
		var err error
		if free[i], err = udp.FreePort(free[:i]...); err != nil {
			t.Fatal(err)
		}
	}
	put := func(settings string, args ...any) {
		t.Helper()
		m := map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(fmt.Sprintf(settings, args...)), &m); err != nil {
			t.Fatal(err)
		}
		if err := r.client.PutSettings(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(role udp.Role, want ...string) {
		t.Helper()
		if got := local(r.daemon.sockets.Status(), role); !slices.Equal(got, want) {
			t.Errorf("%v sockets at %v, want %v", role, got, want)
		}
	}
	put(`{"bind":["127.0.0.1"],"primaryPort":%d,"secondaryPort":%d,"tertiaryPort":%d}`, free[0], free[1], free[2])
	wants(udp.Primary, fmt.Sprintf("127.0.0.1:%d", free[0]))
	wants(udp.Secondary, fmt.Sprintf("127.0.0.1:%d", free[1]))
	wants(udp.Tertiary, fmt.Sprintf("127.0.0.1:%d", free[2]))
	for _, s := range r.daemon.sockets.Status() {
		if s.Device != "" {
			t.Errorf("bound to a device: %+v", s)
		}
	}
	c, err := r.client.Config(t.Context())
	if err != nil || c.PrimaryPort != free[0] || c.SecondaryPort != free[1] || c.TertiaryPort != free[2] || len(c.ListeningOn) != 3 || c.ListeningOn[0] != fmt.Sprintf("127.0.0.1/%d", free[0]) {
		t.Errorf("%+v, %v", c, err)
	}
	if b, err := os.ReadFile(filepath.Join(home, "zerotier-one.port")); err != nil || strings.TrimSpace(string(b)) != fmt.Sprint(free[0]) {
		t.Errorf("port file %q, %v", b, err)
	}
	if a := r.alerts(); len(a) != 0 && (a[alertRestart].ID != "" || a[alertWarnings].ID != "" || a[alertPorts].ID != "") {
		t.Errorf("%+v", a)
	}
	// A port that another has is not taken, and the user is told.
	other := udp.New(udp.Config{Log: quiet()})
	defer other.Close()
	taken, err := udp.FreePort(free[:]...)
	if err == nil {
		err = other.Update(udp.Wildcard(taken, udp.Primary))
	}
	if err != nil {
		t.Fatal(err)
	}
	put(`{"primaryPort":%d}`, taken)
	wants(udp.Primary, fmt.Sprintf("127.0.0.1:%d", free[0]))
	if a := r.alerts()[alertPortStays]; !strings.Contains(a.Title, fmt.Sprint(taken)) || a.Advice == "" {
		t.Errorf("%+v", a)
	}
	put(`{"primaryPort":%d,"secondaryPort":%d}`, free[0], taken)
	wants(udp.Secondary)
	if a := r.alerts()[alertPorts]; !strings.Contains(a.Text, "SecondaryPort") && !strings.Contains(a.Text, "secondaryPort") {
		t.Errorf("%+v", a)
	}
	_ = other.Close()
	r.daemon.connect(look)
	wants(udp.Secondary, fmt.Sprintf("127.0.0.1:%d", taken))
	// An address that the machine does not have is told of too.
	put(`{"bind":["127.0.0.1","192.0.2.211"],"portMappingEnabled":false,"allowSecondaryPort":false}`)
	wants(udp.Primary, fmt.Sprintf("127.0.0.1:%d", free[0]))
	wants(udp.Secondary)
	wants(udp.Tertiary)
	if a := r.alerts()[alertPorts]; !strings.Contains(a.Text, "192.0.2.211") {
		t.Errorf("%+v", a)
	}
	put(`{"bind":[]}`)
	if a := r.alerts(); a[alertPorts].ID != "" || a[alertPortStays].ID != "" {
		t.Errorf("%+v", a)
	}
	r.needsNetwork() // without one the sockets stay where they are
	for _, s := range r.daemon.sockets.Status() {
		if s.Local.Addr().IsLoopback() {
			t.Errorf("%+v", s)
		}
	}
}
