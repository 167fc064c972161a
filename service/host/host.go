package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/vl1"
)

// ErrStopped is returned when the host has stopped, or stops before it could
// do what was asked.
var ErrStopped = errors.New("the node has stopped")

// Sockets carry datagrams, as [orrery/service/udp.Sockets] does.
type Sockets interface {
	// Run receives until ctx ends. The datagrams are the handler's for the
	// length of the call. It may be called from several goroutines at once.
	Run(ctx context.Context, handler func(batch []vl1.Datagram)) error
	// Send sends, and neither changes nor keeps the data.
	Send(batch []vl1.Datagram) error
}

// State keeps what must survive the process. Its methods return once the
// content is durable; they are called from several goroutines, for one thing
// never from two at once.
type State interface {
	// SavePeer keeps or, with nil, deletes a peer record.
	SavePeer(a identity.Address, record []byte) error
	// SavePlanet and SaveMoon keep a world; a nil moon is deleted.
	SavePlanet(data []byte) error
	SaveMoon(id uint64, data []byte) error
	// SaveOrbits keeps what is remembered of worlds beside them.
	SaveOrbits(text []byte) error
	// SaveNetwork keeps a network's configuration; nil forgets the network and
	// its settings.
	SaveNetwork(nwid identity.NetworkID, conf []byte) error
	// SaveRevoked keeps what a network's controller has revoked; it goes with the
	// network.
	SaveRevoked(nwid identity.NetworkID, list []credential.Threshold) error
	// SaveSettings keeps the user's settings of a network.
	SaveSettings(nwid identity.NetworkID, s netconf.Settings) error
	// SaveTrust keeps the trust records.
	SaveTrust(text []byte) error
	// ApplyController keeps changes of controller records, in order, all or
	// none of them.
	ApplyController(changes []controller.Change) error
}

// Storage names a kind of state, for [Config.Stored].
type Storage string

// The kinds of state.
const (
	Files   Storage = "files"   // everything but controller records
	Records Storage = "records" // controller records
)

// Config is what a host is made of.
type Config struct {
	// Core makes the core; it is called once, with the first instant.
	Core    func(at clock.Instant) *node.Core
	Sockets Sockets
	// Bursts has the short-lived sockets; nil for none.
	Bursts Bursts
	State  State
	System System
	Log    *slog.Logger
	// Changed is called, often, when what people see may differ. Like the other
	// functions here it must return soon; it may call the host.
	Changed func()
	// Event is called for everything the core tells, in order, by one
	// goroutine.
	Event func(node.Event)
	// Rotate is called when the core asks for another local port. It may be nil.
	Rotate func()
	// Stored is called with the reason when state cannot be stored, and with
	// nil when it is stored again. It may be nil.
	Stored func(what Storage, err error)
}

// Host runs one node.
type Host struct {
	cfg   Config
	log   *slog.Logger
	start time.Time

	// mu guards core. What an event wants stored or told is noted while it is
	// held, and so in the core's order; notes never block.
	mu   sync.Mutex
	core *node.Core

	trays    sync.Pool
	timer    timer
	work     chan vl1.Work
	events   chan node.Event
	bursts   chan vl1.Burst
	durable  durable
	saver    saver
	networks networks
	// validate checks an identity, slowly.
	validate func(identity.Identity) bool
	// quit is closed when the host begins to stop, late when its patience with
	// a disk that fails has ended.
	quit, late chan struct{}
}

const (
	// maxWork is more than the core ever has under way.
	maxWork = 256
	// maxTraces bounds the REMOTE_TRACE texts of one batch that are logged, by a
	// controller that is told to log everything.
	maxTraces = 8
	// maxEvents bounds the events that wait to be told; more are only logged.
	maxEvents = 1024
	// patience is how long a stopping host tries to store what is left.
	patience = 5 * time.Second
)

// tray is an outbox and the memory to carry it out.
type tray struct {
	node.Outbox
	write [][]byte
}

