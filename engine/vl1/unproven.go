package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

// A source address can be forged, and a packet that was recorded can be sent
// again with any. So until somebody has answered from an address, no more bytes
// go there, unasked, than authenticated packets came from it: nobody can have us
// send a flood to a third party (spec 03 §11.4).

const (
	// maxUnproven bounds the addresses with credit, maxCredit what one can save up.
	maxUnproven = 1024
	maxCredit   = 16 << 10
	// padding makes the answer to a probe, which names it in nine bytes, and a
	// probe back fit into the bytes asked.
	padding  = 46
	okPrefix = 9
)

// account is what an unproven address may be sent.
type account struct {
	bytes    int
	lastEcho clock.Mono
}

// known finds the path object of a physical address, nil if there is none.
func (w *Wire) known(k pathKey) *path {
	if w.hint.path != nil && w.hint.key == k {
		return w.hint.path
	}
	p := w.paths[k]
	if p != nil {
		w.hint = pathHint{k, p}
	}
	return p
}

// proven reports whether somebody answered from an address.
func (w *Wire) proven(k pathKey) bool {
	p := w.known(k)
	return p != nil && p.users > 0
}

// provenFor also counts another port of an address where the peer is reached: its
// NAT gave it another mapping, and nobody else gets what goes there. So does any
// port of a root, which relays from several.
func (w *Wire) provenFor(p *Peer, k pathKey) bool {
	if s := p.slotOf(k); s != nil {
		w.hint = pathHint{k, s.path} // it has a user: this peer
		return true
	}
	if w.proven(k) {
		return true
	}
	for i := range p.slots {
		if p.slots[i].remote.Addr() == k.remote.Addr() && !p.slots[i].expired(w.now) {
			return true
		}
	}
	return w.rootAt(k.remote.Addr())
}

// earn notes bytes that came in an authenticated packet of a peer.
func (w *Wire) earn(p *Peer, from pathKey, n int) {
	if !w.provenFor(p, from) {
		a := w.unproven.at(from.remote)
		a.bytes = min(a.bytes+n, maxCredit)
	}
}

// spend reports whether n bytes may go to an address unasked, and counts them.
func (w *Wire) spend(p *Peer, to pathKey, n int) bool {
	if w.provenFor(p, to) {
		return true
	}
	a := w.unproven.find(to.remote)
	if a == nil || a.bytes < n {
		w.drop(DropUnproven)
		return false
	}
	a.bytes -= n
	return true
}

// credit is how many bytes may go to an unproven address.
func (w *Wire) credit(remote netip.AddrPort) int {
	if a := w.unproven.find(remote); a != nil {
		return a.bytes
	}
	return 0
}

// answer is reply within what the address may be sent. What is more than that
// takes a way that the peer has proved: it may well have spoken from another of
// its ports or addresses than those that it answered from.
func (w *Wire) answer(at clock.Instant, p *Peer, v wire.Verb, to pathKey, head, body []byte) {
	n := wire.HeaderLen + len(head) + len(body)
	if parts, _ := wire.Split(n, wire.DefaultMTU); parts > 1 {
		n += (parts - 1) * wire.FragmentHeaderLen
	}
	if own := p.direct(at.Mono); own != nil && own.pathKey != to && !w.provenFor(p, to) && w.credit(to.remote) < n {
		to = own.pathKey
	} else if !w.spend(p, to, n) {
		return
	}
	w.reply(at, p, v, to, head, body)
}

// challenge asks a peer to prove an address that it spoke from, within what that
// may be sent: by HELLO, which tells it our version and its address too, or else
// by ECHO. It leaves by the socket that the peer was heard on.
func (w *Wire) challenge(at clock.Instant, p *Peer, to pathKey) {
	credit := w.credit(to.remote)
	if w.provenFor(p, to) {
		credit = maxCredit
	}
	switch hello := w.helloLen(to.remote); {
	case credit >= hello && w.spend(p, to, hello):
		w.hello(at, p, to)
	case credit >= wire.HeaderLen:
		pad := min(padding, credit-wire.HeaderLen)
		if w.spend(p, to, wire.HeaderLen+pad) {
			w.reply(at, p, wire.VerbEcho, to, nil, zeros[:pad])
			w.probed(at.Mono, p, to)
		}
	}
}

// zeros are the payload of probes.
var zeros [padding]byte

// helloLen is the most that a HELLO to an address takes.
func (w *Wire) helloLen(remote netip.AddrPort) int {
	n := wire.HeaderLen + 84 + 7 + 16 + 2 + 17*(len(w.top.moons)+len(w.top.orbits.Wanted))
	if remote.Addr().Is6() {
		n += 12
	}
	return n
}
