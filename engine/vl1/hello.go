package vl1

import (
	"net/netip"
	"slices"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/trust"
	"orrery/engine/wire"
)

// pending is a first HELLO, or an identity told by a root, whose identity is
// being validated.
type pending struct {
	work uint64
	id   identity.Identity
	at   clock.Mono
	// hello is the packet as it came, nil for an answer to WHOIS.
	hello []byte
	from  pathKey
	n     int // bytes that came by from
	// charged is whose prefix is charged for the validation, if anybody's is.
	charged netip.Addr
	// other is one that came before, by a relay if hello came directly or the
	// reverse: a root introduces those whose HELLO it relays, so both come at once,
	// and each wants its answer.
	other     []byte
	otherFrom pathKey
	otherN    int
	// key is what was agreed on with the sender of hello: a peer costs one
	// agreement.
	key [identity.SharedKeyLen]byte
}

// hello sends a HELLO for a peer to an address: in clear but authenticated, so
// that a stranger can learn who speaks (spec 02 §13.1). To a relay's address it
// travels on to the peer.
func (w *Wire) hello(at clock.Instant, p *Peer, to pathKey) {
	h := wire.Hello{
		Protocol: wire.ProtocolVersion, Major: w.cfg.Major, Minor: w.cfg.Minor, Revision: w.cfg.Revision,
		Time: at.Wall, Identity: w.self, SentTo: to.remote,
		PlanetID: w.top.planet.ID, PlanetTime: w.top.planet.Timestamp,
	}
	for i := range w.top.moons {
		h.Moons = append(h.Moons, wire.MoonRevision{ID: w.top.moons[i].ID, Time: w.top.moons[i].Timestamp})
	}
	for i := range w.top.orbits.Wanted {
		h.Moons = append(h.Moons, wire.MoonRevision{ID: w.top.orbits.Wanted[i].ID}) // time 0: not held
	}
	buf := wire.AppendHeader(w.out.Alloc(1024)[:0], w.random.uint64(), p.id.Address, w.self.Address, wire.VerbHello)
	buf = h.Append(buf)
	p.keys.CryptHelloTail(buf[:8], buf[wire.HeaderLen+h.TailOffset():])
	w.transmit(at, p, buf, armor.Poly1305None, w.paths[to], to)
	w.probed(at.Mono, p, to)
	if to.socket == AnySocket && w.carriedByRelay(to.remote) {
		w.hello(at, p, pathKey{to.remote, RelaySocket})
	}
}

// probe asks a peer to answer from an address: by ECHO from one socket if its
// version is known, else by HELLO from all (spec 03 §5.6).
func (w *Wire) probe(at clock.Instant, p *Peer, to pathKey) {
	if !p.canEcho() {
		w.hello(at, p, w.around(to))
		return
	}
	var pad []byte
	if p.slotOf(to) == nil {
		pad = zeros[:] // room for an answer, and a probe back
	}
	w.reply(at, p, wire.VerbEcho, to, nil, pad)
	w.probed(at.Mono, p, to)
	if to.socket == AnySocket && w.carriedByRelay(to.remote) {
		w.probe(at, p, pathKey{to.remote, RelaySocket})
	}
}

