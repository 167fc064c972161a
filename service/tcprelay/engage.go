package tcprelay

import (
	"net/netip"

	"orrery/engine/clock"
)

// Engage decides when datagrams go through the relay (spec 03 §9.7). It is
// told what happens and when, and belongs to one goroutine at a time.
type Engage struct {
	allowed, forced bool
	heard           clock.Mono
	restart         clock.Mono
}

// Advice is what to do with a datagram that is about to be sent.
type Advice struct {
	// UDP: send it by UDP, as always.
	UDP bool
	// Tunnel: offer it to the relay client too.
	Tunnel bool
	// Open: ask the client to connect.
	Open bool
}

// NewEngage starts at the given instant with the settings allowTcpFallbackRelay
// and forceTcpRelay.
func NewEngage(at clock.Mono, allowed, forced bool) *Engage {
	return &Engage{allowed: allowed, forced: forced, heard: clock.Never, restart: at}
}

// Set changes the settings.
func (e *Engage) Set(allowed, forced bool) { e.allowed, e.forced = allowed, forced }

// Restarted is called at a wake-up and when the network has changed: UDP gets
// time to work again.
func (e *Engage) Restarted(at clock.Mono) { e.restart = at }

// Heard is called for each authenticated packet that came directly by UDP.
func (e *Engage) Heard(at clock.Mono, from netip.Addr) {}

// Sending is called for each datagram of size bytes on its way to dst. Active
// is whether the relay is connected.
func (e *Engage) Sending(at clock.Mono, dst netip.AddrPort, size int, active bool) Advice {
	return Advice{UDP: true}
}

// Close reports whether the connection to the relay has become needless. It is
// asked every second or so.
func (e *Engage) Close(at clock.Mono) bool { return false }
