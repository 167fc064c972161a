package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"orrery/assets"
	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/engine/world"
	"orrery/service/api"
	"orrery/service/caller"
	"orrery/service/host"
	"orrery/service/ipc"
	"orrery/service/store"
	"orrery/service/udp"
)

// DefaultPort is the primary UDP port, and the port of the compatible API.
const DefaultPort = 9993

// Config says how to run.
type Config struct {
	// Home is the home directory.
	Home string
	// Port is the primary UDP port: 0 for a random one, -1 for what local.conf
	// says, else 9993.
	Port int
	// Socket is the path of the local API; "" is the system's usual place for
	// the usual home, and a socket inside the home for any other.
	Socket string
	// UsualHome is whether Home is the system's usual one.
	UsualHome bool
	// CompatAPI serves the reference's JSON API on loopback, whatever
	// local.conf says.
	CompatAPI bool
	// OperatorGroup is the group whose members may join and leave networks.
	OperatorGroup string
	// Version is the version of this software, for people.
	Version string
	Log     *slog.Logger
}

// Daemon is one running node.
type Daemon struct {
	cfg        Config
	log        *slog.Logger
	home       *store.Home
	host       *host.Host
	sockets    *udp.Sockets
	controller *controller.Controller // touched only as the core's owner
	database   store.ControllerStore
	server     *api.Server
	system     *system
	started    time.Time
	compat     bool
	alerts     alerts

	mu        sync.Mutex // guards what follows
	joined    map[identity.NetworkID]time.Time
	conf      *store.LocalConf
	confError string
}

// Run runs a node until ctx ends. An error says what kept it from running, or
// stopped it.
func Run(ctx context.Context, cfg Config) error {
	d := &Daemon{cfg: cfg, log: cfg.Log, started: time.Now().UTC(), joined: make(map[identity.NetworkID]time.Time)}
	home, err := store.OpenHome(cfg.Home)
	if err != nil {
		return fmt.Errorf("open the home directory: %w", err)
	}
	defer func() { _ = home.Close() }()
	d.home = home
	load, err := d.load()
	if err != nil {
		return err
	}
	d.database = load.database
	defer func() { _ = d.database.Close() }()
	port := cfg.Port
	if port < 0 {
		port = d.conf.Settings.PrimaryPort
	}
	if port < 0 {
		port = DefaultPort
	}
	d.sockets, err = udp.Open(udp.Config{Port: port, Log: d.log})
	if err != nil {
		return fmt.Errorf("open UDP port %d: %w", port, err)
	}
	defer func() { _ = d.sockets.Close() }()
	d.system, err = newSystem(home.Path(), d.log)
	if err != nil {
		return err
	}
	d.server = api.New(api.Config{Backend: d, Policy: caller.Policy{Group: cfg.OperatorGroup}, Log: d.log})
	d.host = host.New(host.Config{
		Core: load.core, Sockets: d.sockets, State: state{home, d.database}, System: d.system, Log: d.log,
		Changed: d.server.Changed, Event: d.event,
	})
	if err := d.files(); err != nil {
		return err
	}
	defer func() { _ = home.RemovePID() }()
	return d.serve(ctx, load)
}

// loaded is what the home directory held.
type loaded struct {
	secret   *identity.Secret
	trust    *trust.Table
	planet   *world.World
	moons    []world.World
	peers    map[identity.Address][]byte
	networks []store.JoinedNetwork
	database store.ControllerStore
	control  *controller.Controller
	records  []controller.Record
	log      *slog.Logger
}

// core makes the core from what was loaded.
func (l *loaded) core(at clock.Instant) *node.Core {
	l.control.Load(at, l.records)
	l.records = nil
	return node.New(node.Config{
		Secret: l.secret, Trust: l.trust, Controller: l.control, Random: random, Log: l.log, PeerCache: l.peers,
		Platform: platform(),
	}, at)
}

// random fills b from the system; it cannot fail.
func random(b []byte) { _, _ = rand.Read(b) }