// receiveHello handles a HELLO in clear, the one packet that a stranger may
// send (spec 02 §13.3).
func (w *Wire) receiveHello(at clock.Instant, buf []byte, from pathKey, n int) {
	h, tail, err := wire.ParseHello(wire.Packet(buf).Payload())
	if err != nil || h.Identity.Address != wire.Packet(buf).Source() {
		w.drop(DropFormat)
		return
	}
	if h.Protocol < wire.MinProtocolVersion {
		w.drop(DropFormat)
		return
	}
	p := w.peer(at, h.Identity.Address)
	if p != nil && p.blocked {
		w.drop(DropBlocked)
		return
	}
	if p != nil && p.id == h.Identity {
		if !p.keys.Open(buf) {
			w.drop(DropAuthentication)
			return
		}
		fresh := w.freshness(at.Mono, p, wire.Packet(buf).ID(), wire.VerbHello, from)
		if fresh == replayed {
			w.drop(DropReplay)
			return
		}
		if !w.teaches(p, from.socket) {
			// A root that we asked how our NAT looks from a socket of a burst asks
			// back. An answer would have it take that for our address.
			return
		}
		w.earn(p, from, n)
		w.acceptHello(at, p, &h, tail, buf, from, fresh == copied)
		return
	}
	// A stranger: cheap checks first, and a charge on its prefix only for
	// packets that it really made itself.
	i := slices.IndexFunc(w.pending, func(x pending) bool { return x.id == h.Identity })
	if i >= 0 && w.pending[i].hello != nil {
		// It says it again while it is validated, as who hears nothing does.
		x := pending{id: h.Identity, from: from, n: n, key: w.pending[i].key}
		if !armor.NewKeys(&x.key).Open(buf) {
			w.drop(DropAuthentication)
			return
		}
		x.hello = slices.Clone(buf)
		w.validate(x)
		return
	}
	if !w.agree.Take(at.Mono, agreeBurst, agreeRefill) {
		w.drop(DropRate)
		return
	}
	key, err := w.secret.Agree(h.Identity.Public)
	if err != nil {
		w.drop(DropIdentity)
		return
	}
	if !armor.NewKeys(&key).Open(buf) {
		w.drop(DropAuthentication)
		return
	}
	// Another key for a known address is validated too: else anybody could raise
	// a false alarm about a peer, at no cost.
	x := pending{id: h.Identity, at: at.Mono, hello: slices.Clone(buf), from: from, n: n, key: key}
	if i < 0 {
		x.charged = from.remote.Addr()
		if !w.charge(at.Mono, x.charged) {
			w.drop(DropRate)
			return
		}
	}
	if !w.validate(x) {
		w.refund(x.charged)
	}
}

// charge has a prefix pay for the validation of a stranger's identity, and reports
// whether it could.
func (w *Wire) charge(now clock.Mono, from netip.Addr) bool {
	if !w.top.amRoot && !w.validations.Take(now, strangeBurst, strangeRefill) {
		return false
	}
	if !w.strange.open(now, from) {
		w.validations.Give()
		return false
	}
	return true
}

// refund takes a charge back: the identity was not validated, or is one, which
// cost its owner more than us. So all machines of an office may start at once.
func (w *Wire) refund(from netip.Addr) {
	if from.IsValid() {
		w.strange.give(from)
		w.validations.Give()
	}
}

// collision tells a node that its address is held by another key, under the
// key of the one that asked (spec 02 §13.3, 3b; its bug not copied), and has
// the trust table record the conflict.
func (w *Wire) collision(at clock.Instant, x *pending) {
	w.trust.Identify(at.Wall, x.id, trust.FromHello)
	w.drop(DropConflict)
	buf := wire.AppendHeader(w.out.Alloc(64)[:0], w.random.uint64(), x.id.Address, w.self.Address, wire.VerbError)
	buf = wire.AppendError(buf, wire.VerbHello, wire.Packet(x.hello).ID(), wire.ErrorIdentityCollision)
	armor.NewKeys(&x.key).Seal(buf, armor.Salsa2012Poly1305)
	w.out.Send = append(w.out.Send, Datagram{Data: buf, Remote: x.from.remote, Socket: x.from.socket})
}

