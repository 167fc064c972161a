package vl2

import (
	"cmp"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/credential"
)

// Revoked are the credentials of members that up to a time do not count: what is
// to be stored when the sink is told of a revocation, and given to
// [Switch.RestoreRevoked] after a restart. If there are more than can be kept, it
// is the memberships first, and then the newest.
func (nw *Network) Revoked() []credential.Threshold {
	var out []credential.Threshold
	for _, m := range nw.members.order {
		out = m.proof.Thresholds(out)
	}
	if len(out) <= credential.MaxThresholds {
		return out
	}
	slices.SortStableFunc(out, func(a, b credential.Threshold) int {
		if x, y := a.Type == credential.TypeMembership, b.Type == credential.TypeMembership; x != y {
			if x {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Until, a.Until)
	})
	return out[:credential.MaxThresholds]
}

// RestoreRevoked takes what an earlier run stored. Without it a member that was
// expelled could come back with its old certificate, for as long as that is
// valid by its date, and likewise use a capability, a tag or an address that was
// taken from it (spec 04 §17.4). Thresholds that can catch nothing any more are
// dropped in time, as all are.
func (s *Switch) RestoreRevoked(at clock.Instant, nw *Network, list []credential.Threshold) {
	for _, t := range list {
		if t.Member.Reserved() || nw.members.get(t.Member) == nil && len(nw.members.order) >= nw.members.limit {
			continue
		}
		m := nw.members.open(at.Mono, t.Member)
		m.proof.Restore(t)
		m.gateFor = 0
		nw.members.use(at.Mono, m)
	}
}

// noteRevoked has the thresholds of a network stored.
func (s *Switch) noteRevoked(nw *Network) { s.sink.StoreRevoked(nw.id) }
