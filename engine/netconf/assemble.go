package netconf

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/wire"
)

// maxUpdates is how many updates of a network are put together at a time.
const maxUpdates = 3

// Reception is what became of a chunk.
type Reception struct {
	// Missing is the controller's address if its identity is needed first: ask
	// for it and offer the chunk again. Nothing was kept.
	Missing identity.Address
	// Relay says that the whole body is to be sent on, unchanged, to all known
	// members but the controller and the one it came from.
	Relay bool
	// Config is the text of the whole configuration if this chunk completed it.
	// It is the caller's. If it parses, an arrival by NETWORK_CONFIG is
	// acknowledged with UpdateID, even if the configuration is for another.
	Config   []byte
	UpdateID uint64
	// Fault says why a chunk was refused. Repeated chunks have none.
	Fault Fault
}

// Assembler puts the configurations of one network together from their chunks,
// which may come in any order and from any member, because each is signed by
// the controller (spec 04 §4.3). Set Network before use.
type Assembler struct {
	Network identity.NetworkID
	updates [maxUpdates]update
}

// update is a configuration on its way. It stays after completion, without its
// text, so that repeated chunks are recognised.
type update struct {
	used     bool
	complete bool
	last     clock.Mono
	id       uint64
	chunks   []uint64
	covered  []span // ascending, apart
	text     []byte
	total    int
}

// span is a range of bytes, end exclusive.
type span struct{ start, end int }

// Add takes the body of a NETWORK_CONFIG, or of an OK to a request after its
// prefix, from whoever sent it. The error is wire.ErrTruncated; chunks that are
// implausible, forged or without a signature give a Reception with nothing but a
// Fault, known ones the zero Reception.
func (a *Assembler) Add(at clock.Mono, body []byte, look credential.Lookup) (r Reception, err error) {
	c, err := wire.ParseConfigChunk(body)
	if err != nil {
		return r, err
	}
	switch {
	case c.Network != a.Network:
		return Reception{Fault: FaultForeign}, nil
	case c.Total >= wire.ConfigCapacity:
		return Reception{Fault: FaultOversized}, nil
	case c.Unsigned: // the form before version 6 of configurations, which nobody sends us
		return Reception{Fault: FaultUnsigned}, nil
	case c.Signature == nil: // of a kind that nobody knows
		return Reception{Fault: FaultForged}, nil
	case !c.Plausible(wire.ConfigCapacity):
		return Reception{Fault: FaultMalformed}, nil
	}
	id := c.ID()
	u := a.find(c.UpdateID)
	if u != nil && slices.Contains(u.chunks, id) {
		return r, nil
	}
	controller, ok := look(a.Network.Controller())
	if !ok {
		return Reception{Missing: a.Network.Controller()}, nil
	}
	if !controller.Verify(c.SignedPortion(), c.Signature) {
		return Reception{Fault: FaultForged}, nil
	}
	r.Relay = c.Flags&wire.ConfigFastPropagate != 0
	if u == nil {
		u = a.oldest()
		*u = update{used: true, id: c.UpdateID, total: int(c.Total)}
	}
	u.last = at
	if u.add(&c, id) {
		r.Config, r.UpdateID = u.text, u.id
		u.text, u.covered, u.complete = nil, nil, true
	}
	return r, nil
}

// Expire gives up updates of which no part has come since a time: it frees their
// text, up to half a megabyte each, and forgets their parts. Complete ones stay
// known, which takes little.
func (a *Assembler) Expire(since clock.Mono) {
	for i := range a.updates {
		if u := &a.updates[i]; u.used && !u.complete && u.last < since {
			*u = update{}
		}
	}
}

// find returns the update with this ID.
func (a *Assembler) find(id uint64) *update {
	for i := range a.updates {
		if u := &a.updates[i]; u.used && u.id == id {
			return u
		}
	}
	return nil
}

// oldest returns the slot to give up: an unused one, else the one whose last
// chunk is longest ago.
func (a *Assembler) oldest() *update {
	best := &a.updates[0]
	for i := range a.updates {
		u := &a.updates[i]
		if !u.used {
			return u
		}
		if u.last < best.last {
			best = u
		}
	}
	return best
}

// add stores a verified chunk and reports whether the configuration is now
// whole.
func (u *update) add(c *wire.ConfigChunk, id uint64) bool {
	if int(c.Total) != u.total {
		// The controller used one ID for two configurations: begin again.
		*u = update{used: true, last: u.last, id: u.id, total: int(c.Total)}
	}
	if len(u.chunks) >= wire.MaxConfigChunks {
		return false
	}
	u.chunks = append(u.chunks, id)
	if u.complete {
		return false
	}
	if u.text == nil {
		u.text = make([]byte, u.total)
	}
	start := int(c.Index)
	u.cover(span{start, start + copy(u.text[start:], c.Data)})
	return u.total == 0 || len(u.covered) == 1 && u.covered[0] == span{0, u.total}
}

// cover adds s to the covered ranges and joins what touches.
func (u *update) cover(s span) {
	if s.start == s.end {
		return
	}
	i, _ := slices.BinarySearchFunc(u.covered, s.start, func(c span, at int) int { return c.end - at })
	j := i
	for j < len(u.covered) && u.covered[j].start <= s.end {
		s.start, s.end = min(s.start, u.covered[j].start), max(s.end, u.covered[j].end)
		j++
	}
	u.covered = slices.Replace(u.covered, i, j, s)
}
