package udp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"orrery/engine/vl1"
)

const (
	// batchSize is how many messages one system call receives or sends.
	batchSize = 128
	// socketBuffer is what is asked of the kernel for either direction, bytes.
	socketBuffer = 7 << 20
	// minSocketBuffer is where asking for less ends (spec 03 §9.1).
	minSocketBuffer = 64 << 10
	// sendPatience bounds how long a full socket buffer holds a sender up.
	sendPatience = 250 * time.Millisecond
)

// ErrNoSocket is returned by [Open] when the machine can bind neither IPv4 nor
// IPv6 sockets.
var ErrNoSocket = errors.New("neither IPv4 nor IPv6 is available")

// Config says what to open.
type Config struct {
	// Port is the primary port, 0 for a random one from 20000 up (spec 03 §9.2).
	Port int
	// Second asks for a second pair of sockets on SecondPort, 0 being random.
	// Some NATs treat the primary port badly.
	Second     bool
	SecondPort int
	// Mark is the firewall mark of what is sent (Linux, needs CAP_NET_ADMIN), 0
	// for none. Other systems ignore it.
	Mark uint32
	// Log must not be nil.
	Log *slog.Logger

	// plain selects the portable transport, to test it everywhere.
	plain bool
	// noOffload switches segmentation offloads off.
	noOffload bool
}

// Sockets are the open sockets. All methods may be called from any goroutine.
type Sockets struct {
	all []*socket
	log *slog.Logger
}

// socket is one bound socket with its transport.
type socket struct {
	counters
	id   vl1.SocketID
	v6   bool
	port uint16
	conn *net.UDPConn
	transport
}

// transport moves batches through one socket.
type transport interface {
	// receive calls handler with batches until the socket fails, is closed or
	// its read deadline passes.
	receive(handler func([]vl1.Datagram)) error
	// send sends those datagrams of the batch that s.wants. It fails only when
	// the socket is closed.
	send(batch []vl1.Datagram) error
}

// Open binds the sockets. A missing address family is tolerated, a port in use
// is not.
func Open(cfg Config) (*Sockets, error) {
	s := &Sockets{log: cfg.Log}
	if err := s.openPair(cfg, cfg.Port); err != nil {
		return nil, err
	}
	if cfg.Second {
		if err := s.openPair(cfg, cfg.SecondPort); err != nil {
			return nil, errors.Join(fmt.Errorf("second port: %w", err), s.Close())
		}
	}
	return s, nil
}

// openPair adds the sockets of one port.
func (s *Sockets) openPair(cfg Config, port int) error {
	conns, err := bind(port)
	if err != nil {
		return err
	}
	for _, c := range conns {
		sk := &socket{
			id:   vl1.SocketID(len(s.all) + 1),
			v6:   c.v6,
			port: c.port,
			conn: c.UDPConn,
		}
		tune(sk, cfg)
		if cfg.plain {
			sk.transport = newPlain(sk)
		} else {
			sk.transport = newTransport(sk, cfg)
		}
		s.all = append(s.all, sk)
	}
	return nil
}

// Port is the primary port.
func (s *Sockets) Port() int { return int(s.all[0].port) }

// Ports are all bound ports, primary first.
func (s *Sockets) Ports() []int {
	var ports []int
	for _, sk := range s.all {
		if n := len(ports); n == 0 || ports[n-1] != int(sk.port) {
			ports = append(ports, int(sk.port))
		}
	}
	return ports
}

// IDs are the sockets' IDs in ascending order.
func (s *Sockets) IDs() []vl1.SocketID {
	ids := make([]vl1.SocketID, len(s.all))
	for i, sk := range s.all {
		ids[i] = sk.id
	}
	return ids
}

// Run receives until ctx ends, with one goroutine per socket, and returns when
// all have ended. Each calls handler with a batch of at least one datagram, so
// handler must be safe for concurrent use. Datagrams and their data are valid
// during the call only (later the memory may be gone, not just changed), and may
// be changed in place: the arrays overlap nothing else. The error is nil if ctx ended, [net.ErrClosed] after Close.
//
// Run may be called again after it returned, but not while it runs.
func (s *Sockets) Run(ctx context.Context, handler func(batch []vl1.Datagram)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, sk := range s.all {
		if err := sk.conn.SetReadDeadline(time.Time{}); err != nil {
			return err
		}
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		for _, sk := range s.all {
			_ = sk.conn.SetReadDeadline(time.Unix(1, 0)) // fails only when closed, which ends receive too
		}
	})
	defer func() {
		if !stop() {
			<-woken // or it would end a later Run
		}
	}()
	var wg sync.WaitGroup
	var first error
	var once sync.Once
	for _, sk := range s.all {
		wg.Go(func() {
			err := sk.receive(handler)
			if ctx.Err() == nil {
				once.Do(func() { first = fmt.Errorf("receive on UDP port %d: %w", sk.port, err) })
				cancel(err)
			}
		})
	}
	wg.Wait()
	return first
}

// Send sends every datagram of the batch from its Socket, or with
// [vl1.AnySocket] from all sockets of the remote's family. The order per socket
// is kept. Datagrams that cannot be sent are counted, not reported: the error
// is [net.ErrClosed] or nil. The data is not changed and not kept.
func (s *Sockets) Send(batch []vl1.Datagram) error {
	var wanted uint64
	for i := range batch {
		d := &batch[i]
		var m uint64
		for j, sk := range s.all {
			if sk.wants(d) {
				m |= 1 << j
			}
		}
		if m == 0 && len(s.all) > 0 {
			s.all[0].unroutable.Add(1)
		}
		wanted |= m
	}
	for j, sk := range s.all {
		if wanted&(1<<j) == 0 {
			continue
		}
		if err := sk.send(batch); err != nil {
			return err
		}
	}
	return nil
}

// wants reports whether d is to leave through sk.
func (sk *socket) wants(d *vl1.Datagram) bool {
	if d.Socket != vl1.AnySocket && d.Socket != sk.id {
		return false
	}
	ip := d.Remote.Addr()
	if ip.Is4() || ip.Is4In6() {
		return !sk.v6
	}
	return sk.v6 && ip.Is6()
}

// Close closes all sockets and so ends Run.
func (s *Sockets) Close() error {
	var errs []error
	for _, sk := range s.all {
		if err := sk.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
