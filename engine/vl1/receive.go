package vl1

import (
	"slices"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// held is a packet that cannot be handled yet: its source is unknown (sealed),
// or VL2 waits for a credential of the source (opened).
type held struct {
	from   identity.Address
	at     clock.Mono
	path   pathKey
	data   []byte
	n      int // bytes that came from path
	opened bool
}

// Receive takes datagrams from the physical network. Their bytes are changed
// in place. It costs a stranger more than us: nothing is allocated, stored or
// answered before a MAC verified, except for a bounded number of HELLOs.
func (w *Wire) Receive(at clock.Instant, batch []Datagram) {
	for i := range batch {
		d := &batch[i]
		switch wire.Classify(d.Data) {
		case wire.KindPacket:
			w.receivePacket(at, d)
		case wire.KindFragment:
			if call := w.selfCall(d); call != nil {
				w.receiveSelf(at, &Datagram{Data: call, Remote: d.Remote, Socket: d.Socket})
				continue
			}
			w.receiveFragment(at, d)
		case wire.KindBeacon:
			w.receiveBeacon(at, d)
		default:
			w.drop(DropJunk)
		}
	}
	w.runDue(at)
}

func (w *Wire) receivePacket(at clock.Instant, d *Datagram) {
	if len(d.Data) > wire.MaxPacketLen {
		w.drop(DropTooLong)
		return
	}
	p := wire.Packet(d.Data)
	switch {
	case p.Source() == w.self.Address:
		w.receiveSelf(at, d)
	case p.Destination() != w.self.Address:
		w.relayPacket(at, *d)
	case p.Fragmented():
		by := pathKey{d.Remote, d.Socket}
		if buf, from := w.parts.add(at.Mono, p.ID(), 0, 0, d.Data, by, w.proven(by)); buf != nil {
			w.process(at, buf, from, w.parts.headLen)
		}
	default:
		w.process(at, d.Data, pathKey{d.Remote, d.Socket}, len(d.Data))
	}
}

func (w *Wire) receiveFragment(at clock.Instant, d *Datagram) {
	f := wire.Fragment(d.Data)
	if f.Number() == 0 {
		w.drop(DropJunk) // only a packet's head is its part 0
		return
	}
	if f.Destination() != w.self.Address {
		w.relayFragment(at, *d)
		return
	}
	by := pathKey{d.Remote, d.Socket}
	buf, from := w.parts.add(at.Mono, f.PacketID(), f.Number(), f.Total(), f.Payload(), by, w.proven(by))
	if buf != nil {
		w.process(at, buf, from, w.parts.headLen)
	}
}

// receiveBeacon answers the LAN beacon of old versions (spec 02 §2.1).
func (w *Wire) receiveBeacon(at clock.Instant, d *Datagram) {
	p := w.peers[wire.Beacon(d.Data)]
	from := pathKey{d.Remote, d.Socket}
	if p == nil || p.blocked || at.Mono-w.lastBeacon < beaconEvery || !w.usable(p.id.Address, d.Remote) || !w.proven(from) {
		w.drop(DropJunk)
		return
	}
	w.lastBeacon = at.Mono
	w.reply(at, p, wire.VerbNOP, from, nil, nil)
}

// process handles a whole packet addressed to us, as it was sealed (spec 02
// §5), of which n bytes came by a path. buf is changed in place.
func (w *Wire) process(at clock.Instant, buf []byte, from pathKey, n int) {
	pkt := wire.Packet(buf)
	cipher, verb := pkt.Cipher(), pkt.Verb()
	switch {
	case cipher == armor.Poly1305None && verb == wire.VerbHello:
		if w.deaf(w.peers[pkt.Source()], verb, from) {
			w.drop(DropJunk)
			return
		}
		w.receiveHello(at, buf, from, n)
		return
	case cipher == armor.TrustedPath && !w.set.trusts(pkt.MAC(), from.remote.Addr()) || cipher > armor.AESGMACSIV:
		w.drop(DropCipher)
		return
	}
	p := w.peer(at, pkt.Source())
	if p == nil {
		w.holdStranger(at, pkt.Source(), buf, from, n)
		return
	}
	if p.blocked {
		w.drop(DropBlocked)
		return
	}
	if cipher == armor.AESGMACSIV {
		w.readyKeys(p)
	}
	if cipher != armor.TrustedPath && !p.keys.Open(buf) {
		w.drop(DropAuthentication)
		return
	}
	w.useKeys(at.Mono, p)
	verb = pkt.Verb()
	if cipher == armor.Poly1305None && verb != wire.VerbQOSMeasurement && verb != wire.VerbPathNegotiationRequest {
		w.drop(DropCipher)
		return
	}
	fresh := w.freshness(at.Mono, p, pkt.ID(), verb, from)
	if fresh == replayed {
		w.drop(DropReplay)
		return
	}
	w.earn(p, from, n)
	if pkt.Compressed() {
		full, err := wire.Decompress(pkt, w.shared.inflated[:0])
		if err != nil {
			w.drop(DropCompression)
			return
		}
		pkt = full
	}
	if fresh == copied {
		w.answerCopy(at, p, pkt, from)
		return
	}
	w.dispatch(at, p, pkt, from)
}

// holdStranger keeps a packet of an unknown source and asks for its identity. A
// budget keeps a flood of made-up sources from the roots, and from what we want
// to know ourselves.
func (w *Wire) holdStranger(at clock.Instant, src identity.Address, buf []byte, from pathKey, n int) {
	if !w.asking(src) && !w.strangers.Take(at.Mono, strangerBurst, strangerRefill) {
		w.drop(DropRate)
		return
	}
	w.hold(at, src, buf, from, n, false)
	w.Whois(at, src)
}

// hold keeps a packet for later, the oldest giving way: of the same source if
// that has its share.
func (w *Wire) hold(at clock.Instant, src identity.Address, buf []byte, from pathKey, n int, opened bool) {
	oldest, own := -1, 0
	for i := range w.held {
		if w.held[i].from == src {
			if own++; own == 1 {
				oldest = i
			}
		}
	}
	if own < heldPerSource {
		oldest = 0
	}
	if own >= heldPerSource || len(w.held) >= maxHeld {
		w.drop(DropQueueFull)
		w.held = slices.Delete(w.held, oldest, oldest+1)
	}
	w.held = append(w.held, held{src, at.Mono, from, slices.Clone(buf), n, opened})
	w.soon(at.Mono + 500*clock.Millisecond)
}

// RetryHeld has the held packets of a peer offered again, because a credential
// of it was accepted. It happens after the packet that is being handled.
func (w *Wire) RetryHeld(a identity.Address) { w.due = append(w.due, a) }

// runDue retries what [Wire.RetryHeld] asked for.
func (w *Wire) runDue(at clock.Instant) {
	for len(w.due) > 0 {
		a := w.due[0]
		w.due = slices.Delete(w.due, 0, 1)
		w.retryHeld(at, a)
	}
}

// retryHeld retries the packets of one peer, or of all for address 0.
func (w *Wire) retryHeld(at clock.Instant, a identity.Address) {
	if len(w.held) == 0 {
		return
	}
	waiting := w.held
	w.held = nil
	for _, h := range waiting {
		if a != 0 && h.from != a {
			w.held = append(w.held, h)
			continue
		}
		if at.Mono-h.at >= heldFor {
			continue
		}
		before := len(w.held)
		if h.opened {
			if p := w.peers[h.from]; p != nil {
				w.dispatch(at, p, wire.Packet(h.data), h.path)
			}
		} else {
			w.process(at, h.data, h.path, h.n)
		}
		// Held again: it keeps its age.
		for i := before; i < len(w.held); i++ {
			if w.held[i].from == h.from {
				w.held[i].at = h.at
			}
		}
	}
}

// dispatch handles an opened packet by its verb.
func (w *Wire) dispatch(at clock.Instant, p *Peer, pkt wire.Packet, from pathKey) {
	verb, hops := pkt.Verb(), pkt.Hops()
	if w.deaf(p, verb, from) {
		w.drop(DropJunk)
		return
	}
	w.stats.In[verb&31]++
	in := &w.in
	*in = Inbound{From: p.id, ID: pkt.ID(), Payload: pkt.Payload(), Remote: from.remote, Hops: hops, socket: from.socket}
	disp, answered := Received, false
	switch verb {
	case wire.VerbNOP:
	case wire.VerbHello:
		// Arrived encrypted: authenticated, and the identity must be the known one.
		h, tail, err := wire.ParseHello(in.Payload)
		if err != nil || h.Identity != p.id {
			w.drop(DropFormat)
			return
		}
		w.acceptHello(at, p, &h, tail, pkt, from, false)
		return
	case wire.VerbOK:
		disp, answered = w.receiveOK(at, p, in, from)
	case wire.VerbError:
		disp = w.receiveError(at, p, in)
	case wire.VerbWhois:
		disp = receivedIf(w.receiveWhois(at, p, in))
	case wire.VerbRendezvous:
		disp = receivedIf(w.receiveRendezvous(at, p, in))
	case wire.VerbEcho:
		disp = receivedIf(w.receiveEcho(at, p, in, from))
	case wire.VerbPushDirectPaths:
		disp = receivedIf(w.receivePush(at, p, in))
	case wire.VerbUserMessage:
		switch m, err := wire.ParseUserMessage(in.Payload); {
		case err != nil:
		case m.Type == wire.AppointmentKind:
			w.receiveAppointment(at, p, m.Data)
		case m.Type == wire.GuessKind:
			w.receiveGuess(at, p, in, m.Data)
		default:
			w.upper.Message(at, p.id, m.Type, m.Data)
		}
	case wire.VerbRemoteTrace:
		for text, rest, ok := wire.NextRemoteTrace(in.Payload); ok; text, rest, ok = wire.NextRemoteTrace(rest) {
			w.upper.Trace(at, p.id, text)
		}
	case wire.VerbACK, wire.VerbQOSMeasurement, wire.VerbPathNegotiationRequest:
		// For bonds only; no bond exists.
		return
	case wire.VerbFrame, wire.VerbExtFrame, wire.VerbMulticastLike, wire.VerbMulticastGather, wire.VerbMulticastFrame,
		wire.VerbNetworkCredentials, wire.VerbNetworkConfigRequest, wire.VerbNetworkConfig:
		disp = w.upper.Handle(at, verb, in)
	}
	switch disp {
	case Held:
		w.hold(at, p.id.Address, pkt, from, 0, true)
	case Received, Trusted:
		w.received(at, p, from, hops, verb, disp, answered)
	case Dropped:
	}
}

func receivedIf(ok bool) Disposition {
	if ok {
		return Received
	}
	return Dropped
}

// receiveOK handles an answer. answered is true if it came from the very
// address that the question was sent to: only that proves a path (spec 03 §4.4).
func (w *Wire) receiveOK(at clock.Instant, p *Peer, in *Inbound, from pathKey) (d Disposition, answered bool) {
	ok, err := wire.ParseOK(in.Payload)
	if err != nil {
		w.drop(DropFormat)
		return Dropped, false
	}
	x, expectedID := w.expect.answer(at.Mono, ok.InReID, p.id.Address)
	if !expectedID {
		if ok.InRe == wire.VerbEcho && in.Hops == 0 && w.guessed(p, ok.Body, from.remote) {
			return Received, true
		}
		w.drop(DropUnexpectedReply)
		return Dropped, false
	}
	answered = in.Hops == 0 && x.remote == from.remote
	if p.unanswered != clock.Never && at.Mono-p.unanswered >= answerIn {
		defer w.upper.Greeted(at, p.id)
	}
	if asked := p.unanswered; asked != clock.Never {
		p.unanswered = clock.Never
		w.calmed(p, asked)
	}
	in.Payload, in.InReID = ok.Body, ok.InReID
	switch ok.InRe {
	case wire.VerbHello:
		return receivedIf(x.verb == wire.VerbHello && w.receiveOKHello(at, p, ok.Body, x, from, in.Hops)), answered
	case wire.VerbWhois:
		w.receiveOKWhois(at, p, ok.Body)
		return Received, answered
	case wire.VerbEcho:
		if x.verb == wire.VerbEcho && answered {
			w.measured(w.pathTo(from), at.Mono-x.at)
		}
		if len(w.fits) > 0 && x.verb == wire.VerbEcho && (answered || in.Hops > 0) {
			w.carried(at.Mono, p, from, in.Hops, ok.InReID)
		}
		return Received, answered
	}
	return w.upper.HandleOK(at, ok.InRe, in), answered
}

func (w *Wire) receiveError(at clock.Instant, p *Peer, in *Inbound) Disposition {
	e, err := wire.ParseError(in.Payload)
	if err != nil {
		w.drop(DropFormat)
		return Dropped
	}
	w.stats.ErrorsIn[min(e.Code, 15)]++
	in.Payload, in.InReID = e.Body, e.InReID
	if e.Code == wire.ErrorIdentityCollision {
		// Only a root that we said HELLO to may tell us that our address is taken.
		if _, ok := w.expect.answer(at.Mono, e.InReID, p.id.Address); ok && w.IsUpstream(p.id) {
			w.upper.Collision(at, p.id)
		}
		return Received
	}
	return w.upper.HandleError(at, e.InRe, e.Code, in)
}

// receiveEcho answers an ECHO, one each 166 ms for a path (spec 02 §10.8). To an
// unproven address no more of the payload goes back than what was asked leaves
// room for, beside a question in turn: receivers read its first bytes at most.
func (w *Wire) receiveEcho(at clock.Instant, p *Peer, in *Inbound, from pathKey) bool {
	if !w.teaches(p, from.socket) {
		return false // as for HELLO
	}
	last, body := w.lastEcho(from), in.Payload
	if *last != 0 && at.Mono-*last < echoEvery {
		w.drop(DropRate)
		return false
	}
	*last = at.Mono
	w.searched(at.Mono, p, from, in.Hops, wire.HeaderLen+len(body))
	if !w.provenFor(p, from) {
		room := len(body) - okPrefix
		if room >= wire.HeaderLen {
			room -= wire.HeaderLen // to ask back
		}
		body = body[:max(0, room)]
	}
	w.scratch = wire.AppendOK(w.scratch[:0], wire.VerbEcho, in.ID)
	w.answer(at, p, wire.VerbOK, from, w.scratch, body)
	w.tellNews(at, p, from)
	return true
}

// received notes an accepted packet of a peer, and learns or probes the path
// that it came by (spec 03 §4.4).
func (w *Wire) received(at clock.Instant, p *Peer, from pathKey, hops uint8, verb wire.Verb, d Disposition, answered bool) {
	now := at.Mono
	p.lastReceive = now
	p.rootTries = 0
	switch verb {
	case wire.VerbFrame, wire.VerbExtFrame, wire.VerbNetworkConfigRequest, wire.VerbNetworkConfig, wire.VerbMulticastFrame:
		w.engaged(now, p)
	}
	if verb == wire.VerbOK {
		// Not any packet: a root that refuses our identity talks to us as well.
		p.lastAnswer = now
		w.online = w.online || w.IsUpstream(p.id)
	}
	w.reached(at, p, verb)
	if d == Trusted {
		p.lastTrusted = now
		if x := w.known(from); x != nil && x.users > 0 {
			x.trusted = now // not an address that merely repeats what it heard
		}
	}
	if hops == 0 {
		if s := p.slotOf(from); s != nil {
			s.seen = now
			s.heard(now)
			w.noteGlobal(now, s.scope, s.socket)
			if b := p.best.path; b == nil || b.suspect(now) {
				p.best.until = 0 // what was said next would still go the way in doubt
			}
		} else {
			w.noteGlobal(now, wire.ScopeOf(from.remote.Addr()), from.socket)
			w.newPath(at, p, from, verb, answered)
		}
	} else {
		w.detour(at, p, from)
		if d == Trusted || p.lastNontrivial == now {
			w.relaying(now, p)
		}
	}
	if p.trusted(now) && p.pushDue(now, hops > 0, w.pushEvery()) {
		p.recent().directPush = now
		w.pushDirectPaths(at, p, from)
	}
}

// newPath learns a path that a peer proved by answering on it, and probes one
// that it merely spoke from.
func (w *Wire) newPath(at clock.Instant, p *Peer, from pathKey, verb wire.Verb, answered bool) {
	now := at.Mono
	for i := range p.slots {
		if p.awaited(now, from.remote) {
			break
		}
		s := &p.slots[i]
		if s.socket == from.socket && s.remote.Addr() == from.remote.Addr() && s.alive(now) && !s.expired(now) && !s.suspect(now) {
			switch {
			case verb == wire.VerbHello && now-s.lastIn >= lateTwin:
				w.contest(at, p, s.path, from)
			case now-s.lastIn >= unheardFor:
				w.ask(at, p, s.path)
			}
			// Another port of a known way: behind a symmetric NAT they flap.
			return
		}
	}
	if !w.usable(p.id.Address, from.remote) || !w.teaches(p, from.socket) {
		return
	}
	if !answered {
		if !p.probedRecently(now, from) {
			w.challenge(at, p, from)
			w.again(at, p, from, false)
		}
		return
	}
	defer w.won(at, p)
	defer w.obey(now, p, from)
	x := w.pathTo(from)
	x.heard(now)
	x.users++
	p.best = bestPath{}
	w.bestRoot = nil
	w.changed(p)
	fresh := slot{path: x, seen: now, priority: 1}
	for i := range p.slots {
		s := &p.slots[i]
		if s.socket == from.socket && s.remote.Addr() == from.remote.Addr() {
			s.users--
			*s = fresh
			w.storeSoon(now, p)
			w.flush(at, p)
			return
		}
	}
	if len(p.slots) < maxPathsPerPeer {
		p.slots = append(p.slots, fresh)
	} else {
		oldest := &p.slots[0]
		for i := range p.slots {
			if p.slots[i].lastIn < oldest.lastIn {
				oldest = &p.slots[i]
			}
		}
		oldest.users--
		*oldest = fresh
	}
	w.storeSoon(now, p)
	if w.IsUpstream(p.id) {
		// A root is reached: whatever waited for a relay or an identity can go.
		w.runQueue(at)
		return
	}
	w.flush(at, p)
}
