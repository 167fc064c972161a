package tcprelay

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// The times of spec 03 §9.7.
const (
	// Deafness is how long nothing has come by UDP when the relay takes over,
	// and how long UDP gets after a start.
	Deafness = 60 * clock.Second
	// persistence is how long we have been sending without an answer when the
	// relay is connected to, lull the pause that ends such sending.
	persistence = 2500 * clock.Millisecond
	lull        = 60 * clock.Second
	// disuse is when an unused connection is closed. The server does the same.
	disuse = 300 * clock.Second
)

// Engage decides when datagrams go through the relay (spec 03 §9.7). It is
// told what happens and when, and belongs to one goroutine at a time.
//
// In two points it is better than the reference. Only authenticated packets
// show that UDP works, so that a stray or forged one does not keep the relay
// away. And the reference connects only when it has not sent anything for 2.5 s,
// which a node that is busy with looking for others never does; here it
// is enough that it has been sending for 2.5 s.
type Engage struct {
	allowed, forced bool
	// deafness is Deafness, and half of it how recent something by UDP must be
	// for the relay to go.
	deafness clock.Mono

	heard   clock.Mono // the last packet by UDP
	restart clock.Mono
	last    clock.Mono // the last datagram to a global IPv4 address
	first   clock.Mono // the first of those without a lull between them
	used    clock.Mono // the last datagram for the relay
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
	return &Engage{
		allowed: allowed, forced: forced, deafness: Deafness,
		heard: clock.Never, restart: at, last: clock.Never, first: clock.Never, used: clock.Never,
	}
}

// Set changes the settings.
func (e *Engage) Set(allowed, forced bool) { e.allowed, e.forced = allowed, forced }

// SetDeafness replaces [Deafness] by another time.
func (e *Engage) SetDeafness(d clock.Mono) { e.deafness = d }

// Restarted is called after a sleep and when the network has changed: UDP gets
// time to work again.
func (e *Engage) Restarted(at clock.Mono) { e.restart = at }

// Heard tells when an authenticated packet last came directly by UDP from an
// address of global scope. It need not be called for each, only before the
// other methods.
func (e *Engage) Heard(at clock.Mono) { e.heard = max(e.heard, at) }

// Engaged reports whether the relay is to be used: it is forced, or nothing has
// come by UDP for too long. It does not say that anything is to be sent.
func (e *Engage) Engaged(at clock.Mono) bool {
	return e.allowed && (e.forced || at-e.heard > e.deafness && at-e.restart > e.deafness)
}

// Sending is called for each datagram of size bytes on its way to dst. Active
// is whether the relay is connected. If the relay is forced, nothing goes by
// UDP; if it is forced and not allowed, nothing goes at all.
func (e *Engage) Sending(at clock.Mono, dst netip.AddrPort, size int, active bool) Advice {
	a := Advice{UDP: !e.forced}
	ip := dst.Addr().Unmap()
	if !ip.Is4() || wire.ScopeOf(ip) != wire.ScopeGlobal || size < MinDatagram {
		return a
	}
	if at-e.last >= lull {
		e.first = at
	}
	e.last = at
	if !e.Engaged(at) {
		return a
	}
	if active {
		a.Tunnel = true
		e.used = at
	} else if e.forced || at-e.first > persistence {
		a.Open = true
		e.used = at
	}
	return a
}

// Close reports whether the connection to the relay has become needless: UDP
// works again, nothing has been sent for long, or the setting has gone. It is
// asked every second or so.
func (e *Engage) Close(at clock.Mono) bool {
	return !e.allowed || !e.forced && at-e.heard < e.deafness/2 || at-e.used > disuse
}
