package tcprelay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"orrery/engine/wire"
)

const (
	// socketBuffer is the size of the sockets' buffers in bytes.
	socketBuffer = 128 << 10
	// idleLimit is how long a client may say nothing.
	idleLimit = 300 * time.Second
	// greetingPatience is how long a client has for its greeting.
	greetingPatience = 10 * time.Second
	// lowestPort is the highest port that is not sent to.
	lowestPort = 1024
	// maxReturned is more than the longest datagram that is returned.
	maxReturned = 2048
	// maxErrors in a row are more than passing errors of a UDP port.
	maxErrors = 1000
)

// packetConn is a client's UDP port.
type packetConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	Close() error
}

// permitted reports whether clients may send to an address.
func permitted(a netip.AddrPort, private bool) bool {
	if a.Port() <= lowestPort || !a.Addr().Is4() {
		return false
	}
	switch wire.ScopeOf(a.Addr()) {
	case wire.ScopeGlobal:
		return true
	case wire.ScopePrivate, wire.ScopePseudoPrivate, wire.ScopeShared:
		return private
	default:
		return false
	}
}

// serve relays for one client until it leaves or breaks the rules.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	udp, err := s.cfg.listen(ctx, s.cfg.Bind)
	if err != nil {
		s.count.refusedTotal.Add(1)
		s.cfg.Log.Debug("no UDP port for a relay client", "err", err)
		return
	}
	defer func() { _ = udp.Close() }()
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetReadBuffer(socketBuffer)
		_ = t.SetWriteBuffer(socketBuffer)
	}
	end := func() {
		_ = conn.Close()
		_ = udp.Close()
	}
	stop := context.AfterFunc(ctx, end)
	defer stop()
	own := newLimit(s.cfg.ClientRate, time.Now())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer end()
		s.toTCP(conn, udp, own)
	}()
	switch err := s.toUDP(conn, udp, own); {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.count.idle.Add(1)
	case errors.Is(err, ErrHeader), errors.Is(err, ErrTooLong), errors.Is(err, ErrAddress):
		s.count.violations.Add(1)
	}
	end()
	<-done
}

// toUDP sends what the client sends. The first message must be a greeting:
// clients that never greet exist in the reference's world, which sends their
// packets to the machine of the relay; here they are refused.
func (s *Server) toUDP(conn net.Conn, udp packetConn, own *limit) error {
	r := NewReader(conn)
	if err := conn.SetReadDeadline(time.Now().Add(greetingPatience)); err != nil {
		return err
	}
	m, err := r.Next()
	if err != nil {
		return err
	}
	if m.Kind != Greeting {
		return ErrHeader
	}
	for {
		if err := conn.SetReadDeadline(time.Now().Add(idleLimit)); err != nil {
			return err
		}
		if m, err = r.Next(); err != nil {
			return err
		}
		switch {
		case m.Kind != Packet:
		case len(m.Datagram) < MinDatagram:
			s.count.droppedSize.Add(1)
		case !s.cfg.permits(m.Addr):
			s.count.droppedDestination.Add(1)
		case !s.within(own, len(m.Datagram)):
			s.count.droppedRate.Add(1)
		default:
			if _, err := udp.WriteToUDPAddrPort(m.Datagram, m.Addr); err != nil {
				if errors.Is(err, net.ErrClosed) {
					return err
				}
				s.count.droppedError.Add(1) // too long for the way, no route, …
				continue
			}
			s.count.toUDP.Add(1)
			s.count.toUDPBytes.Add(uint64(len(m.Datagram)))
		}
	}
}

// toTCP returns what comes to the client's UDP port. While the client does not
// read, datagrams wait and then get lost in the socket's buffer.
func (s *Server) toTCP(conn net.Conn, udp packetConn, own *limit) {
	in := make([]byte, maxReturned)
	out := make([]byte, 0, HeaderLen+headIPv6+maxReturned)
	for failed := 0; ; {
		n, from, err := udp.ReadFromUDPAddrPort(in)
		if failed++; err == nil {
			failed = 0
		}
		switch {
		case errors.Is(err, net.ErrClosed), failed == maxErrors:
			return
		case err != nil:
			// An earlier datagram could not be delivered, or one was too long,
			// which are errors on some systems.
			s.count.droppedError.Add(1)
			continue
		case n < MinDatagram || n >= maxReturned:
			s.count.droppedSize.Add(1)
			continue
		case !s.within(own, n):
			s.count.droppedRate.Add(1)
			continue
		}
		out = AppendPacket(out[:0], from, in[:n])
		if write(conn, out) != nil {
			return
		}
		s.count.toTCP.Add(1)
		s.count.toTCPBytes.Add(uint64(n))
	}
}

// within reports whether a datagram is within the limits of bandwidth.
func (s *Server) within(own *limit, n int) bool {
	if own == nil && s.all == nil {
		return true
	}
	now := time.Now()
	return own.take(n, now) && s.all.take(n, now)
}
