package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/vl1"
	"orrery/service/api"
	"orrery/service/caller"
	"orrery/service/diag"
	"orrery/service/host"
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
	// says, else 9993, or a random one if another program has that.
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

	// Deafness is how long nothing has come by UDP when the TCP relay takes over,
	// a minute if it is 0.
	Deafness time.Duration

	// machine stands in for [newSystem] in tests.
	machine func(home string, log *slog.Logger) (machine, error)
	// begun gives tests the daemon, before it serves.
	begun func(*Daemon)
}

// Daemon is one running node.
type Daemon struct {
	cfg        Config
	log        *slog.Logger
	home       *store.Home
	host       *host.Host
	sockets    *udp.Sockets
	controller *controller.Controller // touched only as the core's owner
	server     *api.Server
	system     machine
	started    time.Time
	alerts     alerts
	ring       *diag.Ring
	conf       localConf
	compat     compat
	carrier    *carrier
	mapping    *mapping

	// offline is since when no root answers, zero while one does.
	offline atomic.Pointer[time.Time]

	mu     sync.Mutex // guards joined; held for moments only, also by the core's owner
	joined map[identity.NetworkID]time.Time

	ports  ports
	rotate chan struct{} // has a token when another port is wanted
	again  chan struct{} // has a token when routes are to be looked at again

	unplugged  atomic.Bool // whether no interface is connected
	addressing sync.Mutex  // guards connection, held while the core is told our addresses
	connection connection
}

// Run runs a node until ctx ends. An error says what kept it from running, or
// stopped it.
func Run(ctx context.Context, cfg Config) error {
	ring := diag.NewRing()
	d := &Daemon{cfg: cfg, log: slog.New(ring.Handler(cfg.Log.Handler())), ring: ring, started: time.Now().UTC(), joined: make(map[identity.NetworkID]time.Time)}
	d.offline.Store(&d.started)
	d.rotate, d.again = make(chan struct{}, 1), make(chan struct{}, 1)
	d.conf.init()
	home, err := store.OpenHome(cfg.Home)
	if err != nil {
		return fmt.Errorf("open the home directory: %w", err)
	}
	defer func() { _ = home.Close() }()
	d.home = home
	l, err := d.load()
	if err != nil {
		return err
	}
	defer l.close()
	if d.sockets, err = d.openSockets(l.secret.Address); err != nil {
		return err
	}
	defer func() { _ = d.sockets.Close() }()
	if cfg.machine == nil {
		cfg.machine = newSystem
	}
	if d.system, err = cfg.machine(home.Path(), d.log); err != nil {
		return err
	}
	defer d.system.close()
	if d.mapping, err = newMapping(d.system, l.secret, d.log, d.local); err != nil {
		return err
	}
	d.carrier = newCarrier(d.sockets, cfg.Deafness, d.log)
	d.carrier.dial = d.dial
	listener, err := d.listen()
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	if err := d.compat.prepare(d); err != nil {
		return err
	}
	defer d.compat.close()
	d.server = api.New(api.Config{Backend: d, Policy: caller.Policy{Group: cfg.OperatorGroup}, Log: d.log})
	d.host = host.New(host.Config{
		Core: l.core, Sockets: d.carrier, Bursts: d.sockets, State: state{home, l.database}, System: d.system, Log: d.log,
		Rotate:  func() { signal(d.rotate) },
		Changed: d.server.Changed, Event: d.event, Stored: d.stored,
	})
	d.carrier.do, d.carrier.view, d.carrier.told = d.host.Do, d.host.View, d.relayed
	d.system.follow(surroundings{online: func() bool { return d.offline.Load() == nil }, transport: d.carriage, recheck: d.host.Recheck, told: d.server.Changed})
	d.system.notify(d.server.Changed)
	d.ways()
	if n := len(l.problems); n > 0 {
		d.log.Error("controller records cannot be used", "n", n, "err", l.problems[0].Err)
		d.alerts.set(problemAlert(n, l.problems[0].Err))
	}
	if err := d.files(); err != nil {
		return err
	}
	defer func() { _ = home.RemovePID() }()
	d.begin(l)
	if cfg.begun != nil {
		cfg.begun(d)
	}
	return d.serve(ctx, l, listener)
}

