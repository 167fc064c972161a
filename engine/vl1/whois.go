package vl1

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

const (
	whoisEvery = 500 * clock.Millisecond
	askedFor   = 10 * clock.Second
	// whoisInEvery is how often a node that is no root answers one peer.
	whoisInEvery = 100 * clock.Millisecond
	maxAsked     = 256
	// maxForwarded is how many of them may be asked for on others' behalf,
	// forwardedOfOne for one peer.
	maxForwarded   = 192
	forwardedOfOne = 64
)

// asked is an address whose identity we asked a root for.
type asked struct {
	addr identity.Address
	// by is the peer that wants to know it, 0 if we want it ourselves.
	by identity.Address
	at clock.Mono // of the last request
	// tries counts the requests.
	tries int
	// until is when an answer stops being wanted.
	until clock.Mono
}

// Whois asks the best root for an identity, at most twice a second for each
// address (spec 03 §3.6).
func (w *Wire) Whois(at clock.Instant, a identity.Address) { w.whoisFor(at, a, 0) }

// whoisFor is Whois on behalf of a peer, 0 for our own. Others do not take the
// place of what we want to know ourselves, nor of each other's questions.
func (w *Wire) whoisFor(at clock.Instant, a, by identity.Address) {
	if a == w.self.Address || a.Reserved() || len(w.top.upstreams) == 0 {
		return
	}
	i := slices.IndexFunc(w.whois, func(x asked) bool { return x.addr == a })
	if i < 0 {
		if len(w.whois) >= maxAsked || by != 0 && !w.mayForward(by) {
			w.drop(DropQueueFull)
			return
		}
		w.whois = append(w.whois, asked{addr: a, by: by, at: clock.Never})
		i = len(w.whois) - 1
	}
	x := &w.whois[i]
	if by == 0 {
		x.by = 0
	}
	x.until = at.Mono + askedFor
	if at.Mono-x.at < whoisEvery {
		return
	}
	root := w.whoisRoot(at.Mono, x.tries)
	if root == nil || root.id.Address == a || root.choose(at.Mono, true) == nil {
		// Asked again as soon as a root is reached.
		return
	}
	x.at = at.Mono
	x.tries++
	var body [identity.AddressLen]byte
	a.Put(body[:])
	w.soon(at.Mono + whoisEvery)
	w.Send(at, root.id.Address, wire.VerbWhois, nil, body[:], false)
}

// mayForward reports whether there is room for another question of a peer.
func (w *Wire) mayForward(by identity.Address) bool {
	all, own := 0, 0
	for i := range w.whois {
		switch w.whois[i].by {
		case 0:
			continue
		case by:
			own++
		}
		all++
	}
	return all < maxForwarded && own < forwardedOfOne
}

// asking reports whether a root was asked for an address and may yet answer.
func (w *Wire) asking(a identity.Address) bool {
	return slices.ContainsFunc(w.whois, func(x asked) bool { return x.addr == a })
}

// receiveWhois answers with the identities that are in memory, and asks for
// the others ourselves (spec 02 §10.4). It reports whether the packet counts
// as received.
func (w *Wire) receiveWhois(at clock.Instant, p *Peer, in *Inbound) bool {
	if !w.top.amRoot {
		if at.Mono-p.recent().whoisIn < whoisInEvery {
			w.drop(DropRate)
			return false
		}
		p.recent().whoisIn = at.Mono
	}
	body := wire.AppendOK(nil, wire.VerbWhois, in.ID)
	found := false
	// The reference reads one identity from an answer; a question of many
	// addresses gets as many as fit a datagram.
	asked := wire.ParseWhois(in.Payload)
	for i := range asked.Len() {
		a := asked.At(i)
		id, ok := w.Identity(a)
		if !ok {
			if q := w.recall(at, a); q != nil {
				id, ok = q.id, true
			}
		}
		if !ok {
			// On others' behalf a leaf asks little, and once: they ask again. What a
			// root of ours does not know is not passed on, or roots that are far
			// apart would ask each other for ever.
			if w.IsUpstream(p.id) {
				continue
			}
			if w.top.amRoot || !w.asking(a) && w.strangers.Take(at.Mono, strangerBurst, strangerRefill) {
				w.whoisFor(at, a, p.id.Address)
			}
			continue
		}
		if wire.HeaderLen+len(body)+identity.BinaryLen > wire.DefaultMTU {
			break
		}
		body = id.AppendBinary(body)
		found = true
	}
	if found {
		w.answer(at, p, wire.VerbOK, pathKey{in.Remote, in.socket}, nil, body)
	}
	return true
}

// receiveOKWhois takes identities that a root told us: only those we asked for,
// and only once their hash is validated (spec 03 §3.7).
func (w *Wire) receiveOKWhois(at clock.Instant, p *Peer, body []byte) {
	if !w.IsUpstream(p.id) {
		w.drop(DropIdentity)
		return
	}
	told, err := wire.ParseWhoisReply(nil, body)
	if err != nil {
		w.drop(DropFormat)
	}
	for _, id := range told {
		i := slices.IndexFunc(w.whois, func(x asked) bool { return x.addr == id.Address })
		switch {
		case i < 0 || at.Mono > w.whois[i].until:
			w.drop(DropIdentity)
		case w.peers[id.Address] == nil:
			w.validate(pending{id: id, at: at.Mono})
		}
	}
}
