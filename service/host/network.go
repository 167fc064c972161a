package host

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"orrery/engine/clock"
	"orrery/engine/hostport"
	"orrery/engine/identity"
	"orrery/engine/node"
)

const (
	// retryPort is when a port that failed is tried again.
	retryPort = 5 * time.Second
	// observeEvery is how often the system's view of the ports is read.
	observeEvery = 5 * time.Second
	// surveyEvery is after how many such readings routes and groups are read too,
	// which costs more. Changes of routes are noticed at once, and what programs
	// join is seen on its way.
	surveyEvery = 6
)

// portError is the core's word for a port that failed, the reference's.
const portError = -999

// System gives networks their place in the operating system.
type System interface {
	// Open makes the virtual device of a network.
	Open(s *node.NetworkState) (Port, error)
	// It may have a method Refresh(), after which ports observe what is there
	// then, and not what was there when another was observed.
}

// Port is the virtual device of one network, with its addresses and routes.
type Port interface {
	Name() string
	// MTU, Headroom, BatchSize, Read and Write are those of device.Device.
	MTU() int
	Headroom() int
	BatchSize() int
	Read(bufs [][]byte, sizes []int) (int, error)
	Write(bufs [][]byte) error
	// Ethernet reports whether the port carries frames instead of IP packets.
	Ethernet() bool
	// Apply makes addresses, routes and MTU those of s.
	Apply(s *node.NetworkState) error
	// Observe returns what the operating system has on the device: addresses,
	// and for Ethernet ports the multicast MACs that programs listen to.
	Observe() (addresses []netip.Prefix, groups []identity.MAC, err error)
	Close() error
}

// Surveyor is a [Port] whose system tells more about an IP device than its
// addresses.
type Surveyor interface {
	// Survey returns the routes into the device, whoever made them, and the
	// multicast groups that programs have joined on it.
	Survey() (routes []hostport.Route, groups []netip.Addr, err error)
}

// Mover is a [Port] whose place in the system others can change.
type Mover interface {
	// Moved reports whether that has happened since it was last applied.
	Moved() bool
}

// networks joins the core's networks to ports of the operating system.
type networks struct {
	mu      sync.Mutex // guards what follows
	touched []identity.NetworkID
	wake    chan struct{}
	ports   map[identity.NetworkID]*livePort // changed by configure only
	// failures are what is wrong with networks' ports.
	failures map[identity.NetworkID]Failure

	// byID is a copy of ports for the packet path.
	byID    atomic.Pointer[map[identity.NetworkID]*livePort]
	pumps   sync.WaitGroup
	observe chan struct{}
}

// Failure is what is wrong with a network's port.
type Failure struct {
	Reason string
	Since  time.Time
}

// livePort is an open port and what its goroutines share.
type livePort struct {
	Port
	// mtu is the size of packets that the reader must have room for.
	mtu atomic.Int64
	// writing is held while packets are written: a device has one writer.
	writing sync.Mutex
	// ended is set when the device cannot be read any more.
	ended atomic.Bool
}

func (n *networks) init() {
	n.wake, n.observe = make(chan struct{}, 1), make(chan struct{}, 1)
	n.ports = make(map[identity.NetworkID]*livePort)
	n.failures = make(map[identity.NetworkID]Failure)
	n.publish()
}

func (n *networks) publish() {
	m := maps.Clone(n.ports)
	n.byID.Store(&m)
}

// touch notes that a network's state changed.
func (n *networks) touch(nwid identity.NetworkID) {
	n.mu.Lock()
	if !slices.Contains(n.touched, nwid) {
		n.touched = append(n.touched, nwid)
	}
	n.mu.Unlock()
	signal(n.wake)
}

func (n *networks) take() []identity.NetworkID {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.touched
	n.touched = nil
	return t
}

// failed lists the networks whose ports failed.
func (n *networks) failed() []identity.NetworkID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.failures))
}

// port is a network's open port, nil if there is none.
func (n *networks) port(nwid identity.NetworkID) *livePort { return (*n.byID.Load())[nwid] }

// set enters or, with nil, removes a port.
func (n *networks) set(nwid identity.NetworkID, p *livePort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if p == nil {
		delete(n.ports, nwid)
	} else {
		n.ports[nwid] = p
	}
	n.publish()
}

// setFailure notes what is wrong, nil for nothing, and reports whether that is
// news.
func (n *networks) setFailure(nwid identity.NetworkID, err error) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	old, had := n.failures[nwid]
	switch {
	case err == nil:
		delete(n.failures, nwid)
		return had
	case had && old.Reason == err.Error():
		return false
	case !had:
		old.Since = time.Now().UTC()
	}
	n.failures[nwid] = Failure{Reason: err.Error(), Since: old.Since}
	return true
}

// Device is the name of a network's interface, and what is wrong with it.
func (h *Host) Device(nwid identity.NetworkID) (name string, failure Failure) {
	n := &h.networks
	n.mu.Lock()
	defer n.mu.Unlock()
	if p := n.ports[nwid]; p != nil {
		name = p.Name()
	}
	return name, n.failures[nwid]
}

