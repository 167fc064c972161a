package vl1

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

const (
	maxPunches = 1024
	// pushScope is how many records of one scope and family a receiver takes.
	pushScope = 8
)

// punch is an address to try again. After a RENDEZVOUS the first packet of one
// side may come before the other side has opened its NAT; and the one HELLO that
// asks an unknown path to prove itself may get lost.
type punch struct {
	peer *Peer
	to   pathKey
	at   clock.Mono
	left int
	junk bool // open our NAT first
}

// punchDelays is the time from one attempt to the next.
var punchDelays = [...]clock.Mono{1500 * clock.Millisecond, 700 * clock.Millisecond, 250 * clock.Millisecond}

// receiveRendezvous opens a way to a peer that a root says is reachable at an
// address: junk that dies on the way opens our NAT, a probe follows (spec 03
// §5.5).
func (w *Wire) receiveRendezvous(at clock.Instant, from *Peer, in *Inbound) bool {
	if !w.IsUpstream(from.id) {
		return true
	}
	r, err := wire.ParseRendezvous(in.Payload)
	if err != nil {
		w.drop(DropFormat)
		return false
	}
	p := w.peer(at, r.Peer)
	if p == nil || p.blocked {
		return true
	}
	if !w.rendezvous.Take(at.Mono, rendezvousBurst, rendezvousRefill) {
		w.drop(DropRate)
		return true
	}
	ok := w.usable(r.Peer, r.At)
	w.introducedAt(at.Mono, p, r.At, true, ok)
	if !ok {
		return true
	}
	w.told(at, p, r.At)
	to := pathKey{r.At, in.socket}
	w.strike(at, p, to)
	w.again(at, p, to, true)
	return true
}

// again has an address tried again until the peer has a path that works.
func (w *Wire) again(at clock.Instant, p *Peer, to pathKey, junk bool) {
	if len(w.punches) >= maxPunches {
		return
	}
	left := len(punchDelays)
	w.punches = append(w.punches, punch{p, to, at.Mono + punchDelays[left-1], left, junk})
	w.soon(at.Mono + punchDelays[left-1])
}

// strike sends the junk and the probe.
func (w *Wire) strike(at clock.Instant, p *Peer, to pathKey) {
	junk := w.out.Alloc(4)
	w.cfg.Random(junk)
	w.out.Send = append(w.out.Send, Datagram{Data: junk, Remote: to.remote, Socket: to.socket, TTL: 2})
	w.probe(at, p, to)
}

// runPunches repeats attempts for peers that are still not direct.
func (w *Wire) runPunches(at clock.Instant) {
	kept := w.punches[:0]
	for _, x := range w.punches {
		if at.Mono < x.at {
			kept = append(kept, x)
			w.soon(x.at)
			continue
		}
		if w.peers[x.peer.id.Address] != x.peer || x.peer.live(at.Mono) != nil {
			continue
		}
		if x.junk {
			w.strike(at, x.peer, x.to)
		} else {
			w.challenge(at, x.peer, x.to)
		}
		if x.left--; x.left > 0 {
			x.at = at.Mono + punchDelays[x.left-1]
			w.soon(x.at)
			kept = append(kept, x)
		}
	}
	clear(w.punches[len(kept):])
	w.punches = kept
}

// meeting finds the addresses at which two peers are best told to meet: of the
// highest scope that both can be reached in, IPv6 first. It returns nil if there
// are none.
func meeting(now clock.Mono, a, b *Peer) (x, y *path) {
	for scope := wire.ScopePrivate; scope > wire.ScopeNone; scope-- {
		for _, v4 := range [2]bool{false, true} {
			x, y = a.bestIn(now, scope, v4), b.bestIn(now, scope, v4)
			if x != nil && y != nil {
				return x, y
			}
		}
	}
	return nil, nil
}

// introduce tells two peers of each other's address, in random order (spec 03
// §5.5).
func (w *Wire) introduce(at clock.Instant, a, b *Peer, x, y *path) {
	if w.random.uint64()&1 != 0 {
		a, b, x, y = b, a, y, x
	}
	w.reply(at, a, wire.VerbRendezvous, x.pathKey, nil, wire.Rendezvous{Peer: b.id.Address, At: y.remote}.Append(nil))
	w.reply(at, b, wire.VerbRendezvous, y.pathKey, nil, wire.Rendezvous{Peer: a.id.Address, At: x.remote}.Append(nil))
}

// bestIn is the best path of a scope and family.
func (p *Peer) bestIn(now clock.Mono, scope wire.Scope, v4 bool) *path {
	return p.pick(now, func(s *slot) bool {
		return s.scope == scope && s.remote.Addr().Is4() == v4 && !s.expired(now)
	})
}

// pushDirectPaths tells a trusted peer where we may be reached (spec 03 §5.8),
// on the path its packet came by.
func (w *Wire) pushDirectPaths(at clock.Instant, p *Peer, from pathKey) {
	var addrs []netip.AddrPort
	var count [8][2]int
	for _, list := range [3][]netip.AddrPort{w.local, w.Surface(at.Mono), w.forwarded(at.Mono)} {
		for _, a := range list {
			scope, family := wire.ScopeOf(a.Addr()), 0
			if a.Addr().Is6() {
				family = 1
			}
			if !wire.UsableForPath(a.Addr()) || a.Port() == 0 || slices.Contains(addrs, a) || count[scope][family] >= pushScope {
				continue
			}
			count[scope][family]++
			addrs = append(addrs, a)
		}
	}
	for len(addrs) > 0 {
		payload, done := wire.AppendPushDirectPaths(nil, addrs)
		w.answer(at, p, wire.VerbPushDirectPaths, from, nil, payload)
		addrs = addrs[done:]
	}
}

// receivePush probes the addresses that a peer says it has (spec 03 §5.10).
func (w *Wire) receivePush(at clock.Instant, p *Peer, in *Inbound) bool {
	if !p.recent().pushGate.open(at.Mono) {
		w.drop(DropRate)
		return true
	}
	var count [8][2]int
	known := p.trusted(at.Mono) || w.mayRedirect(p)
	records, err := wire.ParsePushDirectPaths(in.Payload)
	if err != nil {
		w.drop(DropFormat)
		return false
	}
	for r, ok := records.Next(); ok; r, ok = records.Next() {
		if r.Flags&wire.PathForget != 0 || !r.Address.IsValid() {
			continue
		}
		ok := w.usable(p.id.Address, r.Address)
		if ok && r.Flags&wire.PathClusterRedirect != 0 && w.mayRedirect(p) {
			w.redirected(at, p, in, r.Address)
			continue
		}
		w.introducedAt(at.Mono, p, r.Address, false, ok)
		if !ok || p.hasActive(at.Mono, r.Address) {
			continue
		}
		scope, family := wire.ScopeOf(r.Address.Addr()), 0
		if r.Address.Addr().Is6() {
			family = 1
		}
		if count[scope][family]++; count[scope][family] > pushScope {
			continue
		}
		if !known && !w.strangePush.Take(at.Mono, strangePushBurst, strangePushRefill) {
			w.drop(DropRate)
			continue
		}
		w.probe(at, p, toAll(r.Address))
	}
	if records.Err() != nil {
		w.drop(DropFormat)
		return false
	}
	return true
}
