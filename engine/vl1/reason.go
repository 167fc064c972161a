package vl1

// Reason says why a peer has no direct path. Its text is stable, for programs;
// [Reason.Sentence] and [Reason.Hint] are for people.
type Reason uint8

// The reasons, from "all is well" to "nobody knows".
const (
	// ReasonNone: the peer is reached directly.
	ReasonNone Reason = iota
	// ReasonIdle: nothing is exchanged with the peer, so no path was looked for.
	ReasonIdle
	// ReasonNotTried: the peer is relayed since a moment ago, and no root has
	// introduced it yet.
	ReasonNotTried
	// ReasonWaiting: its addresses are being tried, and may yet answer.
	ReasonWaiting
	// ReasonLost: the direct path stopped working a moment ago.
	ReasonLost
	// ReasonNoAddress: nobody tells where the peer is.
	ReasonNoAddress
	// ReasonNoFamily: one side has only IPv4, the other only IPv6.
	ReasonNoFamily
	// ReasonPortsVary: both sides are behind NATs that take another port for
	// each destination.
	ReasonPortsVary
	// ReasonPortsVaryHere and ReasonPortsVaryThere: one side is behind such a
	// NAT, and the other admits only whom it wrote to.
	ReasonPortsVaryHere
	ReasonPortsVaryThere
	// ReasonLowBandwidth: one side varies ports, and this one is set not to send
	// as much as finding them takes.
	ReasonLowBandwidth
	// ReasonFirewalled: neither side varies ports, and nothing comes through.
	ReasonFirewalled
	// ReasonPolicy: local settings forbid every address of the peer.
	ReasonPolicy
	// ReasonBlocked: the user blocked the peer.
	ReasonBlocked
	// ReasonSilent: nothing comes from the peer, not even through a root.
	ReasonSilent
	// ReasonRootSilent: the peer is a root and does not answer.
	ReasonRootSilent
	// ReasonNoRoot: no root answers, so that nobody relays.
	ReasonNoRoot
	// ReasonUnknown: nobody has told the identity that belongs to the address.
	ReasonUnknown
	// ReasonTunnelled: UDP does not get through here; packets go over TCP.
	ReasonTunnelled
	reasons
)

// ReasonCount is the number of reasons, for those who list them.
const ReasonCount = int(reasons)

// words has the code of each reason, what it says, and what can be done.
var words = [reasons]struct{ code, sentence, hint string }{
	ReasonNone: {"", "Packets go directly.", ""},
	ReasonIdle: {"idle", "No direct path has been looked for, because nothing is being sent.",
		"Nothing needs to be done: one is looked for as soon as there is traffic."},
	ReasonNotTried: {"not-tried", "A direct path has not been tried yet: the root is about to introduce both sides.",
		"Wait a few seconds."},
	ReasonWaiting: {"waiting", "The addresses of the other side are being tried, and have not answered yet.",
		"Wait half a minute."},
	ReasonLost: {"path-lost", "The direct path stopped working, and a new one is being looked for.",
		"Wait half a minute. If this happens often, see whether a router restarts or a firewall forgets connections early."},
	ReasonNoAddress: {"no-address", "No root has told where the other side is, so its addresses could not be tried.",
		"If this lasts, the roots may be overloaded, or the other side may not share a network with this computer. A moon of your own introduces peers too."},
	ReasonNoFamily: {"no-common-family", "One side has only IPv4 and the other only IPv6, so no address suits both.",
		"Enable IPv6 (or IPv4) on the side that lacks it."},
	ReasonPortsVary: {"ports-vary", "Both sides are behind routers that give every connection another port, so neither can be found by the other.",
		"Forward a UDP port to one of the computers, allow port mapping (UPnP, NAT-PMP or PCP) on one of the routers, or use IPv6."},
	ReasonPortsVaryHere: {"ports-vary-here", "This computer's router gives every connection another port, and the other side's lets only known ports in.",
		"Allow port mapping (UPnP, NAT-PMP or PCP) on this side's router, forward a UDP port to this computer, or use IPv6."},
	ReasonPortsVaryThere: {"ports-vary-there", "The other side's router gives every connection another port, and this side's lets only known ports in.",
		"Allow port mapping (UPnP, NAT-PMP or PCP) on either router, forward a UDP port to either computer, or use IPv6."},
	ReasonLowBandwidth: {"low-bandwidth", "A router gives every connection another port, and the low-bandwidth mode forbids the many attempts that this takes.",
		"Set lowBandwidthMode in local.conf to false, allow port mapping (UPnP, NAT-PMP or PCP) on either router, or use IPv6."},
	ReasonFirewalled: {"firewalled", "The addresses of the other side were tried and do not answer: a firewall on one of the sides stops UDP.",
		"Let UDP in and out to the service's port in the firewalls of both computers and both networks."},
	ReasonPolicy: {"policy", "The settings of this computer forbid all addresses of the other side.",
		"See \"blacklist\" under \"physical\" and \"virtual\" in local.conf. Addresses inside a joined network are never used."},
	ReasonBlocked: {"blocked", "You have blocked this peer, so nothing is exchanged with it.",
		"Unblock it if that was not intended."},
	ReasonSilent: {"silent", "Nothing comes from the other side, not even through a root: it is off, asleep or offline.",
		"Check that the other computer is on, online, and that its service runs with the same roots."},
	ReasonRootSilent: {"root-silent", "This root does not answer.",
		"Check the Internet connection, and that no firewall stops UDP. Other roots take over while they answer."},
	ReasonNoRoot: {"no-root", "No root answers, so that nobody can relay to this peer.",
		"Check the Internet connection, and that no firewall stops UDP."},
	ReasonUnknown: {"unknown-identity", "No root knows the identity that belongs to this address.",
		"Check the address. A computer that was never online with these roots is not known to them."},
	ReasonTunnelled: {"tunnelled", "UDP does not get through here, so packets take the slow way over a TCP relay.",
		"Let UDP out of this network: in the computer's firewall, or ask whoever runs the network."},
}

// String is the reason's code, such as "ports-vary"; empty for [ReasonNone].
func (r Reason) String() string {
	if int(r) >= len(words) {
		return "unknown"
	}
	return words[r].code
}

// Sentence says in English what is the matter.
func (r Reason) Sentence() string {
	if int(r) >= len(words) {
		return ""
	}
	return words[r].sentence
}

// Hint says in English what can be done about it; empty if nothing.
func (r Reason) Hint() string {
	if int(r) >= len(words) {
		return ""
	}
	return words[r].hint
}

// relayed reports whether packets to the peer go through a root.
func (r Reason) relayed() bool {
	switch r {
	case ReasonNone, ReasonTunnelled, ReasonBlocked, ReasonRootSilent, ReasonNoRoot, ReasonUnknown:
		return false
	}
	return true
}

// Passing reports whether the reason is expected to go away by itself within
// half a minute, or is none of anybody's concern.
func (r Reason) Passing() bool {
	switch r {
	case ReasonNone, ReasonIdle, ReasonNotTried, ReasonWaiting, ReasonLost:
		return true
	}
	return false
}
