package host

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/vl1"
	"orrery/service/udp"
)

// State keeps what must survive the process. Its methods return once the
// content is durable; they are called from several goroutines, for one thing
// never from two at once.
type State interface {
	// SavePeer keeps or, with nil, deletes a peer record.
	SavePeer(a identity.Address, record []byte) error
	// SaveWorld keeps a planet or a moon.
	SavePlanet(data []byte) error
	SaveMoon(id uint64, data []byte) error
	// SaveNetwork keeps a network's configuration; nil forgets the network.
	SaveNetwork(nwid identity.NetworkID, conf []byte) error
	// SaveSettings keeps the user's settings of a network.
	SaveSettings(nwid identity.NetworkID, s netconf.Settings) error
	// SaveTrust keeps the trust records.
	SaveTrust(text []byte) error
	// ApplyController keeps changes of controller records, in order.
	ApplyController(changes []controller.Change) error
}

// System gives networks their place in the operating system.
type System interface {
	// Open makes the virtual device of a network.
	Open(s *node.NetworkState) (Port, error)
}

// Port is the virtual device of one network, with its addresses and routes.
type Port interface {
	Name() string
	// Headroom, BatchSize, Read and Write are those of device.Device.
	Headroom() int
	BatchSize() int
	Read(bufs [][]byte, sizes []int) (int, error)
	Write(bufs [][]byte) error
	// Ethernet reports whether the port carries frames instead of IP packets.
	Ethernet() bool
	// Apply makes addresses, routes and MTU those of s.
	Apply(s *node.NetworkState) error
	// Observe returns what the operating system has on the device: addresses,
	// and for Ethernet ports the multicast MACs that programs listen to.
	Observe() (addresses []netip.Prefix, groups []identity.MAC, err error)
	Close() error
}

// Config is what a host is made of.
type Config struct {
	// NewCore makes the core; it is called once, with the first instant.
	Core    func(at clock.Instant) *node.Core
	Sockets *udp.Sockets
	State   State
	System  System
	Log     *slog.Logger
	// Changed is called, often, when what people see may differ.
	Changed func()
	// Event is called for everything the core tells.
	Event func(node.Event)
}

// Host runs one node.
type Host struct {
	cfg   Config
	log   *slog.Logger
	start time.Time

	mu   sync.Mutex // guards core
	core *node.Core

	outboxes sync.Pool
	armed    armed
	work     chan vl1.Work
	durable  chan job
	saver    saver
	networks networks
}

// New makes a host and its core. Nothing runs before [Host.Run].
func New(cfg Config) *Host {
	h := &Host{
		cfg: cfg, log: cfg.Log, start: time.Now(),
		outboxes: sync.Pool{New: func() any { return new(node.Outbox) }},
		work:     make(chan vl1.Work, 256), durable: make(chan job, 64),
	}
	h.armed.wake = make(chan struct{}, 1)
	h.saver.init()
	h.networks.init()
	h.core = cfg.Core(h.now())
	return h
}

// now reads both clocks.
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
// the devices down.
func (h *Host) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var pumps, configurer, rest sync.WaitGroup
	var socketErr error
	socketsEnded := make(chan struct{})
	pumps.Go(func() { defer close(socketsEnded); socketErr = h.cfg.Sockets.Run(inner, h.datagrams) })
	pumps.Go(func() { h.timer(inner) })
	configurer.Go(func() { h.configure(inner) })
	for range 2 {
		pumps.Go(func() { h.worker(inner) })
	}
	rest.Go(func() { h.durably() })
	rest.Go(func() { h.save() })
	var err error
	select {
	case <-ctx.Done():
	case <-socketsEnded:
		err = socketErr
	}
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Shutdown(at, out) })
	cancel()
	configurer.Wait()
	h.networks.closeAll()
	pumps.Wait()
	close(h.durable)
	h.saver.close()
	rest.Wait()
	return err
}

// job is an outbox with controller records. done is closed, if not nil, once
// they are stored.
type job struct {
	out  *node.Outbox
	done chan struct{}
}

// Do runs f as the core's owner and carries out what it put out.
func (h *Host) Do(f func(c *node.Core, at clock.Instant, out *node.Outbox)) { h.do(f, nil) }

// DoDurably is [Host.Do], but returns only once the controller records that f
// changed are stored.
func (h *Host) DoDurably(f func(c *node.Core, at clock.Instant, out *node.Outbox)) {
	done := make(chan struct{})
	h.do(f, done)
	<-done
}

