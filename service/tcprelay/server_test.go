package tcprelay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// patience is how long tests with real sockets wait for what happens.
const patience = 2 * time.Minute

// serve runs a server on the loopback interface.
func serve(t *testing.T, cfg ServerConfig) (*Server, netip.AddrPort) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Log, cfg.Bind = quiet, netip.MustParseAddr("127.0.0.1")
	s := NewServer(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if n := s.Stats().Clients; n != 0 || len(s.from) != 0 {
			t.Errorf("%d clients, %v in the end", n, s.from)
		}
	})
	return s, l.Addr().(*net.TCPAddr).AddrPort()
}

// loopback lets clients send to the ports of the tests.
func loopback(a netip.AddrPort) bool { return a.Addr().IsLoopback() }

// peer is a UDP port that belongs to somebody else.
func peer(t *testing.T) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c, c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// dial connects as a client by hand.
func dial(t *testing.T, server netip.AddrPort) (net.Conn, *Reader) {
	t.Helper()
	c, err := net.Dial("tcp4", server.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c, NewReader(c)
}

func send(t *testing.T, c io.Writer, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: never", what)
		}
	}
}

var hello = AppendGreeting(nil, Version{1, 14, 1})

func TestServer(t *testing.T) {
	t.Parallel()
	s, addr := serve(t, ServerConfig{permits: loopback})
	other, otherAddr := peer(t)
	c, in := dial(t, addr)
	// What is not relayed comes first, and must not disturb the rest.
	b := AppendPacket(bytes.Clone(hello), otherAddr, datagram(1)[1:])
	b = AppendPacket(b, netip.MustParseAddrPort("5.6.7.8:9993"), datagram(2))
	b = AppendPacket(b, netip.MustParseAddrPort("[2a00::1]:9993"), datagram(2))
	b = append(b, 0x17, 3, 3, 0, 0, 0x17, 3, 3, 0, 3, 0, 1, 2)
	b = AppendPacket(b, otherAddr, datagram(3))
	send(t, c, b)
	buf := make([]byte, 4096)
	n, from, err := other.ReadFromUDPAddrPort(buf)
	if err != nil || !bytes.Equal(buf[:n], datagram(3)) {
		t.Fatalf("got %x, %v", buf[:n], err)
	}
	// Back come datagrams of 16 to 2047 bytes.
	for _, size := range []int{MinDatagram - 1, maxReturned, maxReturned + 500, MinDatagram, maxReturned - 1} {
		if _, err := other.WriteToUDPAddrPort(bytes.Repeat([]byte{byte(size)}, size), from); err != nil {
			t.Fatal(err)
		}
	}
	for _, size := range []int{MinDatagram, maxReturned - 1} {
		m, err := in.Next()
		if err != nil || m.Kind != Packet || m.Addr != otherAddr || len(m.Datagram) != size || m.Datagram[0] != byte(size) {
			t.Errorf("got %d bytes from %v, %v, want %d", len(m.Datagram), m.Addr, err, size)
		}
	}
	eventually(t, "statistics", func() bool {
		return s.Stats() == ServerStats{
			Clients: 1, Accepted: 1, ToUDP: 1, ToUDPBytes: MinDatagram, ToTCP: 2, ToTCPBytes: MinDatagram + maxReturned - 1, DroppedDestination: 2,
			// One too short on its way out, three of a wrong size on their way back.
			DroppedSize: 4,
		}
	})
	// Another client has a port of its own.
	c2, _ := dial(t, addr)
	send(t, c2, AppendPacket(bytes.Clone(hello), otherAddr, datagram(4)))
	if _, from2, err := other.ReadFromUDPAddrPort(buf); err != nil || from2 == from {
		t.Errorf("second client sends from %v, %v, the first from %v", from2, err, from)
	}
	_ = c.Close()
	_ = c2.Close()
	eventually(t, "both gone", func() bool { return s.Stats().Clients == 0 })
}

