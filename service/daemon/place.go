package daemon

import (
	"net/netip"
	"sync"

	"orrery/engine/identity"
	"orrery/service/device"
	"orrery/service/netcfg"
)

// place is where in the system an Ethernet device is: alone, or a port of a
// bridge, which then has its addresses.
type place struct {
	mu     sync.Mutex // guards what follows
	bridge netcfg.Bridge
	placed []netip.Addr // our addresses on the bridge
}

// settle notes the bridge that the device is a port of, on which the addresses
// are put, and returns its name.
func (p *systemPort) settle(addresses []netip.Prefix) string {
	b, err := netcfg.BridgeOf(p.Name())
	if err != nil {
		b = netcfg.Bridge{} // Apply meets the same error, and tells it
	}
	p.place.mu.Lock()
	defer p.place.mu.Unlock()
	p.place.bridge, p.place.placed = b, nil
	if b.Name != "" {
		for _, a := range addresses {
			p.place.placed = append(p.place.placed, a.Addr())
		}
	}
	return b.Name
}

// Moved implements host.Mover: whether another bridge, or none, has the device
// now. It also puts the device's MAC right.
func (p *systemPort) Moved() bool {
	if !p.Ethernet() {
		return false
	}
	if err := p.keepMAC(); err != nil {
		return true // which is told when it is applied
	}
	b, err := netcfg.BridgeOf(p.Name())
	p.place.mu.Lock()
	defer p.place.mu.Unlock()
	if err == nil && b.Name == p.place.bridge.Name {
		p.place.bridge.MTU = b.MTU
		return false
	}
	return err == nil
}

// keepMAC gives the device its MAC again if another program has changed it.
func (p *systemPort) keepMAC() error {
	if d, ok := p.Device.(interface{ KeepMAC() error }); ok {
		return d.KeepMAC()
	}
	return nil
}

// routers says whether routers that advertise themselves through the device may get
// the default route.
func (p *systemPort) routers(allowed bool) {
	if d, ok := p.Device.(interface{ AllowDefaultRouter(bool) error }); ok {
		if err := d.AllowDefaultRouter(allowed); err != nil { // as in a container without rights
			p.system.log.Debug("router advertisements", "device", p.Name(), "err", err)
		}
	}
}

// now is the bridge that the device was last known to be a port of.
func (l *place) now() netcfg.Bridge {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bridge
}

// addresses are those of ours that are on a bridge, as prefixes of one address:
// the bridge's subnet may be the LAN that our own packets travel.
func (l *place) addresses() (all []netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.placed {
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	return all
}

// onBridge is what the bridge has of addresses and listens to of groups: they are
// this computer's, which others look for on the network.
func (p *systemPort) onBridge() ([]netip.Prefix, []identity.MAC) {
	name := p.place.now().Name
	if name == "" {
		return nil, nil
	}
	addrs, err := p.system.seen.addresses(name)
	if err != nil {
		return nil, nil // it has gone, which the next look finds
	}
	groups, err := device.MulticastMACs(name)
	if err != nil {
		groups = nil
	}
	return addrs, groups
}

// bridge implements machine.
func (s *system) bridge(device string) netcfg.Bridge {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.ports {
		if p.Name() == device {
			return p.place.now()
		}
	}
	return netcfg.Bridge{}
}
