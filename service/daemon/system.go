package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/service/device"
	"orrery/service/host"
	"orrery/service/netcfg"
	"orrery/service/netcfg/dns"
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
	// follow says where what routes depend on is to be asked; changed, that the
	// machine's own network may be another.
	follow(surroundings)
	changed()
	// outcome is what became of the addresses and routes of a network; ok is false
	// while it has no device.
	outcome(nwid identity.NetworkID) (o outcome, ok bool)
	// nameServers is what became of a network's name servers, notify has f called
	// when that has changed.
	nameServers(identity.NetworkID) dns.Status
	notify(f func())
	// close undoes what is left of changes.
	close()
}

// system gives networks devices of this machine.
type system struct {
	log    *slog.Logger
	config *netcfg.Manager
	routes *routing
	dns    *dns.Manager
	// dnsTold is called when what became of name servers has changed.
	dnsTold atomic.Pointer[func()]

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
	s := &system{log: log, config: m}
	s.routes = newRouting(m, s.names)
	s.routes.touched = s.Refresh
	s.dns, err = dns.Open(dns.Config{Journal: filepath.Join(home, dnsJournal), Log: log, Changed: s.told})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal of name servers: %w", err), m.Close())
	}
	return s, nil
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
	s.routes.close()
	if err := s.dns.Close(); err != nil {
		s.log.Warn("take back name servers", "err", err)
	}
	if err := s.config.Close(); err != nil {
		s.log.Warn("undo changes of the network configuration", "err", err)
	}
}

// follow implements machine.
func (s *system) follow(a surroundings) { s.routes.around.Store(&a) }

// changed implements machine.
func (s *system) changed() { s.routes.changed() }

// outcome implements machine.
func (s *system) outcome(nwid identity.NetworkID) (outcome, bool) { return s.routes.outcome(nwid) }

// Open implements host.System.
func (s *system) Open(n *node.NetworkState) (host.Port, error) {
	kind := device.L3
	if n.Ethernet {
		kind = device.L2
	}
	d, err := device.Open(device.Config{Network: n.ID, Kind: kind, MAC: n.MAC, MTU: n.MTU, Log: s.log})
	if err != nil {
		return nil, fmt.Errorf("create the network device: %w", err)
	}
	p := &systemPort{Device: d, system: s, network: n.ID}
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
	system  *system
	place   place
	network identity.NetworkID
	index   int // of the interface, once it was needed
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
	if err := p.keepMAC(); err != nil {
		return err
	}
	p.routers(n.Settings.AllowDefault)
	want := netcfg.State{Interface: p.Name(), Up: true, MTU: n.MTU, Mark: ownMark, Discovery: n.Settings.LANDiscovery}
	if p.Ethernet() {
		want.Bridge = p.settle(n.Addresses)
	}
	if !p.Ethernet() {
		want.LinkLocal = n.LinkLocal.Addr()
	}
	err := p.system.routes.apply(p.Name(), n, want)
	p.names(n)
	if err != nil {
		return fmt.Errorf("configure %s: %w", p.Name(), err)
	}
	return nil
}

// Withheld tells what of the network's addresses and targets, which the settings
// let through, is not in force.
func (p *systemPort) Withheld(nwid identity.NetworkID) (addresses, targets []netip.Prefix) {
	return p.system.routes.withheld(nwid)
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
	groups = append(groups, moreGroups...)
	slices.Sort(groups)
	return append(addrs, moreAddrs...), slices.Compact(groups), nil
}

// Close implements host.Port.
func (p *systemPort) Close() error {
	defer p.system.routes.remove(p.Name()) // others may have then what it had
	p.system.dns.Remove(p.network.String())
	if _, err := p.system.config.Remove(p.Name()); err != nil {
		p.system.log.Warn("undo the device's configuration", "device", p.Name(), "err", err)
	}
	s := p.system
	s.mu.Lock()
	s.ports = slices.DeleteFunc(s.ports, func(o *systemPort) bool { return o == p })
	s.mu.Unlock()
	return p.Device.Close()
}
