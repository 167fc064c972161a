package vl1

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

const (
	// maxWatched bounds the relayed peers whose reasons are followed; of two drawn
	// at random the one that was longer unused gives way.
	maxWatched = 4096
	// attemptFor is how long a relayed peer is followed after its last packet.
	attemptFor  = 90 * clock.Second
	reviewEvery = clock.Second
	// settled is how long a peer must be relayed before anybody is told: most
	// are direct before that.
	settled = 3 * clock.Second
	// patience is how long addresses may take to answer, and introduced how long
	// a root may take to introduce: it repeats that each half minute.
	patience   = 20 * clock.Second
	introduced = 35 * clock.Second
	// silentAfter is when a peer that does not answer counts as away; it is
	// asked before that.
	silentAfter = 20 * clock.Second
	askSilent   = 8 * clock.Second
	// retell is the least time between two changes told of one peer.
	retell = 5 * clock.Second
	// tellBurst and tellRefill bound what is told of all peers.
	tellBurst  = 32
	tellRefill = 250 * clock.Millisecond
)

// attempt is what is known of the efforts to reach a relayed peer directly.
// Peers that are direct or quiet have none: there are many of those.
type attempt struct {
	peer *Peer
	// since and used are when the first and the last packet took a relay.
	since, used clock.Mono
	// told is when somebody first said where the peer is, at an address that may
	// be used: a root, or the peer itself.
	told clock.Mono
	// met is set when a root introduced the peer: then both have addresses of
	// one family. pushed is set when the peer has said where it can be reached.
	met, pushed bool
	// lost is set if a direct path had worked before.
	lost bool
	// theirs are the families of the addresses that the peer named.
	theirs families
	// refused counts addresses that settings forbid, usable those tried.
	refused, usable uint16
	// variesThere is set when the peer was seen to vary its ports: one external
	// address of it has more ports than it has sockets.
	variesThere bool
	outer       []netip.AddrPort
	inner       []uint16
	surveyed    clock.Mono

	reason Reason
	toldOf bool // the reason was told
	at     clock.Mono
}

// families is a set of address families.
type families uint8

const (
	familyV4 families = 1 << iota
	familyV6
)

func familyOf(a netip.Addr) families {
	if a.Is4() {
		return familyV4
	}
	return familyV6
}

// ReachChange says that a peer is reached in another way than before.
type ReachChange struct {
	Peer identity.Address
	// Reason is [ReasonNone] for a peer that has become direct.
	Reason Reason
}

// relaying notes that a packet of or for a peer takes a relay.
func (w *Wire) relaying(now clock.Mono, p *Peer) {
	a := p.attempt
	if a == nil {
		if w.top.find(p.id.Address) != nil {
			return
		}
		a = w.watch(now, p)
	}
	a.used = now
}

// watch begins to follow a peer.
func (w *Wire) watch(now clock.Mono, p *Peer) *attempt {
	if len(w.watched) >= maxWatched {
		i, j := w.random.uint64()%maxWatched, w.random.uint64()%maxWatched
		if w.watched[j].used < w.watched[i].used {
			i = j
		}
		last := len(w.watched) - 1
		w.watched[i].peer.attempt = nil
		w.watched[i] = w.watched[last]
		w.watched = w.watched[:last]
	}
	if len(w.watched) == 0 {
		w.nextReview = now + reviewEvery
	}
	a := &attempt{peer: p, since: now, used: now, told: clock.Never, at: clock.Never, surveyed: clock.Never, lost: len(p.slots) > 0}
	p.attempt = a
	w.watched = append(w.watched, a)
	return a
}

// introducedAt notes an address at which a root, or the peer itself, says that
// the peer can be reached. ok says that the address may be used.
func (w *Wire) introducedAt(now clock.Mono, p *Peer, at netip.AddrPort, byRoot, ok bool) {
	a := p.attempt
	if a == nil {
		if w.top.find(p.id.Address) != nil || p.live(now) != nil {
			return
		}
		a = w.watch(now, p)
	}
	a.met = a.met || byRoot
	a.pushed = a.pushed || !byRoot
	if !ok {
		if a.refused < 1<<15 && w.forbidden(p, at.Addr()) {
			a.refused++
		}
		return
	}
	a.theirs |= familyOf(at.Addr())
	if a.usable < 1<<15 {
		a.usable++
	}
	if !byRoot {
		a.survey(now, at)
	}
	if a.told == clock.Never && (byRoot || a.theirs&w.families(now) != 0) {
		a.told = now
	}
}

