package vl1

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

const (
	// rootRetry is the longest between two HELLOs to a root that is away: with
	// what follows, traffic is back within five seconds of its return.
	rootRetry    = 3 * clock.Second
	rootRetryLow = 25 * clock.Second // in low-bandwidth mode
	// rootHeartbeat keeps every way to every root open through NATs that forget
	// after 30 s.
	rootHeartbeat    = 18 * clock.Second
	rootHeartbeatLow = 25 * clock.Second
	// rootHeartbeatBusy is that of the best root while there is traffic: when our
	// NAT reboots, whoever wants to reach us waits for our next packet. The
	// reference asks its best root something every five seconds, always.
	rootHeartbeatBusy = 5 * clock.Second
	busyFor           = 120 * clock.Second
	// rootLost is when a root that answers nothing counts as gone.
	rootLost = 65 * clock.Second
	// familyRetry is the longest between two attempts to reach a root by the
	// address family in which it does not answer, while it does in the other.
	familyRetry = 5 * clock.Minute
)

// rootCare is what is remembered of keeping a root reached.
type rootCare struct {
	root identity.Address
	// turn counts the endpoints that were drawn while the root did not answer,
	// from a random one on.
	turn int
	// news is when it was, or will be, asked for newer worlds.
	news clock.Mono
	// calm is when the root wants attention next if it answers what it was asked.
	calm clock.Mono
	// missing is, for IPv4 and IPv6, when a family in which the root does not
	// answer is tried again, and how often it was.
	missing [2]struct {
		next  clock.Mono
		tries int
	}
}

// care finds or makes the notes on a root.
func (r *reach) care(a identity.Address) *rootCare {
	for i := range r.roots {
		if r.roots[i].root == a {
			return &r.roots[i]
		}
	}
	c := rootCare{root: a, news: clock.Never}
	for i := range c.missing {
		c.missing[i].next = clock.Never
	}
	r.roots = append(r.roots, c)
	return &r.roots[len(r.roots)-1]
}

// pingEvery is the time between two looks at who is to be kept reached.
func (w *Wire) pingEvery() clock.Mono {
	if w.set.low {
		return pingEveryLow
	}
	return pingEvery
}

// rootHeartbeat is how long a path to a root may be quiet.
func (w *Wire) rootHeartbeat(now clock.Mono, best bool) clock.Mono {
	switch {
	case w.set.low:
		return rootHeartbeatLow
	case best && w.busy(now):
		return rootHeartbeatBusy
	}
	return rootHeartbeat
}

// pingRoot keeps one root reached, in both address families, and says when to
// look again. A root that does not answer is tried at its endpoints, soon at
// first, then every three seconds.
func (w *Wire) pingRoot(at clock.Instant, p *Peer, u *upstream) clock.Mono {
	now := at.Mono
	if best := p.direct(now); best != nil && !(p.unanswered != clock.Never && now-p.unanswered >= answerIn) {
		return w.keepRoot(at, p, u, best)
	}
	w.reach.care(p.id.Address).calm = 0
	sent := false
	for _, v4 := range [2]bool{true, false} {
		for _, e := range w.endpoints(u, v4, int(p.rootTries)) {
			p.lastFullHello = now
			w.hello(at, p, toAll(e))
			sent = true
		}
	}
	if !sent && len(u.endpoints) == 0 {
		w.helloVia(at, p)
	}
	p.rootTries = min(p.rootTries, 254) + 1
	longest := rootRetry
	if w.set.low {
		longest = rootRetryLow
	}
	wait := min(250*clock.Millisecond<<min(p.rootTries-1, 8), longest)
	return now + wait + clock.Mono(w.random.uint64()%uint64(wait/8))
}

// endpoints draws one of a root's addresses of a family for an attempt; when the
// first attempts came to nothing two, and others each time, until all had their
// turn.
func (w *Wire) endpoints(u *upstream, v4 bool, tries int) []netip.AddrPort {
	of := w.candidates(u, v4)
	if len(of) <= 1 {
		return of
	}
	care := w.reach.care(u.id.Address)
	if tries == 0 {
		care.turn = int(w.random.uint64() % uint64(len(of)))
	}
	n := 1
	if tries >= 2 {
		n = 2
	}
	drawn := make([]netip.AddrPort, 0, n)
	for range n {
		drawn = append(drawn, of[care.turn%len(of)])
		care.turn++
	}
	return drawn
}

// endpoint draws one of a root's addresses of a family.
func (w *Wire) endpoint(u *upstream, v4 bool) (netip.AddrPort, bool) {
	of := w.candidates(u, v4)
	if len(of) == 0 {
		return netip.AddrPort{}, false
	}
	return of[w.random.uint64()%uint64(len(of))], true
}

// candidates are the addresses of a root of a family that may be used.
func (w *Wire) candidates(u *upstream, v4 bool) (of []netip.AddrPort) {
	for _, e := range u.endpoints {
		if e.Addr().Is4() == v4 && e.Port() != 0 && !w.set.forbids(u.id.Address, e.Addr()) {
			of = append(of, e)
		}
	}
	return of
}

