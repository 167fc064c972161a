package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// A cluster of machines that share an identity sends its clients from one to the
// other (spec 03 §4.7): a path with higher priority takes the place of the
// others. The reference obeys anybody, at once; here only roots and controllers
// may, and nothing changes before the new address has answered.

// redirectFor is how long the new address has to answer.
const redirectFor = 10 * clock.Second

// redirect is where a peer asked to be reached.
type redirect struct {
	to       netip.AddrPort
	priority int
	at       clock.Mono
}

// mayRedirect reports whether a peer is obeyed.
func (w *Wire) mayRedirect(p *Peer) bool {
	if w.IsUpstream(p.id) {
		return true
	}
	u, ok := w.upper.(interface{ Serves(a identity.Address) bool })
	return ok && u.Serves(p.id.Address)
}

// redirected asks at the address that a peer wants to be reached at.
func (w *Wire) redirected(at clock.Instant, p *Peer, in *Inbound, to netip.AddrPort) {
	priority := 1
	if s := p.slotOf(pathKey{in.Remote, in.socket}); s != nil {
		priority = int(s.priority)
	}
	p.recent().redirect = redirect{to, priority + 2, at.Mono}
	there := pathKey{to, in.socket}
	if s := p.slotOf(there); s != nil && !s.expired(at.Mono) && !s.suspect(at.Mono) {
		w.obey(at.Mono, p, there)
		return
	}
	w.hello(at, p, there)
}

// awaited reports whether a peer asked to be reached at an address lately.
func (p *Peer) awaited(now clock.Mono, remote netip.AddrPort) bool {
	return p.lately != nil && p.lately.redirect.to == remote && now-p.lately.redirect.at <= redirectFor
}

// obey makes a path just learnt the only one of its priority, if it is where the
// peer wanted to be reached, and drops those below.
func (w *Wire) obey(now clock.Mono, p *Peer, at pathKey) {
	if !p.awaited(now, at.remote) {
		return
	}
	r := p.lately.redirect
	p.lately.redirect = redirect{}
	w.cut(p, func(s *slot) bool {
		return s.pathKey != at && (int(s.priority) < r.priority || sameHost(s.remote.Addr(), at.remote.Addr()))
	})
	if s := p.slotOf(at); s != nil {
		s.priority = r.priority
	}
}

// sameHost reports whether two addresses are probably one machine's: for IPv6
// those of one /64.
func sameHost(a, b netip.Addr) bool {
	if a.Is6() && b.Is6() {
		x, _ := a.Prefix(64)
		return x.Contains(b)
	}
	return a == b
}
