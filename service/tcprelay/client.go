package tcprelay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// ClientConfig says which relay to use.
type ClientConfig struct {
	// Relay is the relay's address.
	Relay netip.AddrPort
	// Version is told in the greeting.
	Version Version
	// Dial connects, [net.Dialer.DialContext] of an empty dialer if nil. It is
	// the place to keep the connection out of our own virtual networks.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Receive is called for each datagram that comes from the relay, by one
	// goroutine at a time. The datagram is the receiver's for the length of the
	// call.
	Receive func(from netip.AddrPort, datagram []byte)
	// Changed is called when the connection is made or lost, in order. It may
	// be nil.
	Changed func(active bool)
	// Log must not be nil.
	Log *slog.Logger
}

const (
	// maxQueue is how much may wait to be sent (spec 03 §9.7), in bytes.
	maxQueue = 64 << 10
	// dialPatience, writePatience and silence bound how long connecting and
	// sending may take, and how long a relay may say nothing at all: somebody
	// answers us several times a minute.
	dialPatience  = 10 * time.Second
	writePatience = 15 * time.Second
	silence       = time.Minute
	// trial is how long a connection must hold to count as a success, if
	// nothing has come from it.
	trial = time.Minute
)

// Client is the connection to a relay. Its methods may be called from several
// goroutines.
type Client struct {
	cfg    ClientConfig
	signal chan struct{} // something has changed for Run

	mu     sync.Mutex // guards what follows
	wanted bool
	cut    context.CancelFunc // ends the session under way
	active bool
	since  time.Time // of the connection
	queue  []byte
	failed int // sessions that were none, in a row
	pause  time.Time
	stats  ClientStatus
}

// ClientStatus is the state of the connection, for diagnosis.
type ClientStatus struct {
	Relay netip.AddrPort
	// Active is whether there is a connection, and Age how old it is.
	Active bool
	Age    time.Duration
	// Pause is how long no attempt is made after failures, and Problem why the
	// last session ended, "" if it was us who ended it.
	Pause   time.Duration
	Problem string
	// Sessions are the connections made so far. Sent and Received are datagrams,
	// Dropped those for which there was no room or no connection.
	Sessions, Sent, Received, Dropped uint64
	// SentBytes and ReceivedBytes are those of the datagrams.
	SentBytes, ReceivedBytes uint64
}

// NewClient makes a client that does not connect before [Client.Open].
func NewClient(cfg ClientConfig) *Client {
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	if cfg.Changed == nil {
		cfg.Changed = func(bool) {}
	}
	return &Client{cfg: cfg, signal: make(chan struct{}, 1)}
}

// Run connects when it is asked to, one attempt at a time, until ctx ends. It
// may be called once.
func (c *Client) Run(ctx context.Context) {
	for ctx.Err() == nil {
		c.mu.Lock()
		wanted, pause := c.wanted, time.Until(c.pause)
		c.mu.Unlock()
		switch {
		case !wanted:
			select {
			case <-ctx.Done():
			case <-c.signal:
			}
		case pause > 0:
			t := time.NewTimer(pause)
			select {
			case <-ctx.Done():
			case <-c.signal:
			case <-t.C:
			}
			t.Stop()
		default:
			c.session(ctx)
		}
	}
}

// Open asks for a connection. It does not block. While attempts fail, Run heeds
// it less and less often, and each call stands for one attempt.
func (c *Client) Open() {
	c.mu.Lock()
	news := !c.wanted
	c.wanted = true
	c.mu.Unlock()
	if news {
		c.wake()
	}
}

// Close asks to end the connection. It does not block.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wanted = false
	if c.cut != nil {
		c.cut()
	}
}

// Reset ends a connection that may be dead, and forgets earlier failures: the
// network has changed.
func (c *Client) Reset() {
	c.Close()
	c.mu.Lock()
	c.failed, c.pause = 0, time.Time{}
	c.mu.Unlock()
	c.wake()
}

func (c *Client) wake() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// Active reports whether there is a connection.
func (c *Client) Active() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active
}

// Status returns the state of the connection, for diagnosis.
func (c *Client) Status() ClientStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Relay, s.Active = c.cfg.Relay, c.active
	if s.Active {
		s.Age = time.Since(c.since)
	}
	s.Pause = max(0, time.Until(c.pause))
	return s
}

