package vl1

import "orrery/engine/clock"

// A peer's AES key schedules are ten times as large as the rest of it. They are
// kept for peers that are in use: for the first keptKeys that send or are sent
// to, which is all that most nodes ever have, and beyond them for those whose
// packets follow each other closely. A root's hundred thousand leaves that say
// a word each 20 s get theirs made anew, which takes a microsecond.
const (
	keptKeys    = 256
	maxKeptKeys = 16384
	// closely is how near packets of a train are, trainLength how many make one.
	closely     = clock.Second
	trainLength = 16
	// keysIdleFor is after how long without packets they are dropped.
	keysIdleFor = 120 * clock.Second
)

// readyKeys expands a peer's keys for a packet. The last peer whose keys are not
// kept has them until it is another's turn: a question and its answer share them.
func (w *Wire) readyKeys(p *Peer) {
	if p.keysKept || w.guest == p {
		return
	}
	if w.guest != nil && !w.guest.keysKept {
		w.guest.keys.Shrink()
	}
	p.keys.Expand(false)
	w.guest = p
}

// useKeys notes that a packet is sealed or opened with a peer's keys.
func (w *Wire) useKeys(now clock.Mono, p *Peer) {
	last := p.lastUse
	p.lastUse = now
	if p.keysBulk {
		return
	}
	if now-last >= closely {
		p.train = 0
	}
	p.train = min(p.train+1, trainLength)
	if !p.keysKept && len(w.expanded) < maxKeptKeys && (len(w.expanded) < keptKeys || p.train == trainLength) {
		p.keysKept = true
		w.expanded = append(w.expanded, p)
		p.keys.Expand(false)
	}
	if p.keysKept && p.train == trainLength {
		p.keysBulk = true
		p.keys.Expand(true)
	}
}

// shrinkKeys drops the key schedules of peers that fell silent.
func (w *Wire) shrinkKeys(now clock.Mono) {
	still := w.expanded[:0]
	for _, p := range w.expanded {
		if p.keysKept && now-p.lastUse < keysIdleFor {
			still = append(still, p)
			continue
		}
		p.shrinkKeys()
	}
	clear(w.expanded[len(still):])
	w.expanded = still
}

// shrinkKeys drops a peer's key schedules; the list forgets it at its next
// cleaning.
func (p *Peer) shrinkKeys() {
	p.keysKept, p.keysBulk, p.train = false, false, 0
	p.keys.Shrink()
}