func (h *Host) do(f func(c *node.Core, at clock.Instant, out *node.Outbox), done chan struct{}) {
	out := h.outboxes.Get().(*node.Outbox)
	h.mu.Lock()
	f(h.core, h.now(), out)
	h.rearm()
	durable := len(out.Changes) > 0
	if durable {
		// In order, hence under the lock: a reply must not overtake its record.
		h.durable <- job{out, done}
	}
	h.mu.Unlock()
	if durable {
		return
	}
	if done != nil {
		close(done)
	}
	h.drain(out)
	h.recycle(out)
}

// View runs f as the core's owner; f must only look.
func (h *Host) View(f func(c *node.Core, at clock.Instant)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(h.core, h.now())
}

func (h *Host) recycle(out *node.Outbox) {
	out.Reset()
	h.outboxes.Put(out)
}

// drain carries out an outbox.
func (h *Host) drain(out *node.Outbox) {
	if len(out.Send) > 0 {
		// A closed socket means that we are stopping.
		_ = h.cfg.Sockets.Send(out.Send)
	}
	if len(out.Deliver) > 0 {
		h.deliver(out.Deliver)
	}
	for _, w := range out.Work {
		select {
		case h.work <- w:
		default:
			// The core bounds what is under way; it asks again.
			h.log.Debug("too much work is waiting", "n", len(h.work))
		}
	}
	for _, s := range out.Store {
		switch s.Kind {
		case vl1.StorePeer:
			h.saver.peer(identity.Address(s.ID), s.Data)
		case vl1.StorePlanet:
			h.saver.planet(s.Data)
		case vl1.StoreMoon:
			h.saver.moon(s.ID, s.Data)
		}
	}
	for _, f := range out.Files {
		h.saver.network(f.Network, f.Data)
	}
	if out.Trust {
		h.saver.trust()
	}
	for _, nwid := range out.Networks {
		h.networks.touch(nwid)
	}
	for _, e := range out.Events {
		h.cfg.Event(e)
	}
	if len(out.Store) > 0 || len(out.Networks) > 0 || len(out.Events) > 0 || out.Trust || len(out.Changes) > 0 {
		h.cfg.Changed()
	}
}

// durably stores controller records, then sends what rests on them.
func (h *Host) durably() {
	for j := range h.durable {
		out := j.out
		for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
			err := h.cfg.State.ApplyController(out.Changes)
			if err == nil {
				break
			}
			h.log.Error("controller records cannot be stored; trying again", "err", err)
			time.Sleep(wait)
		}
		if j.done != nil {
			close(j.done)
		}
		h.drain(out)
		h.recycle(out)
	}
}

// datagrams takes a batch from a socket.
func (h *Host) datagrams(batch []vl1.Datagram) {
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Datagrams(at, batch, out) })
}

// worker validates identities, off the packet path.
func (h *Host) worker(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-h.work:
			r := vl1.WorkResult{ID: w.ID, Valid: w.Identity.Validate()}
			h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Done(at, r, out) })
		}
	}
}

// armed is the timer's state.
type armed struct {
	mu   sync.Mutex
	at   clock.Mono
	wake chan struct{}
}

// rearm tells the timer of an earlier deadline. It is called under the lock.
func (h *Host) rearm() {
	d := h.core.Deadline()
	h.armed.mu.Lock()
	earlier := d < h.armed.at
	if earlier {
		h.armed.at = d
	}
	h.armed.mu.Unlock()
	if earlier {
		select {
		case h.armed.wake <- struct{}{}:
		default:
		}
	}
}

// timer ticks the core when it wants to be.
func (h *Host) timer(ctx context.Context) {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
				if c.Deadline() <= at.Mono {
					c.Tick(at, out)
				}
				h.armed.mu.Lock()
				h.armed.at = c.Deadline()
				h.armed.mu.Unlock()
			})
		case <-h.armed.wake:
		}
		h.armed.mu.Lock()
		d := h.armed.at
		h.armed.mu.Unlock()
		t.Reset(max(time.Duration(d-h.now().Mono), time.Millisecond))
	}
}

// Join joins a network, or returns at once if it is joined.
func (h *Host) Join(nwid identity.NetworkID, s netconf.Settings, cached []byte) {
	h.saver.settings(nwid, s)
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Join(at, nwid, s, cached, out) })
}

// SetSettings changes what the user allows a joined network to do.
func (h *Host) SetSettings(nwid identity.NetworkID, s netconf.Settings) {
	h.saver.settings(nwid, s)
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetSettings(at, nwid, s, out) })
}