// New makes a host and its core. Nothing runs before [Host.Run].
func New(cfg Config) *Host {
	h := &Host{
		cfg: cfg, log: cfg.Log, start: time.Now(),
		trays: sync.Pool{New: func() any { return new(tray) }},
		work:  make(chan vl1.Work, maxWork), events: make(chan node.Event, maxEvents),
		bursts:   make(chan vl1.Burst, maxBursts),
		validate: identity.Identity.Validate,
		quit:     make(chan struct{}), late: make(chan struct{}),
	}
	if h.cfg.Rotate == nil {
		h.cfg.Rotate = func() {}
	}
	if h.cfg.Stored == nil {
		h.cfg.Stored = func(Storage, error) {}
	}
	h.timer.wake = make(chan struct{}, 1)
	h.durable.init()
	h.saver.init()
	h.networks.init()
	h.core = cfg.Core(h.now())
	return h
}

// now reads both clocks. The core's monotonic time begins at an hour, so that
// nothing that has not happened looks recent.
func (h *Host) now() clock.Instant {
	t := time.Now()
	return clock.Instant{Mono: clock.Mono(t.Sub(h.start)) + clock.Hour, Wall: clock.Wall(t.UnixMilli())}
}

// Time turns an instant of the core into calendar time; zero if it never was.
func (h *Host) Time(m clock.Mono) time.Time {
	if m <= clock.Never/2 {
		return time.Time{}
	}
	return h.start.Add(time.Duration(m - clock.Hour))
}

// Run runs the node until ctx ends, then stores what would be lost and takes
// the devices down. It may be called once. The error says why the sockets
// failed, nil if ctx ended.
func (h *Host) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var pumps, configurer, rest, tell sync.WaitGroup
	var socketErr error
	socketsEnded := make(chan struct{})
	pumps.Go(func() { defer close(socketsEnded); socketErr = h.cfg.Sockets.Run(inner, h.datagrams) })
	pumps.Go(func() { h.tick(inner) })
	pumps.Go(func() { h.openBursts(inner) })
	configurer.Go(func() { h.configure(inner) })
	for range 2 {
		pumps.Go(func() { h.worker(inner) })
	}
	rest.Go(h.storeRecords)
	rest.Go(h.storeFiles)
	events := h.events
	tell.Go(func() { h.tell(events) })
	var err error
	select {
	case <-ctx.Done():
	case <-socketsEnded:
		err = socketErr
	}
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Shutdown(at, out) })
	close(h.quit)
	lateness := time.AfterFunc(patience, func() { close(h.late) })
	defer lateness.Stop()
	cancel()
	configurer.Wait()
	h.closeAll()
	pumps.Wait()
	h.durable.close()
	h.saver.close()
	rest.Wait()
	h.mu.Lock() // events are noted under it
	h.events = nil
	close(events)
	h.mu.Unlock()
	tell.Wait()
	return err
}

// Do runs f as the core's owner and carries out what it put out.
func (h *Host) Do(f func(c *node.Core, at clock.Instant, out *node.Outbox)) { h.do(f, nil) }

// DoDurably is [Host.Do], but returns only once the controller records that f
// changed are stored, or with the error of ctx or [ErrStopped].
func (h *Host) DoDurably(ctx context.Context, f func(c *node.Core, at clock.Instant, out *node.Outbox)) error {
	done := make(chan error, 1)
	h.do(f, done)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Host) do(f func(c *node.Core, at clock.Instant, out *node.Outbox), done chan<- error) {
	t := h.trays.Get().(*tray)
	h.mu.Lock()
	defer crash()
	f(h.core, h.now(), &t.Outbox)
	h.timer.rearm(h.core.Deadline())
	held := h.note(&t.Outbox, done)
	h.mu.Unlock()
	if !held && len(t.Held) > 0 {
		t.Send = append(t.Send, t.Held...)
	}
	h.carry(t)
	t.Reset()
	h.trays.Put(t)
}

// View runs f as the core's owner; f must only look, and not call the host.
func (h *Host) View(f func(c *node.Core, at clock.Instant)) {
	h.mu.Lock()
	defer crash()
	f(h.core, h.now())
	h.mu.Unlock()
}

