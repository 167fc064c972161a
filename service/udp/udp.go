package udp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"orrery/engine/vl1"
)

const (
	// batchSize is how many messages one system call receives or sends.
	batchSize = 128
	// wholeBuffer holds the largest datagram of the protocol, 10,024 bytes and a
	// margin.
	wholeBuffer = 10 << 10
	// socketBuffer is what is asked of the kernel for either direction, bytes.
	socketBuffer = 7 << 20
	// minSocketBuffer is where asking for less ends (spec 03 §9.1).
	minSocketBuffer = 64 << 10
	// sendPatience bounds how long a full socket buffer holds a sender up.
	sendPatience = 250 * time.Millisecond
)

// ErrNoSocket is returned by [TryPort] when the machine can bind neither IPv4
// nor IPv6 sockets.
var ErrNoSocket = errors.New("neither IPv4 nor IPv6 is available")

// Config says how sockets are made.
type Config struct {
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
	cfg Config
	// table has the open sockets by the low bits of their IDs.
	table [tableSize]atomic.Pointer[socket]
	// any has what AnySocket stands for.
	any atomic.Pointer[anySockets]
	// primary is the primary port that was last wanted.
	primary atomic.Int32
	// unroutable counts datagrams for no socket.
	unroutable atomic.Uint64
	closed     atomic.Bool
	quit       chan struct{} // closed by Close

	mu      sync.Mutex // guards what follows; held for moments only
	regular []*socket  // in the order in which they were wanted
	lastID  vl1.SocketID
	run     *running // nil while nobody receives
	retired Stats    // of the sockets that are closed
	refused bool     // device binding, which was told
}

// running is one call of Run.
type running struct {
	handler func([]vl1.Datagram)
	loops   sync.WaitGroup
}

// socket is one bound socket with its transport.
type socket struct {
	counters
	id      vl1.SocketID
	v6      bool
	small   bool // little is expected: small buffers will do
	port    uint16
	binding Binding // but for Local guarded by Sockets.mu
	device  string  // that it is bound to indeed
	conn    *net.UDPConn
	// idle is closed when receiving has ended, nil if it never began. It is
	// guarded by Sockets.mu.
	idle chan struct{}
	transport
}

// transport moves batches through one socket.
type transport interface {
	// receive calls handler with batches until the socket fails, is closed or
	// its read deadline passes.
	receive(handler func([]vl1.Datagram)) error
	// send sends a batch. It fails only when the socket is closed.
	send(batch []vl1.Datagram) error
}

// New makes sockets, none of them open: see [Sockets.Update].
func New(cfg Config) *Sockets {
	s := &Sockets{cfg: cfg, quit: make(chan struct{})}
	s.any.Store(&anySockets{})
	return s
}

// Port is the primary port, as last wanted.
func (s *Sockets) Port() int { return int(s.primary.Load()) }

// Run receives until ctx ends, with one goroutine per socket, those that are
// opened meanwhile included, and returns when all have ended. Each calls handler
// with a batch of at least one datagram, so handler must be safe for concurrent
// use. Datagrams and their data are valid during the call only (later the memory
// may be gone, not just changed), and may be changed in place: the arrays
// overlap nothing else. The error is nil if ctx ended, [net.ErrClosed] after
// Close.
//
// Run may be called again after it returned, but not while it runs.
func (s *Sockets) Run(ctx context.Context, handler func(batch []vl1.Datagram)) error {
	r := &running{handler: handler}
	s.mu.Lock()
	if s.closed.Load() {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.run = r
	for sk := range s.open() {
		_ = sk.conn.SetReadDeadline(time.Time{}) // an error shows in receive
		s.start(sk)
	}
	s.mu.Unlock()
	var err error
	select {
	case <-ctx.Done():
	case <-s.quit:
		err = net.ErrClosed
	}
	s.mu.Lock()
	s.run = nil
	for sk := range s.open() {
		_ = sk.conn.SetReadDeadline(time.Unix(1, 0)) // fails only when closed, which ends receive too
	}
	s.mu.Unlock()
	r.loops.Wait()
	return err
}

// start begins to receive from a socket. The caller holds mu, and s.run is set.
func (s *Sockets) start(sk *socket) {
	r, idle := s.run, make(chan struct{})
	sk.idle = idle
	r.loops.Go(func() {
		defer close(idle)
		err := sk.receive(r.handler)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.run == r && s.find(sk.id) == sk {
			// Nobody has closed it. The next Update opens another.
			s.cfg.Log.Warn("a UDP socket has failed", "socket", sk.binding.Local, "device", sk.binding.Device, "err", err)
			s.shut(sk)
		}
	})
}

// open yields the open sockets. The caller holds mu.
func (s *Sockets) open() func(yield func(*socket) bool) {
	return func(yield func(*socket) bool) {
		for i := range s.table {
			if sk := s.table[i].Load(); sk != nil && !yield(sk) {
				return
			}
		}
	}
}

// Close closes all sockets and so ends Run.
func (s *Sockets) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	for sk := range s.open() {
		s.shut(sk)
	}
	close(s.quit)
	return nil
}
