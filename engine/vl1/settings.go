package vl1

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Settings is what the administrator says of physical networks and of single
// peers (spec 03 §9.6).
type Settings struct {
	Physical []Physical
	Peers    []Advice
	// LowBandwidth makes everything periodic rare (spec 03 §5.11).
	LowBandwidth bool
}

// Physical is what is said of an underlying network. Of several that contain an
// address the longest prefix counts.
type Physical struct {
	// Prefix may have host bits, which do not count.
	Prefix netip.Prefix
	// Blacklist keeps paths out of it.
	Blacklist bool
	// TrustedPathID, if not 0, carries packets unencrypted and unauthenticated
	// within it (spec 03 §5.9).
	TrustedPathID uint64
	// MTU is the longest datagram in bytes of UDP payload, 0 to find it out.
	MTU int
}

// Advice is what is said of one peer.
type Advice struct {
	Address identity.Address
	// Try lists addresses at which the peer may be, for when no path is known.
	Try []netip.AddrPort
	// Avoid lists networks in which the peer is not to be reached.
	Avoid []netip.Prefix
}

// settings are [Settings] made ready for use.
type settings struct {
	physical []Physical // by prefix length, descending
	peers    map[identity.Address]Advice
	low      bool
}

// physicalOf returns what is said of the network of an address, nil if nothing.
func (s *settings) physicalOf(ip netip.Addr) *Physical {
	for i := range s.physical {
		if s.physical[i].Prefix.Contains(ip) {
			return &s.physical[i]
		}
	}
	return nil
}

// forbids reports whether a peer must not be reached at an address.
func (s *settings) forbids(a identity.Address, ip netip.Addr) bool {
	if len(s.physical) > 0 {
		if x := s.physicalOf(ip); x != nil && x.Blacklist {
			return true
		}
	}
	return len(s.peers) > 0 && slices.ContainsFunc(s.peers[a].Avoid, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// SetPhysical puts settings into force, all of them: what is not in s any more
// ends at once.
func (w *Wire) SetPhysical(at clock.Instant, s Settings) {
	n := settings{low: s.LowBandwidth}
	for _, x := range s.Physical {
		x.Prefix = x.Prefix.Masked()
		if x.Prefix.IsValid() {
			n.physical = append(n.physical, x)
		}
	}
	slices.SortStableFunc(n.physical, func(a, b Physical) int { return b.Prefix.Bits() - a.Prefix.Bits() })
	if len(s.Peers) > 0 {
		n.peers = make(map[identity.Address]Advice, len(s.Peers))
	}
	for _, a := range s.Peers {
		if p := w.peers[a.Address]; p != nil && p.lately != nil {
			p.lately.advised = clock.Never
		}
		n.peers[a.Address] = Advice{Address: a.Address, Try: slices.Clone(a.Try), Avoid: slices.Clone(a.Avoid)}
	}
	w.set = n
	for _, p := range w.order {
		w.cut(p, func(s *slot) bool { return w.set.forbids(p.id.Address, s.remote.Addr()) })
	}
	for _, x := range w.allPaths {
		x.rule = w.set.physicalOf(x.remote.Addr())
	}
	w.nextPing = at.Mono
}

const (
	// advisedEvery is how often advice on where a peer may be is followed, for at
	// most maxAdvised addresses at once (spec 03 §5.7).
	advisedEvery = 30 * clock.Second
	maxAdvised   = 8
)

// tryAdvised looks for a peer without a path that works where the administrator
// says that it may be.
func (w *Wire) tryAdvised(at clock.Instant, p *Peer) {
	if len(w.set.peers) == 0 || p.lately != nil && at.Mono-p.lately.advised < advisedEvery {
		return
	}
	try := w.set.peers[p.id.Address].Try
	if len(try) == 0 {
		return
	}
	p.recent().advised = at.Mono
	first := int(w.random.uint64() % uint64(len(try)))
	for i := range min(len(try), maxAdvised) {
		if e := try[(first+i)%len(try)]; w.usable(p.id.Address, e) {
			w.hello(at, p, toAll(e))
		}
	}
}

// wide is where to send a HELLO for an address: from all sockets, in
// low-bandwidth mode from the one by which it was met.
func (w *Wire) wide(met pathKey) pathKey {
	if w.set.low {
		return met
	}
	return toAll(met.remote)
}

// pushEvery is how often a peer that is reached directly is told where we are.
func (w *Wire) pushEvery() clock.Mono {
	if w.set.low {
		return 16 * 120 * clock.Second
	}
	return 120 * clock.Second
}

// cut takes paths from a peer.
func (w *Wire) cut(p *Peer, which func(s *slot) bool) {
	kept := p.slots[:0]
	for _, s := range p.slots {
		if which(&s) {
			s.users--
			continue
		}
		kept = append(kept, s)
	}
	if len(kept) == len(p.slots) {
		return
	}
	clear(p.slots[len(kept):])
	p.slots = kept
	p.best = bestPath{}
	w.changed(p)
	w.bestRoot = nil
}
