package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/service/netcfg"
	"orrery/service/netcfg/verdict"
)

// fakeConfig is a machine's configuration in memory.
type fakeConfig struct {
	machine verdict.Machine
	looks   int
	states  map[string]netcfg.State
	order   []string // of the devices changed
	refuse  func(netcfg.State) error
}

func (f *fakeConfig) Apply(s netcfg.State) ([]netcfg.Change, error) {
	f.states[s.Interface] = s
	f.order = append(f.order, s.Interface)
	if f.refuse != nil {
		return nil, f.refuse(s)
	}
	return nil, nil
}

func (f *fakeConfig) Machine([]string, []netip.Prefix) (verdict.Machine, bool, error) {
	f.looks++
	return f.machine, true, nil
}

// bench is a routing with a clock of its own.
type bench struct {
	*routing
	t        *testing.T
	config   *fakeConfig
	clock    time.Time
	offline  bool
	rechecks int
	told     int
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, clock: time.UnixMilli(1e12), config: &fakeConfig{states: make(map[string]netcfg.State)}}
	b.config.machine = verdict.Machine{
		Interfaces: []verdict.Interface{{Name: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.7/24")}}},
		Routes:     []verdict.Route{{Target: netip.MustParsePrefix("0.0.0.0/0"), Interface: "eth0"}},
	}
	b.routing = newRouting(b.config, func() []string { return nil })
	b.now = func() time.Time { return b.clock }
	b.around.Store(&surroundings{
		online: func() bool { return !b.offline }, recheck: func() { b.rechecks++ }, told: func() { b.told++ },
		transport: func(bool) verdict.Transport { return verdict.Transport{Bound: true, Marked: true} },
	})
	t.Cleanup(b.close)
	return b
}

// network is a network's state with routes, "target" or "target via gateway".
func network(id identity.NetworkID, address string, routes ...string) *node.NetworkState {
	n := &node.NetworkState{ID: id, Settings: netconf.Settings{AllowManaged: true, AllowDefault: true}, Config: &netconf.Config{}}
	n.Config.Addresses = []netip.Prefix{netip.MustParsePrefix(address)}
	for _, r := range routes {
		target, via, _ := strings.Cut(r, " via ")
		o := netconf.Route{Target: netip.MustParsePrefix(target)}
		if via != "" {
			o.Via = netip.MustParseAddr(via)
		}
		n.Config.Routes = append(n.Config.Routes, o)
	}
	return n
}

func (b *bench) put(device string, n *node.NetworkState) error {
	return b.apply(device, n, netcfg.State{Interface: device, Up: true})
}

// has checks what a device has, as text.
func (b *bench) has(device string, want ...string) {
	b.t.Helper()
	var got []string
	s := b.config.states[device]
	for _, a := range s.Addresses {
		got = append(got, a.String())
	}
	for _, r := range s.Routes {
		text := r.String()
		if r.Split {
			text += " split"
		}
		got = append(got, text)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("%s has %q, want %q", device, got, want)
	}
}

// TestRoutingConflicts has the machine come to the network of a route, and leave
// it again.
func TestRoutingConflicts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	n := network(1, "10.1.17.5/24", "192.168.1.0/24 via 10.1.17.9", "172.29.0.0/16", "10.1.17.0/24")
	if err := b.put("zt0", n); err != nil {
		t.Fatal(err)
	}
	b.has("zt0", "10.1.17.5/24", "172.29.0.0/16")
	o, ok := b.outcome(1)
	if !ok || o.since.IsZero() || o.ruling.Routes[0].State != verdict.Refused || o.ruling.Routes[2].State != verdict.Applied {
		t.Errorf("%+v", o)
	}
	if a, r := b.withheld(1); len(a) != 0 || len(r) != 1 || r[0].String() != "192.168.1.0/24" {
		t.Errorf("withheld %v, %v", a, r)
	}
	// Elsewhere there is no such network.
	b.config.machine.Interfaces = []verdict.Interface{{Name: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.44.7/24")}}}
	_ = b.put("zt0", n) // too soon after the last look, and nobody says that anything changed
	b.has("zt0", "10.1.17.5/24", "172.29.0.0/16")
	b.changed()
	_ = b.put("zt0", n)
	b.has("zt0", "10.1.17.5/24", "192.168.1.0/24 via 10.1.17.9", "172.29.0.0/16")
	if o, _ := b.outcome(1); !o.since.IsZero() {
		t.Errorf("still wrong: %+v", o)
	}
	if b.told != 2 {
		t.Errorf("told of %d changes", b.told)
	}
	if b.config.looks != 2 {
		t.Errorf("%d looks at the machine", b.config.looks)
	}
	// The user insists: the route outdoes that of the machine.
	b.config.machine.Interfaces = []verdict.Interface{{Name: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.7/24")}}}
	n.Settings.AcceptRoutes = []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}
	b.clock = b.clock.Add(machineEvery)
	_ = b.put("zt0", n)
	b.has("zt0", "10.1.17.5/24", "192.168.1.0/24 via 10.1.17.9 split", "172.29.0.0/16")
}

// TestRoutingSeveral has two networks want the same.
func TestRoutingSeveral(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, second := network(1, "10.1.17.5/24", "0.0.0.0/0 via 10.1.17.9", "10.9.0.0/16"), network(2, "10.1.18.5/24", "0.0.0.0/0 via 10.1.18.9", "10.9.0.0/16")
	_ = b.put("zt0", first)
	_ = b.put("zt1", second)
	b.has("zt0", "10.1.17.5/24", "0.0.0.0/0 via 10.1.17.9", "10.9.0.0/16")
	b.has("zt1", "10.1.18.5/24")
	if b.rechecks != 0 {
		t.Errorf("%d rechecks when the first has lost nothing", b.rechecks)
	}
	first.Settings.AllowDefault = false
	_ = b.put("zt0", first)
	b.has("zt0", "10.1.17.5/24", "10.9.0.0/16")
	b.has("zt1", "10.1.18.5/24", "0.0.0.0/0 via 10.1.18.9")
	if b.rechecks == 0 {
		t.Error("the second is not looked at again")
	}
	b.remove("zt0")
	if _, ok := b.outcome(1); ok {
		t.Error("a network without a device has an outcome")
	}
	_ = b.put("zt1", second)
	b.has("zt1", "10.1.18.5/24", "0.0.0.0/0 via 10.1.18.9", "10.9.0.0/16")
}

// TestRoutingOffline has a default route wait for a root, and stay.
func TestRoutingOffline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.offline = true
	n := network(1, "10.1.17.5/24", "0.0.0.0/0 via 10.1.17.9", "10.9.0.0/16")
	_ = b.put("zt0", n)
	b.has("zt0", "10.1.17.5/24", "10.9.0.0/16")
	if o, _ := b.outcome(1); o.ruling.Routes[0].State != verdict.Pending || !o.since.IsZero() {
		t.Errorf("%+v", o)
	}
	b.offline = false
	_ = b.put("zt0", n)
	b.has("zt0", "10.1.17.5/24", "0.0.0.0/0 via 10.1.17.9", "10.9.0.0/16")
	b.offline = true
	_ = b.put("zt0", n)
	b.has("zt0", "10.1.17.5/24", "0.0.0.0/0 via 10.1.17.9", "10.9.0.0/16")
}

// TestRoutingRefused has the system refuse a route and an address.
func TestRoutingRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tries := 0
	refused := errors.New("no space")
	b.config.refuse = func(s netcfg.State) error {
		var errs []error
		for _, r := range s.Routes {
			if r.Target.String() == "0.0.0.0/0" {
				tries++
				errs = append(errs, &netcfg.ItemError{Item: netcfg.Item{Kind: netcfg.KindRoute, Prefix: netip.MustParsePrefix("128.0.0.0/1")}, Err: refused})
			}
		}
		errs = append(errs, &netcfg.ItemError{Item: netcfg.Item{Kind: netcfg.KindAddress, Prefix: netip.MustParsePrefix("fe80::5/64")}, Err: refused})
		return errors.Join(errs...)
	}
	n := network(1, "10.1.17.5/24", "0.0.0.0/0 via 10.1.17.9", "10.9.0.0/16")
	if err := b.put("zt0", n); err != nil {
		t.Fatalf("the device failed with a route: %v", err)
	}
	o, _ := b.outcome(1)
	if v := o.ruling.Routes[0]; v.State != verdict.Pending || !v.Alarm || !strings.Contains(v.Reason, "no space") || o.since.IsZero() || o.ruling.Routes[1].State != verdict.Applied {
		t.Errorf("%+v", o)
	}
	// Not again before its time, whatever happens; the pauses grow.
	for range 3 {
		_ = b.put("zt0", n)
	}
	b.has("zt0", "10.1.17.5/24", "10.9.0.0/16")
	if tries != 1 {
		t.Errorf("%d tries at once", tries)
	}
	for range 10 * 60 {
		b.clock = b.clock.Add(time.Second)
		_ = b.put("zt0", n)
	}
	if tries < 12 || tries > 18 { // 1, 2, 4, 8, 16, 32, then 60 s
		t.Errorf("%d tries in ten minutes", tries)
	}
	since := o.since
	if o, _ := b.outcome(1); !o.since.Equal(since) {
		t.Errorf("wrong since %v, and before since %v", o.since, since)
	}
	b.config.refuse = nil
	b.clock = b.clock.Add(lastRetry)
	_ = b.put("zt0", n)
	b.has("zt0", "10.1.17.5/24", "0.0.0.0/0 via 10.1.17.9", "10.9.0.0/16")
	if o, _ := b.outcome(1); !o.since.IsZero() || o.ruling.Routes[0].State != verdict.Applied {
		t.Errorf("%+v", o)
	}
	// What is wrong with the device itself is for the device's owner.
	b.config.refuse = func(netcfg.State) error { return netcfg.ErrNoInterface }
	if err := b.put("zt0", n); !errors.Is(err, netcfg.ErrNoInterface) {
		t.Errorf("%v", err)
	}
	// What cannot be taken away is told.
	b.config.refuse = func(netcfg.State) error {
		return &netcfg.ItemError{Item: netcfg.Item{Kind: netcfg.KindRoute, Interface: "zt0", Prefix: netip.MustParsePrefix("10.7.0.0/16")}, Undo: true, Err: refused}
	}
	if err := b.put("zt0", n); err != nil {
		t.Error(err)
	}
	if o, _ := b.outcome(1); o.since.IsZero() || len(o.stuck) != 1 || !strings.Contains(o.stuck[0], "10.7.0.0/16") {
		t.Errorf("%+v", o)
	}
}

// TestCarriage has routes know how our own packets travel.
func TestCarriage(t *testing.T) {
	home, self := newHome(t)
	r := start(t, home, self)
	if c := r.daemon.carriage(true); !c.Bound || c.Marked != (runtime.GOOS == "linux") || len(c.Endpoints) > 0 {
		t.Errorf("%+v", c) // the only root is this computer
	}
	put(t, home, "local.conf", []byte(`{"settings":{"bind":["127.0.0.1"]}}`))
	until(t, "sockets at an address", func() error {
		if c := r.daemon.carriage(false); c.Bound {
			return fmt.Errorf("%+v", c)
		}
		return nil
	})
}
