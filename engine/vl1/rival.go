package vl1

import (
	"slices"

	"orrery/engine/clock"
)

// rival is an address from which a peer said HELLO while another port of the
// same address is in use: it may have lost that one, or be two machines that
// share an identity. The one in use is asked, and is replaced only if it does
// not answer.
type rival struct {
	peer *Peer
	old  *path
	from pathKey
	at   clock.Mono
}

const (
	maxRivals = 64
	// rivalPatience is the least that the path in use has to answer.
	rivalPatience = 200 * clock.Millisecond
)

// contest begins to find out which of two ports a peer is at.
func (w *Wire) contest(at clock.Instant, p *Peer, old *path, from pathKey) {
	if len(w.rivals) >= maxRivals || slices.ContainsFunc(w.rivals, func(r rival) bool { return r.peer == p && r.from == from }) {
		return
	}
	w.ask(at, p, old)
	due := at.Mono + max(rivalPatience, w.patience(old)/2)
	w.rivals = append(w.rivals, rival{p, old, from, due})
	w.soon(due)
}

// runRivals decides.
func (w *Wire) runRivals(at clock.Instant) {
	w.rivals = slices.DeleteFunc(w.rivals, func(r rival) bool {
		if at.Mono < r.at {
			w.soon(r.at)
			return false
		}
		if w.peers[r.peer.id.Address] == r.peer && !r.peer.blocked && r.old.asked != clock.Never {
			r.old.doubted = true
			r.peer.best = bestPath{}
			w.challenge(at, r.peer, r.from)
		}
		return true
	})
}
