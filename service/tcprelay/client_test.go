package tcprelay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// relay is the other end of a client's connections, in memory.
type relay struct {
	t     *testing.T
	conns chan net.Conn // accepted connections
	// dial says what becomes of an attempt; nil accepts.
	dial func(ctx context.Context) error

	mu       sync.Mutex // guards what follows
	attempts []time.Time
	changes  []bool
	got      []string
}

// start runs a client in the bubble of a test.
func start(t *testing.T, dial func(ctx context.Context) error) (*Client, *relay) {
	r := &relay{t: t, conns: make(chan net.Conn, 16), dial: dial}
	c := NewClient(ClientConfig{
		Relay: netip.MustParseAddrPort("5.5.5.5:443"), Version: Version{1, 14, 1}, Log: quiet,
		Dial: r.connect,
		Receive: func(from netip.AddrPort, datagram []byte) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = append(r.got, from.String()+" "+string(datagram))
		},
		Changed: func(active bool) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.changes = append(r.changes, active)
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		if c.Active() {
			t.Error("active in the end")
		}
		close(r.conns)
		for conn := range r.conns {
			_ = conn.Close()
		}
	})
	return c, r
}

func (r *relay) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp" || address != "5.5.5.5:443" {
		r.t.Errorf("dials %s %s", network, address)
	}
	r.mu.Lock()
	r.attempts = append(r.attempts, time.Now())
	r.mu.Unlock()
	if r.dial != nil {
		if err := r.dial(ctx); err != nil {
			return nil, err
		}
	}
	here, there := net.Pipe()
	r.conns <- there
	return here, nil
}

func (r *relay) tried() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.attempts)
}

// accept takes a connection and its greeting.
func (r *relay) accept() (net.Conn, *Reader) {
	r.t.Helper()
	select {
	case c := <-r.conns:
		in := NewReader(c)
		if m, err := in.Next(); err != nil || m.Kind != Greeting || m.Version != (Version{1, 14, 1}) {
			r.t.Fatalf("greeting %+v, %v", m, err)
		}
		synctest.Wait()
		return c, in
	case <-time.After(time.Hour):
		r.t.Fatal("no connection")
		return nil, nil
	}
}

func (r *relay) changed(want ...bool) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(r.changes, want) {
		r.t.Errorf("changes %v, want %v", r.changes, want)
	}
}

// datagram is one of 16 bytes.
func datagram(b byte) []byte { return bytes.Repeat([]byte{b}, MinDatagram) }

// pass lets time pass on the clock of the bubble.
func pass(d time.Duration) { <-time.After(d); synctest.Wait() }

func TestSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, nil)
		pass(time.Hour)
		if r.tried() != 0 || c.Active() || c.Send(root, datagram(1)) {
			t.Error("does something without being asked")
		}
		c.Open()
		c.Open()
		conn, in := r.accept()
		if !c.Active() {
			t.Fatal("not active")
		}
		r.changed(true)
		for name, bad := range map[string]bool{
			"to IPv6":   c.Send(root6, datagram(1)),
			"too short": c.Send(root, datagram(1)[1:]),
			"too long":  c.Send(root, make([]byte, MaxDatagram+1)),
		} {
			if bad {
				t.Errorf("sends something %s", name)
			}
		}
		mapped := netip.AddrPortFrom(netip.AddrFrom16(root.Addr().As16()), root.Port())
		if !c.Send(root, datagram('a')) || !c.Send(mapped, datagram('b')) {
			t.Error("does not send")
		}
		for _, want := range "ab" {
			if m, err := in.Next(); err != nil || m.Kind != Packet || m.Addr != root || m.Datagram[0] != byte(want) || len(m.Datagram) != MinDatagram {
				t.Errorf("got %+v, %v", m, err)
			}
		}
		answer := AppendPacket(AppendGreeting(nil, Version{}), root, []byte("x"))
		answer = append(AppendPacket(answer, root6, []byte("y")), 0x17, 3, 3, 0, 0, 0x17, 3, 3, 0, 1, 0)
		if _, err := conn.Write(answer); err != nil {
			t.Error(err)
		}
		pass(time.Second)
		r.mu.Lock()
		if want := []string{"5.6.7.8:9993 x", "[2a00::1]:9993 y"}; !slices.Equal(r.got, want) {
			t.Errorf("received %q, want %q", r.got, want)
		}
		r.mu.Unlock()
		if s := c.Status(); !s.Active || s.Sent != 2 || s.Received != 2 || s.Dropped != 1 || s.Sessions != 1 || s.Age != time.Second || s.Problem != "" {
			t.Errorf("%+v", s)
		}
		c.Close()
		if _, err := in.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after closing %v", err)
		}
		synctest.Wait()
		r.changed(true, false)
		// What the owner has closed is opened again at once, when it wants so.
		pass(time.Hour)
		c.Open()
		r.accept()
		if r.tried() != 2 {
			t.Errorf("%d attempts", r.tried())
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, nil)
		c.Open()
		r.accept() // and reads no more
		big := make([]byte, 1400)
		sent := 0
		for range 1000 {
			if c.Send(root, big) {
				sent++
			}
			synctest.Wait()
		}
		// One frame is being written, the queue holds the rest.
		if frame := 1400 + HeaderLen + headIPv4; sent != 1+(maxQueue+frame-1)/frame {
			t.Errorf("%d datagrams taken", sent)
		}
		// The relay takes nothing: the connection is dead.
		pass(writePatience + time.Second)
		if c.Active() || c.Status().Problem == "" {
			t.Errorf("still active: %+v", c.Status())
		}
		r.changed(true, false)
	})
}