// validate has the memory-hard hash of an identity checked, off the packet
// path, once for each identity at a time. It reports whether there is room for
// that: strangers leave some to those whom we asked for.
func (w *Wire) validate(x pending) bool {
	for i := range w.pending {
		if w.pending[i].id == x.id {
			if q := &w.pending[i]; x.hello != nil {
				if q.hello != nil && (wire.Packet(q.hello).Hops() > 0) != (wire.Packet(x.hello).Hops() > 0) {
					q.other, q.otherFrom, q.otherN = q.hello, q.from, q.n
				}
				q.hello, q.from, q.n, q.key = x.hello, x.from, x.n, x.key
			}
			return true
		}
	}
	room := maxPending
	if x.hello != nil {
		room = maxStrangers
	}
	if len(w.pending) >= room {
		w.drop(DropQueueFull)
		return false
	}
	w.workSeq++
	x.work = w.workSeq
	w.pending = append(w.pending, x)
	w.out.Work = append(w.out.Work, Work{ID: x.work, Identity: x.id})
	return true
}

// Done takes the result of a [Work].
func (w *Wire) Done(at clock.Instant, r WorkResult) {
	defer w.runDue(at)
	if w.rootValidated(at, r) {
		return
	}
	i := slices.IndexFunc(w.pending, func(x pending) bool { return x.work == r.ID })
	if i < 0 {
		return
	}
	x := w.pending[i]
	w.pending = slices.Delete(w.pending, i, i+1)
	if !r.Valid {
		w.drop(DropIdentity)
		return
	}
	w.refund(x.charged)
	switch known := w.peers[x.id.Address]; {
	case known == nil:
		var p *Peer
		var err error
		if x.hello != nil {
			p, err = w.admitAgreed(at, x.id, trust.FromHello, &x.key)
		} else {
			p, err = w.admit(at, x.id, trust.FromWhois)
		}
		if err != nil {
			return
		}
		w.learned(at, p)
	case known.id != x.id:
		if x.hello != nil {
			w.collision(at, &x)
		} else {
			w.trust.Identify(at.Wall, x.id, trust.FromWhois)
		}
		return
	}
	if x.other != nil {
		w.receiveHello(at, x.other, x.otherFrom, x.otherN)
	}
	if x.hello != nil {
		w.receiveHello(at, x.hello, x.from, x.n)
	}
}

// learned lets go what waited for an identity.
func (w *Wire) learned(at clock.Instant, p *Peer) {
	w.whois = slices.DeleteFunc(w.whois, func(a asked) bool { return a.addr == p.id.Address })
	w.seedLearned(at, p)
	w.flush(at, p)
	w.retryHeld(at, p.id.Address)
	w.upper.PeerLearned(at, p.id)
}

// acceptHello acts on a HELLO whose MAC verified: buf is the opened packet. One
// that is a copy, or older than another, is answered, and changes nothing: it
// may have been recorded, when the peer spoke another version or was elsewhere.
func (w *Wire) acceptHello(at clock.Instant, p *Peer, h *wire.Hello, tailAt int, buf []byte, from pathKey, copied bool) {
	pkt := wire.Packet(buf)
	w.stats.In[wire.VerbHello]++
	hops := pkt.Hops()
	if !w.hellos.at(peerPath{p.id.Address, from.remote}).Take(at.Mono, helloBurst, helloEvery) {
		w.drop(DropRate)
		return
	}
	var moons wire.MoonRevisions
	if tail := pkt.Payload()[tailAt:]; len(tail) > 0 {
		p.keys.CryptHelloTail(buf[:8], tail)
		var err error
		if moons, err = wire.ParseHelloTail(tail); err != nil {
			w.drop(DropFormat)
			return
		}
	}
	w.answerHello(at, p, h, pkt.ID(), moons, from)
	if copied || p.stale(at.Wall, h.Time) {
		w.drop(DropReplay)
		return
	}
	if h.SentTo.IsValid() && hops == 0 {
		w.learnSurface(at, p, from, h.SentTo)
	}
	w.setVersion(p, h.Protocol, h.Major, h.Minor, h.Revision)
	w.received(at, p, from, hops, wire.VerbHello, Received, false)
	if hops > 0 {
		w.displaced(at, p)
	}
	w.hearNews(at, p, h, moons)
	w.upper.Greeted(at, p.id)
}

