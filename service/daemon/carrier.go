package daemon

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"orrery/engine/clock"
	"orrery/engine/node"
	"orrery/engine/vl1"
	"orrery/engine/wire"
	"orrery/service/host"
	"orrery/service/tcprelay"
)

// carrier carries the host's datagrams: by UDP, and where that is blocked
// through a TCP relay (spec 03 §9.7). It looks at what leaves only a few times
// a second, and while all is well it does nothing else.
type carrier struct {
	host.Sockets
	log  *slog.Logger
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	// do and view are the host's.
	do   func(func(c *node.Core, at clock.Instant, out *node.Outbox))
	view func(func(c *node.Core, at clock.Instant))
	// told is called when a relay was connected, or is not any more.
	told func(active bool)
	// started is when the carrier was made, looked when it last looked, in
	// nanoseconds since then.
	started time.Time
	looked  atomic.Int64
	// news tells follow that the settings have changed or a connection was made.
	news   chan struct{}
	client atomic.Pointer[tcprelay.Client]
	// open is whether the core may use RelaySocket, forced whether nothing else.
	open, forced atomic.Bool

	mu     sync.Mutex // guards what follows
	engage *tcprelay.Engage
	set    relaySettings
}

// relaySettings are the settings of local.conf that carrier follows.
type relaySettings struct {
	allowed, forced bool
	relay           netip.AddrPort
}

const (
	// lookEvery is how often what leaves is looked at.
	lookEvery = 250 * time.Millisecond
	// closeEvery is how often a connection is asked whether it is needed.
	closeEvery = time.Second
)

// newCarrier makes a carrier that uses UDP only, until it is bound to a host
// and configured. Deafness stands in for [tcprelay.Deafness] if it is not 0.
func newCarrier(sockets host.Sockets, deafness time.Duration, log *slog.Logger) *carrier {
	c := &carrier{Sockets: sockets, log: log, started: time.Now(), news: make(chan struct{}, 1)}
	c.engage = tcprelay.NewEngage(clock.Hour, false, false)
	if deafness > 0 {
		c.engage.SetDeafness(clock.Mono(deafness))
	}
	c.looked.Store(int64(-lookEvery))
	return c
}

// configure takes the settings, at the start and when they change.
func (c *carrier) configure(s relaySettings) {
	c.mu.Lock()
	changed := c.set != s
	c.set = s
	c.engage.Set(s.allowed, s.forced)
	c.mu.Unlock()
	c.forced.Store(s.forced)
	if changed {
		c.tell()
	}
}

func (c *carrier) settings() relaySettings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.set
}

