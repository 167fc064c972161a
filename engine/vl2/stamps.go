package vl2

import (
	"orrery/engine/clock"
	"orrery/engine/identity"
)

// stampSlots is the size of a stamps table, a power of two: enough for the peers
// that need telling within a second, and small, for there are three per node.
const (
	stampBits  = 6
	stampSlots = 1 << stampBits
)

// stampKey names what is rate limited: a peer on a network, or on one of its
// groups.
type stampKey struct {
	network identity.NetworkID
	peer    identity.Address
	group   identity.MulticastGroup
}

// stamps limits the rate of something per key in fixed memory. Keys that share
// a slot displace each other, so that a flood of keys can lift the limit but
// never block the action.
type stamps struct {
	slots []stamp // nil until first used
}

type stamp struct {
	key  stampKey
	used bool
	at   clock.Mono
}

// allow reports whether the last allowed action for k is at least interval ago,
// and if so makes now the last.
func (t *stamps) allow(now clock.Mono, k stampKey, interval clock.Mono) bool {
	if t.slots == nil {
		t.slots = make([]stamp, stampSlots)
	}
	s := &t.slots[k.slot()]
	if s.used && s.key == k && now-s.at < interval {
		return false
	}
	s.key, s.used, s.at = k, true, now
	return true
}

// slot mixes the key into an index.
func (k stampKey) slot() int {
	const odd = 0x9e3779b97f4a7c15
	h := uint64(k.network)*odd ^ uint64(k.peer)
	h = h*odd ^ uint64(k.group.MAC)
	h = h*odd ^ uint64(k.group.ADI)
	h *= odd
	return int(h >> (64 - stampBits))
}
