package daemon

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/world"
	"orrery/service/device/devicetest"
	"orrery/service/host"
	"orrery/service/ipc"
	"orrery/service/netcfg"
	"orrery/service/netcfg/dns"
	"orrery/service/portmap"
)

//go:embed testdata/secrets.txt
var secretLines string

func secret(t *testing.T, i int) *identity.Secret {
	t.Helper()
	s, err := identity.ParseSecret(strings.Fields(secretLines)[i])
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fakeMachine gives networks devices that nobody sees.
type fakeMachine struct {
	mu     sync.Mutex
	refuse error
	closed bool
	// mappers are those that were made, in order.
	mappers []*fakeMapper
}

func (m *fakeMachine) setRefuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = err
}

func (m *fakeMachine) Open(*node.NetworkState) (host.Port, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse != nil {
		return nil, m.refuse
	}
	return fakePort{devicetest.New(devicetest.Config{})}, nil
}

func (*fakeMachine) follow(surroundings) {}
func (*fakeMachine) changed()            {}
func (*fakeMachine) outcome(identity.NetworkID) (outcome, bool) {
	return outcome{}, false
}

func (*fakeMachine) names() []string          { return nil }
func (*fakeMachine) prefixes() []netip.Prefix { return nil }

func (*fakeMachine) nameServers(identity.NetworkID) dns.Status { return dns.Status{} }
func (*fakeMachine) notify(func())                             {}

func (*fakeMachine) bridge(string) netcfg.Bridge { return netcfg.Bridge{} }

// dial and mapper keep tests from the network that this machine is in.
func (*fakeMachine) dial(context.Context, string, string, int) (net.Conn, error) {
	return nil, errors.New("tests connect to nothing")
}

func (m *fakeMachine) mapper(cfg portmap.Config) portMapper {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &fakeMapper{config: cfg}
	m.mappers = append(m.mappers, p)
	return p
}

func (m *fakeMachine) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
}

type fakePort struct{ *devicetest.Fake }

func (fakePort) Ethernet() bool                                   { return false }
func (fakePort) Apply(*node.NetworkState) error                   { return nil }
func (fakePort) Observe() ([]netip.Prefix, []identity.MAC, error) { return nil, nil, nil }

// running is a daemon in this process. It is the root of its own planet, so
// that it speaks to nobody.
type running struct {
	t       *testing.T
	home    string
	self    *identity.Secret
	machine *fakeMachine
	daemon  *Daemon
	client  *ipc.Client
	ended   chan error
	stop    func() error
}

// newHome makes a home with an identity and a planet.
func newHome(t *testing.T) (string, *identity.Secret) {
	t.Helper()
	home, self := t.TempDir(), secret(t, 0)
	key := world.GenerateSigningKey(func(b []byte) { b[0] = 1 })
	w, err := world.NewPlanet(77, clock.Wall(time.Now().UnixMilli()), []world.Root{{
		Identity: self.Identity, Endpoints: []netip.AddrPort{netip.MustParseAddrPort("10.99.0.1:9993")},
	}}, key.Public, key)
	if err != nil {
		t.Fatal(err)
	}
	put(t, home, "planet", w.AppendBinary(nil))
	put(t, home, "identity.secret", []byte(self.Text()))
	return home, self
}

func put(t *testing.T, home, name string, data []byte) {
	t.Helper()
	path := filepath.Join(home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// start runs a daemon on a home.
func start(t *testing.T, home string, self *identity.Secret) *running {
	t.Helper()
	if os.Geteuid() > 0 {
		t.Skip("needs root: the API lets others do little")
	}
	r := &running{t: t, home: home, self: self, machine: &fakeMachine{}, ended: make(chan error, 1)}
	cfg := Config{
		Home: home, Version: "test", Log: quiet(), machine: fixed(r.machine),
		begun: func(d *Daemon) { r.daemon = d },
	}
	c, cancel := context.WithCancel(context.Background())
	go func() { r.ended <- Run(c, cfg) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-r.ended })
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	r.client = ipc.NewClient(filepath.Join(home, "orreryd.sock"))
	t.Cleanup(r.client.Close)
	until(t, "answer", func() error {
		select {
		case err := <-r.ended:
			r.ended <- err
			t.Fatalf("Run: %v", err)
		default:
		}
		_, err := r.client.Status(t.Context())
		return err
	})
	return r
}

// until waits for a condition.
func until(t *testing.T, what string, cond func() error) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for {
		err := cond()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s: %v", what, err)
		}
		<-time.After(5 * time.Millisecond) // between two looks
	}
}

// needsNetwork skips a test where no interface is connected: a node without any
// network is not online.
func (r *running) needsNetwork() {
	r.t.Helper()
	if r.daemon.unplugged.Load() {
		r.t.Skip("needs a machine with a network")
	}
}

// alerts lists the alerts by ID.
func (r *running) alerts() map[string]ipc.Alert {
	r.t.Helper()
	s, err := r.client.Snapshot(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	m := make(map[string]ipc.Alert)
	for _, a := range s.Alerts {
		m[a.ID] = a
	}
	return m
}

// hosted is a network of the daemon's own controller.
func (r *running) hosted(n uint32) string {
	return identity.NetworkID(uint64(r.self.Address)<<24 | uint64(n)).String()
}

// wantError checks an answer that is a refusal.
func wantError(t *testing.T, what string, err error, code string) {
	t.Helper()
	var e *ipc.Error
	if !errors.As(err, &e) || e.Code != code || e.Message == "" {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// fixed makes Config.machine of one machine.
func fixed(m machine) func(string, *slog.Logger) (machine, error) {
	return func(string, *slog.Logger) (machine, error) { return m, nil }
}
