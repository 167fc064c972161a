package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// Timers of paths (spec 03 §4.1).
const (
	pathAliveFor     = 19 * clock.Second
	pathExpiresAfter = 243 * clock.Second
	pathHeartbeat    = 14 * clock.Second
	trustFor         = 600 * clock.Second
	maxPathsPerPeer  = 64
	unknownLatency   = 0xffff
)

// pathKey is what makes two datagrams travel the same path.
type pathKey struct {
	remote netip.AddrPort
	socket SocketID
}

// path is a way over the physical network, shared by all peers that use it: a
// relay's path carries packets of many.
type path struct {
	pathKey
	scope wire.Scope
	// latency is the round trip in ms, unknownLatency until measured.
	latency  uint16
	users    int32 // slots that refer to it
	place    int32 // in [Wire.allPaths]
	lastOut  clock.Mono
	lastIn   clock.Mono // last authenticated direct packet: junk keeps nothing alive
	lastEcho clock.Mono // last ECHO accepted, for its rate gate
	trusted  clock.Mono // last trust-establishing packet
	// relayed is when an authenticated packet of another peer came by this path.
	relayed clock.Mono
	// carrying is when data was first sent since something came back, asked when
	// the owner was first asked whether it listens: clock.Never if it answered.
	carrying, asked, nextAsk clock.Mono
	// doubted is set while asked, if the owner itself takes another way.
	doubted bool
	// rule is what is configured for the remote address, nil if nothing; fit what
	// was found out about the length of datagrams, nil while none was long.
	rule *Physical
	fit  *fit
}

func (p *path) alive(now clock.Mono) bool { return now-p.lastIn < pathAliveFor }

// quality is the reference's measure, lower is better (spec 03 §4.2).
func (p *path) quality(now clock.Mono) int {
	age := min(now-p.lastIn, 140*clock.Second)
	base := int(p.latency)
	if age >= pathAliveFor {
		base += 65535 + int(age/clock.Millisecond)
	}
	return base * (8 - int(p.scope))
}

// sample takes a measured round trip into the path's latency. It reports whether
// it can be one.
func (p *path) sample(rtt clock.Mono) bool {
	ms := int((rtt + clock.Millisecond/2) / clock.Millisecond)
	if rtt < 0 || ms > 60000 {
		return false
	}
	last := int(p.latency)
	if last == unknownLatency || ms < last {
		// What is above the least is the other side's delay, not the path's: a
		// first HELLO waits for the validation of our identity.
		p.latency = uint16(ms)
		return true
	}
	p.latency = uint16(last + (ms-last+3)/4)
	return true
}

// slot is a peer's use of a path.
type slot struct {
	*path
	// seen is when this peer last sent an authenticated direct packet on it.
	seen     clock.Mono
	priority int
}

func (s *slot) expired(now clock.Mono) bool { return now-s.seen >= pathExpiresAfter }

func (s *slot) score(now clock.Mono) int { return s.quality(now) / s.priority }
