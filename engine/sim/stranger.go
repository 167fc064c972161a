package sim

import "net/netip"

// Stranger is a host that does not run the engine: an attacker, or a test that
// speaks the protocol by hand.
type Stranger struct {
	world *World
	addr  netip.AddrPort
	// Receive gets the datagrams sent to the host; nil drops them.
	Receive func(from netip.AddrPort, data []byte)
}

// NewStranger puts a host on the internet.
func (w *World) NewStranger(addr netip.AddrPort) *Stranger {
	s := &Stranger{world: w, addr: addr}
	w.hosts[addr.Addr()] = s
	return s
}

// Send sends a datagram from the host.
func (s *Stranger) Send(to netip.AddrPort, data []byte) { s.world.transmit(s.addr, to, data, 64) }

// Forge sends a datagram with a source address that is not the host's, as from
// a network that does not check.
func (s *Stranger) Forge(from, to netip.AddrPort, data []byte) {
	s.world.transmit(from, to, data, 64)
}

func (s *Stranger) receive(_ *World, from, _ netip.AddrPort, data []byte, _ int) {
	if s.Receive != nil {
		s.Receive(from, data)
	}
}
