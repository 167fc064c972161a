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

// earn notes bytes that came in an authenticated packet.
func (w *Wire) earn(from pathKey, n int) {
	if !w.proven(from) {
		a := w.unproven.at(from.remote)
		a.bytes = min(a.bytes+n, maxCredit)
	}
}

// spend reports whether n bytes may go to an address unasked, and counts them.
func (w *Wire) spend(to pathKey, n int) bool {
	if w.proven(to) {
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
	switch own := p.direct(at.Mono); {
	case p.answeredFrom(at.Mono, to.remote.Addr()):
	case w.proven(to), own == nil || own.pathKey == to, w.credit(to.remote) >= n:
		if !w.spend(to, n) {
			return
		}
	default:
		to = own.pathKey
	}
	w.reply(at, p, v, to, head, body)
}

// answeredFrom reports whether a peer has proved an address lately, be it with
// another port.
func (p *Peer) answeredFrom(now clock.Mono, ip netip.Addr) bool {
	for i := range p.slots {
		if s := &p.slots[i]; s.remote.Addr() == ip && s.alive(now) {
			return true
		}
	}
	return false
}

// challenge asks a peer to prove an address that it spoke from, within what that
// may be sent: by HELLO, which tells it our version and its address too, or else
// by ECHO. It leaves by the socket that the peer was heard on.
func (w *Wire) challenge(at clock.Instant, p *Peer, to pathKey) {
	credit := w.credit(to.remote)
	switch hello := w.helloLen(to.remote); {
	case credit >= hello && w.spend(to, hello):
		w.hello(at, p, to)
	case credit >= wire.HeaderLen:
		pad := min(padding, credit-wire.HeaderLen)
		if w.spend(to, wire.HeaderLen+pad) {
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
