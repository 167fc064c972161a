package hostport

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Timers of the neighbour table (spec 04 §15.3).
const (
	reachableFor  = 60 * clock.Second
	deletedAfter  = 600 * clock.Second
	queryInterval = clock.Second
	resolveFor    = 5 * clock.Second
	probeFor      = 3 * clock.Second
	failedFor     = 3 * clock.Second
	replaceAfter  = clock.Second
	sweepInterval = 30 * clock.Second
)

// state is what is known of a neighbour:
//
//	incomplete ─ answer ─► resolved ─ used after 60 s ─► probing ─ 3 s ─► renewing
//	    │                     ▲  ▲                          │                │ │
//	   5 s                    │  └────────── answer ────────┴────────────────┘ │
//	    ▼                     │                                                │
//	  failed ─ late answer ───┘ ◄──────────────────── 5 s ─────────────────────┘
//
// A failed neighbour is asked for anew by the first packet after 3 s.
type state uint8

const (
	// incomplete: no MAC yet; queries go to the group and packets wait.
	incomplete state = iota
	// resolved: reachable for 60 s from its confirmation, then stale.
	resolved
	// probing: stale and used; unicast queries go to the known MAC.
	probing
	// renewing: the probes were not answered; queries go to the group and packets
	// still to the known MAC.
	renewing
	// failed: no answer; packets are dropped.
	failed
)

// neighbor is an entry of the neighbour table.
type neighbor struct {
	ip    netip.Addr
	mac   identity.MAC
	state state
	place int // in Port.order

	confirmed clock.Mono // the MAC was last known to be right
	used      clock.Mono
	started   clock.Mono // of the present state, except resolved
	asked     clock.Mono // last query
	replaced  clock.Mono // last change of a reachable entry's MAC
	due       clock.Mono // next step of the present state
	// source is that of the packet that caused the queries.
	source netip.Addr
	queue  [][]byte
	bytes  int
}

func (n *neighbor) reachable(now clock.Mono) bool {
	return n.state == resolved && now-n.confirmed <= reachableFor
}

// knownLen is the size of the table of recent next hops.
const knownLen = 128

// knownHop remembers the next hop of a destination, so that most packets need
// no search. It is void when its generation is not the port's.
type knownHop struct {
	dst        netip.Addr
	neighbor   *neighbor    // nil if mac follows from the address
	mac        identity.MAC // without neighbor
	generation uint32
}

// place spreads destinations over the table of recent next hops; tail is the
// last four bytes of the address.
func (p *Port) place(tail uint32) *knownHop { return &p.known[tail*0x9e3779b1>>25] }

// forgetNeighbors empties the table and drops what waits.
func (p *Port) forgetNeighbors() {
	for _, n := range p.order {
		p.drops[DropUnresolved] += uint64(len(n.queue))
	}
	clear(p.neighbors)
	p.order = nil
	p.waiting, p.queued, p.bytes = 0, 0, 0
	p.neighborDue, p.sweepDue = idle, idle
	p.generation++
}

// newNeighbor adds an entry, at the cost of the least recently used one if the
// table is full. The caller sets its state.
func (p *Port) newNeighbor(now clock.Mono, ip netip.Addr) *neighbor {
	if len(p.order) >= MaxNeighbors {
		p.evict()
	}
	n := &neighbor{
		ip: ip, state: failed, place: len(p.order), used: now,
		confirmed: clock.Never, started: clock.Never, asked: clock.Never, replaced: clock.Never, due: idle,
	}
	p.neighbors[ip] = n
	p.order = append(p.order, n)
	p.sweepDue = min(p.sweepDue, now+sweepInterval)
	return n
}

// evict removes the least recently used entry that no packet waits for. There
// is one, because fewer entries may be incomplete than the table holds.
func (p *Port) evict() {
	var oldest *neighbor
	for _, n := range p.order {
		if n.state != incomplete && (oldest == nil || n.used < oldest.used) {
			oldest = n
		}
	}
	p.remove(oldest)
}

func (p *Port) remove(n *neighbor) {
	last := p.order[len(p.order)-1]
	p.order[n.place], last.place = last, n.place
	p.order[len(p.order)-1] = nil
	p.order = p.order[:len(p.order)-1]
	delete(p.neighbors, n.ip)
	p.generation++
}

// sweep removes entries that mean nothing any more.
func (p *Port) sweep(now clock.Mono) {
	for i := 0; i < len(p.order); {
		n := p.order[i]
		switch {
		case n.state == failed && now-n.started >= failedFor, n.state == resolved && now-n.confirmed > deletedAfter:
			p.remove(n) // puts another at i
		default:
			i++
		}
	}
	p.sweepDue = idle
	if len(p.order) > 0 {
		p.sweepDue = now + sweepInterval
	}
}

// enter changes the state and when it wants attention.
func (p *Port) enter(now clock.Mono, n *neighbor, s state, due clock.Mono) {
	if n.state == incomplete {
		p.waiting--
	}
	if s == incomplete {
		p.waiting++
	}
	n.state, n.started, n.due = s, now, due
	p.neighborDue = min(p.neighborDue, due)
}

// enqueue keeps a copy of a packet until its neighbour is resolved, at the cost
// of the oldest that waits there.
func (p *Port) enqueue(n *neighbor, packet []byte) {
	full := func() bool { return p.queued >= MaxQueued || p.bytes+len(packet) > MaxQueuedBytes }
	for len(n.queue) > 0 && (len(n.queue) >= MaxQueue || full()) {
		p.dequeue(n)
		p.drop(DropQueueFull)
	}
	if full() {
		p.drop(DropQueueFull)
		return
	}
	n.queue = append(n.queue, append([]byte(nil), packet...))
	p.queued++
	p.bytes += len(packet)
}

func (p *Port) dequeue(n *neighbor) []byte {
	packet := n.queue[0]
	n.queue[0] = nil
	n.queue = n.queue[1:]
	p.queued--
	p.bytes -= len(packet)
	return packet
}

// confirm notes that n.mac is right and sends what waits.
func (p *Port) confirm(now clock.Mono, n *neighbor, out Output) {
	n.confirmed = now
	if n.state == resolved {
		return
	}
	p.enter(now, n, resolved, idle)
	for len(n.queue) > 0 {
		p.transmit(n.mac, p.dequeue(n), out)
	}
	n.queue = nil
}

// update takes an answer, or a statement of a peer about itself, for an entry.
// replace is false for statements that must not displace another MAC.
func (p *Port) update(now clock.Mono, n *neighbor, mac identity.MAC, replace bool, out Output) {
	if known := n.state != incomplete && n.state != failed; !known || n.mac != mac {
		if known && !replace || n.reachable(now) && now-n.replaced < replaceAfter {
			return
		}
		if p.cfg.MayClaim != nil && !p.cfg.MayClaim(mac, n.ip) {
			p.drop(DropDiscovery)
			return
		}
		if known {
			n.replaced = now
		}
		n.mac = mac
	}
	p.confirm(now, n, out)
}

// learn creates or updates the entry of a peer that asked for us.
func (p *Port) learn(now clock.Mono, ip netip.Addr, mac identity.MAC, out Output) {
	n := p.neighbors[ip]
	if n == nil {
		if p.cfg.MayClaim != nil && !p.cfg.MayClaim(mac, ip) {
			return
		}
		n = p.newNeighbor(now, ip)
	}
	p.update(now, n, mac, true, out)
}