// crash makes a panic of the core's the end of the process. Whoever recovers
// from it, as an HTTP server does, would leave the core locked, and in a state
// that nobody knows.
func crash() {
	if r := recover(); r != nil {
		trace := debug.Stack()
		go panic(fmt.Sprintf("%v\n\n%s", r, trace))
		select {}
	}
}

// note takes from an outbox what must stay in the core's order. It reports
// whether it keeps the datagrams that rest on controller records.
func (h *Host) note(out *node.Outbox, done chan<- error) (held bool) {
	h.saver.take(out)
	for _, e := range out.Events {
		select {
		case h.events <- e:
		default: // full, or nil when stopped
			h.log.Debug("event not told", "peer", e.Peer)
		}
	}
	if len(out.Traces) > 0 && h.core.HasController() && h.log.Enabled(context.Background(), slog.LevelDebug) {
		for _, t := range out.Traces[:min(len(out.Traces), maxTraces)] {
			h.log.Debug("trace of a member", "peer", t.From.Address, "text", string(t.Text))
		}
	}
	return h.durable.add(out.Changes, out.Held, done)
}

// carry carries out the rest of an outbox.
func (h *Host) carry(t *tray) {
	if len(t.Send) > 0 {
		// A closed socket means that we are stopping.
		_ = h.cfg.Sockets.Send(t.Send)
	}
	if len(t.Deliver) > 0 {
		h.deliver(t)
	}
	for _, w := range t.Work {
		select {
		case h.work <- w:
		default: // the core has fewer under way
			h.log.Error("too much work is waiting", "n", len(h.work))
		}
	}
	for _, nwid := range t.Networks {
		h.networks.touch(nwid)
	}
	if len(t.Burst) > 0 || len(t.Close) > 0 {
		h.openAndClose(t)
	}
	if t.Rotate {
		h.cfg.Rotate()
	}
	if len(t.Store) > 0 || len(t.Networks) > 0 || len(t.Events) > 0 || t.Trust || len(t.Changes) > 0 {
		h.cfg.Changed()
	}
}

// tell hands out events.
func (h *Host) tell(events <-chan node.Event) {
	for e := range events {
		h.cfg.Event(e)
		h.cfg.Changed()
	}
}

// maxDatagrams is how many datagrams the core is given at a time. A socket brings
// megabytes at once; what becomes of so many fits the memory that an outbox keeps,
// and nobody else waits long for the core.
const maxDatagrams = 512

// datagrams takes a batch from a socket.
func (h *Host) datagrams(batch []vl1.Datagram) {
	for len(batch) > 0 {
		n := min(len(batch), maxDatagrams)
		some := batch[:n:n]
		h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Datagrams(at, some, out) })
		batch = batch[n:]
	}
}

// worker validates identities, off the packet path.
func (h *Host) worker(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-h.work:
			r := vl1.WorkResult{ID: w.ID, Valid: h.validate(w.Identity)}
			h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Done(at, r, out) })
		}
	}
}

// SetLocal tells the core at which addresses it can be reached, and which
// prefixes its paths must avoid.
func (h *Host) SetLocal(addrs []netip.AddrPort, avoid []netip.Prefix) {
	h.Do(func(c *node.Core, at clock.Instant, _ *node.Outbox) { c.SetLocal(at, addrs, avoid) })
}

// Configure changes what the user allows a network to do, and joins the
// network if join is set and it is not joined; cached is its stored
// configuration then, nil if none. edit gets the settings as they are, the
// default ones for a new network, and says with an error that nothing shall
// change. It reports whether the network was joined before.
func (h *Host) Configure(nwid identity.NetworkID, join bool, cached []byte, edit func(s *netconf.Settings) error) (was bool, err error) {
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
		s := netconf.DefaultSettings()
		have, ok := c.Network(nwid)
		if was = ok; ok {
			s = have.Settings
		}
		before := s
		if err = edit(&s); err != nil || !ok && !join {
			return
		}
		switch {
		case !ok:
			c.Join(at, nwid, s, cached, out)
		case !s.Equal(&before):
			c.SetSettings(at, nwid, s, out)
		default:
			return
		}
		h.saver.settings(nwid, s)
	})
	return was, err
}
