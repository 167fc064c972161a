package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

const (
	uniteFirst = 2 * clock.Second // doubling up to uniteEvery
	uniteEvery = 30 * clock.Second
	uniteMoved = clock.Second // if an address is another than last time
)

// relay forwards a packet or fragment for another node (spec 03 §5.4). Roots
// relay for all, others for paths that lately proved a common network. src is
// zero for a fragment.
func (w *Wire) relay(at clock.Instant, d Datagram, src, dst identity.Address) {
	from := pathKey{d.Remote, d.Socket}
	if !w.top.amRoot {
		if p := w.paths[from]; p == nil || at.Mono-p.trusted >= trustFor {
			w.drop(DropRelayRefused)
			return
		}
	}
	to := w.peer(at, dst)
	if to != nil {
		if via := to.direct(at.Mono); via != nil {
			w.forward(at, d, to, via)
			if src != 0 && src != dst && !w.justUnited(at.Mono, src, to) && w.speaks(src, d.Remote.Addr()) {
				w.unite(at, src, to)
			}
			return
		}
	}
	root := w.bestUpstream(at.Mono)
	if root == nil || root.id.Address == src {
		w.drop(DropNoRoute)
		return
	}
	if via := root.choose(at.Mono, true); via != nil {
		w.forward(at, d, root, via)
		return
	}
	w.drop(DropNoRoute)
}

// speaks reports whether a packet that names a source may be its own: it comes
// from where we see that peer, or from another root. Whoever writes others' names
// into packets must not make these call each other.
func (w *Wire) speaks(src identity.Address, from netip.Addr) bool {
	p := w.peers[src]
	if p == nil {
		return false
	}
	for i := range p.slots {
		if p.slots[i].remote.Addr() == from {
			return true
		}
	}
	return w.rootAt(from)
}

// forward sends a datagram on, unchanged but for the hops that the caller
// counted, over a path of owner.
func (w *Wire) forward(at clock.Instant, d Datagram, owner *Peer, via *path) {
	data := append(w.out.Alloc(len(d.Data))[:0], d.Data...)
	via.lastOut = at.Mono
	w.stats.Relayed++
	w.out.Send = append(w.out.Send, Datagram{Data: data, Remote: via.remote, Socket: via.socket})
	w.carry(at, owner, via)
}

// justUnited reports whether two peers were introduced just now. It goes first,
// because most packets that are relayed end here.
func (w *Wire) justUnited(now clock.Mono, src identity.Address, to *Peer) bool {
	last, known := w.unites.get(unordered(src, to.id.Address))
	return known && now-last.at < uniteMoved
}

// unite introduces two peers that talk through us and were not introduced just
// now, once in a while, and soon again when one of them has moved.
func (w *Wire) unite(at clock.Instant, src identity.Address, to *Peer) {
	k := unordered(src, to.id.Address)
	last, known := w.unites.get(k)
	now := united{at: at.Mono, wait: uniteFirst}
	from := w.peers[src]
	if from != nil && src != w.self.Address {
		x, y := meeting(at.Mono, from, to)
		if x != nil {
			now.a, now.b = x.remote, y.remote
			if src != k.a {
				now.a, now.b = y.remote, x.remote
			}
		}
		if known && now.a == last.a && now.b == last.b {
			if at.Mono-last.at < last.wait {
				return
			}
			now.wait = min(2*last.wait, uniteEvery)
		}
		if x != nil {
			w.introduce(at, from, to, x, y)
		}
	}
	w.unites.put(k, now)
}

// relayPacket and relayFragment count the hop and forward.
func (w *Wire) relayPacket(at clock.Instant, d Datagram) {
	p := wire.Packet(d.Data)
	if p.Hops() >= wire.MaxHops {
		w.drop(DropHops)
		return
	}
	p.IncrementHops()
	w.relay(at, d, p.Source(), p.Destination())
}

func (w *Wire) relayFragment(at clock.Instant, d Datagram) {
	f := wire.Fragment(d.Data)
	if f.Hops() >= wire.MaxHops {
		w.drop(DropHops)
		return
	}
	f.IncrementHops()
	w.relay(at, d, 0, f.Destination())
}
