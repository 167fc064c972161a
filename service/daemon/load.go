package daemon

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/engine/wire"
	"orrery/engine/world"
	"orrery/service/store"
)

// loaded is what the home directory held.
type loaded struct {
	secret   *identity.Secret
	trust    *trust.Table
	orbits   world.Orbits
	worlds   []world.World // the planet first, then moons
	peers    map[identity.Address][]byte
	networks []store.JoinedNetwork
	database store.ControllerStore
	control  *controller.Controller
	records  []controller.Record
	problems []controller.Problem
	log      *slog.Logger
}

// close ends the use of what is open.
func (l *loaded) close() {
	if l.database != nil {
		if err := l.database.Close(); err != nil {
			l.log.Error("close the controller database", "err", err)
		}
	}
	if l.secret != nil {
		l.secret.Destroy()
	}
}

// core makes the core from what was loaded.
func (l *loaded) core(at clock.Instant) *node.Core {
	l.problems = l.control.Load(at, l.records)
	l.records = nil
	return node.New(node.Config{
		EthernetDevices: hasTAP,
		Secret:          l.secret, Trust: l.trust, Controller: l.control, Random: random, Log: l.log, PeerCache: l.peers,
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

// load reads the home directory. What cannot be used is set aside and becomes
// an alert, except what nobody but its owner can replace: an identity or a
// controller's database that is damaged is an error.
func (d *Daemon) load() (_ *loaded, err error) {
	now := time.Now()
	l := &loaded{log: d.log, trust: trust.New(trust.DefaultLimit), peers: make(map[identity.Address][]byte)}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.secret, err = d.identity(); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	conf, notices, err := d.home.LoadLocalConf(now)
	if err != nil {
		return nil, fmt.Errorf("local.conf: %w", err)
	}
	d.notices(notices)
	d.conf.begin(d, conf)
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
	if l.networks, notices, err = d.home.Networks(now); err != nil {
		return nil, fmt.Errorf("joined networks: %w", err)
	}
	d.notices(notices)
	return l, d.loadController(l, conf.Settings.ControllerDBPath)
}

// loadController opens the controller's database.
func (d *Daemon) loadController(l *loaded, legacy string) error {
	database, notices, err := d.home.OpenController(legacy)
	if err != nil {
		return fmt.Errorf("controller database: %w", err)
	}
	l.database = database
	d.notices(notices)
	if l.records, err = database.Load(); err != nil {
		return fmt.Errorf("controller database: %w", err)
	}
	l.control = controller.New(controller.Config{Self: l.secret, Random: random, Log: d.log})
	d.controller = l.control
	return nil
}

// identity loads the identity, or makes the first one. A damaged one stops the
// service: a new one would be another address.
func (d *Daemon) identity() (*identity.Secret, error) {
	s, err := d.home.Identity()
	if !errors.Is(err, store.ErrNoIdentity) {
		return s, err
	}
	d.log.Info("no identity yet: making one; this takes a few seconds")
	s = identity.Generate(random)
	return s, d.home.SaveIdentity(s)
}

// checkPeer keeps a peer record if it is one of the peer it is named for.
func checkPeer(into map[identity.Address][]byte, a identity.Address, b []byte) error {
	r, err := wire.ParsePeerRecord(b)
	if err != nil {
		return err
	}
	if r.Identity.Address != a {
		return fmt.Errorf("holds the identity of %s", r.Identity.Address)
	}
	into[a] = b
	return nil
}
