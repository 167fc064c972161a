package vl2

import "orrery/engine/clock"

// Resume has every configuration fetched at once: after a sleep the memberships
// in it may have run out, and whoever certified them may have changed its mind.
func (s *Switch) Resume(at clock.Instant) {
	for _, nw := range s.networks {
		nw.lastLike = clock.Never // others may have forgotten our groups
		if nw.controller == 0 {
			continue
		}
		nw.lastConfig = clock.Never
		nw.request.unanswered = 0
		nw.request.refusedSince = clock.Never
		s.requestConfig(at, nw)
	}
	s.lastPass = clock.Never
}

// Retry repeats what nobody answered, or was told to nobody, as when a root is
// reached again.
func (s *Switch) Retry(at clock.Instant) {
	for _, nw := range s.networks {
		nw.lastLike = clock.Never
		s.announceAll(at, nw)
		if nw.controller != 0 && nw.request.unanswered > 0 {
			s.requestConfig(at, nw)
		}
	}
}

// SetLowBandwidth switches low-bandwidth mode.
func (s *Switch) SetLowBandwidth(on bool) { s.cfg.LowBandwidth = on }