func (c *carrier) tell() {
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// Run implements host.Sockets. The datagrams of the relay come to the handler
// too, with [vl1.RelaySocket].
func (c *carrier) Run(ctx context.Context, handler func(batch []vl1.Datagram)) error {
	ctx, cancel := context.WithCancel(ctx)
	var relay sync.WaitGroup
	defer relay.Wait()
	defer cancel()
	relay.Go(func() { c.follow(ctx, handler) })
	return c.Sockets.Run(ctx, func(batch []vl1.Datagram) {
		if !c.forced.Load() {
			handler(batch)
		}
	})
}

// Send implements host.Sockets.
func (c *carrier) Send(batch []vl1.Datagram) error {
	c.look(batch)
	open, forced := c.open.Load(), c.forced.Load()
	if !open && !forced {
		return c.Sockets.Send(batch)
	}
	client := c.client.Load()
	for len(batch) > 0 {
		n := 0
		for n < len(batch) && batch[n].Socket != vl1.RelaySocket {
			n++
		}
		if n > 0 && !forced {
			if err := c.Sockets.Send(batch[:n]); err != nil {
				return err
			}
		}
		if n < len(batch) {
			if client != nil {
				client.Send(batch[n].Remote, batch[n].Data) // it counts what it drops
			}
			n++
		}
		batch = batch[n:]
	}
	return nil
}

// look tells the rules that something is on its way to where a relay could
// carry it, and has the client connect if they want it.
func (c *carrier) look(batch []vl1.Datagram) {
	last := c.looked.Load()
	now := int64(time.Since(c.started))
	client := c.client.Load()
	if client == nil || now-last < int64(lookEvery) {
		return
	}
	for i := range batch {
		ip := batch[i].Remote.Addr()
		if !ip.Is4() || len(batch[i].Data) < tcprelay.MinDatagram || wire.ScopeOf(ip) != wire.ScopeGlobal {
			continue
		}
		if c.looked.CompareAndSwap(last, now) {
			if c.sending(batch[i].Remote, len(batch[i].Data), client.Active()) {
				client.Open()
			}
		}
		return
	}
}

// sending reports whether the client should connect.
func (c *carrier) sending(to netip.AddrPort, size int, active bool) bool {
	at := c.heard()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engage.Sending(at, to, size, active).Open
}

// engaged reports whether a relay is to be used now.
func (c *carrier) engaged() bool {
	at := c.heard()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engage.Engaged(at)
}

// heard tells the rules what the core knows of UDP, and returns its time.
func (c *carrier) heard() clock.Mono {
	var now, last clock.Mono
	c.view(func(core *node.Core, at clock.Instant) { now, last = at.Mono, core.HeardGlobal() })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.engage.Heard(last)
	return now
}

// follow runs a client for the relay of the settings, until ctx ends.
func (c *carrier) follow(ctx context.Context, handler func(batch []vl1.Datagram)) {
	for ctx.Err() == nil {
		s := c.settings()
		if !s.allowed || !s.relay.IsValid() {
			select {
			case <-ctx.Done():
			case <-c.news:
			}
			continue
		}
		c.serve(ctx, s, handler)
	}
}

// serve runs a client until the settings change.
func (c *carrier) serve(ctx context.Context, s relaySettings, handler func(batch []vl1.Datagram)) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	batch := make([]vl1.Datagram, 1)
	client := tcprelay.NewClient(tcprelay.ClientConfig{
		Relay: s.relay, Dial: c.dial, Log: c.log, Changed: c.changed,
		Version: tcprelay.Version{Major: node.VersionMajor, Minor: node.VersionMinor, Revision: node.VersionRevision},
		Receive: func(from netip.AddrPort, datagram []byte) {
			batch[0] = vl1.Datagram{Data: datagram, Remote: from, Socket: vl1.RelaySocket}
			handler(batch)
		},
	})
	c.client.Store(client)
	defer c.client.Store(nil)
	running.Go(func() { client.Run(ctx) })
	c.watch(ctx, s, client)
}

// watch ends the connection when it is not needed any more, and returns when
// the settings are others.
func (c *carrier) watch(ctx context.Context, s relaySettings, client *tcprelay.Client) {
	tick := time.NewTicker(closeEvery)
	defer tick.Stop()
	for {
		if !client.Active() {
			tick.Stop() // nothing to look at
		}
		select {
		case <-ctx.Done():
			return
		case <-c.news:
			if now := c.settings(); now.allowed != s.allowed || now.relay != s.relay {
				return
			}
			tick.Reset(closeEvery)
		case <-tick.C:
			at := c.heard()
			c.mu.Lock()
			done := c.engage.Close(at)
			c.mu.Unlock()
			if done {
				client.Close()
			}
		}
	}
}

// changed is called when a connection was made or lost.
func (c *carrier) changed(active bool) {
	if active {
		c.open.Store(true)
	}
	c.do(func(core *node.Core, at clock.Instant, out *node.Outbox) { core.SetRelay(at, active, out) })
	if !active {
		c.open.Store(false)
	}
	c.told(active)
	c.tell()
}

// moved is called when the machine has slept or its addresses are others. UDP
// gets time to work again, unless it did not before: then the relay is called
// anew at once, since it is all that there is.
func (c *carrier) moved() {
	at := c.heard()
	client := c.client.Load()
	if client == nil {
		return
	}
	c.mu.Lock()
	if !client.Active() || !c.engage.Engaged(at) {
		c.engage.Restarted(at)
	}
	c.mu.Unlock()
	client.Reset()
}

// status is the state of the connection to the TCP relay, the zero value if none
// is wanted.
func (c *carrier) status() tcprelay.ClientStatus {
	if client := c.client.Load(); client != nil {
		return client.Status()
	}
	return tcprelay.ClientStatus{}
}
