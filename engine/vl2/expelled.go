package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/wire"
)

// expelled reports whether a member was expelled from a private network and has
// shown no newer certificate: then it gets no frames either. Without this it
// would go on to receive what the host sends to it, and multicast, until
// everybody has forgotten it. One that was admitted again may not know that it
// has to show its certificate, so it is asked, and shown ours so that it may
// answer.
func (s *Switch) expelled(at clock.Instant, nw *Network, m *member) bool {
	threshold := m.proof.Threshold()
	if threshold == 0 || nw.config.Public || m.proof.Membership().Timestamp() > threshold {
		return false
	}
	nw.drops[DropExpelled]++
	if s.refused.allow(at.Mono, stampKey{network: nw.id, peer: m.address}, refusalInterval) {
		s.pushIfNeeded(at, nw, m)
		body := wire.AppendError(make([]byte, 0, 32), wire.VerbFrame, 0, wire.ErrorNeedMembershipCertificate)
		s.link.Send(at, m.address, wire.VerbError, nw.id.Append(body), nil, false)
	}
	return true
}

// proved reports whether a peer has shown a certificate that ours agrees with.
func (s *Switch) proved(nw *Network, m *member) bool {
	id, known := s.link.Identity(m.address)
	return known && !nw.config.Public && nw.passes(m, &id)
}