// forbidden reports whether settings are why an address is not used.
func (w *Wire) forbidden(p *Peer, ip netip.Addr) bool {
	return w.upper.Inside(ip) || w.set.forbids(p.id.Address, ip) || slices.ContainsFunc(w.avoid, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// families are those in which we can be reached ourselves.
func (w *Wire) families(now clock.Mono) families {
	var f families
	for _, a := range w.local {
		if a.Addr().Is4() || wire.ScopeOf(a.Addr()) == wire.ScopeGlobal {
			f |= familyOf(a.Addr())
		}
	}
	for i := range w.surface.seen {
		if x := &w.surface.seen[i]; now-x.at < surfaceFor && w.vouched(now, x) {
			f |= familyOf(x.as.Addr())
		}
	}
	return f
}

// review looks at every peer that is followed, about once a second, and tells
// what has changed.
func (w *Wire) review(at clock.Instant) {
	now := at.Mono
	kept := w.watched[:0]
	for _, a := range w.watched {
		p := a.peer
		if w.peers[p.id.Address] != p {
			continue
		}
		if p.live(now) == nil && now-a.used < attemptFor {
			w.reconsider(at, a)
			kept = append(kept, a)
			continue
		}
		if p.live(now) != nil && w.mayTell(now, clock.Never) {
			w.out.Reach = append(w.out.Reach, ReachChange{Peer: p.id.Address})
		}
		p.attempt = nil
	}
	clear(w.watched[len(kept):])
	w.watched = kept
	if len(kept) == 0 {
		w.watched = nil
	}
	w.nextReview = now + reviewEvery
}

// reconsider finds the reason of a relayed peer, and asks one that is silent.
func (w *Wire) reconsider(at clock.Instant, a *attempt) {
	now, p := at.Mono, a.peer
	if !p.blocked && now-a.used < askSilent && now-max(p.lastReceive, a.since) >= askSilent && now-p.lastFullHello >= askSilent {
		w.helloVia(at, p)
	}
	r := w.reason(now, p)
	if r != a.reason {
		a.reason, a.toldOf = r, false
	}
	if a.toldOf || now-a.since < settled || !w.mayTell(now, a.at) {
		return
	}
	a.toldOf, a.at = true, now
	w.out.Reach = append(w.out.Reach, ReachChange{Peer: p.id.Address, Reason: r})
}

// mayTell bounds what is told of a peer that was told of at last, and of all.
func (w *Wire) mayTell(now, last clock.Mono) bool {
	return now-last >= retell && w.telling.Take(now, tellBurst, tellRefill)
}

// reason says why a peer has no direct path.
func (w *Wire) reason(now clock.Mono, p *Peer) Reason {
	a, root := p.attempt, w.top.find(p.id.Address) != nil
	switch best := p.live(now); {
	case p.blocked:
		return ReasonBlocked
	case best != nil && best.socket == RelaySocket:
		return ReasonTunnelled
	case best != nil:
		return ReasonNone
	case root:
		return ReasonRootSilent
	case !w.online:
		return ReasonNoRoot
	case a == nil && p.direct(now) != nil:
		return ReasonLost
	case a == nil:
		return ReasonIdle
	case now-a.since >= silentAfter && now-p.lastReceive >= silentAfter:
		return ReasonSilent
	}
	return w.failure(now, a)
}

// failure says why a peer that can be heard through a root is not direct.
func (w *Wire) failure(now clock.Mono, a *attempt) Reason {
	switch {
	case a.refused > 0 && a.usable == 0:
		return ReasonPolicy
	case a.pushed && !a.met && a.theirs != 0 && a.theirs&w.families(now) == 0:
		return ReasonNoFamily
	case a.lost && now-a.since < patience:
		return ReasonLost
	case a.told == clock.Never && now-a.since < introduced:
		return ReasonNotTried
	case a.told == clock.Never:
		return ReasonNoAddress
	}
	here, there := w.judgeNAT(now).Kind.varies(), a.variesThere
	trying := now-a.told < patience
	if s := a.peer.search; s != nil {
		trying = trying && s.state != TraversalHopeless || s.state == TraversalRunning
		if s.theirs != NATUnknown {
			there = s.theirs.varies() // in its own words
		}
	}
	switch {
	case trying:
		return ReasonWaiting
	case here && there:
		return ReasonPortsVary
	case (here || there) && w.set.low:
		return ReasonLowBandwidth
	case here:
		return ReasonPortsVaryHere
	case there:
		return ReasonPortsVaryThere
	}
	return ReasonFirewalled
}

// maxSurvey bounds the addresses of one peer that are compared, surveyFor is how
// long after the last one.
const (
	maxSurvey = 32
	surveyFor = 5 * clock.Second
)

// survey compares the addresses that a peer says it has: of an ordinary NAT it
// has one external port for each socket.
func (a *attempt) survey(now clock.Mono, at netip.AddrPort) {
	if now-a.surveyed >= surveyFor {
		// Ports of long ago prove nothing: the NAT may have restarted.
		a.outer, a.inner, a.variesThere = a.outer[:0], a.inner[:0], false
	}
	a.surveyed = now
	if wire.ScopeOf(at.Addr()) != wire.ScopeGlobal {
		if len(a.inner) < maxSurvey && !slices.Contains(a.inner, at.Port()) {
			a.inner = append(a.inner, at.Port())
		}
		return
	}
	if !at.Addr().Is4() || len(a.outer) >= maxSurvey || slices.Contains(a.outer, at) {
		return
	}
	a.outer = append(a.outer, at)
	ports := 0
	for _, o := range a.outer {
		if o.Addr() == at.Addr() {
			ports++
		}
	}
	sockets := max(1, len(a.inner))
	a.variesThere = a.variesThere || ports > sockets && len(a.inner) > 0
}

// unknownAfter is how often roots are asked for an identity before it counts as
// unknown to them.
const unknownAfter = 4

// Unknown lists the addresses that are wanted and whose identity no root tells:
// they are not reached because of [ReasonUnknown].
func (w *Wire) Unknown() []identity.Address {
	var as []identity.Address
	for i := range w.whois {
		if x := &w.whois[i]; x.tries >= unknownAfter && w.peers[x.addr] == nil {
			as = append(as, x.addr)
		}
	}
	return as
}
