package vl1

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
)

// NATKind is what is known of the NAT in front of our sockets, from what others
// see of them. The numbers go on the wire (see [wire.Appointment]).
type NATKind uint8

// The kinds of NAT.
const (
	// NATUnknown: too few others told how they see us.
	NATUnknown NATKind = iota
	// NATNone: others see our own address.
	NATNone
	// NATEasy: one external port for all destinations. Rendezvous works.
	NATEasy
	// NATHard: another external port, at random, for each destination.
	NATHard
	// NATSequential: another external port for each destination, but one that
	// can be predicted.
	NATSequential
)

var natNames = [...]string{"unknown", "none", "easy", "hard", "sequential"}

func (k NATKind) String() string {
	if int(k) >= len(natNames) {
		return natNames[NATUnknown]
	}
	return natNames[k]
}

// varies reports whether the external port depends on the destination.
func (k NATKind) varies() bool { return k == NATHard || k == NATSequential }

// NATInfo describes the NAT in front of our IPv4 sockets.
type NATInfo struct {
	Kind NATKind
	// Surface has the addresses at which others see us, both families.
	Surface []netip.AddrPort
	// PortVaries reports whether the external port depends on the destination.
	PortVaries bool
	// Reporters is how many others told about the socket that was judged.
	Reporters int
	// Step is the distance of the external port of one mapping and the next,
	// for [NATSequential].
	Step int

	// seen is how the best witness sees the socket.
	seen   netip.AddrPort
	socket SocketID
}

const (
	// natOverlap is how far apart two reports may be to be about the same time:
	// in between a gateway may have been restarted.
	natOverlap = 45 * clock.Second
	// maxStep is the largest distance of ports that counts as a sequence: other
	// hosts behind the NAT take ports too.
	maxStep = 16
)

// NAT tells what is known of the NAT in front of us.
func (w *Wire) NAT(now clock.Mono) NATInfo {
	n := w.judgeNAT(now)
	n.Surface = w.Surface(now)
	return n
}

// judgeNAT finds the kind of NAT of the IPv4 socket that the roots see best. A
// port that is the same for several destinations makes it easy, one that
// differs at the same time hard, or sequential if they are near each other.
// One destination alone shows nothing, unless it sees our own address or port:
// few NATs keep a port that they would not keep for another destination.
func (w *Wire) judgeNAT(now clock.Mono) NATInfo {
	var n NATInfo
	best := w.witness(now)
	if best == nil {
		return n
	}
	n.seen, n.socket, n.Reporters = best.as, best.from.socket, 1
	if slices.ContainsFunc(w.local, func(a netip.AddrPort) bool { return a.Addr() == best.as.Addr() }) {
		n.Kind = NATNone
		return n
	}
	agree := false
	steps := maxStep + 1
	for i := range w.surface.seen {
		x := &w.surface.seen[i]
		if x.from.socket != n.socket || x.as.Addr() != n.seen.Addr() || x.from.remote == best.from.remote || now-x.at >= surfaceFor || !w.vouched(now, x) {
			continue
		}
		n.Reporters++
		switch {
		case x.as.Port() == n.seen.Port():
			agree = true
		case x.since-best.at < natOverlap && best.since-x.at < natOverlap:
			n.PortVaries = true
			d := int(x.as.Port()) - int(n.seen.Port())
			steps = min(steps, max(d, -d))
		}
	}
	switch {
	case n.PortVaries && steps <= maxStep:
		n.Kind, n.Step = NATSequential, steps
	case n.PortVaries:
		n.Kind = NATHard
	case agree, slices.ContainsFunc(w.local, func(a netip.AddrPort) bool { return a.Port() == n.seen.Port() }):
		n.Kind = NATEasy
	}
	return n
}

// witness is the latest report of an IPv4 address, of a root if there is one.
func (w *Wire) witness(now clock.Mono) *sighting {
	var best *sighting
	root := false
	for i := range w.surface.seen {
		x := &w.surface.seen[i]
		if !x.as.Addr().Is4() || x.from.socket == RelaySocket || now-x.at >= surfaceFor {
			continue
		}
		of := w.IsUpstream(x.by.id)
		if !of && !w.vouched(now, x) {
			continue
		}
		if best == nil || of && !root || of == root && x.at >= best.at {
			best, root = x, of
		}
	}
	return best
}

// maxWitnesses is how many others are asked how they see us at once.
const maxWitnesses = 4

// askWitnesses has those who told how they see the judged socket say it again.
func (w *Wire) askWitnesses(at clock.Instant) {
	w.refreshed = at.Mono
	best := w.witness(at.Mono)
	if best == nil {
		return
	}
	asked := 0
	for i := range w.surface.seen {
		x := w.surface.seen[i]
		p := w.peers[x.reporter]
		if x.from.socket != best.from.socket || !x.as.Addr().Is4() || p == nil || asked >= maxWitnesses {
			continue
		}
		if s := p.slotOf(x.from); s != nil && !s.expired(at.Mono) && !s.suspect(at.Mono) {
			w.hello(at, p, x.from)
			asked++
		}
	}
}

// seekWitnesses has others who see us, but did not tell how they see the judged
// socket, say it.
func (w *Wire) seekWitnesses(at clock.Instant) {
	best := w.witness(at.Mono)
	if best == nil {
		return
	}
	asked := 0
	for _, p := range w.order {
		via := p.liveV4(at.Mono, netip.AddrPort{})
		if via == nil || slices.ContainsFunc(w.surface.seen, func(x sighting) bool {
			return x.reporter == p.id.Address && x.from.socket == best.from.socket
		}) {
			continue
		}
		w.hello(at, p, pathKey{via.remote, best.from.socket})
		if asked++; asked >= maxWitnesses {
			return
		}
	}
}

// forwarded are addresses at which a gateway may forward to us by hand, though
// nobody has seen us there: its own at our ports, where it varies ports.
func (w *Wire) forwarded(now clock.Mono) (as []netip.AddrPort) {
	n := w.judgeNAT(now)
	if !n.Kind.varies() {
		return nil
	}
	for _, a := range w.local {
		if x := netip.AddrPortFrom(n.seen.Addr(), a.Port()); a.Addr().Is4() && !slices.Contains(as, x) {
			as = append(as, x)
		}
	}
	return as
}
