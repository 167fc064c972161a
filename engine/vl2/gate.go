package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
)

// admit decides whether a peer may talk on a network and returns its membership
// if so, else nil: on a public network everybody may, on a private one whoever
// has shown a certificate that ours agrees with and that is not revoked. A peer
// let in also gets the list of our groups once a minute (spec 04 §8.3).
func (s *Switch) admit(at clock.Instant, nw *Network, peer *identity.Identity) *member {
	if nw.config == nil {
		return nil
	}
	var m *member
	if nw.config.Public {
		m = nw.members.open(at.Mono, peer.Address)
	} else {
		m = nw.members.get(peer.Address)
		if m == nil || !nw.passes(m, peer) {
			return nil
		}
		nw.members.use(at.Mono, m)
	}
	m.heard = true
	if at.Mono-m.likes >= likeInterval && s.permitted(nw, m.address) {
		s.sendListTo(at, nw, m)
	}
	return m
}

// passes is the gate of a private network. Its answer holds until one of the two
// certificates or the peer's key changes, so that frames do not pay for it.
func (nw *Network) passes(m *member, peer *identity.Identity) bool {
	if m.gateFor != nw.generation || m.gatedPeer != *peer {
		com := nw.com()
		m.gateOpen = com != nil && m.proof.Allowed(com, *peer)
		m.gateFor, m.gatedPeer = nw.generation, *peer
	}
	return m.gateOpen
}

// mayHear reports whether a peer is told about our groups: it passes the gate, has
// a known identity, and is verified where that is asked for.
func (s *Switch) mayHear(nw *Network, m *member) bool {
	id, known := s.link.Identity(m.address)
	return known && (nw.config.Public || nw.passes(m, &id)) && s.permitted(nw, m.address)
}
