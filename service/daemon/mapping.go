package daemon

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"orrery/engine/identity"
	"orrery/service/portmap"
)

// portMapper keeps one port mapped, as [portmap.Mapper] does.
type portMapper interface {
	Run(ctx context.Context)
	Changed()
	Status() portmap.Status
}

// mapping has the gateway pass one UDP port on to this machine while that is
// wanted (spec 03 §9.3), one mapper at a time.
type mapping struct {
	// make makes a mapper; config has all but the port and External.
	make   func(portmap.Config) portMapper
	config portmap.Config
	// changed is called when the external address is another.
	changed func()
	news    chan struct{}

	mu       sync.Mutex // guards what follows
	port     int        // that is to be mapped, 0 for none
	mapper   portMapper // nil while nothing is mapped
	external netip.AddrPort
}

// newMapping makes a mapping for a node; secret is its identity, from which the
// number is derived that owns the mapping over restarts.
func newMapping(m machine, secret *identity.Secret, log *slog.Logger, changed func()) (*mapping, error) {
	seed, err := hkdf.Key(sha256.New, []byte(secret.Text()), nil, "orrery port mapping owner", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("port mapping: %w", err)
	}
	return &mapping{
		make: m.mapper, changed: changed, news: make(chan struct{}, 1),
		config: portmap.Config{Description: "Orrery/" + secret.Address.String(), Seed: seed, Avoid: avoids(m), Log: log},
	}, nil
}

// avoids tells which addresses belong to our own networks.
func avoids(m machine) func(netip.Addr) bool {
	return func(a netip.Addr) bool {
		for _, p := range m.prefixes() {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
}

// want says which port is to be mapped from now on, 0 for none.
func (m *mapping) want(port int) {
	m.mu.Lock()
	changed := m.port != port
	m.port = port
	m.mu.Unlock()
	if changed {
		select {
		case m.news <- struct{}{}:
		default:
		}
	}
}

func (m *mapping) wanted() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.port
}

// moved tells that the machine's addresses or routes have changed.
func (m *mapping) moved() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mapper != nil {
		m.mapper.Changed()
	}
}

// at is where the port can be reached from outside, not valid if it cannot.
func (m *mapping) at() netip.AddrPort {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.external
}

// status is the state of the mapping, and false while none is wanted.
func (m *mapping) status() (portmap.Status, bool) {
	m.mu.Lock()
	mapper := m.mapper
	m.mu.Unlock()
	if mapper == nil {
		return portmap.Status{}, false
	}
	return mapper.Status(), true
}

// run keeps the mapping that is wanted until ctx ends, and deletes it then.
func (m *mapping) run(ctx context.Context) {
	for ctx.Err() == nil {
		if port := m.wanted(); port != 0 {
			m.keep(ctx, port)
			continue
		}
		select {
		case <-ctx.Done():
		case <-m.news:
		}
	}
}

// keep keeps one port mapped until another one is wanted.
func (m *mapping) keep(ctx context.Context, port int) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	config := m.config
	config.Port = uint16(port)
	config.External = m.reached
	mapper := m.make(config)
	m.setMapper(mapper)
	running.Go(func() { mapper.Run(ctx) })
	for ctx.Err() == nil && m.wanted() == port {
		select {
		case <-ctx.Done():
		case <-m.news:
		}
	}
	cancel()
	running.Wait()
	m.setMapper(nil)
	m.reached(netip.AddrPort{}, false)
}

func (m *mapping) setMapper(mapper portMapper) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mapper = mapper
}

// reached takes the mapper's news.
func (m *mapping) reached(external netip.AddrPort, ok bool) {
	if !ok {
		external = netip.AddrPort{}
	}
	m.mu.Lock()
	changed := m.external != external
	m.external = external
	m.mu.Unlock()
	if changed {
		m.changed()
	}
}
