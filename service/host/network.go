package host

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
)

const (
	// retryPort is when a port that failed is tried again.
	retryPort = 5 * time.Second
	// observeEvery is how often the system's view of the ports is read.
	observeEvery = 5 * time.Second
)

// networks joins the core's networks to ports of the operating system.
type networks struct {
	mu      sync.Mutex
	touched []identity.NetworkID
	wake    chan struct{}
	ports   map[identity.NetworkID]*livePort // changed by configure only, under mu
	// byID is a copy of ports for the packet path.
	byID  atomic.Pointer[map[identity.NetworkID]*livePort]
	pumps sync.WaitGroup
}

// livePort is an open port and the goroutine that reads it.
type livePort struct {
	Port
	failed string // what the last Apply said
}

func (n *networks) init() {
	n.wake = make(chan struct{}, 1)
	n.ports = make(map[identity.NetworkID]*livePort)
	n.publish()
}

func (n *networks) publish() {
	m := make(map[identity.NetworkID]*livePort, len(n.ports))
	for k, v := range n.ports {
		m[k] = v
	}
	n.byID.Store(&m)
}

// touch notes that a network's state changed.
func (n *networks) touch(nwid identity.NetworkID) {
	n.mu.Lock()
	if !slices.Contains(n.touched, nwid) {
		n.touched = append(n.touched, nwid)
	}
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *networks) take() []identity.NetworkID {
	n.mu.Lock()
	defer n.mu.Unlock()
	t := n.touched
	n.touched = nil
	return t
}

// Device is the name of a network's interface, and what is wrong with it.
func (h *Host) Device(nwid identity.NetworkID) (name, failed string) {
	h.networks.mu.Lock()
	defer h.networks.mu.Unlock()
	if p := h.networks.ports[nwid]; p != nil {
		if p.Port != nil {
			name = p.Name()
		}
		return name, p.failed
	}
	return "", ""
}

// configure makes the system's ports follow the core's networks.
func (h *Host) configure(ctx context.Context) {
	retry := time.NewTicker(retryPort)
	defer retry.Stop()
	observe := time.NewTicker(observeEvery)
	defer observe.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.networks.wake:
			for _, nwid := range h.networks.take() {
				h.configurePort(nwid)
			}
		case <-retry.C:
			for nwid, p := range *h.networks.byID.Load() {
				if p.failed != "" {
					h.configurePort(nwid)
				}
			}
		case <-observe.C:
			for nwid := range *h.networks.byID.Load() {
				h.observe(nwid)
			}
		}
	}
}

// configurePort opens, adapts or closes the port of one network.
func (h *Host) configurePort(nwid identity.NetworkID) {
	var s node.NetworkState
	joined := false
	h.View(func(c *node.Core, _ clock.Instant) { s, joined = c.Network(nwid) })
	n := &h.networks
	n.mu.Lock()
	p := n.ports[nwid]
	n.mu.Unlock()
	if p != nil && p.Port != nil && (!joined || p.Ethernet() != (s.Settings.Port == "tap")) {
		h.closePort(nwid, p)
		p = nil
	}
	if !joined {
		h.setPort(nwid, nil)
		return
	}
	if p == nil || p.Port == nil {
		opened, err := h.cfg.System.Open(&s)
		if err != nil {
			h.portFailed(nwid, &livePort{}, err)
			return
		}
		p = &livePort{Port: opened}
		h.setPort(nwid, p)
		n.pumps.Go(func() { h.read(nwid, opened) })
	}
	if err := p.Apply(&s); err != nil {
		h.portFailed(nwid, p, err)
		return
	}
	if p.failed != "" {
		n.mu.Lock()
		p.failed = ""
		n.mu.Unlock()
	}
	h.setPortError(nwid, 0)
	h.observe(nwid)
}

