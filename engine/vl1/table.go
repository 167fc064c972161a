package vl1

import (
	"orrery/engine/clock"
	"orrery/engine/wire"
)

// What every table of peers and paths has in common: an entry is found, added
// and removed at a cost that does not grow with their number, and nothing but
// tools ever walks over all of them.

const (
	// sweepShare is the part of all paths that one cleaning looks at.
	sweepShare = 8
	sweepLeast = 64
	// sparePaths is how many paths that no peer uses are kept beside one for each
	// peer.
	sparePaths = 8192
)

// join enters an admitted peer into the tables.
func (w *Wire) join(p *Peer) *Peer {
	p.blocked = w.trust.Blocked(p.id.Address)
	p.contact = w.isContact(p.id.Address)
	w.peers[p.id.Address] = p
	if u := w.top.find(p.id.Address); u != nil {
		w.seat(u)
	}
	p.place = int32(len(w.order))
	w.order = append(w.order, p)
	w.bestRoot = nil
	w.upToDate(p) // its first HELLO is answered
	w.changed(p)
	return p
}

// forget removes a peer from memory.
func (w *Wire) forget(p *Peer) {
	delete(w.peers, p.id.Address)
	if u := w.top.find(p.id.Address); u != nil {
		w.seat(u)
	}
	last := len(w.order) - 1
	w.order[p.place] = w.order[last]
	w.order[p.place].place = p.place
	w.order[last] = nil
	w.order = w.order[:last]
	w.alarms.remove(p)
	p.shrinkKeys()
	if w.guest == p {
		w.guest = nil
	}
	w.release(p)
}

func (w *Wire) release(p *Peer) {
	for i := range p.slots {
		p.slots[i].users--
	}
	p.slots = nil
	p.best = bestPath{}
	if w.bestRoot == p {
		w.bestRoot = nil
	}
	if w.lastRoot == p {
		w.lastRoot = nil
	}
}

// pathTo finds or makes the path object of a physical address.
func (w *Wire) pathTo(k pathKey) *path {
	if w.hint.path != nil && w.hint.key == k {
		return w.hint.path
	}
	p := w.paths[k]
	if p == nil {
		if len(w.allPaths) >= len(w.order)+sparePaths {
			w.sweepPaths(w.now, sweepLeast, true)
		}
		p = &path{
			pathKey: k, scope: wire.ScopeOf(k.remote.Addr()), latency: unknownLatency, place: int32(len(w.allPaths)),
			lastOut: clock.Never, lastIn: clock.Never, lastEcho: clock.Never, trusted: clock.Never,
			relayed: clock.Never, carrying: clock.Never, asked: clock.Never,
			rule: w.set.physicalOf(k.remote.Addr()),
		}
		w.paths[k] = p
		w.allPaths = append(w.allPaths, p)
	}
	w.hint = pathHint{k, p}
	return p
}

// sweepPaths looks at the next n paths and forgets those that no peer uses,
// once they are of no use to others either: at once if room is needed.
func (w *Wire) sweepPaths(now clock.Mono, n int, atOnce bool) {
	for range min(n, len(w.allPaths)) {
		if w.sweepAt >= len(w.allPaths) {
			w.sweepAt = 0
		}
		x := w.allPaths[w.sweepAt]
		idle := now-x.trusted >= trustFor && now-x.lastEcho >= clock.Second && now-x.lastOut >= 30*clock.Second
		if x.users > 0 || !idle && !atOnce {
			w.sweepAt++
			continue
		}
		delete(w.paths, x.pathKey)
		last := len(w.allPaths) - 1
		w.allPaths[x.place] = w.allPaths[last]
		w.allPaths[x.place].place = x.place
		w.allPaths[last] = nil
		w.allPaths = w.allPaths[:last]
		if atOnce {
			break
		}
	}
	w.hint = pathHint{}
}
