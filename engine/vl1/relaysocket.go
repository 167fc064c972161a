package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// RelaySocket stands for the connection to a TCP relay: where UDP is blocked,
// datagrams come and go by it (spec 03 §9.7). AnySocket does not include it.
// While there is a connection (see [Wire.SetRelay]), each HELLO that goes out by
// all UDP sockets has a twin on it, with a packet ID of its own, so that a peer
// answers both; everything else takes the path that is chosen, and one on
// RelaySocket is chosen only if no UDP path is known to work.
const RelaySocket SocketID = -1

const (
	// relayScore puts paths through a TCP relay behind all that work by UDP, and
	// before those that do not.
	relayScore = 1 << 37
	// rootByUDP is how often a root that is reached through a TCP relay is tried
	// by UDP as well.
	rootByUDP = 5 * clock.Second
	// rootHello is how often a root that is reached gets a HELLO anyway.
	rootHello = 224 * clock.Second
)

// SetRelay tells whether datagrams can be sent by RelaySocket. When they can,
// roots are called that way at once; when they cannot any more, paths on it are
// no more, and whoever was reached by them is looked for.
func (w *Wire) SetRelay(at clock.Instant, active bool) {
	if w.tcpRelay == active {
		return
	}
	w.tcpRelay = active
	if !active {
		gone := func(s *slot) bool { return s.socket == RelaySocket }
		for _, p := range w.order {
			w.callPaths(at, p, gone)
			w.cut(p, gone)
		}
	}
	w.callRoots(at)
}

// HeardGlobal is when an authenticated packet last came straight from its
// sender by UDP, from an address of global scope: the sign that UDP works.
// [clock.Never] if none did.
func (w *Wire) HeardGlobal() clock.Mono { return w.heardGlobal }

// noteGlobal notes such a packet.
func (w *Wire) noteGlobal(now clock.Mono, scope wire.Scope, by SocketID) {
	if scope == wire.ScopeGlobal && by != RelaySocket {
		w.heardGlobal = now
	}
}

// carriedByRelay reports whether a TCP relay takes datagrams for an address.
func (w *Wire) carriedByRelay(to netip.AddrPort) bool {
	return w.tcpRelay && to.Addr().Is4() && wire.ScopeOf(to.Addr()) == wire.ScopeGlobal
}
