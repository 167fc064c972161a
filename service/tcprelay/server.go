package tcprelay

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// ServerConfig says whom a relay serves.
type ServerConfig struct {
	// Clients bounds the connections in total, 1024 if 0; PerAddress those of
	// one IPv4 address or IPv6 /64, 16 if 0.
	Clients, PerAddress int
	// Bind is the local IPv4 address of the clients' UDP ports, any if not valid.
	Bind netip.Addr
	// AllowPrivate lets clients send to private addresses too. Addresses that
	// are only of this machine or of its link are never sent to.
	AllowPrivate bool
	// Rate bounds the bytes of datagrams a second of all clients, ClientRate
	// those of one, both directions together. What is beyond is dropped. 0 is
	// without bound.
	Rate, ClientRate int64
	// Log must not be nil.
	Log *slog.Logger

	// What follows stands in for the system in tests.
	listen  func(ctx context.Context, bind netip.Addr) (packetConn, error)
	permits func(netip.AddrPort) bool
}

const (
	defaultClients    = 1024
	defaultPerAddress = 16
)

// Server relays datagrams for clients that connect by TCP (spec 03 §9.7).
type Server struct {
	cfg   ServerConfig
	count counters
	all   *limit

	mu      sync.Mutex // guards what follows
	clients int
	from    map[netip.Prefix]int // connections by the network that they come from
}

// NewServer makes a server; nothing runs before [Server.Serve].
func NewServer(cfg ServerConfig) *Server {
	if cfg.Clients == 0 {
		cfg.Clients = defaultClients
	}
	if cfg.PerAddress == 0 {
		cfg.PerAddress = defaultPerAddress
	}
	if cfg.listen == nil {
		cfg.listen = listenUDP
	}
	if cfg.permits == nil {
		cfg.permits = func(a netip.AddrPort) bool { return permitted(a, cfg.AllowPrivate) }
	}
	return &Server{cfg: cfg, all: newLimit(cfg.Rate, time.Now()), from: make(map[netip.Prefix]int)}
}

// listenUDP opens a UDP port of its own.
func listenUDP(ctx context.Context, bind netip.Addr) (packetConn, error) {
	if !bind.IsValid() {
		bind = netip.IPv4Unspecified()
	}
	l := net.ListenConfig{}
	c, err := l.ListenPacket(ctx, "udp4", netip.AddrPortFrom(bind, 0).String())
	if err != nil {
		return nil, err
	}
	u := c.(*net.UDPConn) // what ListenPacket returns for UDP
	_ = u.SetReadBuffer(socketBuffer)
	_ = u.SetWriteBuffer(socketBuffer)
	return u, nil
}

// Serve accepts clients until ctx ends, closes the listener and returns when
// all connections are closed. An error is why it could not go on. It may be
// called for several listeners at once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	defer clients.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer func() { _ = l.Close() }()
	pause := time.Duration(0)
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			// Too many open files, or a client that has gone: it passes.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.cfg.Log.Debug("relay client not accepted", "err", err)
			wait(ctx, pause)
			continue
		}
		pause = 0
		where, ok := s.admit(conn.RemoteAddr())
		if !ok {
			_ = conn.Close()
			continue
		}
		clients.Go(func() {
			defer s.leave(where)
			s.serve(ctx, conn)
		})
	}
}

// wait lets d pass.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// admit counts a connection, unless it is one too many.
func (s *Server) admit(a net.Addr) (where netip.Prefix, ok bool) {
	where = network(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.clients >= s.cfg.Clients:
		s.count.refusedTotal.Add(1)
		return where, false
	case s.from[where] >= s.cfg.PerAddress:
		s.count.refusedAddress.Add(1)
		return where, false
	}
	s.clients++
	s.from[where]++
	s.count.accepted.Add(1)
	return where, true
}

func (s *Server) leave(where netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients--
	if s.from[where]--; s.from[where] == 0 {
		delete(s.from, where)
	}
}

// network is what counts as one address: an IPv4 address, or the /64 that an
// IPv6 host can choose from.
func network(a net.Addr) netip.Prefix {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Prefix{} // all others together
	}
	ip := ap.Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
