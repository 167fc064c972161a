package vl1

import (
	"net/netip"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// Timers of peers (spec 03 §4.1).
const (
	peerAliveFor = 500 * clock.Second
	fullHello    = 60 * clock.Second
)

// Peer is another node whose identity was admitted.
type Peer struct {
	id   identity.Identity
	keys armor.Keys

	protocol, major, minor uint8
	// rootTries counts HELLOs to a root since it was last heard, up to 255.
	rootTries uint8
	revision  uint16
	// toldOf is the state of our worlds that the peer was told of, toldTimes how
	// often.
	toldOf    uint16
	toldTimes uint8
	// contact peers are those with which VL2 wants to keep in contact.
	contact bool
	blocked bool
	// unstored is set while what a peer record holds differs from the stored.
	unstored bool
	// keys of peers in use are kept expanded, see keyuse.go.
	keysKept, keysBulk bool
	train              uint8      // packets that followed each other closely
	lastUse            clock.Mono // of keys

	slots []slot
	best  bestPath

	lastReceive    clock.Mono
	lastAnswer     clock.Mono // last OK
	lastNontrivial clock.Mono
	lastFullHello  clock.Mono
	lastTrusted    clock.Mono
	lastHello      clock.Wall // by its own clock
	lastStored     clock.Mono
	// keepUntil is until when the peer stays in memory although it is silent.
	keepUntil clock.Mono
	// unanswered is when the oldest probe was sent that nothing answered yet,
	// clock.Never if none: the sign of a peer that restarted or went away.
	unanswered clock.Mono
	nextRoot   clock.Mono

	// search is nil for whom no direct way had to be searched.
	search *search
	// attempt is set while the peer is relayed.
	attempt *attempt
	// lately has what matters only for a while, nil for a quiet peer.
	lately *lately
	place  int32 // in [Wire.order]
	alarm  int32 // in [Wire.alarms], -1 if none is set
}

// bestPath caches the outcome of choosing a path for a moment.
type bestPath struct {
	path  *path
	until clock.Mono
}

func newPeer(id identity.Identity, shared *[identity.SharedKeyLen]byte) *Peer {
	p := &Peer{
		id:          id,
		lastReceive: clock.Never, lastAnswer: clock.Never, lastNontrivial: clock.Never, lastFullHello: clock.Never, lastTrusted: clock.Never,
		lastStored: clock.Never, keepUntil: clock.Never, unanswered: clock.Never, nextRoot: clock.Never,
		alarm: -1,
	}
	p.keys.Derive(shared)
	return p
}

// Identity is the peer's identity.
func (p *Peer) Identity() identity.Identity { return p.id }

// suite is how packets to the peer are armoured (spec 01 §8.4).
func (p *Peer) suite() armor.Suite {
	if p.protocol >= 12 {
		return armor.AESGMACSIV
	}
	return armor.Salsa2012Poly1305
}

func (p *Peer) active(now clock.Mono) bool  { return now-p.lastNontrivial < peerAliveFor }
func (p *Peer) trusted(now clock.Mono) bool { return now-p.lastTrusted < trustFor }

// canEcho reports whether a probe may be an ECHO instead of a HELLO.
func (p *Peer) canEcho() bool {
	return p.protocol >= 5 && !(p.major == 1 && p.minor == 1 && p.revision == 0)
}

// direct returns the best path that is not expired, nil if none. The choice is
// kept for a moment: packets come by the hundred thousand a second.
func (p *Peer) direct(now clock.Mono) *path {
	if p.best.path != nil && now < p.best.until {
		return p.best.path
	}
	b := p.choose(now, false)
	p.best = bestPath{b, now + 100*clock.Millisecond}
	return b
}

// Classes of paths that outweigh any score: suspect ones come behind all
// others, and stale ones, which were not heard for long while another was,
// behind those that are known to work.
const (
	suspectScore = 1 << 40
	staleScore   = 1 << 38
	staleAfter   = clock.Second
)

// choose finds the path with the lowest score, later ones winning ties
// (spec 03 §4.3). A better path that is stale gets its chance when its next
// heartbeat is answered: the one in use is not left for one that may be dead.
func (p *Peer) choose(now clock.Mono, includeExpired bool) *path {
	return p.pick(now, func(s *slot) bool { return includeExpired || !s.expired(now) })
}

// pick is choose among the slots that are eligible.
func (p *Peer) pick(now clock.Mono, eligible func(s *slot) bool) *path {
	newest := clock.Never
	for i := range p.slots {
		newest = max(newest, p.slots[i].lastIn)
	}
	var best *path
	score := 0
	for i := range p.slots {
		s := &p.slots[i]
		if !eligible(s) {
			continue
		}
		q := s.score(now)
		if s.suspect(now) {
			q += suspectScore
		}
		if newest-s.lastIn > staleAfter {
			q += staleScore
		}
		if s.socket == RelaySocket {
			q += relayScore
		}
		if best == nil || q <= score {
			best, score = s.path, q
		}
	}
	return best
}

// latency is the round trip of the best path in ms, unknownLatency if none.
func (p *Peer) latency(now clock.Mono) int {
	if b := p.direct(now); b != nil {
		return int(b.latency)
	}
	return unknownLatency
}

// slotOf finds the slot of a path, nil if the peer has none.
func (p *Peer) slotOf(k pathKey) *slot {
	for i := range p.slots {
		if s := &p.slots[i]; s.socket == k.socket && s.remote == k.remote {
			return s
		}
	}
	return nil
}

// hasActive reports whether a path to exactly this address is in use.
func (p *Peer) hasActive(now clock.Mono, a netip.AddrPort) bool {
	for i := range p.slots {
		if s := &p.slots[i]; s.remote == a && !s.expired(now) && !s.suspect(now) {
			return true
		}
	}
	return false
}

// record is the peer's cache record (spec 03 §1.4).
func (p *Peer) record(now clock.Mono) wire.PeerRecord {
	r := wire.PeerRecord{
		Identity: p.id, Protocol: uint16(p.protocol), Major: uint16(p.major), Minor: uint16(p.minor), Revision: p.revision,
	}
	for i := range p.slots {
		if !p.slots[i].expired(now) {
			r.Paths = append(r.Paths, p.slots[i].remote)
		}
	}
	return r
}
