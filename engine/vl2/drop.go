package vl2

// DropReason says why a frame went no further. Reasons are counted per network.
type DropReason uint8

// Reasons for dropping frames.
const (
	DropNoConfig    DropReason = iota // no configuration held
	DropNotMember                     // the sender has not proved membership
	DropNotVerified                   // the peer is not verified and must be
	DropFiltered                      // refused by the network's rules
	DropNotBridge                     // a MAC that this sender may not use
	DropNoRoute                       // a MAC that no bridge is known for
	DropNoBroadcast                   // broadcast is off
	DropNoMulticast                   // the multicast limit is 0
	DropMalformed                     // impossible MACs
	DropCrowded                       // too many groups without members
	DropLoop                          // came back by way of another bridge
	DropSpoofed                       // from an address of another member
	DropExpelled                      // to a member that was expelled
	dropReasons
)

// DropReasonCount is the number of reasons, for those who list them.
const DropReasonCount = int(dropReasons)

// String returns a short name for logs and metrics.
func (r DropReason) String() string {
	switch r {
	case DropNoConfig:
		return "no_config"
	case DropNotMember:
		return "not_member"
	case DropNotVerified:
		return "not_verified"
	case DropFiltered:
		return "filtered"
	case DropNotBridge:
		return "not_bridge"
	case DropNoRoute:
		return "no_route"
	case DropNoBroadcast:
		return "no_broadcast"
	case DropNoMulticast:
		return "no_multicast"
	case DropMalformed:
		return "malformed"
	case DropExpelled:
		return "expelled"
	case DropCrowded:
		return "crowded"
	case DropLoop:
		return "loop"
	case DropSpoofed:
		return "spoofed"
	}
	return "unknown"
}
