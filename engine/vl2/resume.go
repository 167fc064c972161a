package vl2

import "orrery/engine/clock"

// resumeSpacing is how soon after a request another one follows that only a
// resume is the reason for: networks may come and go quickly.
const resumeSpacing = 2 * clock.Second

// Resume has every configuration fetched at once: after a sleep the memberships
// in it may have run out, and whoever certified them may have changed its mind.
func (s *Switch) Resume(at clock.Instant) {
	for _, nw := range s.networks {
		if nw.controller == 0 {
			continue
		}
		nw.lastConfig = clock.Never
		nw.request.unanswered = 0
		nw.request.refusedSince = clock.Never
		if at.Mono-nw.request.last >= resumeSpacing {
			s.requestConfig(at, nw)
		}
	}
	s.lastPass = clock.Never
}

// SetLowBandwidth switches low-bandwidth mode.
func (s *Switch) SetLowBandwidth(on bool) { s.cfg.LowBandwidth = on }
