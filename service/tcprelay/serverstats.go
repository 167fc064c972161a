package tcprelay

import "sync/atomic"

// ServerStats counts since the start, but for Clients, which is now.
type ServerStats struct {
	Clients int
	// Accepted connections, those refused because of the limits, and those
	// ended for what they sent or for idleness.
	Accepted, RefusedTotal, RefusedAddress, Violations, Idle uint64
	// ToUDP and ToTCP are datagrams relayed, with their bytes.
	ToUDP, ToUDPBytes, ToTCP, ToTCPBytes uint64
	// Dropped datagrams: to ports or addresses that are not served, of a size
	// that is not relayed, beyond the limits of bandwidth, and those that could
	// not be sent.
	DroppedDestination, DroppedSize, DroppedRate, DroppedError uint64
}

// counters are the server's counters.
type counters struct {
	accepted, refusedTotal, refusedAddress, violations, idle   atomic.Uint64
	toUDP, toUDPBytes, toTCP, toTCPBytes                       atomic.Uint64
	droppedDestination, droppedSize, droppedRate, droppedError atomic.Uint64
}

// Stats returns what the server has done so far.
func (s *Server) Stats() ServerStats {
	s.mu.Lock()
	clients := s.clients
	s.mu.Unlock()
	c := &s.count
	return ServerStats{
		Clients:  clients,
		Accepted: c.accepted.Load(), RefusedTotal: c.refusedTotal.Load(), RefusedAddress: c.refusedAddress.Load(),
		Violations: c.violations.Load(), Idle: c.idle.Load(),
		ToUDP: c.toUDP.Load(), ToUDPBytes: c.toUDPBytes.Load(), ToTCP: c.toTCP.Load(), ToTCPBytes: c.toTCPBytes.Load(),
		DroppedDestination: c.droppedDestination.Load(), DroppedSize: c.droppedSize.Load(), DroppedRate: c.droppedRate.Load(), DroppedError: c.droppedError.Load(),
	}
}
