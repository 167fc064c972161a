package vl1

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// PeerInfo describes a peer for people and tools.
type PeerInfo struct {
	Identity    identity.Identity
	Role        Role
	Protocol    uint8
	Major       uint8
	Minor       uint8
	Revision    uint16
	LatencyMs   int // -1 while unknown
	LastReceive clock.Mono
	Blocked     bool
	// Reason says why the peer has no direct path, ReasonNone if it has one.
	Reason Reason
	// Relay is the root that packets take then, zero if none does.
	Relay identity.Address
	Paths []PathInfo
}

// PathInfo describes one way to a peer.
type PathInfo struct {
	Remote      netip.AddrPort
	Socket      SocketID
	LastSend    clock.Mono
	LastReceive clock.Mono
	LatencyMs   int // -1 while unknown
	Active      bool
	Expired     bool
	// Silent paths were asked something that nobody answered yet.
	Silent bool
	// Payload is the longest datagram that is sent, in bytes of UDP payload.
	Payload   int
	Preferred bool
}

// Local returns the addresses that others are told of, as set with
// [Wire.SetLocal].
func (w *Wire) Local() []netip.AddrPort { return slices.Clone(w.local) }

// Peers describes all peers in memory, in the order in which they were met.
func (w *Wire) Peers(now clock.Mono) []PeerInfo {
	infos := make([]PeerInfo, 0, len(w.order))
	for _, p := range w.order {
		infos = append(infos, w.describe(now, p))
	}
	return infos
}

// PeerInfo describes one peer.
func (w *Wire) PeerInfo(now clock.Mono, a identity.Address) (PeerInfo, bool) {
	p := w.peers[a]
	if p == nil {
		return PeerInfo{}, false
	}
	return w.describe(now, p), true
}

func (w *Wire) describe(now clock.Mono, p *Peer) PeerInfo {
	i := PeerInfo{
		Identity: p.id, Role: w.RoleOf(p.id), Protocol: p.protocol, Major: p.major, Minor: p.minor, Revision: p.revision,
		LatencyMs: known(p.latency(now)), LastReceive: p.lastReceive, Blocked: p.blocked,
	}
	i.Reason = w.reason(now, p)
	if root := w.bestUpstream(now); i.Reason.relayed() && root != nil && root != p {
		i.Relay = root.id.Address
	}
	best := p.direct(now)
	for j := range p.slots {
		s := &p.slots[j]
		i.Paths = append(i.Paths, PathInfo{
			Remote: s.remote, Socket: s.socket, LastSend: s.lastOut, LastReceive: s.seen, LatencyMs: known(int(s.latency)),
			Active: !s.expired(now), Expired: s.expired(now), Silent: s.suspect(now), Payload: s.payload(), Preferred: s.path == best,
		})
	}
	return i
}

func known(latency int) int {
	if latency == unknownLatency {
		return -1
	}
	return latency
}
