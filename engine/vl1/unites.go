package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

const (
	uniteFor = 240 * clock.Second
	// maxUnites bounds the pairs that are remembered; the older half gives way.
	maxUnites = 1 << 17
)

// pair is two addresses without order.
type pair struct{ a, b identity.Address }

func unordered(a, b identity.Address) pair {
	if a > b {
		a, b = b, a
	}
	return pair{a, b}
}

// united is when two peers were last introduced, at which addresses, and when
// they are again, if they still talk through us: a RENDEZVOUS may get lost.
type united struct {
	at, wait clock.Mono
	a, b     netip.AddrPort
}

// unites remembers introductions for at least uniteFor, in two generations: the
// older is dropped as a whole, so that no call looks at every pair.
type unites struct {
	young, old map[pair]united
	since      clock.Mono // when young was begun
}

func (u *unites) get(k pair) (united, bool) {
	x, ok := u.young[k]
	if !ok {
		x, ok = u.old[k]
	}
	return x, ok
}

func (u *unites) put(k pair, x united) {
	u.expire(x.at)
	if u.young == nil || len(u.young) >= maxUnites/2 {
		u.turn(x.at)
	}
	u.young[k] = x
}

// expire begins a generation when the young one is old enough.
func (u *unites) expire(now clock.Mono) {
	if len(u.young)+len(u.old) > 0 && now-u.since >= uniteFor {
		u.turn(now)
	}
}

func (u *unites) turn(now clock.Mono) {
	u.old, u.young, u.since = u.young, make(map[pair]united), now
}

func (u *unites) len() int { return len(u.young) + len(u.old) }
