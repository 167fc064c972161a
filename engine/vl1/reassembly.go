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

// assembly is what came of a packet from one address.
type assembly struct {
	id      uint64
	at      clock.Mono
	from    netip.AddrPort
	head    pathKey // path of part 0, to which the packet is attributed
	total   int     // 0 while only the head is known
	have    uint8   // bit n for part n
	ordered bool    // parts came in order, so buf is the packet
	// proven is set if somebody answered from the address, tried once the parts
	// were joined with those that came from elsewhere.
	proven, tried bool
	// shared is set if parts with the same ID came from elsewhere.
	shared bool
	parts  [wire.MaxFragments]struct{ off, n int }
	buf    []byte
	busy   bool
	by     pathKey // of the last part
}

func (s *assembly) part(i int) []byte { return s.buf[s.parts[i].off : s.parts[i].off+s.parts[i].n] }

// reassembly joins the parts of fragmented packets (spec 02 §4.3). Parts may
// come in any order. Nothing in them proves who made them, so those that come
// from one address are joined first: others can neither complete nor spoil a
// packet by guessing its ID. Only what one address does not complete is joined
// with what others sent, as when packets travel two paths.
type reassembly struct {
	slots []assembly // made when the first fragment comes
	last  int        // where the last part went: the next usually goes there too
	joint []byte     // where packets are joined whose parts were out of order
	// headLen is the length of the last packet's part 0 as it came.
	headLen int
	// lost counts packets that were never complete, losers has the paths by which
	// their parts came, until somebody looks.
	lost   uint64
	losers []pathKey
}

// add takes a part. When it completes a packet, the packet and the path of its
// head are returned; the packet is valid until the next call. Where everything
// is taken, addresses that nobody proved give way first.
func (r *reassembly) add(now clock.Mono, id uint64, number, total int, data []byte, from pathKey, proven bool) ([]byte, pathKey) {
	if number > 0 && (total < 2 || total > wire.MaxFragments || number >= total) {
		return nil, pathKey{}
	}
	s := r.slot(now, id, from.remote, proven)
	if s.have&(1<<number) != 0 || len(s.buf)+len(data) > wire.MaxPacketLen {
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
	s.by = from
	s.ordered = s.ordered && s.have == 1<<number-1
	s.have |= 1 << number
	s.parts[number].off, s.parts[number].n = len(s.buf), len(data)
	s.buf = append(s.buf, data...)
	if s.total == 0 || s.have != 1<<s.total-1 {
		if s.shared {
			return r.together(s)
		}
		return nil, pathKey{}
	}
	s.busy, r.headLen = false, s.parts[0].n
	if s.ordered {
		return s.buf, s.head
	}
	r.joint = r.joint[:0]
	for i := range s.total {
		r.joint = append(r.joint, s.part(i)...)
	}
	return r.joint, s.head
}

// together joins the parts of an assembly with those of the same ID from other
// addresses, if they are all there. They are kept: a part that was forged must
// not take the place of the one that is yet to come.
func (r *reassembly) together(s *assembly) ([]byte, pathKey) {
	var of [wire.MaxFragments]*assembly
	total, have := s.total, s.have
	for i := range of {
		if s.have&(1<<i) != 0 {
			of[i] = s
		}
	}
	for i := range r.slots {
		o := &r.slots[i]
		if o == s || !o.busy || o.id != s.id || s.at-o.at >= reassemblyTimeout || total != 0 && o.total != 0 && o.total != total {
			continue
		}
		total = max(total, o.total)
		for j := range of {
			if o.have&^have&(1<<j) != 0 {
				of[j] = o
			}
		}
		have |= o.have
	}
	if total == 0 || have != 1<<total-1 {
		return nil, pathKey{}
	}
	r.joint = r.joint[:0]
	for i := range total {
		of[i].tried = true
		r.joint = append(r.joint, of[i].part(i)...)
	}
	if len(r.joint) > wire.MaxPacketLen {
		return nil, pathKey{}
	}
	r.headLen = of[0].parts[0].n
	return r.joint, of[0].head
}

// slot finds the assembly of a packet or a place for a new one: a free slot, one
// that timed out, else the oldest of a source that holds too many, else the
// oldest of those that matter least.
func (r *reassembly) slot(now clock.Mono, id uint64, from netip.AddrPort, proven bool) *assembly {
	if r.slots == nil {
		r.slots = make([]assembly, reassemblySlots)
	}
	if s := &r.slots[r.last]; s.busy && s.id == id && s.from == from && now-s.at < reassemblyTimeout {
		return s
	}
	free, least, own, held, shared := -1, -1, -1, 0, false
	for i := range r.slots {
		s := &r.slots[i]
		switch {
		case !s.busy || now-s.at >= reassemblyTimeout:
			if free < 0 {
				free = i
			}
			continue
		case s.id == id && s.from == from:
			r.last = i
			return s
		case s.id == id:
			s.shared, shared = true, true
		}
		if least < 0 || s.before(&r.slots[least]) {
			least = i
		}
		if s.from == from {
			if held++; own < 0 || s.at < r.slots[own].at {
				own = i
			}
		}
	}
	pick := free
	switch {
	case held >= slotsPerSource:
		pick = own
	case pick < 0:
		pick = least
	}
	if s := &r.slots[pick]; s.busy {
		r.lose(s)
	}
	r.slots[pick] = assembly{id: id, at: now, from: from, ordered: true, busy: true, proven: proven, shared: shared, buf: r.slots[pick].buf[:0]}
	r.last = pick
	return &r.slots[pick]
}

// before reports whether an assembly gives way before another.
func (s *assembly) before(o *assembly) bool {
	if s.tried != o.tried {
		return s.tried
	}
	if s.proven != o.proven {
		return o.proven
	}
	return s.at < o.at
}

// maxLosers bounds how many paths are remembered on which parts got lost.
const maxLosers = 16

// lose notes that a packet will not be complete.
func (r *reassembly) lose(s *assembly) {
	s.busy = false
	if s.tried {
		return // joined with others
	}
	r.lost++
	if len(r.losers) < maxLosers {
		r.losers = append(r.losers, s.by)
	}
}

// expire ends what has waited too long.
func (r *reassembly) expire(now clock.Mono) {
	for i := range r.slots {
		if s := &r.slots[i]; s.busy && now-s.at >= reassemblyTimeout {
			r.lose(s)
		}
	}
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
