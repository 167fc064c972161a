package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/engine/world"
	"orrery/service/host"
	"orrery/service/ipc"
	"orrery/service/store"
	"orrery/service/udp"
)

func TestSettings(t *testing.T) {
	yes, no := true, false
	mtu, low, token, long := 1400, 1279, "let me in", strings.Repeat("x", netconf.MaxToken+1)
	base := netconf.Settings{AllowManaged: true, AllowDNS: true, ManagedOnly: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, c := range []struct {
		name  string
		want  ipc.NetworkSettings
		check func(s netconf.Settings) bool
		fails bool
	}{
		{"nothing", ipc.NetworkSettings{}, func(s netconf.Settings) bool { return s.Equal(&base) }, false},
		{"one flag", ipc.NetworkSettings{AllowGlobal: &yes}, func(s netconf.Settings) bool { return s.AllowGlobal && s.AllowDNS && len(s.ManagedOnly) == 1 }, false},
		{"all flags", ipc.NetworkSettings{AllowManaged: &no, AllowGlobal: &yes, AllowDefault: &yes, AllowDNS: &no}, func(s netconf.Settings) bool {
			return !s.AllowManaged && s.AllowGlobal && s.AllowDefault && !s.AllowDNS
		}, false},
		{"managed takes the list away", ipc.NetworkSettings{AllowManaged: &yes}, func(s netconf.Settings) bool { return len(s.ManagedOnly) == 0 }, false},
		{"another list", ipc.NetworkSettings{ManagedOnly: []string{"fd00::/8", "10.1.0.0/16"}}, func(s netconf.Settings) bool { return len(s.ManagedOnly) == 2 }, false},
		{"a list that is none", ipc.NetworkSettings{ManagedOnly: []string{"10.1"}}, nil, true},
		{"tap", ipc.NetworkSettings{Port: "tap"}, func(s netconf.Settings) bool { return s.Port == "tap" }, false},
		{"no such port", ipc.NetworkSettings{Port: "serial"}, nil, true},
		{"routes", ipc.NetworkSettings{AcceptRoutes: []string{"0.0.0.0/0"}, IgnoreRoutes: []string{"10.9.0.0/16", "fd00::/8"}}, func(s netconf.Settings) bool {
			return len(s.AcceptRoutes) == 1 && len(s.IgnoreRoutes) == 2 && len(s.ManagedOnly) == 1
		}, false},
		{"no routes any more", ipc.NetworkSettings{AcceptRoutes: []string{}, ManagedOnly: []string{}}, func(s netconf.Settings) bool {
			return s.AcceptRoutes == nil && s.ManagedOnly == nil
		}, false},
		{"a route that is none", ipc.NetworkSettings{IgnoreRoutes: []string{"home"}}, nil, true},
		{"too many routes", ipc.NetworkSettings{IgnoreRoutes: slices.Repeat([]string{"10.0.0.0/8"}, netconf.MaxPrefixes+1)}, nil, true},
		{"the rest", ipc.NetworkSettings{VerifiedOnly: &yes, LANDiscovery: &yes, RemoteTrace: &yes, DNSDefault: &yes, MTU: &mtu, Token: &token}, func(s netconf.Settings) bool {
			return s.VerifiedOnly && s.LANDiscovery && s.RemoteTrace && s.DNSDefault && s.MTU == 1400 && s.Token == token
		}, false},
		{"low MTU", ipc.NetworkSettings{MTU: &low}, nil, true},
		{"long token", ipc.NetworkSettings{Token: &long}, nil, true},
	} {
		got, err := settings(base, c.want)
		if c.fails {
			wantError(t, c.name, err, ipc.CodeBadRequest)
			continue
		}
		if err != nil || !c.check(got) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	if len(base.ManagedOnly) != 1 {
		t.Error("the settings before were changed")
	}
	v := settingsView(base)
	if v.Port != "tun" || !*v.AllowManaged || *v.AllowGlobal || !slices.Equal(v.ManagedOnly, []string{"10.0.0.0/8"}) {
		t.Errorf("%+v", v)
	}
}

func TestOfflineAlert(t *testing.T) {
	sockets := udp.New(udp.Config{Log: quiet()})
	defer sockets.Close()
	if err := sockets.Update(udp.Wildcard(0, udp.Primary)); err != nil {
		t.Fatal(err)
	}
	d := &Daemon{sockets: sockets, log: quiet()}
	now := time.Now()
	for _, c := range []struct {
		since time.Duration
		want  bool
	}{{0, false}, {29 * time.Second, false}, {30 * time.Second, true}, {time.Hour, true}} {
		since := now.Add(-c.since)
		d.offline.Store(&since)
		a, ok := d.offlineAlert(now, 1)
		if ok != c.want || ok && (!a.Since.Equal(since) || a.Advice == "" || !strings.Contains(a.Advice, fmt.Sprint(sockets.Port()))) {
			t.Errorf("after %v: %+v, %v", c.since, a, ok)
		}
	}
	d.unplugged.Store(true)
	if a, _ := d.offlineAlert(now, 1); !strings.Contains(a.Text, "No interface") || !strings.Contains(a.Advice, "cable") {
		t.Errorf("without a network: %+v", a)
	}
	d.unplugged.Store(false)
	if a, _ := d.offlineAlert(now, 0); !strings.Contains(a.Text, "no roots") {
		t.Errorf("without roots: %+v", a)
	}
	d.event(node.Event{Kind: node.EventOnline})
	if _, ok := d.offlineAlert(now.Add(time.Hour), 1); ok {
		t.Error("online, and an alert")
	}
	d.event(node.Event{Kind: node.EventOffline})
	if _, ok := d.offlineAlert(time.Now().Add(time.Hour), 1); !ok {
		t.Error("offline for an hour, and no alert")
	}
	d.event(node.Event{Kind: node.EventCollision, Peer: 1})
	d.event(node.Event{Kind: node.EventOnline})
	if l := d.alerts.list(); len(l) != 1 || l[0].ID != "identity.collision" {
		t.Errorf("after a collision: %+v", l)
	}
	d.event(node.Event{Kind: node.EventTwin, Peer: 1})
	if l := d.alerts.list(); len(l) != 2 || l[1].ID != "identity.twin" {
		t.Errorf("with a twin: %+v", l)
	}
	d.event(node.Event{Kind: node.EventTwinGone, Peer: 1})
	if l := d.alerts.list(); len(l) != 1 {
		t.Errorf("when the twin is gone: %+v", l)
	}
}

func TestAlertsKeepTheirTime(t *testing.T) {
	var a alerts
	a.set(ipc.Alert{ID: "x", Text: "one"})
	first := a.list()[0]
	a.set(ipc.Alert{ID: "x", Text: "two"})
	a.set(ipc.Alert{ID: "b", Since: time.UnixMilli(7)})
	l := a.list()
	if len(l) != 2 || l[0].ID != "b" || !l[0].Since.Equal(time.UnixMilli(7)) || l[1].Text != "two" || !l[1].Since.Equal(first.Since) {
		t.Errorf("%+v", l)
	}
	a.clear("x")
	a.clear("y")
	if l := a.list(); len(l) != 1 {
		t.Errorf("%+v", l)
	}
}

// TestFileAlerts checks that every kind of damage says what it means.
func TestFileAlerts(t *testing.T) {
	d := &Daemon{log: quiet()}
	notices := []store.Notice{
		{File: "trust.json", MovedTo: "trust.json.damaged-1", Err: errors.New("cut off")},
		{File: "planet", MovedTo: "planet.damaged-1", Err: errors.New("cut off")},
		{File: "local.conf", MovedTo: "local.conf.damaged-1", Err: errors.New("cut off")},
		{File: "networks.d/x.conf", Err: errors.New("too large")},
	}
	for i := range 1000 {
		notices = append(notices, store.Notice{File: fmt.Sprintf("peers.d/%010x.peer", i), Err: errors.New("cut off")})
	}
	d.notices(notices)
	l := d.alerts.list()
	if len(l) != 5 {
		t.Fatalf("%d alerts", len(l))
	}
	want := map[string]string{
		"file.trust.json": "error", "file.planet": "error", "file.local.conf": "warning", "file.networks.d/x.conf": "warning", "file.peers.d": "info",
	}
	for _, a := range l {
		if want[a.ID] != a.Severity || a.Title == "" || a.Text == "" || a.Advice == "" {
			t.Errorf("%+v", a)
		}
	}
}

// TestAlertsAreComplete looks at those that no test can raise quickly.
func TestAlertsAreComplete(t *testing.T) {
	w := &world.World{Kind: world.Moon, ID: 5}
	for _, a := range []ipc.Alert{
		portAlert(9993, 1), worldAlert(w, errors.New("older")), worldAlert(w, fmt.Errorf("root: %w", vl1.ErrWorldPinned)),
		collisionAlert(1), twinAlert(1), reloadAlert(errors.New("x")), warningsAlert([]string{"a", "b"}), restartAlert(), compatAlert(1, errors.New("in use")),
		problemAlert(2, errors.New("x")), conflictAlert(&trust.Record{Identity: identity.Identity{Address: 1}}),
	} {
		if a.ID == "" || a.Title == "" || a.Advice == "" || len(a.Text) < 4 {
			t.Errorf("%+v", a)
		}
		for _, s := range []string{a.Text, a.Advice} {
			if !strings.HasSuffix(s, ".") || strings.Contains(s, "..") || strings.Contains(s, "%!") {
				t.Errorf("%s: %q", a.ID, s)
			}
		}
	}
}

func TestUnsupported(t *testing.T) {
	for conf, want := range map[string]int{
		`{}`: 0,
		`{"settings":{"primaryPort":1,"allowManagementFrom":["10.0.0.0/8"],"interfacePrefixBlacklist":["x"],"compatApi":true}}`: 0,
		`{"physical":{"10.0.0.0/8":{"blacklist":true}}}`:                                                                        0,
		`{"physical":{"10.0.0.0/8":{"mtu":1500,"trustedPathId":7}}}`:                                                            0,
		`{"settings":{"bind":["10.0.0.1"],"lowBandwidthMode":true},"virtual":{"1122334455":{"try":["10.0.0.1/1"]}}}`:            0,
		`{"settings":{"defaultBondingPolicy":"active-backup","peerSpecificBonds":{"1122334455":"balance-rr"}}}`:                 2,
	} {
		c, err := store.ParseLocalConf([]byte(conf))
		if err != nil {
			t.Fatal(err)
		}
		if got := unsupported(c); len(got) != want {
			t.Errorf("%s: %v", conf, got)
		}
	}
}

// TestStuck: whoever waited in vain for a full disk is not told that somebody is
// offline.
func TestStuck(t *testing.T) {
	home, err := store.OpenHome(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = home.Close() }()
	d := &Daemon{home: home, log: slog.New(slog.DiscardHandler)}
	late := fmt.Errorf("store: %w", context.DeadlineExceeded)
	if err := d.storageError(d.stuck(late)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a disk that works: %v", err)
	}
	d.stored(host.Records, errors.New("disk full"))
	var e *ipc.Error
	if err := d.storageError(d.stuck(late)); !errors.As(err, &e) || e.Code != ipc.CodeInternal || !strings.Contains(e.Message, "disk full") || !strings.Contains(e.Advice, "Make room") || strings.HasSuffix(e.Message, ".") {
		t.Errorf("with a full one: %v", err)
	}
	if err := d.stuck(nil); err != nil {
		t.Error(err)
	}
}

func TestOneLine(t *testing.T) {
	disk := errors.New("disk full")
	for want, err := range map[string]error{"disk full": errors.Join(disk, disk), "a: disk full; b": errors.Join(fmt.Errorf("a: %w", disk), errors.New("b"))} {
		var a alerts
		a.set(ipc.Alert{ID: "x", Text: err.Error()})
		if got := a.list()[0].Text; got != want {
			t.Errorf("%q", got)
		}
	}
}

func TestCapital(t *testing.T) {
	for in, want := range map[string]string{"": "", "a b": "A b", "HELLO": "HELLO", "é": "é"} {
		if got := capital(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// TestRepairedConf: once somebody has put a local.conf that works in the place of
// one that was set aside, nobody is told any more that the defaults are in force.
func TestRepairedConf(t *testing.T) {
	home, self := newHome(t)
	put(t, home, "local.conf", []byte(`{"settings":`))
	r := start(t, home, self)
	const id = alertFile + "local.conf"
	if _, there := r.alerts()[id]; !there {
		t.Fatalf("no alert: %+v", r.alerts())
	}
	put(t, home, "local.conf", []byte(`{"settings":{"lowBandwidthMode":true}}`))
	until(t, "end of the alert", func() error {
		if a, there := r.alerts()[id]; there {
			return fmt.Errorf("%+v", a)
		}
		return nil
	})
}
