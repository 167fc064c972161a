package vl1

import (
	"net/netip"

	"orrery/engine/clock"
)

// NATKind is what is known of the NAT in front of our sockets, from what others
// see of them.
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

// NATInfo describes the NAT in front of our IPv4 sockets.
type NATInfo struct {
	Kind NATKind
	// Surface has the addresses at which others see us, both families.
	Surface []netip.AddrPort
	// PortVaries reports whether the external port depends on the destination.
	PortVaries bool
	// Reporters is how many others told about the socket that was judged.
	Reporters int
	// Step is the distance of the external ports of one mapping and the next,
	// for [NATSequential].
	Step int
}

// NAT tells what is known of the NAT in front of us.
func (w *Wire) NAT(now clock.Mono) NATInfo {
	return NATInfo{Surface: w.Surface(now)}
}
