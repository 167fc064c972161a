package vl2

import (
	"cmp"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// host is a computer that is no member: it is behind a bridge.
type host struct {
	via  identity.Address
	seen clock.Mono
	// moves counts how often it moved since window, between us and a remote
	// bridge. One that moves too often is in a loop, and ours until pinned.
	moves  int
	window clock.Mono
	pinned clock.Mono
	// certain is not set of one of which only a replicator told, as it would of a
	// member.
	certain bool
}

// hostTable remembers behind which bridge a MAC was last seen, be it a remote
// one or ourselves (spec 04 §11.4).
//
// Entries age, so that a host that moved without a word is looked for again. Of a
// host whose frames come from our side and from the network's in quick
// succession, both sides are the same wire: it counts as ours, and what comes
// back of its frames is refused, which ends the loop.
type hostTable struct {
	at    map[identity.MAC]*host
	count map[identity.Address]int // entries by bridge
	limit int
	self  identity.Address
}

// learn notes that mac is behind via, and reports whether frames of it may come
// from there. In a full table the bridge with the most hosts loses all of them,
// since it is the one that fills it.
func (t *hostTable) learn(now clock.Mono, mac identity.MAC, via identity.Address) bool {
	h := t.at[mac]
	if h == nil {
		if len(t.at) >= t.limit {
			t.purgeLargest(via)
		}
		h = &host{via: via, window: clock.Never, pinned: clock.Never}
		t.insert(mac, h)
	}
	if h.via == via {
		h.seen = now
		if via == t.self && now < h.pinned {
			h.pinned = now + pinLife // as long as it is heard here
		}
		return true
	}
	if now < h.pinned {
		return false
	}
	if now-h.seen < hostLife && (via == t.self || h.via == t.self) && h.moved(now) {
		h.pinned = now + pinLife
		if via != t.self {
			return false
		}
	}
	t.uncount(h.via)
	t.count[via]++
	h.via, h.seen = via, now
	return true
}

// moved counts a move, and reports whether there were too many.
func (h *host) moved(now clock.Mono) bool {
	if now-h.window >= moveWindow {
		h.window, h.moves = now, 0
	}
	h.moves++
	return h.moves > maxMoves
}

func (t *hostTable) insert(mac identity.MAC, h *host) {
	if t.at == nil {
		t.at, t.count = make(map[identity.MAC]*host), make(map[identity.Address]int)
	}
	t.at[mac] = h
	t.count[h.via]++
}

func (t *hostTable) uncount(via identity.Address) {
	if t.count[via]--; t.count[via] <= 0 {
		delete(t.count, via)
	}
}

// purgeLargest removes the hosts of the bridge with the most, of equals those of
// the newcomer or of the lowest address.
func (t *hostTable) purgeLargest(newcomer identity.Address) {
	worst, most := newcomer, t.count[newcomer]
	for a, n := range t.count {
		if n > most || n == most && worst != newcomer && a < worst {
			worst, most = a, n
		}
	}
	t.drop(func(h *host) bool { return h.via == worst })
}

// drop removes hosts.
func (t *hostTable) drop(unwanted func(*host) bool) {
	for mac, h := range t.at {
		if unwanted(h) {
			delete(t.at, mac)
			t.uncount(h.via)
		}
	}
}

// clean removes what has aged.
func (t *hostTable) clean(now clock.Mono) {
	t.drop(func(h *host) bool { return now-h.seen >= hostLife })
}

// lookup returns the bridge behind which mac was seen lately.
func (t *hostTable) lookup(now clock.Mono, mac identity.MAC) (identity.Address, bool) {
	h := t.at[mac]
	if h == nil || now-h.seen >= hostLife {
		return 0, false
	}
	return h.via, true
}

// BridgedHost is a host behind a bridge, as people need it.
type BridgedHost struct {
	MAC identity.MAC
	// Via is the bridge, which may be ourselves.
	Via identity.Address
	// Seen is when a frame last came from it.
	Seen clock.Mono
}

// Bridging is the state of bridging on a network.
type Bridging struct {
	// Allowed says that the controller has made us an active bridge.
	Allowed bool
	// Replicator says that we are to send on others' multicast, for which one has
	// to be a bridge too, with or without hosts behind it.
	Replicator bool
	// Bridges are the active bridges, we among them, in the configuration's order.
	Bridges []identity.Address
	// Remote is how many hosts were seen behind other bridges, Local behind us,
	// Limit how many are remembered.
	Remote, Local, Limit int
	// LoopMAC is the host of which a frame last came back, at LoopAt; that is
	// [clock.Never] if there was none.
	LoopMAC identity.MAC
	LoopAt  clock.Mono
	// Refused counts frames with a source that their sender may not use, Looped
	// those that came back.
	Refused, Looped uint64
}

// Bridging describes the network's bridges.
func (nw *Network) Bridging() Bridging {
	t := &nw.hosts
	b := Bridging{
		Allowed: nw.roles.amBridge, Replicator: nw.roles.amReplicator, Bridges: slices.Clone(nw.roles.bridges), Local: t.count[t.self], Limit: t.limit,
		LoopMAC: nw.loopMAC, LoopAt: nw.loopAt, Refused: nw.drops[DropNotBridge], Looped: nw.drops[DropLoop],
	}
	b.Remote = len(t.at) - b.Local
	return b
}

// Hosts lists the hosts behind bridges, by MAC.
func (nw *Network) Hosts(now clock.Mono) []BridgedHost {
	hosts := make([]BridgedHost, 0, len(nw.hosts.at))
	for mac, h := range nw.hosts.at {
		if now-h.seen < hostLife {
			hosts = append(hosts, BridgedHost{mac, h.via, h.seen})
		}
	}
	slices.SortFunc(hosts, func(a, b BridgedHost) int { return cmp.Compare(a.MAC, b.MAC) })
	return hosts
}

// BridgeRoute returns the remote bridge behind which mac was seen.
func (nw *Network) BridgeRoute(mac identity.MAC) (identity.Address, bool) {
	h := nw.hosts.at[mac]
	if h == nil || h.via == nw.hosts.self {
		return 0, false
	}
	return h.via, true
}
