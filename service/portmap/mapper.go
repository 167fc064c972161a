package portmap

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"syscall"
)

// Config says what to map.
type Config struct {
	// Port is the local UDP port, not 0. The same number is asked for outside.
	Port uint16
	// Description is shown in the gateway's list of mappings (UPnP only). It
	// must be this node's alone, such as "Orrery/89e92ceee5": mappings of this
	// machine with just this description are taken for leftovers of an earlier
	// run and deleted.
	Description string
	// Seed is a secret that this node keeps over restarts. It makes the number
	// that owns the mapping, so that a restarted node can take over its PCP
	// mapping. Random if empty.
	Seed []byte
	// Avoid reports whether an address belongs to one of our virtual networks:
	// there is no gateway to be asked in those. It may be nil.
	Avoid func(netip.Addr) bool
	// Control is called for sockets before they are connected, see
	// [net.Dialer.Control]. It may be nil. It is not called for NAT-PMP.
	Control func(network, address string, c syscall.RawConn) error
	// External is called by the goroutine of Run when the address changes at
	// which the port can be reached, and with ok = false when it cannot be
	// reached any more. It may be nil.
	External func(external netip.AddrPort, ok bool)
	// Log must not be nil.
	Log *slog.Logger
}

// Mapper keeps one port mapped. Its methods may be called from several
// goroutines.
type Mapper struct {
	cfg     Config
	changed chan struct{}

	mu     sync.Mutex // guards status
	status Status
}

// New makes a mapper that has asked for nothing yet.
func New(cfg Config) *Mapper {
	return &Mapper{cfg: cfg, changed: make(chan struct{}, 1), status: Status{Port: cfg.Port, Code: Trying}}
}

// Run keeps the port mapped until ctx ends, then deletes the mapping and
// returns, at most some seconds later. It may be called once.
func (m *Mapper) Run(ctx context.Context) { <-ctx.Done() }

// Changed tells that the machine's addresses, routes or clock have changed:
// the gateway is looked up and asked again soon. It does not block.
func (m *Mapper) Changed() {
	select {
	case m.changed <- struct{}{}:
	default: // one is enough
	}
}

// External returns where the port can be reached from the Internet, and false
// if that is nowhere as far as is known.
func (m *Mapper) External() (netip.AddrPort, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status.External, m.status.Code == Mapped
}

// Status returns the state of the mapping, for diagnosis.
func (m *Mapper) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}
