package hostport

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Events per second (spec 04 §15.2, §15.3, §15.6).
const (
	maxErrors      = 10
	maxAnswers     = 100
	maxPeerAnswers = 10
)

// rate counts events in windows of a second.
type rate struct {
	start clock.Mono
	n     int
}

func newRate() rate { return rate{start: clock.Never} }

// allow counts an event and reports whether it is within the limit.
func (r *rate) allow(now clock.Mono, limit int) bool {
	if now-r.start >= clock.Second {
		r.start, r.n = now, 0
	}
	r.n++
	return r.n <= limit
}

// peerRates is how many peers are limited at a time. Peers that share a place
// take it from each other, which the limit for all bounds.
const peerRates = 64

type peerRate struct {
	mac  identity.MAC
	rate rate
}

// mayAnswer reports whether one more question of the holder of mac is answered.
func (p *Port) mayAnswer(now clock.Mono, mac identity.MAC) bool {
	r := &p.peerRate[(mac^mac>>6^mac>>12)%peerRates]
	if r.mac != mac {
		*r = peerRate{mac, newRate()}
	}
	return r.rate.allow(now, maxPeerAnswers) && p.answerRate.allow(now, maxAnswers)
}