// TestBothEnds is our client with our server.
func TestBothEnds(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, ServerConfig{permits: loopback})
	other, otherAddr := peer(t)
	got := make(chan string, 16)
	c := NewClient(ClientConfig{
		Relay: addr, Log: quiet,
		Receive: func(from netip.AddrPort, d []byte) { got <- from.String() + string(d) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	defer func() { cancel(); <-done }()
	c.Open()
	eventually(t, "connection", c.Active)
	buf := make([]byte, 4096)
	for i := range 100 {
		if !c.Send(otherAddr, datagram(byte(i))) {
			t.Fatal("not sent")
		}
		n, from, err := other.ReadFromUDPAddrPort(buf)
		if err != nil || !bytes.Equal(buf[:n], datagram(byte(i))) {
			t.Fatalf("got %x, %v", buf[:n], err)
		}
		if _, err := other.WriteToUDPAddrPort(buf[:n], from); err != nil {
			t.Fatal(err)
		}
		if back := <-got; back != otherAddr.String()+string(datagram(byte(i))) {
			t.Fatalf("back comes %q", back)
		}
	}
}

func TestViolations(t *testing.T) {
	t.Parallel()
	for name, says := range map[string][]byte{
		"a web browser":   []byte("GET / HTTP/1.1\r\n\r\n"),
		"no greeting":     AppendPacket(nil, root, datagram(1)),
		"nothing first":   append([]byte{0x17, 3, 3, 0, 0}, hello...),
		"too long":        append(bytes.Clone(hello), 0x17, 3, 3, 0x40, 1),
		"unknown address": append(bytes.Clone(hello), 0x17, 3, 3, 0, 1, 7),
		"cut address":     append(bytes.Clone(hello), 0x17, 3, 3, 0, 6, 4, 1, 2, 3, 4, 5),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, addr := serve(t, ServerConfig{})
			c, in := dial(t, addr)
			send(t, c, says)
			if m, err := in.Next(); err == nil {
				t.Errorf("answers %+v", m)
			}
			eventually(t, "counted", func() bool { st := s.Stats(); return st.Violations == 1 && st.Clients == 0 && st.ToUDP == 0 })
		})
	}
}

func TestPermitted(t *testing.T) {
	t.Parallel()
	for a, want := range map[string][2]bool{ // usually, and with private ones
		"5.6.7.8:1025":         {true, true},
		"5.6.7.8:65535":        {true, true},
		"5.6.7.8:1024":         {},
		"5.6.7.8:53":           {},
		"5.6.7.8:0":            {},
		"192.168.1.1:9993":     {false, true},
		"10.1.1.1:9993":        {false, true},
		"100.64.1.1:9993":      {false, true},
		"11.1.1.1:9993":        {false, true},
		"127.0.0.1:9993":       {},
		"169.254.169.254:9993": {},
		"0.0.0.0:9993":         {},
		"255.255.255.255:9993": {},
		"224.0.0.1:9993":       {},
		"[2a00::1]:9993":       {},
		"[::1]:9993":           {},
	} {
		ap := netip.MustParseAddrPort(a)
		if got := [2]bool{permitted(ap, false), permitted(ap, true)}; got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for a, want := range map[string]string{
		"5.6.7.8:1":            "5.6.7.8/32",
		"[::ffff:5.6.7.8]:1":   "5.6.7.8/32",
		"[2a00:1:2:3:4::5]:1":  "2a00:1:2:3::/64",
		"[fe80::1%eth0]:1":     "fe80::/64",
		"@":                    "invalid Prefix",
		"somewhere":            "invalid Prefix",
		"[2a00:1:2:3:ffff::]:": "invalid Prefix",
	} {
		if got := network(address(a)).String(); got != want {
			t.Errorf("%s: %s, want %s", a, got, want)
		}
	}
}

// address is a network address by its text.
type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

// memory is a listener whose connections are made in memory.
type memory struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once

	mu     sync.Mutex // guards errors
	errors []error    // returned before connections
}

func (m *memory) Accept() (net.Conn, error) {
	m.mu.Lock()
	if len(m.errors) > 0 {
		err := m.errors[0]
		m.errors = m.errors[1:]
		m.mu.Unlock()
		return nil, err
	}
	m.mu.Unlock()
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) Addr() net.Addr { return address("memory") }

// from is a connection from an address.
type from struct {
	net.Conn
	address
}

func (f from) RemoteAddr() net.Addr { return f.address }

// dial connects from an address.
func (m *memory) dial(a string) (net.Conn, *Reader) {
	here, there := net.Pipe()
	m.conns <- from{there, address(a)}
	synctest.Wait()
	return here, NewReader(here)
}

// port is a UDP port in memory that nothing comes to.
type port struct {
	done chan struct{}
	once sync.Once
}

func (p *port) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	<-p.done
	return 0, netip.AddrPort{}, net.ErrClosed
}

func (p *port) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil }
func (p *port) Close() error                                               { p.once.Do(func() { close(p.done) }); return nil }

// bubble runs a server in the bubble of a test.
func bubble(t *testing.T, cfg ServerConfig) (*Server, *memory) {
	m := &memory{conns: make(chan net.Conn), done: make(chan struct{})}
	cfg.Log = quiet
	if cfg.listen == nil {
		cfg.listen = func(context.Context, netip.Addr) (packetConn, error) { return &port{done: make(chan struct{})}, nil }
	}
	s := NewServer(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, m) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if st := s.Stats(); st.Clients != 0 || len(s.from) != 0 {
			t.Errorf("in the end %+v, %v", st, s.from)
		}
	})
	return s, m
}

func TestIdleLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, m := bubble(t, ServerConfig{})
		mute, _ := m.dial("5.6.7.8:1")
		good, _ := m.dial("5.6.7.9:1")
		send(t, good, hello)
		pass(greetingPatience - time.Second)
		if s.Stats().Clients != 2 {
			t.Error("cut early")
		}
		pass(2 * time.Second)
		if _, err := mute.Write(hello); err == nil || s.Stats().Clients != 1 || s.Stats().Idle != 1 {
			t.Errorf("a client without greeting stays: %+v", s.Stats())
		}
		for range 3 { // whatever it says
			send(t, good, []byte{0x17, 3, 3, 0, 0})
			pass(idleLimit - 2*time.Second)
		}
		send(t, good, hello)
		pass(idleLimit - 2*time.Second)
		send(t, good, AppendPacket(nil, root, datagram(1)))
		pass(idleLimit - time.Second)
		if s.Stats().Clients != 1 || s.Stats().ToUDP != 1 {
			t.Errorf("cut early: %+v", s.Stats())
		}
		pass(2 * time.Second)
		if st := s.Stats(); st.Clients != 0 || st.Idle != 2 {
			t.Errorf("an idle client stays: %+v", st)
		}
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, m := bubble(t, ServerConfig{Clients: 4, PerAddress: 2})
		check := func(a string, want bool) net.Conn {
			t.Helper()
			c, _ := m.dial(a)
			_, err := c.Write(hello)
			if (err == nil) != want {
				t.Errorf("%s: %v, want served: %v", a, err, want)
			}
			return c
		}
		first := check("5.6.7.8:1", true)
		check("5.6.7.8:2", true)
		check("5.6.7.8:3", false)
		check("[2a00::1]:1", true)
		check("[2a00::ffff:2]:1", true)
		check("[2a00::3]:1", false) // first the total
		if st := s.Stats(); st.Clients != 4 || st.Accepted != 4 || st.RefusedAddress != 1 || st.RefusedTotal != 1 {
			t.Errorf("%+v", st)
		}
		_ = first.Close()
		synctest.Wait()
		check("[2a00::3]:1", false) // of the same /64
		check("5.6.7.8:4", true)
		if st := s.Stats(); st.Clients != 4 || st.RefusedAddress != 2 {
			t.Errorf("%+v", st)
		}
	})
}

func TestAcceptErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tooMany := errors.New("too many open files")
		m := &memory{conns: make(chan net.Conn), done: make(chan struct{}), errors: []error{tooMany, tooMany, tooMany, tooMany}}
		s := NewServer(ServerConfig{
			Log: quiet, listen: func(context.Context, netip.Addr) (packetConn, error) { return nil, errors.New("no ports") },
		})
		done := make(chan error, 1)
		begun := time.Now()
		go func() { done <- s.Serve(t.Context(), m) }()
		c, in := m.dial("5.6.7.8:1")
		if d := time.Since(begun); d < 5*time.Millisecond || d > time.Second {
			t.Errorf("goes on after %v", d)
		}
		if _, err := in.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("a client without a port: %v", err)
		}
		_ = c.Close()
		_ = m.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("a closed listener: %v", err)
		}
	})
}

// TestDeafClient takes nothing of what comes for it.
func TestDeafClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, m := bubble(t, ServerConfig{listen: func(context.Context, netip.Addr) (packetConn, error) {
			return &flood{port{done: make(chan struct{})}}, nil
		}})
		c, _ := m.dial("5.6.7.8:1")
		send(t, c, hello)
		pass(writePatience + time.Second)
		if st := s.Stats(); st.Clients != 0 || st.ToTCP != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// flood is a UDP port to which something comes all the time.
type flood struct{ port }

func (f *flood) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case <-f.done:
		return 0, netip.AddrPort{}, net.ErrClosed
	default:
		return copy(b, datagram(1)), root, nil
	}
}

// TestBrokenPort fails without an end.
func TestBrokenPort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, m := bubble(t, ServerConfig{listen: func(context.Context, netip.Addr) (packetConn, error) { return broken{}, nil }})
		m.dial("5.6.7.8:1")
		if st := s.Stats(); st.Clients != 0 || st.DroppedError == 0 {
			t.Errorf("%+v", st)
		}
	})
}

type broken struct{}

func (broken) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	return 0, netip.AddrPort{}, errors.New("network is down")
}

func (broken) WriteToUDPAddrPort([]byte, netip.AddrPort) (int, error) {
	return 0, errors.New("network is down")
}
func (broken) Close() error { return nil }