// Observe reads the system's view of the ports soon, as after a notice that
// something has changed.
func (h *Host) Observe() { signal(h.networks.observe) }

// configure makes the system's ports follow the core's networks.
func (h *Host) configure(ctx context.Context) {
	retry := time.NewTicker(retryPort)
	defer retry.Stop()
	observe := time.NewTicker(observeEvery)
	defer observe.Stop()
	for readings := 1; ; {
		select {
		case <-ctx.Done():
			return
		case <-h.networks.wake:
			for _, nwid := range h.networks.take() {
				h.configurePort(nwid, false)
			}
		case <-retry.C:
			for _, nwid := range h.networks.failed() {
				h.configurePort(nwid, true)
			}
		case <-observe.C:
			h.observeAll(readings%surveyEvery == 0)
			readings++
		case <-h.networks.observe:
			h.observeAll(true)
		}
	}
}

// configurePort opens, adapts or closes the port of one network. One that
// failed is opened again only on a retry.
func (h *Host) configurePort(nwid identity.NetworkID, retry bool) {
	var s node.NetworkState
	joined := false
	h.View(func(c *node.Core, _ clock.Instant) { s, joined = c.Network(nwid) })
	p := h.networks.port(nwid)
	if p != nil && (!joined || p.ended.Load() || p.Ethernet() != s.Ethernet) {
		h.closePort(nwid, p)
		p = nil
	}
	if !joined {
		h.networks.setFailure(nwid, nil)
		return
	}
	err := error(nil)
	if p == nil {
		if _, failure := h.Device(nwid); failure.Reason != "" && !retry {
			return
		}
		p, err = h.openPort(nwid, &s)
	}
	if err == nil {
		err = p.Apply(&s)
		p.mtu.Store(int64(p.MTU()))
		h.withhold(nwid, p)
	}
	h.portIs(nwid, err)
	switch {
	case err == nil && p.ended.Load(): // meanwhile; what the reader said is overwritten
		h.portIs(nwid, errDeviceGone)
	case err == nil:
		h.observe(nwid, true)
	}
}

// openPort opens a port and starts to read it.
func (h *Host) openPort(nwid identity.NetworkID, s *node.NetworkState) (*livePort, error) {
	opened, err := h.cfg.System.Open(s)
	if err != nil {
		return nil, err
	}
	if opened.Headroom() > node.Headroom {
		return nil, errors.Join(fmt.Errorf("device needs %d bytes of headroom", opened.Headroom()), opened.Close())
	}
	p := &livePort{Port: opened}
	p.mtu.Store(int64(opened.MTU()))
	h.networks.set(nwid, p)
	h.cfg.Changed()
	h.networks.pumps.Go(func() { h.read(nwid, p) })
	return p, nil
}

// portIs notes whether a network's port works. One that does not is tried
// again.
func (h *Host) portIs(nwid identity.NetworkID, err error) {
	news := h.networks.setFailure(nwid, err)
	code := 0
	if err != nil {
		code = portError
		if news {
			h.log.Warn("the system refused the network's port; trying again", "nwid", nwid, "err", err)
		}
	}
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetPortError(at, nwid, code, out) })
	if news {
		h.cfg.Changed()
	}
}

func (h *Host) closePort(nwid identity.NetworkID, p *livePort) {
	h.networks.set(nwid, nil)
	h.cfg.Changed()
	if err := p.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		h.log.Warn("close the network's port", "nwid", nwid, "err", err)
	}
}

// closeAll takes every port down and waits for the readers.
func (h *Host) closeAll() {
	n := &h.networks
	for nwid, p := range *n.byID.Load() {
		h.closePort(nwid, p)
	}
	n.pumps.Wait()
}

func (h *Host) observeAll(survey bool) {
	if r, ok := h.cfg.System.(interface{ Refresh() }); ok {
		r.Refresh()
	}
	for nwid := range *h.networks.byID.Load() {
		h.observe(nwid, survey)
	}
}

// observe tells the core what the system has on the device, and if survey is set
// what else it knows of it.
func (h *Host) observe(nwid identity.NetworkID, survey bool) {
	p := h.networks.port(nwid)
	if p == nil {
		return
	}
	addresses, groups, err := p.Observe()
	if err != nil {
		h.log.Debug("read the port's addresses", "nwid", nwid, "err", err)
		return
	}
	p.mtu.Store(int64(p.MTU()))
	if m, ok := p.Port.(Mover); ok && m.Moved() {
		h.networks.touch(nwid)
	}
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Observed(at, nwid, addresses, groups, out) })
	if survey {
		h.survey(nwid, p)
	}
}

// survey tells the core what else the system knows of an IP device.
func (h *Host) survey(nwid identity.NetworkID, p *livePort) {
	s, ok := p.Port.(Surveyor)
	if !ok || p.Ethernet() {
		return
	}
	routes, groups, err := s.Survey()
	if err != nil {
		h.log.Debug("read the port's routes and groups", "nwid", nwid, "err", err)
		return
	}
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Surveyed(at, nwid, routes, groups, out) })
}
