package vl1

import (
	"math"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// A root introduces by guessing: a node whose NAT takes random ports has opened
// many of them towards a peer that obeys every RENDEZVOUS, as the reference, and
// knows nothing else. The root names the node to the peer at its one proven IP
// address and at port after port, and the peer calls there; 256 open ports and
// 1,600 guesses miss each other twice in a thousand times.
//
// This makes the root send a hundred kilobytes for one packet, and the peer as
// many, all of it to the address of who asked, and to no other. So each of them
// is spared: see the limits.
const (
	// maxSprays is how many run at once, sprayPorts how many ports each tells,
	// sprayFor how long it may take.
	maxSprays  = 4
	sprayPorts = 1600
	sprayFor   = 9 * clock.Second
	// sprayTick is the time from one batch to the next, sprayBatch how many of all
	// are in it, sprayShare how many of one: 480 and 400 a second.
	sprayTick  = 50 * clock.Millisecond
	sprayBatch = 24
	sprayShare = 20
	// sprayPeerEvery is how often a peer is made to call, whoever asks.
	sprayPeerEvery = 30 * clock.Second
	// sprayTalk is how lately two must have been introduced because they talked
	// through us.
	sprayTalk = 60 * clock.Second
	// leastSockets is how many open ports are worth guessing.
	leastSockets = 16
	// waitsFor is how long waits are remembered at least, maxWaits how many
	// in each of two generations.
	waitsFor = 2 * tryRarely
	maxWaits = 4096
	// askerRarely is the longest that an asker waits whoever the peer is: it may
	// have many.
	askerRarely = 2 * clock.Minute
)

// spray is an introduction by guessing.
type spray struct {
	asker, peer *Peer
	// where is the asker's IP address, at the peer's address.
	where netip.Addr
	at    netip.AddrPort
	ports walk
	sent  int
	until clock.Mono
}

// sprayWait is how long somebody must wait, and how often it was served.
type sprayWait struct {
	tries int
	next  clock.Mono
}

// sprayKey is who has to wait: an asker alone, for one peer, or a peer alone.
type sprayKey struct{ asker, peer identity.Address }

// sprays is what a root knows of its introductions by guessing; nothing if there
// were none for four hours.
type sprays struct {
	running []spray
	next    clock.Mono
	turn    int // whose batch comes first
	young   map[sprayKey]sprayWait
	old     map[sprayKey]sprayWait
	since   clock.Mono // when young was begun
}

// must reports whether somebody must wait.
func (s *sprays) must(now clock.Mono, k sprayKey) bool {
	x, ok := s.young[k]
	if !ok {
		x, ok = s.old[k]
	}
	return ok && now < x.next
}

// served notes that somebody was, and must wait least, doubling up to most.
func (s *sprays) served(now clock.Mono, k sprayKey, least, most clock.Mono) {
	s.expire(now)
	if len(s.young) >= maxWaits {
		s.young, s.old, s.since = nil, s.young, now
	}
	if s.young == nil {
		s.young = make(map[sprayKey]sprayWait)
	}
	if s.len() == 0 {
		s.since = now
	}
	x, ok := s.young[k]
	if !ok {
		x = s.old[k]
	}
	x.next = now + min(least<<min(x.tries, 16), most)
	x.tries++
	s.young[k] = x
}

// expire forgets who need not wait any more.
func (s *sprays) expire(now clock.Mono) {
	if len(s.young)+len(s.old) == 0 || now-s.since < waitsFor {
		return
	}
	s.young, s.old, s.since = nil, s.young, now
}

func (s *sprays) len() int { return len(s.young) + len(s.old) }

// sprayDeadline is when the next batch is due.
func (w *Wire) sprayDeadline() clock.Mono {
	if len(w.sprays.running) == 0 {
		return math.MaxInt64
	}
	return w.sprays.next
}

// receiveGuess takes the request of a node to be introduced by guessing. Only
// roots do that, for two that see them directly and talk through them.
func (w *Wire) receiveGuess(at clock.Instant, p *Peer, in *Inbound, data []byte) {
	g, err := wire.ParseGuess(data)
	if err != nil {
		w.drop(DropFormat)
		return
	}
	now, s := at.Mono, &w.sprays
	peer := w.peers[g.Peer]
	if !w.top.amRoot || w.set.low || in.Hops != 0 || peer == nil || peer == p || peer.blocked || g.Sockets < leastSockets ||
		w.top.find(p.id.Address) != nil || w.top.find(g.Peer) != nil {
		w.drop(DropRelayRefused)
		return
	}
	from := p.liveV4(now, netip.AddrPort{})
	talk, known := w.unites.get(unordered(p.id.Address, g.Peer))
	if from == nil || from.remote.Addr() == g.At.Addr() || !w.usable(p.id.Address, from.remote) || peer.liveV4(now, g.At) == nil ||
		!known || !talk.a.IsValid() || now-talk.at >= sprayTalk {
		w.drop(DropRelayRefused)
		return
	}
	asker, both, called := sprayKey{asker: p.id.Address}, sprayKey{p.id.Address, g.Peer}, sprayKey{peer: g.Peer}
	if len(s.running) >= maxSprays || s.must(now, asker) || s.must(now, both) || s.must(now, called) ||
		slices.ContainsFunc(s.running, func(x spray) bool { return x.asker == p || x.peer == peer }) {
		w.drop(DropRate)
		return
	}
	s.served(now, asker, tryAgain, askerRarely)
	s.served(now, both, tryAgain, tryRarely)
	s.served(now, called, sprayPeerEvery, sprayPeerEvery)
	s.next = max(s.next, now)
	s.running = append(s.running, spray{asker: p, peer: peer, where: from.remote.Addr(), at: g.At, ports: w.newWalk(), until: now + sprayFor})
	w.log.Info("introducing by guessing", "peer", g.Peer, "to", p.id.Address, "at", from.remote.Addr())
	w.runSprays(at)
}

// liveV4 is a peer's best IPv4 path that works, of those at an address if that
// is valid.
func (p *Peer) liveV4(now clock.Mono, remote netip.AddrPort) *path {
	return p.pick(now, func(s *slot) bool {
		return s.remote.Addr().Is4() && s.socket != RelaySocket && !s.expired(now) && !s.suspect(now) && (!remote.IsValid() || s.remote == remote)
	})
}

// runSprays sends the batch that is due.
func (w *Wire) runSprays(at clock.Instant) {
	s := &w.sprays
	if len(s.running) == 0 || at.Mono < s.next {
		return
	}
	s.next = at.Mono + sprayTick
	s.turn++
	n, left := len(s.running), sprayBatch
	for i := range n {
		x := &s.running[(s.turn+i)%n]
		share := min(sprayShare, (left+n-1-i)/(n-i), sprayPorts-x.sent)
		if !w.sprayOn(at, x, share) {
			x.until = at.Mono
			continue
		}
		left -= share
	}
	s.running = slices.DeleteFunc(s.running, func(x spray) bool { return at.Mono >= x.until || x.sent >= sprayPorts })
	if len(s.running) == 0 {
		s.running = nil
	}
}

// sprayOn tells a peer of more ports. It reports whether both are still there.
func (w *Wire) sprayOn(at clock.Instant, x *spray, n int) bool {
	for _, p := range [2]*Peer{x.asker, x.peer} {
		if w.peers[p.id.Address] != p || p.blocked || w.set.low {
			return false
		}
	}
	from, to := x.asker.liveV4(at.Mono, netip.AddrPort{}), x.peer.liveV4(at.Mono, x.at)
	if from == nil || from.remote.Addr() != x.where || to == nil {
		return false
	}
	for range n {
		r := wire.Rendezvous{Peer: x.asker.id.Address, At: netip.AddrPortFrom(x.where, x.ports.nextPort())}
		w.reply(at, x.peer, wire.VerbRendezvous, to.pathKey, nil, r.Append(w.scratch[:0]))
		x.sent++
	}
	return true
}