// openSockets chooses the primary port and binds it on all addresses; which of
// them are used follows. A port that was asked for must be had; of the usual one
// another program may be the owner.
func (d *Daemon) openSockets(self identity.Address) (*udp.Sockets, error) {
	d.ports.self, d.ports.try = self, udp.TryPort
	asked := d.cfg.Port
	if asked < 0 {
		asked = d.conf.get().Settings.PrimaryPort
	}
	usual, err := d.ports.begin(asked)
	if err != nil {
		return nil, err
	}
	port := d.ports.get().Primary
	s := udp.New(udp.Config{Mark: ownMark, Log: d.log})
	if err := s.Update(udp.Wildcard(port, udp.Primary)); err != nil {
		return nil, fmt.Errorf("open UDP port %d: %w", port, err)
	}
	if usual != 0 {
		d.log.Warn("another program has the usual UDP port", "usual", usual, "port", port)
		d.alerts.set(portAlert(usual, port))
	}
	return s, nil
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

// socket is where the local API listens.
func (d *Daemon) socket() string {
	if d.cfg.Socket != "" || d.cfg.UsualHome || runtime.GOOS == "windows" {
		return d.cfg.Socket
	}
	return filepath.Join(d.home.Path(), "orreryd.sock")
}

// maxSocketPath is what fits into a socket's address on every Unix.
const maxSocketPath = 103

// listen opens the local API's socket.
func (d *Daemon) listen() (net.Listener, error) {
	path := d.socket()
	if n := len(path); n > maxSocketPath && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("the path of the local API's socket has %d bytes, and %d fit: choose another with --socket: %s", n, maxSocketPath, path)
	}
	return api.Listen(path)
}

// begin gives the core its roots and networks. A planet or moon that the trust
// records refute is not used; the user has to settle that, through us.
func (d *Daemon) begin(l *loaded) {
	d.physical()
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		c.RestoreOrbits(at, l.orbits, out)
		for i := range l.worlds {
			w := &l.worlds[i]
			if err := c.AddWorld(at, w, out); err != nil {
				d.log.Error("a set of roots is not used", "world", fmt.Sprintf("%016x", w.ID), "err", err)
				d.alerts.set(worldAlert(w, err))
			}
		}
	})
	d.local()
	for _, n := range l.networks {
		d.joined[n.ID] = d.started
		_, _ = d.host.Configure(n.ID, true, n.Config, keep(n.Settings)) // fails only if keep does
		d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.RestoreRevoked(at, n.ID, n.Revoked, out) })
	}
	d.host.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Recall(at, recallAtStart, out) })
}

// recallAtStart is how many peers of the cache are greeted at the start.
const recallAtStart = 256

// serve runs everything until ctx ends or a part fails.
func (d *Daemon) serve(ctx context.Context, l *loaded, listener net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var parts sync.WaitGroup
	failed := make(chan error, 2)
	run := func(what string, f func() error) {
		parts.Go(func() {
			if err := f(); err != nil {
				err = fmt.Errorf("%s: %w", what, err)
				failed <- err
				cancel(err)
			}
		})
	}
	run("node", func() error { return d.host.Run(ctx) })
	run("local API", func() error { return d.server.Serve(ctx, listener) })
	parts.Go(func() { d.compat.run(ctx, d) })
	parts.Go(func() { d.watchNetwork(ctx) })
	parts.Go(func() { d.watchConf(ctx) })
	parts.Go(func() { d.mapping.run(ctx) })
	d.log.Info("running", "node", l.secret.Address, "port", d.sockets.Port(), "socket", d.socket(), "home", d.home.Path())
	parts.Wait()
	select {
	case err := <-failed:
		return err
	default:
		d.log.Info("stopped")
		return nil
	}
}

// event notes what the core tells.
func (d *Daemon) event(e node.Event) {
	switch e.Kind {
	case node.EventOnline:
		d.log.Info("online")
		d.offline.Store(nil)
		signal(d.again) // default routes wait for it
	case node.EventOffline:
		d.log.Info("offline: no root answers")
		now := time.Now().UTC()
		d.offline.Store(&now)
	case node.EventTwin:
		d.log.Warn("another computer uses this computer's identity")
		d.alerts.set(twinAlert(e.Peer))
	case node.EventTwinGone:
		d.log.Info("the other computer with this identity gave no sign for half an hour")
		d.alerts.clear(alertTwin)
	case node.EventCollision:
		d.log.Error("a root holds another key for our address", "peer", e.Peer)
		d.alerts.set(collisionAlert(e.Peer))
	case node.EventWorld:
		d.log.Info("the planet or a moon changed")
	case node.EventConflict:
		d.log.Warn("another key turned up for a recorded address; refused", "peer", e.Peer)
	case node.EventReach:
		d.reached(e)
	}
}

// signal leaves a token in a channel with room for one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// reached logs how a peer is reached from now on. Others can cause it, so it is
// for those who look for it; the core bounds how often it comes.
func (d *Daemon) reached(e node.Event) {
	if e.Reason == vl1.ReasonNone {
		d.log.Debug("packets to a peer go directly", "peer", e.Peer)
		return
	}
	d.log.Debug("a peer has no direct path", "peer", e.Peer, "reason", e.Reason.String())
}
