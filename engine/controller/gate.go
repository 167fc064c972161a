package controller

import (
	"container/list"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// gate bounds how often one address may ask, over all networks and whether or
// not they exist. A member of many networks asks for all of them at once every
// minute, hence the burst.
type gate struct {
	limit int
	known map[identity.Address]*list.Element
	order list.List // of *requester, the one that asked last in front
}

type requester struct {
	address identity.Address
	bucket  clock.Bucket
}

func newGate(limit int) gate {
	return gate{limit: limit, known: make(map[identity.Address]*list.Element)}
}

// pass reports whether a may ask now.
func (g *gate) pass(now clock.Mono, a identity.Address) bool {
	e := g.known[a]
	if e == nil {
		if len(g.known) >= g.limit {
			last := g.order.Back()
			delete(g.known, last.Value.(*requester).address)
			g.order.Remove(last)
		}
		e = g.order.PushFront(&requester{address: a})
		g.known[a] = e
	} else {
		g.order.MoveToFront(e)
	}
	return e.Value.(*requester).bucket.Take(now, requesterBurst, requesterEvery)
}