// platform is how controllers know this system.
func platform() string {
	systems := map[string]string{"darwin": "macos", "windows": "windows", "linux": "linux"}
	archs := map[string]string{"amd64": "x86_64", "386": "x86", "arm64": "arm64", "arm": "arm"}
	s, a := systems[runtime.GOOS], archs[runtime.GOARCH]
	if s == "" {
		s = "unknown"
	}
	if a == "" {
		a = "unknown"
	}
	return s + "/" + a
}

// files leaves the files that other programs look for.
func (d *Daemon) files() error {
	if err := d.home.SavePort(uint16(d.sockets.Port())); err != nil {
		return fmt.Errorf("write the port file: %w", err)
	}
	if err := d.home.SavePID(); err != nil {
		return fmt.Errorf("write the PID file: %w", err)
	}
	return nil
}

// serve starts everything and waits for the end.
func (d *Daemon) serve(ctx context.Context, l *loaded) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := api.Listen(d.socket())
	if err != nil {
		return err
	}
	var compat []net.Listener
	if d.compat {
		if compat, err = api.ListenCompat(d.sockets.Port(), false); err != nil {
			_ = listener.Close()
			return fmt.Errorf("listen for the compatible API: %w", err)
		}
	}
	token := ""
	if d.compat {
		if token, err = d.home.AuthToken(); err != nil {
			return fmt.Errorf("authtoken.secret: %w", err)
		}
	}
	if err := d.begin(l); err != nil {
		return err
	}
	failed := make(chan error, 4)
	var parts sync.WaitGroup
	run := func(what string, f func() error) {
		parts.Go(func() {
			if err := f(); err != nil {
				failed <- fmt.Errorf("%s: %w", what, err)
				cancel()
			}
		})
	}
	run("node", func() error { return d.host.Run(ctx) })
	run("local API", func() error { return d.server.Serve(ctx, listener) })
	if d.compat {
		c := api.NewCompat(api.CompatConfig{Backend: d, Token: token, AllowFrom: d.conf.Settings.AllowManagementFrom, Log: d.log})
		run("compatible API", func() error { return c.Serve(ctx, compat...) })
	}
	parts.Go(func() { d.watch(ctx) })
	d.log.Info("running", "node", l.secret.Address, "port", d.sockets.Port(), "socket", d.socket(), "home", d.home.Path())
	parts.Wait()
	d.system.close()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// socket is where the local API listens.
func (d *Daemon) socket() string {
	if d.cfg.Socket != "" || d.cfg.UsualHome || runtime.GOOS == "windows" {
		return d.cfg.Socket
	}
	return filepath.Join(d.home.Path(), "orreryd.sock")
}

