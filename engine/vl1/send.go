package vl1

import (
	"net/netip"
	"slices"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// mayBeAnswered reports whether an OK can name a packet of this verb.
func mayBeAnswered(v wire.Verb) bool {
	switch v {
	case wire.VerbHello, wire.VerbWhois, wire.VerbEcho, wire.VerbNetworkConfigRequest, wire.VerbNetworkConfig,
		wire.VerbMulticastGather, wire.VerbMulticastFrame, wire.VerbExtFrame:
		return true
	}
	return false
}

// Send armours head‖body and sends it to a peer, by its best direct path or
// by a root. Without an identity or a path it waits up to five seconds. The
// result is the packet ID on the wire, 0 while it waits.
func (w *Wire) Send(at clock.Instant, to identity.Address, v wire.Verb, head, body []byte, compress bool) uint64 {
	if to == w.self.Address || to.Reserved() {
		w.drop(DropSelf)
		return 0
	}
	if w.reach.down {
		w.drop(DropNoRoute)
		return 0
	}
	n := wire.HeaderLen + len(head) + len(body)
	if n > wire.MaxPacketLen {
		w.drop(DropTooLong)
		return 0
	}
	p := w.peer(at, to)
	if p != nil && p.blocked || p == nil && w.trust.Blocked(to) {
		w.drop(DropBlocked)
		return 0
	}
	buf := w.out.Alloc(n)[:0]
	buf = wire.AppendHeader(buf, w.random.uint64(), to, w.self.Address, v)
	buf = append(append(buf, head...), body...)
	if compress {
		buf, _ = wire.Compress(buf, &w.shared.lz)
	}
	if p != nil {
		if owner, via := w.route(at, p); via != nil {
			id := w.transmitCut(at, p, buf, p.suiteBy(owner, via), via, via.pathKey, p.payloadTo(owner, via))
			w.carry(at, owner, via)
			if owner != p {
				w.relaying(at.Mono, p)
			}
			if len(buf) > leastPayload {
				w.fathom(at, p, owner, via)
			}
			return id
		}
	}
	if w.queue.add(queued{to, at.Mono, slices.Clone(buf)}) {
		w.drop(DropQueueFull)
	}
	w.soon(at.Mono + 500*clock.Millisecond)
	if p == nil {
		w.Whois(at, to)
	}
	return 0
}

// soon makes the queue timer run at t at the latest.
func (w *Wire) soon(t clock.Mono) { w.nextQueue = min(w.nextQueue, t) }

// route chooses the physical way to a peer: direct, by the best root, or at
// last a path that is suspect or expired (spec 03 §5.2). Owner is whom the path
// leads to.
func (w *Wire) route(at clock.Instant, p *Peer) (owner *Peer, via *path) {
	now := at.Mono
	own := p.direct(now)
	if own != nil {
		if now-own.lastIn < coldAfter && !own.suspect(now) {
			return p, own
		}
		w.ask(at, p, own)
	}
	w.tryAdvised(at, p)
	if root := w.bestUpstream(now); root != nil && root != p {
		if b := root.direct(now); b != nil && (own == nil || !b.suspect(now)) {
			return root, b
		}
	}
	if own != nil {
		return p, own
	}
	return p, p.choose(now, true)
}

// transmit armours a plain packet and sends it over one path, cut into equal
// parts if it is longer than a datagram. Equal parts let the kernel send a
// batch as one; receivers take any cut.
func (w *Wire) transmit(at clock.Instant, p *Peer, buf []byte, s armor.Suite, via *path, to pathKey) {
	w.transmitCut(at, p, buf, s, via, to, via.payload())
}

// transmitCut is transmit with datagrams of at most longest bytes, if the packet
// can be cut so.
func (w *Wire) transmitCut(at clock.Instant, p *Peer, buf []byte, s armor.Suite, via *path, to pathKey, longest int) uint64 {
	parts, size := wire.Split(len(buf), longest)
	if parts == 0 {
		parts, size = wire.Split(len(buf), wire.DefaultMTU)
	}
	if parts == 0 {
		w.drop(DropTooLong)
		return 0
	}
	pkt := wire.Packet(buf)
	v := pkt.Verb()
	pkt.SetFragmented(parts > 1)
	switch s {
	case armor.TrustedPath:
		pkt.SetTrustedPath(via.rule.TrustedPathID)
	case armor.AESGMACSIV:
		w.useKeys(at.Mono, p)
		w.readyKeys(p)
		p.keys.Seal(buf, s)
	default:
		p.keys.Seal(buf, s)
	}
	id := pkt.ID()
	if mayBeAnswered(v) {
		w.expect.add(id, expectation{to: p.id.Address, verb: v, remote: to.remote, at: at.Mono, many: to.socket == AnySocket})
	}
	w.stats.Out[v&31]++
	if via != nil {
		via.lastOut = at.Mono
	}
	w.emit(buf, parts, size, to)
	return id
}

// emit puts an armoured packet into the outbox, cut into parts. The first stays
// where it is.
func (w *Wire) emit(buf []byte, parts, size int, to pathKey) {
	first := min(size, len(buf))
	w.out.Send = append(w.out.Send, Datagram{Data: buf[:first:first], Remote: to.remote, Socket: to.socket})
	for number := 1; number < parts; number++ {
		d := wire.AppendPart(w.out.Alloc(size)[:0], buf, parts, size, number)
		w.out.Send = append(w.out.Send, Datagram{Data: d, Remote: to.remote, Socket: to.socket})
	}
}

// reply sends a packet straight back over the path that a request came by.
func (w *Wire) reply(at clock.Instant, p *Peer, v wire.Verb, to pathKey, head, body []byte) {
	n := wire.HeaderLen + len(head) + len(body)
	if n > wire.MaxPacketLen {
		w.drop(DropTooLong)
		return
	}
	buf := wire.AppendHeader(w.out.Alloc(n)[:0], w.random.uint64(), p.id.Address, w.self.Address, v)
	buf = append(append(buf, head...), body...)
	via := w.known(to)
	if n <= leastPayload || via == nil || via.users == 0 {
		w.transmit(at, p, buf, p.suite(), via, to)
		return
	}
	echo := v == wire.VerbOK && wire.Verb(buf[wire.HeaderLen]) == wire.VerbEcho // the other's probe is no traffic
	owner := p
	if p.slotOf(to) == nil {
		owner = nil // a relay
	}
	w.transmitCut(at, p, buf, p.suite(), via, to, p.payloadTo(owner, via))
	if x := via.fit; !echo && (x == nil || x.payload < wire.DefaultMTU || at.Mono-x.began >= fitReplies) {
		w.fathom(at, p, owner, via)
	}
}

// ReplyOK answers a request with OK on the path it came by.
func (w *Wire) ReplyOK(at clock.Instant, in *Inbound, inRe wire.Verb, body []byte) {
	if p := w.peers[in.From.Address]; p != nil && !p.blocked {
		w.scratch = wire.AppendOK(w.scratch[:0], inRe, in.ID)
		w.answer(at, p, wire.VerbOK, pathKey{in.Remote, in.socket}, w.scratch, body)
	}
}

// ReplyError answers a packet with ERROR on the path it came by.
func (w *Wire) ReplyError(at clock.Instant, in *Inbound, inRe wire.Verb, code wire.ErrorCode, body []byte) {
	if p := w.peers[in.From.Address]; p != nil && !p.blocked {
		w.stats.ErrorsOut[min(code, 15)]++
		w.scratch = wire.AppendError(w.scratch[:0], inRe, in.ID, code)
		w.answer(at, p, wire.VerbError, pathKey{in.Remote, in.socket}, w.scratch, body)
	}
}

// flush sends what waited for a peer.
func (w *Wire) flush(at clock.Instant, p *Peer) {
	if len(w.queue.of[p.id.Address]) == 0 {
		return
	}
	if !p.blocked {
		if _, via := w.route(at, p); via == nil {
			return
		}
	}
	for _, q := range w.queue.take(p.id.Address) {
		if p.blocked {
			w.drop(DropBlocked)
			continue
		}
		owner, via := w.route(at, p)
		if via == nil {
			w.drop(DropNoRoute)
			continue
		}
		buf := append(w.out.Alloc(len(q.data))[:0], q.data...)
		w.transmitCut(at, p, buf, p.suiteBy(owner, via), via, via.pathKey, p.payloadTo(owner, via))
		w.carry(at, owner, via)
		if owner != p {
			w.relaying(at.Mono, p)
		}
	}
}

// toAll is a path key for sending from every socket.
func toAll(remote netip.AddrPort) pathKey { return pathKey{remote, AnySocket} }