// stale reports whether a HELLO was made long before another that came, by the
// peer's clock, and notes the time of one that was not. Times ahead of ours are not
// noted: a clock that is set back would make a peer unheard until they come.
func (p *Peer) stale(now, made clock.Wall) bool {
	if p.lastHello > now+helloAhead {
		p.lastHello = 0 // our own clock was set back since
	}
	if made < p.lastHello-helloLate {
		return true
	}
	if made <= now+helloAhead {
		p.lastHello = max(p.lastHello, made)
	}
	return false
}

// answerHello sends OK(HELLO), with newer revisions of the worlds that the
// other has. Worlds go to proven addresses only, be they a relay's, since they
// are many times larger than the question.
func (w *Wire) answerHello(at clock.Instant, p *Peer, h *wire.Hello, id uint64, moons wire.MoonRevisions, from pathKey) {
	seen := from.remote
	if h.Protocol < 5 {
		seen = netip.AddrPortFrom(seen.Addr(), 0)
	}
	var worlds []byte
	if w.provenFor(p, from) {
		if t := &w.top.planet; h.PlanetID != 0 && h.PlanetID == t.ID && t.Timestamp > h.PlanetTime {
			worlds = t.AppendBinary(worlds)
		}
		for i := range w.top.moons {
			if t := &w.top.moons[i]; listedOlder(moons, t.ID, t.Timestamp) {
				// What does not fit is told when the others are known.
				if more := t.AppendBinary(worlds); len(more) <= maxWorldsLen {
					worlds = more
				}
			}
		}
		if len(worlds) == 0 {
			w.upToDate(p)
		}
	}
	ok := wire.OKHello{
		Time: h.Time, Protocol: wire.ProtocolVersion, Major: w.cfg.Major, Minor: w.cfg.Minor,
		Revision: w.cfg.Revision, SeenAt: seen, Worlds: worlds,
	}
	w.answer(at, p, wire.VerbOK, from, nil, ok.Append(wire.AppendOK(nil, wire.VerbHello, id)))
}

// listedOlder reports whether a HELLO named a moon with an older revision.
func listedOlder(moons wire.MoonRevisions, id uint64, revision clock.Wall) bool {
	for i := range moons.Len() {
		if m, ok := moons.At(i); ok && m.ID == id && m.Time < revision {
			return true
		}
	}
	return false
}

func (w *Wire) setVersion(p *Peer, protocol, major, minor uint8, revision uint16) {
	if p.protocol != protocol || p.major != major || p.minor != minor || p.revision != revision {
		p.protocol, p.major, p.minor, p.revision = protocol, major, minor, revision
		w.changed(p)
	}
}

// receiveOKHello acts on the answer to a HELLO of ours (spec 02 §13.5). It
// reports whether the packet counts as received.
func (w *Wire) receiveOKHello(at clock.Instant, p *Peer, body []byte, x expectation, from pathKey, hops uint8) bool {
	ok, err := wire.ParseOKHello(body)
	if err != nil {
		w.drop(DropFormat)
		return false
	}
	if ok.Protocol < wire.MinProtocolVersion {
		return false
	}
	if len(ok.Worlds) > 0 && w.mayTellWorlds(p.id) && !w.takeWorlds(at, p.id, ok.Worlds) {
		return false
	}
	if w.peers[p.id.Address] != p {
		return false // a world told of another key for the address
	}
	w.setVersion(p, ok.Protocol, ok.Major, ok.Minor, ok.Revision)
	if hops == 0 && x.remote == from.remote {
		way := w.pathTo(from)
		first := way.latency == unknownLatency
		w.measured(way, at.Mono-x.at)
		if first && p.canEcho() {
			// The peer may have validated our identity before it answered: only
			// another question measures the way.
			w.probe(at, p, from)
		}
		if first {
			w.greetAgain(at, p)
		}
		if ok.SeenAt.IsValid() {
			w.learnSurface(at, p, from, ok.SeenAt)
		}
	}
	return true
}