// keepRoot keeps all paths of a root that answers, and looks for one in the
// other address family. It says when something will be due.
func (w *Wire) keepRoot(at clock.Instant, p *Peer, u *upstream, best *path) clock.Mono {
	now := at.Mono
	every := rootHello
	if best.socket == RelaySocket {
		every = rootByUDP
	}
	full := now-p.lastFullHello >= every
	if full {
		p.lastFullHello = now
		w.hello(at, p, w.wide(best.pathKey))
	}
	next, soonest := p.lastFullHello+every, now+clock.Second
	if w.busy(now) {
		next = min(next, now+w.pingEvery()) // another root may be the best then
	}
	first := w.bestUpstream(now) == p
	var have [2]bool
	for i := range p.slots {
		s := &p.slots[i]
		if s.expired(now) {
			continue
		}
		if s.asked != clock.Never {
			next = min(next, now+w.pingEvery()) // it will be suspect, or not
		}
		if !s.suspect(now) {
			have[family(s.remote.Addr())] = true
		}
		beat := w.rootHeartbeat(now, s.path == best && first)
		switch {
		case full && s.remote == best.remote:
		case s.path == best && (now-s.lastOut >= beat || now-s.lastIn >= beat || now-p.lastAnswer >= beat):
			w.probe(at, p, s.pathKey)
		case s.path != best && now-s.lastOut >= beat:
			w.aside(p, func() { w.probe(at, p, s.pathKey) })
		case s.path == best:
			next = min(next, max(min(s.lastIn, p.lastAnswer)+beat, soonest))
		}
		next = min(next, max(s.lastOut+beat, soonest))
	}
	care := w.reach.care(p.id.Address)
	for f, v4 := range [2]bool{true, false} {
		m := &care.missing[f]
		if have[f] {
			m.tries, m.next = 0, now
			continue
		}
		e, ok := w.endpoint(u, v4)
		if !ok || w.set.low && m.tries > 0 {
			continue
		}
		if now < m.next {
			next = min(next, m.next)
			continue
		}
		m.next = now + min(rootRetry<<min(m.tries, 8), familyRetry)
		m.tries++
		next = min(next, m.next)
		w.aside(p, func() { w.hello(at, p, toAll(e)) })
	}
	care.calm = next
	if p.unanswered != clock.Never {
		return min(next, p.unanswered+answerIn)
	}
	return next
}

// busy reports whether there is traffic, so that whoever is part of it must
// find us soon after our NAT rebooted.
func (w *Wire) busy(now clock.Mono) bool { return now-w.reach.traffic < busyFor }

// calmed puts off the look at a root that answered what it was asked at a time.
func (w *Wire) calmed(p *Peer, asked clock.Mono) {
	if p.nextRoot != asked+answerIn || w.top.find(p.id.Address) == nil {
		return
	}
	if calm := w.reach.care(p.id.Address).calm; calm > p.nextRoot {
		p.nextRoot = calm
		w.planPing()
	}
}

// hasten has all roots looked at soon, since traffic begins.
func (w *Wire) hasten(now clock.Mono) {
	for i := range w.top.upstreams {
		if p := w.rootPeer(&w.top.upstreams[i]); p != nil {
			p.nextRoot = min(p.nextRoot, now+w.pingEvery())
		}
	}
	w.nextPing = min(w.nextPing, now+w.pingEvery())
}

// aside asks a peer something whose answer does not decide whether it is there.
func (w *Wire) aside(p *Peer, ask func()) {
	was := p.unanswered
	ask()
	p.unanswered = was
}

// family is 0 for IPv4 and 1 for IPv6.
func family(a netip.Addr) int {
	if a.Is4() {
		return 0
	}
	return 1
}

// reached notes a packet of a peer for what follows from it: that there is
// traffic, that the network is there, and that a root answers again after a
// resume.
func (w *Wire) reached(at clock.Instant, p *Peer, verb wire.Verb) {
	r := &w.reach
	if verb != wire.VerbOK {
		if p.lastNontrivial == at.Mono {
			if !w.busy(at.Mono) {
				w.hasten(at.Mono)
			}
			r.traffic = at.Mono
		}
		return
	}
	if r.down && at.Mono-r.downSince >= believeDown {
		// Whoever told that there is no network was wrong.
		r.down = false
		w.nextPing = at.Mono
	}
	if r.announce && w.top.find(p.id.Address) != nil {
		r.announce = false
		r.back = true
		w.announceMove(at)
	}
}

// announceMove greets the peers in use that do not answer at our new place
// through a root, which tells both sides where to meet.
func (w *Wire) announceMove(at clock.Instant) {
	left := maxAnnounced
	for _, p := range w.order {
		if left > 0 && !p.blocked && p.active(at.Mono) && p.live(at.Mono) == nil && w.top.find(p.id.Address) == nil {
			w.helloVia(at, p)
			left--
		}
	}
}

// Back reports, once, that a root answers again after a resume.
func (w *Wire) Back() bool {
	back := w.reach.back
	w.reach.back = false
	return back
}

// Ports may be blocked by a router that classified the traffic: when every root
// is silent for rotateAfter while there is a network, another port is asked for,
// and again every rotateEvery; after a resume to a silent network sooner.
const (
	rotateAfter  = 120 * clock.Second
	rotateResume = 15 * clock.Second
	rotateEvery  = 10 * clock.Minute
)

// rotate asks for another port if the roots are silent.
func (w *Wire) rotate(now, lastRoot clock.Mono) {
	r := &w.reach
	if w.top.amRoot || len(w.top.upstreams) == 0 || now < r.nextRotate {
		return
	}
	heard := w.heardGlobal // by UDP: our ports are not blocked then
	if !w.tcpRelay {
		heard = max(heard, lastRoot)
	}
	if heard > r.resumed {
		r.offline = false
	}
	patience := rotateAfter
	if r.offline {
		patience = rotateResume
	}
	if now-max(heard, r.resumed) < patience {
		return
	}
	r.nextRotate = now + rotateEvery
	w.out.Rotate = true
	w.log.Info("no root answers; asking for another port")
}

// usesSocket reports whether a path leaves by one of the sockets.
func usesSocket(ids []SocketID, id SocketID) bool {
	_, found := slices.BinarySearch(ids, id)
	return found
}
