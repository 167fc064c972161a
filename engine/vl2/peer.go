package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// peer is what is remembered of a node whatever the network.
type peer struct {
	used clock.Mono
	// credentials bounds the NETWORK_CREDENTIALS it may send.
	credentials clock.Bucket
	// held are packets that were charged already and will be offered again.
	held []heldPacket
	// forgeries bounds the signatures of its that are checked in vain; none is
	// before muted.
	forgeries clock.Bucket
	muted     clock.Mono
}

type heldPacket struct {
	id    uint64
	until clock.Mono
}

// maxHeldPerPeer bounds the packets of a peer whose retry is free.
const maxHeldPerPeer = 8

// peerTable has the peers that sent credentials, or forgeries.
type peerTable struct {
	byAddress map[identity.Address]*peer
	limits    *Limits
}

func newPeerTable(l *Limits) peerTable {
	return peerTable{byAddress: make(map[identity.Address]*peer), limits: l}
}

// open returns the entry of a, made if need be at the expense of the longest
// unused.
func (t *peerTable) open(now clock.Mono, a identity.Address) *peer {
	p := t.byAddress[a]
	if p == nil {
		if len(t.byAddress) >= t.limits.Peers {
			t.evict()
		}
		p = new(peer)
		t.byAddress[a] = p
	}
	p.used = now
	return p
}

// evict removes the longest unused entry, of equals that with the lowest
// address.
func (t *peerTable) evict() {
	var worst identity.Address
	var oldest *peer
	for a, p := range t.byAddress {
		if oldest == nil || p.used < oldest.used || p.used == oldest.used && a < worst {
			worst, oldest = a, p
		}
	}
	delete(t.byAddress, worst)
}

// clean forgets peers whose bucket is full again.
func (t *peerTable) clean(now clock.Mono) {
	for a, p := range t.byAddress {
		if now-p.used >= cleanInterval+clock.Mono(t.limits.CredentialBurst)*clock.Second {
			delete(t.byAddress, a)
		}
	}
}

// Checking a signature costs fifty times what sending a forged one does. So who
// sent some is believed nothing for a second, over and over. That costs honest
// members nothing: they pass on only what they have checked.
const forgeryBurst = 8

// muted reports whether signatures that a sends are not worth checking.
func (t *peerTable) muted(now clock.Mono, a identity.Address) bool {
	p := t.byAddress[a]
	return p != nil && now < p.muted
}

// forged notes a signature that was checked in vain.
func (t *peerTable) forged(now clock.Mono, a identity.Address) {
	if p := t.open(now, a); !p.forgeries.Take(now, forgeryBurst, clock.Second) {
		p.muted = now + clock.Second
	}
}

// hold makes the next offer of a packet free.
func (p *peer) hold(now clock.Mono, id uint64) {
	p.held = slices.DeleteFunc(p.held, func(h heldPacket) bool { return now >= h.until })
	if len(p.held) < maxHeldPerPeer {
		p.held = append(p.held, heldPacket{id, now + heldLife})
	}
}

// resume reports whether a packet is one that was held, and forgets it.
func (p *peer) resume(now clock.Mono, id uint64) bool {
	i := slices.IndexFunc(p.held, func(h heldPacket) bool { return h.id == id && now < h.until })
	if i < 0 {
		return false
	}
	p.held = slices.Delete(p.held, i, i+1)
	return true
}
