package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"

	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/service/device"
	"orrery/service/host"
	"orrery/service/netcfg"
	"orrery/service/portmap"
	"orrery/service/udp"
)

// journalFile is where changes of the machine's network are entered before
// they are made.
const journalFile = "network-journal.json"

// ownMark is the firewall mark of our own datagrams on Linux. A network that
// has the default route must not get them.
const ownMark = 0x6f72

// machine is what the daemon needs of the computer that it runs on.
type machine interface {
	host.System
	// names are the names of our own devices.
	names() []string
	// prefixes are the subnets on our own devices, over which the wire must not
	// run.
	prefixes() []netip.Prefix
	// bridge is the bridge of the system that a device of ours is a port of.
	bridge(device string) netcfg.Bridge
	// dial connects outside of our own networks. Index is the interface to leave
	// by where that is what keeps us out of them, 0 for any.
	dial(ctx context.Context, network, address string, index int) (net.Conn, error)
	// mapper makes what keeps a port mapped at this machine's gateway.
	mapper(portmap.Config) portMapper
	// close undoes what is left of changes.
	close()
}

// system gives networks devices of this machine.
type system struct {
	log    *slog.Logger
	config *netcfg.Manager

	mu    sync.Mutex // guards ports
	ports []*systemPort
	seen  seen
}

// newSystem undoes what an earlier run has left and makes a system.
func newSystem(home string, log *slog.Logger) (machine, error) {
	m, err := netcfg.Open(filepath.Join(home, journalFile), log)
	if err != nil {
		return nil, fmt.Errorf("journal of network changes: %w", err)
	}
	return &system{log: log, config: m}, nil
}

// dial implements machine.
func (*system) dial(ctx context.Context, network, address string, index int) (net.Conn, error) {
	d := net.Dialer{Control: udp.Outside(ownMark, index)}
	return d.DialContext(ctx, network, address)
}

// mapper implements machine.
func (*system) mapper(cfg portmap.Config) portMapper {
	cfg.Control = udp.Outside(ownMark, 0)
	return portmap.New(cfg)
}

// close implements machine.
func (s *system) close() {
	if err := s.config.Close(); err != nil {
		s.log.Warn("undo changes of the network configuration", "err", err)
	}
}

// Open implements host.System.
func (s *system) Open(n *node.NetworkState) (host.Port, error) {
	kind := device.L3
	if n.Settings.Port == "tap" {
		kind = device.L2
	}
	d, err := device.Open(device.Config{Network: n.ID, Kind: kind, MAC: n.MAC, MTU: n.MTU, Log: s.log})
	if err != nil {
		return nil, fmt.Errorf("create the network device: %w", err)
	}
	p := &systemPort{Device: d, system: s}
	s.mu.Lock()
	s.ports = append(s.ports, p)
	s.mu.Unlock()
	return p, nil
}

// names implements machine.
func (s *system) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, p := range s.ports {
		names = append(names, p.Name())
	}
	return names
}

// prefixes implements machine.
func (s *system) prefixes() []netip.Prefix {
	s.Refresh()
	var all []netip.Prefix
	s.mu.Lock()
	for _, p := range s.ports {
		all = append(all, p.place.addresses()...)
	}
	s.mu.Unlock()
	for _, name := range s.names() {
		addrs, err := s.seen.addresses(name)
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if !a.Addr().IsLinkLocalUnicast() {
				all = append(all, a.Masked())
			}
		}
	}
	return all
}

// Refresh has the system's addresses read anew when they are needed next.
func (s *system) Refresh() { s.seen.forget() }

// systemPort is one network's device with its configuration.
type systemPort struct {
	device.Device
	system *system
	place  place
}

// Ethernet implements host.Port.
func (p *systemPort) Ethernet() bool { return p.Kind() == device.L2 }

// Wait returns when there is something to read, if the device can tell.
func (p *systemPort) Wait() error {
	if w, ok := p.Device.(device.Waiter); ok {
		return w.Wait()
	}
	return nil
}

// Apply implements host.Port.
func (p *systemPort) Apply(n *node.NetworkState) error {
	if n.MTU != p.MTU() {
		if err := p.SetMTU(n.MTU); err != nil {
			return fmt.Errorf("set the MTU to %d: %w", n.MTU, err)
		}
	}
	if d, ok := p.Device.(interface{ KeepMAC() error }); ok {
		if err := d.KeepMAC(); err != nil {
			return err
		}
	}
	want := netcfg.State{Interface: p.Name(), Up: true, MTU: n.MTU, Addresses: n.Addresses, Mark: ownMark}
	if p.Ethernet() {
		want.Bridge = p.settle(n.Addresses)
	}
	if !p.Ethernet() {
		want.LinkLocal = n.LinkLocal.Addr()
	}
	for _, r := range n.Routes {
		if route, ok := p.route(n, r.Target, r.Via); ok {
			want.Routes = append(want.Routes, route)
		}
	}
	defer p.system.Refresh()
	if _, err := p.system.config.Apply(want); err != nil {
		return fmt.Errorf("configure %s: %w", p.Name(), err)
	}
	return nil
}

// route decides how a managed route is installed (spec 04 §14.2): not at all
// if we are its gateway, have no address to use it with, or an address of ours
// implies it.
func (p *systemPort) route(n *node.NetworkState, target netip.Prefix, via netip.Addr) (netcfg.Route, bool) {
	is4 := target.Addr().Is4()
	var source netip.Addr
	best := -1
	for _, a := range n.Addresses {
		if a.Addr().Is4() != is4 {
			continue
		}
		if via == a.Addr() {
			return netcfg.Route{}, false
		}
		if !via.IsValid() && a.Bits() == target.Bits() && target.Contains(a.Addr()) {
			return netcfg.Route{}, false
		}
		if same := commonBits(a.Addr(), target.Addr()); same > best {
			best, source = same, a.Addr()
		}
	}
	if best < 0 {
		return netcfg.Route{}, false
	}
	if via.IsValid() && via.Is4() != is4 {
		via = netip.Addr{}
	}
	return netcfg.Route{Target: target.Masked(), Via: via, Source: source}, true
}

// commonBits counts the leading bits that two addresses of a family share.
func commonBits(a, b netip.Addr) int {
	n := 0
	for bits := a.BitLen(); n < bits; n++ {
		if p, err := a.Prefix(n + 1); err != nil || !p.Contains(b) {
			break
		}
	}
	return n
}

// Observe implements host.Port.
func (p *systemPort) Observe() ([]netip.Prefix, []identity.MAC, error) {
	addrs, err := p.system.seen.addresses(p.Name())
	if err != nil || !p.Ethernet() {
		return addrs, nil, err
	}
	groups, err := device.MulticastMACs(p.Name())
	if err != nil {
		return addrs, nil, err
	}
	moreAddrs, moreGroups := p.onBridge()
	return append(addrs, moreAddrs...), append(groups, moreGroups...), nil
}

// Close implements host.Port.
func (p *systemPort) Close() error {
	if _, err := p.system.config.Remove(p.Name()); err != nil {
		p.system.log.Warn("undo the device's configuration", "device", p.Name(), "err", err)
	}
	s := p.system
	s.mu.Lock()
	s.ports = slices.DeleteFunc(s.ports, func(o *systemPort) bool { return o == p })
	s.mu.Unlock()
	return p.Device.Close()
}