// begin gives the core its roots and networks.
func (d *Daemon) begin(l *loaded) error {
	var err error
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		if l.planet != nil {
			err = c.AddWorld(at, l.planet, out)
		}
		for i := range l.moons {
			if err := c.AddWorld(at, &l.moons[i], out); err != nil {
				d.log.Warn("a stored moon was refused", "err", err)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("take the planet: %w", err)
	}
	d.local()
	for _, n := range l.networks {
		d.joined[n.ID] = d.started
		d.host.Join(n.ID, n.Settings, n.Config)
	}
	return nil
}

// event notes what the core tells.
func (d *Daemon) event(e node.Event) {
	switch e.Kind {
	case node.EventOnline:
		d.log.Info("online")
		d.alerts.clear("identity.collision")
	case node.EventOffline:
		d.log.Info("offline: no root answers")
	case node.EventCollision:
		d.log.Error("a root holds another key for our address", "peer", e.Peer)
		d.alerts.set(ipc.Alert{
			ID: "identity.collision", Severity: "error", Title: "Another computer has this address",
			Text:   fmt.Sprintf("The root %s knows another key for this computer's address, so it cannot be reached by it. A copied disk or identity file does this.", e.Peer),
			Advice: "If this computer is a copy of another one, stop the service, move identity.secret and identity.public away, and start it again: it gets a new address.",
		})
	case node.EventConflict:
		d.log.Warn("another key turned up for a recorded address; refused", "peer", e.Peer)
	}
}

// notices turns what was found wrong in the home directory into alerts.
func (d *Daemon) notices(ns []store.Notice) {
	for _, n := range ns {
		d.log.Warn("a file in the home directory could not be used", "file", n.File, "moved", n.MovedTo, "err", n.Err)
		d.alerts.set(ipc.Alert{
			ID: "file." + n.File, Severity: "warning", Title: "A file could not be used: " + n.File,
			Text: n.String(), Advice: "Nothing was deleted. Repair the file and put it back, or remove it.",
		})
	}
}

// parsePlanet reads a planet file whole.
func parsePlanet(b []byte) (world.World, error) {
	w, _, err := world.Parse(b)
	if err != nil {
		return w, err
	}
	if w.Kind != world.Planet {
		return w, errors.New("not a planet")
	}
	return w, nil
}

// load reads the home directory.
func (d *Daemon) load() (*loaded, error) {
	now := time.Now()
	l := &loaded{log: d.log, trust: trust.New(trust.DefaultLimit), peers: make(map[identity.Address][]byte)}
	var err error
	if l.secret, err = d.identity(); err != nil {
		return nil, err
	}
	conf, notices, err := d.home.LoadLocalConf(now)
	if err != nil {
		return nil, fmt.Errorf("local.conf: %w", err)
	}
	d.conf = conf
	d.compat = d.cfg.CompatAPI || conf.Settings.CompatAPI
	for _, w := range conf.Warnings {
		d.log.Warn("local.conf", "warning", w)
	}
	d.notices(notices)
	if _, notices, err = d.home.LoadTrust(now, l.trust.Load); err != nil {
		return nil, fmt.Errorf("trust records: %w", err)
	}
	d.notices(notices)
	if err := d.loadWorlds(l, now); err != nil {
		return nil, err
	}
	if notices, err = d.home.LoadPeers(now, func(a identity.Address, b []byte) error { return checkPeer(l.peers, a, b) }); err != nil {
		return nil, fmt.Errorf("peer cache: %w", err)
	}
	d.notices(notices)
	if l.networks, notices, err = d.home.Networks(); err != nil {
		return nil, fmt.Errorf("joined networks: %w", err)
	}
	d.notices(notices)
	if l.database, notices, err = d.home.OpenController(conf.Settings.ControllerDBPath); err != nil {
		return nil, fmt.Errorf("controller database: %w", err)
	}
	d.notices(notices)
	if l.records, err = l.database.Load(); err != nil {
		return nil, fmt.Errorf("controller database: %w", err)
	}
	l.control = controller.New(controller.Config{Self: l.secret, Random: random, Log: d.log})
	d.controller = l.control
	return l, nil
}

// identity loads the identity, or makes the first one. A damaged one stops the
// service: a new one would be another address.
func (d *Daemon) identity() (*identity.Secret, error) {
	s, err := d.home.Identity()
	if errors.Is(err, store.ErrNoIdentity) {
		d.log.Info("no identity yet: making one; this takes a few seconds")
		s = identity.Generate(random)
		err = d.home.SaveIdentity(s)
	}
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return s, nil
}

func (d *Daemon) loadWorlds(l *loaded, now time.Time) error {
	builtin, err := parsePlanet(assets.Planet())
	if err != nil {
		return fmt.Errorf("built-in planet: %w", err)
	}
	l.planet = &builtin
	b, notices, err := d.home.LoadPlanet(now, func(b []byte) error { _, err := parsePlanet(b); return err })
	if err != nil {
		return fmt.Errorf("planet: %w", err)
	}
	d.notices(notices)
	if b != nil {
		own, err := parsePlanet(b)
		if err != nil {
			return fmt.Errorf("planet: %w", err)
		}
		if !own.ReplacedBy(&builtin) {
			l.planet = &own
		}
	}
	notices, err = d.home.LoadMoons(now, func(id uint64, b []byte) error {
		w, _, err := world.Parse(b)
		if err != nil {
			return err
		}
		if w.Kind != world.Moon || w.ID != id {
			return errors.New("not the moon that its name says")
		}
		l.moons = append(l.moons, w)
		return nil
	})
	if err != nil {
		return fmt.Errorf("moons: %w", err)
	}
	d.notices(notices)
	return nil
}
