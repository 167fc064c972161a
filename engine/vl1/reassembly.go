package vl1

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/wire"
)

const (
	reassemblySlots = 64
	// slotsPerSource bounds what one address can hold: a relay carries packets
	// of many peers, so it is not small.
	slotsPerSource    = 32
	reassemblyTimeout = 5 * clock.Second
)

// assembly is a packet of which not all parts have come.
type assembly struct {
	id      uint64
	at      clock.Mono
	from    netip.Addr
	head    pathKey // path of part 0, to which the packet is attributed
	total   int     // 0 while only the head is known
	have    uint8   // bit n for part n
	ordered bool    // parts came in order, so buf is the packet
	parts   [wire.MaxFragments]struct{ off, n int }
	buf     []byte
	busy    bool
}

// reassembly joins the parts of fragmented packets (spec 02 §4.3). Parts may
// come in any order and by any path.
type reassembly struct {
	slots []assembly // made when the first fragment comes
	last  int        // where the last part went: the next usually goes there too
	joint []byte     // where out-of-order packets are joined
	// headLen is the length of the last packet's part 0 as it came.
	headLen int
}

// add takes a part. When it completes a packet, the packet and the path of its
// head are returned; the packet is valid until the next call.
func (r *reassembly) add(now clock.Mono, id uint64, number, total int, data []byte, from pathKey) ([]byte, pathKey) {
	if number > 0 && (total < 2 || total > wire.MaxFragments || number >= total) {
		return nil, pathKey{}
	}
	s := r.slot(now, id, from.remote.Addr())
	if s == nil || s.have&(1<<number) != 0 || len(s.buf)+len(data) > wire.MaxPacketLen {
		return nil, pathKey{}
	}
	if number > 0 {
		if s.total != 0 && s.total != total {
			return nil, pathKey{}
		}
		s.total = total
	} else {
		s.head = from
	}
	s.ordered = s.ordered && s.have == 1<<number-1
	s.have |= 1 << number
	s.parts[number].off, s.parts[number].n = len(s.buf), len(data)
	s.buf = append(s.buf, data...)
	if s.total == 0 || s.have != 1<<s.total-1 {
		return nil, pathKey{}
	}
	s.busy, r.headLen = false, s.parts[0].n
	if s.ordered {
		return s.buf, s.head
	}
	r.joint = r.joint[:0]
	for i := range s.total {
		r.joint = append(r.joint, s.buf[s.parts[i].off:s.parts[i].off+s.parts[i].n]...)
	}
	return r.joint, s.head
}

// slot finds the assembly of a packet or a place for a new one: a free slot,
// one that timed out, else the oldest of a source that holds too many, else
// the oldest.
func (r *reassembly) slot(now clock.Mono, id uint64, from netip.Addr) *assembly {
	if r.slots == nil {
		r.slots = make([]assembly, reassemblySlots)
	}
	if s := &r.slots[r.last]; s.busy && s.id == id && now-s.at < reassemblyTimeout {
		return s
	}
	var free, oldest, oldestOwn *assembly
	own := 0
	at, ownAt, freeAt := 0, 0, 0
	for i := range r.slots {
		s := &r.slots[i]
		if !s.busy || now-s.at >= reassemblyTimeout {
			if free == nil {
				free, freeAt = s, i
			}
			continue
		}
		if s.id == id {
			r.last = i
			return s
		}
		if oldest == nil || s.at < oldest.at {
			oldest, at = s, i
		}
		if s.from == from {
			own++
			if oldestOwn == nil || s.at < oldestOwn.at {
				oldestOwn, ownAt = s, i
			}
		}
	}
	pick, i := free, freeAt
	switch {
	case own >= slotsPerSource:
		pick, i = oldestOwn, ownAt
	case pick == nil:
		pick, i = oldest, at
	}
	*pick = assembly{id: id, at: now, from: from, ordered: true, busy: true, buf: pick.buf[:0]}
	r.last = i
	return pick
}

// busy counts the packets of which parts are missing.
func (r *reassembly) busy(now clock.Mono) int {
	n := 0
	for i := range r.slots {
		if r.slots[i].busy && now-r.slots[i].at < reassemblyTimeout {
			n++
		}
	}
	return n
}
