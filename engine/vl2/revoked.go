package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/credential"
)

// Revoked are the members whose memberships up to a time do not count, in order
// of address: what is to be stored when the sink is told of a revocation, and
// given to [Switch.RestoreRevoked] after a restart.
func (nw *Network) Revoked() []credential.Threshold {
	var out []credential.Threshold
	for _, m := range nw.members.order {
		if until := m.proof.Threshold(); until != 0 {
			out = append(out, credential.Threshold{Member: m.address, Until: until})
		}
	}
	return out
}

// RestoreRevoked takes what an earlier run stored. Without it a member that was
// expelled could come back with its old certificate, for as long as that is
// valid by its date (spec 04 §17.4). Thresholds that can catch nothing any more
// are dropped in time, as all are.
func (s *Switch) RestoreRevoked(at clock.Instant, nw *Network, list []credential.Threshold) {
	for _, t := range list {
		if t.Member.Reserved() || len(nw.members.order) >= nw.members.limit {
			continue
		}
		m := nw.members.open(at.Mono, t.Member)
		m.proof.Restore(t.Until)
		m.gateFor = 0
		nw.members.use(at.Mono, m)
	}
}

// noteRevoked has the thresholds of a network stored.
func (s *Switch) noteRevoked(nw *Network) { s.sink.StoreRevoked(nw.id) }
