package vl1

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/trust"
	"orrery/engine/wire"
)

// Recall brings a stored peer to memory and says HELLO to it.
func (w *Wire) Recall(at clock.Instant, a identity.Address) {
	if w.peers[a] == nil {
		w.recall(at, a)
	}
}

// recall looks a peer up in the stored records (spec 03 §1.4). Its paths are
// not trusted, only tried.
func (w *Wire) recall(at clock.Instant, a identity.Address) *Peer {
	data := w.upper.PeerCache(a)
	if data == nil {
		return nil
	}
	r, err := wire.ParsePeerRecord(data)
	if err != nil || r.Identity.Address != a {
		w.out.Store = append(w.out.Store, Store{Kind: StorePeer, ID: uint64(a)})
		return nil
	}
	p, err := w.admit(at, r.Identity, trust.FromCache)
	if err != nil {
		w.out.Store = append(w.out.Store, Store{Kind: StorePeer, ID: uint64(a)})
		return nil
	}
	w.setVersion(p, uint8(r.Protocol), uint8(r.Major), uint8(r.Minor), r.Revision)
	p.unstored = false // the alarm that comes does nothing
	// Not dropped at the next cleaning merely because it was not heard yet.
	p.keepUntil = at.Mono + 60*clock.Second
	for _, remote := range r.Paths {
		if w.usable(a, remote) {
			w.hello(at, p, toAll(remote))
		}
	}
	return p
}