// TestOneAttempt is a burst while a connection is being made.
func TestOneAttempt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, func(ctx context.Context) error { // a firewall that swallows
			<-ctx.Done()
			return ctx.Err()
		})
		for range 1000 {
			c.Open()
			synctest.Wait()
		}
		pass(dialPatience / 2)
		if r.tried() != 1 {
			t.Errorf("%d attempts at once", r.tried())
		}
		// A close ends it at once, without blame.
		c.Close()
		synctest.Wait()
		if s := c.Status(); s.Problem != "" || s.Pause != 0 {
			t.Errorf("%+v", s)
		}
		c.Open()
		synctest.Wait()
		if r.tried() != 2 {
			t.Errorf("%d attempts", r.tried())
		}
		pass(dialPatience + time.Millisecond)
		if s := c.Status(); s.Problem != context.DeadlineExceeded.Error() || s.Pause == 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestBackOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("connection refused")
		c, r := start(t, func(context.Context) error { return refused })
		for range 60 * 60 { // the node sends all the time
			c.Open()
			pass(time.Second)
		}
		r.mu.Lock()
		tried := slices.Clone(r.attempts)
		r.mu.Unlock()
		if len(tried) < 15 || len(tried) > 30 {
			t.Errorf("%d attempts in an hour", len(tried))
		}
		for i := 1; i < len(tried); i++ {
			pause, want := tried[i].Sub(tried[i-1]), min(firstPause<<min(i-1, 20), longestPause)
			if pause < want*3/4 || pause > want*5/4+time.Second {
				t.Errorf("pause %d is %v, want about %v", i, pause, want)
			}
		}
		if s := c.Status(); s.Problem != "connection refused" || s.Sessions != 0 {
			t.Errorf("%+v", s)
		}
		// Without a wish there is no attempt.
		pass(2 * longestPause)
		before := r.tried()
		pass(10 * longestPause)
		if r.tried() != before {
			t.Error("tries unasked")
		}
		// Another network is another try.
		c.Open()
		pass(0)
		c.Reset()
		c.Open()
		pass(0)
		if r.tried() != before+2 {
			t.Errorf("%d attempts after a change of the network, want 2", r.tried()-before)
		}
	})
}

// TestHangUp is a relay that accepts and hangs up.
func TestHangUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, r := start(t, nil)
		for i := range 4 {
			c.Open()
			conn, _ := r.accept()
			_ = conn.Close()
			synctest.Wait()
			s := c.Status()
			if want := firstPause << i; s.Problem != errHungUp.Error() || s.Pause < want*3/4 || s.Pause > want*5/4 {
				t.Errorf("time %d: %+v", i, s)
			}
		}
		// One that has been of use is tried again soon.
		c.Open()
		conn, _ := r.accept()
		if _, err := conn.Write(AppendPacket(nil, root, datagram('x'))); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
		synctest.Wait()
		if s := c.Status(); s.Pause > firstPause*5/4 {
			t.Errorf("%+v", s)
		}
		r.changed(true, false, true, false, true, false, true, false, true, false)
	})
}

func TestBadRelays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		says  []byte
		error string
		after time.Duration
	}{
		"another server": {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), ErrHeader.Error(), 0},
		"a TLS alert":    {[]byte{0x15, 3, 3, 0, 2, 2, 40}, ErrHeader.Error(), 0},
		"too long":       {[]byte{0x17, 3, 3, 0xff, 0xff}, ErrTooLong.Error(), 0},
		"bad address":    {[]byte{0x17, 3, 3, 0, 1, 9}, ErrAddress.Error(), 0},
		"silence":        {nil, "read pipe: i/o timeout", silence},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client, r := start(t, nil)
				client.Open()
				conn, _ := r.accept()
				if c.says != nil {
					if _, err := conn.Write(c.says); err != nil {
						t.Error(err)
					}
				}
				if c.after > 0 {
					pass(c.after - time.Second)
					if !client.Active() {
						t.Error("closed early")
					}
					pass(2 * time.Second)
				}
				synctest.Wait()
				if s := client.Status(); s.Active || s.Problem != c.error {
					t.Errorf("%+v, want %q", s, c.error)
				}
				if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("the connection is open: %d, %v", n, err)
				}
			})
		})
	}
}

// TestStopsAtOnce ends Run in each of its states.
func TestStopsAtOnce(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(c *Client, r *relay){
		"unasked":   func(*Client, *relay) {},
		"connected": func(c *Client, r *relay) { c.Open(); r.accept() },
		"greeting":  func(c *Client, _ *relay) { c.Open(); synctest.Wait() },
		"pausing": func(c *Client, r *relay) {
			c.Open()
			conn, _ := r.accept()
			_ = conn.Close()
			synctest.Wait()
			c.Open()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				t.Cleanup(func() {
					if d := time.Since(begun); d != 0 {
						t.Errorf("took %v", d)
					}
				})
				c, r := start(t, nil)
				do(c, r)
			})
		})
	}
}
