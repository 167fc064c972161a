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
)

// asked is an address whose identity we asked a root for.
type asked struct {
	addr identity.Address
	at   clock.Mono // of the last request
	// tries counts the requests.
	tries int
	// until is when an answer stops being wanted.
	until clock.Mono
}

// Whois asks the best root for an identity, at most twice a second for each
// address (spec 03 §3.6).
func (w *Wire) Whois(at clock.Instant, a identity.Address) {
	if a == w.self.Address || a.Reserved() || len(w.top.upstreams) == 0 {
		return
	}
	i := slices.IndexFunc(w.whois, func(x asked) bool { return x.addr == a })
	if i < 0 {
		if len(w.whois) >= maxAsked {
			w.drop(DropQueueFull)
			return
		}
		w.whois = append(w.whois, asked{addr: a, at: clock.Never})
		i = len(w.whois) - 1
	}
	x := &w.whois[i]
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
				w.Whois(at, a)
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