// Send queues a datagram for an IPv4 address. It copies the datagram, does not
// block, and returns false if it was dropped: there is no connection, the queue
// is full, or the address or size is not one that relays carry.
func (c *Client) Send(dst netip.AddrPort, datagram []byte) bool {
	if !dst.Addr().Unmap().Is4() || len(datagram) < MinDatagram || len(datagram) > MaxDatagram {
		return false
	}
	c.mu.Lock()
	if !c.active || len(c.queue) >= maxQueue {
		c.stats.Dropped++
		c.mu.Unlock()
		return false
	}
	first := len(c.queue) == 0
	c.queue = AppendPacket(c.queue, dst, datagram)
	c.stats.Sent++
	c.stats.SentBytes += uint64(len(datagram))
	c.mu.Unlock()
	if first {
		c.wake()
	}
	return true
}

var (
	// errClosed ends a session that is not wanted any more.
	errClosed = errors.New("closed by the owner")
	// errHungUp stands for the end of the stream.
	errHungUp = errors.New("the relay has closed the connection")
)

// session makes one connection and serves it until it ends.
func (c *Client) session(parent context.Context) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	c.mu.Lock()
	if !c.wanted { // meanwhile
		c.mu.Unlock()
		return
	}
	c.cut = func() { cancel(errClosed) }
	c.mu.Unlock()
	begun := time.Now()
	received, err := c.connect(ctx, cancel)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if errors.Is(err, io.EOF) {
		err = errHungUp
	}
	c.mu.Lock()
	c.cut, c.wanted = nil, false
	switch {
	case errors.Is(err, errClosed) || parent.Err() != nil:
		c.stats.Problem = ""
	case received || time.Since(begun) >= trial:
		c.failed = 0
		c.pause = time.Now().Add(pauseAfter(1))
		c.stats.Problem = err.Error()
	default:
		c.failed++
		c.pause = time.Now().Add(pauseAfter(c.failed))
		c.stats.Problem = err.Error()
	}
	c.mu.Unlock()
	c.cfg.Log.Debug("no connection to the relay", "relay", c.cfg.Relay, "err", err)
}

// connect dials, greets, and then sends and receives until the context ends. It
// reports whether anything was received.
func (c *Client) connect(ctx context.Context, cancel context.CancelCauseFunc) (received bool, err error) {
	dial, stop := context.WithTimeout(ctx, dialPatience)
	conn, err := c.cfg.Dial(dial, "tcp", c.cfg.Relay.String())
	stop()
	if err != nil {
		return false, err
	}
	var reading sync.WaitGroup
	defer reading.Wait()
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := write(conn, AppendGreeting(nil, c.cfg.Version)); err != nil {
		return false, err
	}
	if !c.setActive(ctx) {
		return false, context.Cause(ctx)
	}
	defer c.setInactive()
	reading.Go(func() { cancel(c.receive(conn, &received)) })
	err = c.send(ctx, conn)
	_ = conn.Close()
	reading.Wait()
	return received, err
}

func (c *Client) setActive(ctx context.Context) bool {
	c.mu.Lock()
	if ctx.Err() != nil {
		c.mu.Unlock()
		return false
	}
	c.active, c.since, c.queue = true, time.Now(), c.queue[:0]
	c.stats.Sessions++
	c.mu.Unlock()
	c.cfg.Log.Info("connected to the relay", "relay", c.cfg.Relay)
	c.cfg.Changed(true)
	return true
}

func (c *Client) setInactive() {
	c.mu.Lock()
	c.active, c.queue = false, nil
	c.mu.Unlock()
	c.cfg.Log.Info("disconnected from the relay", "relay", c.cfg.Relay)
	c.cfg.Changed(false)
}

// send writes what is queued until the context ends.
func (c *Client) send(ctx context.Context, conn net.Conn) error {
	var out []byte
	for {
		c.mu.Lock()
		out, c.queue = c.queue, out[:0]
		c.mu.Unlock()
		if len(out) > 0 {
			if err := write(conn, out); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.signal:
		}
	}
}

// receive takes the relay's messages until there is an error.
func (c *Client) receive(conn net.Conn, received *bool) error {
	r := NewReader(conn)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		m, err := r.Next()
		if err != nil {
			return err
		}
		if m.Kind != Packet {
			continue
		}
		*received = true
		c.mu.Lock()
		c.stats.Received++
		c.stats.ReceivedBytes += uint64(len(m.Datagram))
		c.mu.Unlock()
		c.cfg.Receive(m.Addr, m.Datagram)
	}
}

// write sends all of b in bounded time.
func write(conn net.Conn, b []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writePatience)); err != nil {
		return err
	}
	_, err := conn.Write(b)
	return err
}