func (h *Host) setPort(nwid identity.NetworkID, p *livePort) {
	n := &h.networks
	n.mu.Lock()
	if p == nil {
		delete(n.ports, nwid)
	} else {
		n.ports[nwid] = p
	}
	n.publish()
	n.mu.Unlock()
}

// portFailed notes that the system refused something; it is tried again.
func (h *Host) portFailed(nwid identity.NetworkID, p *livePort, err error) {
	n := &h.networks
	n.mu.Lock()
	news := p.failed != err.Error()
	p.failed = err.Error()
	n.ports[nwid] = p
	n.publish()
	n.mu.Unlock()
	if news {
		h.log.Warn("the system refused the network's port; trying again", "nwid", nwid, "err", err)
	}
	h.setPortError(nwid, 1)
	h.cfg.Changed()
}

func (h *Host) setPortError(nwid identity.NetworkID, code int) {
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.SetPortError(at, nwid, code, out) })
}

func (h *Host) closePort(nwid identity.NetworkID, p *livePort) {
	h.setPort(nwid, nil)
	if err := p.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		h.log.Warn("close the network's port", "nwid", nwid, "err", err)
	}
}

// closeAll takes every port down and waits for the readers.
func (n *networks) closeAll() {
	n.mu.Lock()
	ports := n.ports
	n.ports = make(map[identity.NetworkID]*livePort)
	n.publish()
	n.mu.Unlock()
	for _, p := range ports {
		if p.Port != nil {
			_ = p.Close()
		}
	}
	n.pumps.Wait()
}

// observe tells the core what the system has on the device.
func (h *Host) observe(nwid identity.NetworkID) {
	p := (*h.networks.byID.Load())[nwid]
	if p == nil || p.Port == nil {
		return
	}
	addresses, groups, err := p.Observe()
	if err != nil {
		h.log.Debug("read the port's addresses", "nwid", nwid, "err", err)
		return
	}
	h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) { c.Observed(at, nwid, addresses, groups, out) })
}

// read moves packets from the device to the core, until the port is closed.
func (h *Host) read(nwid identity.NetworkID, p Port) {
	n, headroom := p.BatchSize(), p.Headroom()
	bufs, sizes, packets := make([][]byte, n), make([]int, n), make([][]byte, n)
	for i := range bufs {
		bufs[i] = make([]byte, headroom+maxPortPacket)
	}
	ethernet := p.Ethernet()
	for {
		got, err := p.Read(bufs, sizes)
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				h.log.Warn("read the network's port", "nwid", nwid, "err", err)
			}
			return
		}
		if got == 0 {
			continue
		}
		for i := range got {
			packets[i] = bufs[i][headroom : headroom+sizes[i]]
		}
		h.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
			if ethernet {
				c.Frames(at, nwid, packets[:got], out)
			} else {
				c.Packets(at, nwid, packets[:got], out)
			}
		})
	}
}

// maxPortPacket is the longest packet or frame of a port.
const maxPortPacket = 10000 + 18

// deliver writes packets to devices, those for one in a batch.
func (h *Host) deliver(d []node.Delivery) {
	ports := *h.networks.byID.Load()
	var bufs [64][]byte
	for len(d) > 0 {
		nwid, n := d[0].Network, 0
		p := ports[nwid]
		for n < len(d) && n < len(bufs) && d[n].Network == nwid {
			bufs[n] = d[n].Data
			if p != nil && p.Port != nil {
				bufs[n] = d[n].Data[node.Headroom-p.Headroom():]
			}
			n++
		}
		if p != nil && p.Port != nil {
			// The device counts what it loses; while it is down there is
			// nobody to tell.
			_ = p.Write(bufs[:n])
		}
		d = d[n:]
	}
}

// SetLocal tells the core at which addresses it can be reached.
func (h *Host) SetLocal(addrs []netip.AddrPort, avoid []netip.Prefix) {
	h.Do(func(c *node.Core, at clock.Instant, _ *node.Outbox) { c.SetLocal(at, addrs, avoid) })
}
