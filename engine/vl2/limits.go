package vl2

import "orrery/engine/clock"

// Limits bounds what remote parties can make a [Switch] remember. A zero field
// takes the value of [DefaultLimits].
type Limits struct {
	// Members is the number of memberships per network; the longest unused is
	// forgotten first, one with a revocation last (spec 04 §17.15).
	Members int
	// BridgeRoutes is the number of MACs learnt behind bridges, ourselves among
	// them, per network (spec 04 §11.4).
	BridgeRoutes int
	// Subscriptions is the number of groups of our own, and of groups bridged
	// in, per network (spec 04 §12.1).
	Subscriptions int
	// Likes is the number of (group, member) pairs over all networks, LikesPerPeer
	// those that one peer may announce; at most half are hearsay.
	Likes, LikesPerPeer int
	// Peers is the number of peers for which rate limits are kept.
	Peers int
	// CredentialBurst is how many NETWORK_CREDENTIALS a peer may send at once;
	// one more is allowed every second (spec 04 §7.7).
	CredentialBurst int
}

// DefaultLimits are right for a desktop and for a root of some 10,000 nodes.
func DefaultLimits() Limits {
	return Limits{
		Members:         16384,
		BridgeRoutes:    16384,
		Subscriptions:   1024,
		Likes:           1 << 18,
		LikesPerPeer:    4096,
		Peers:           16384,
		CredentialBurst: 4,
	}
}

// withDefaults fills the zero fields.
func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	l.Members = orDefault(l.Members, d.Members)
	l.BridgeRoutes = orDefault(l.BridgeRoutes, d.BridgeRoutes)
	l.Subscriptions = orDefault(l.Subscriptions, d.Subscriptions)
	l.Likes = orDefault(l.Likes, d.Likes)
	l.LikesPerPeer = orDefault(l.LikesPerPeer, d.LikesPerPeer)
	l.Peers = orDefault(l.Peers, d.Peers)
	l.CredentialBurst = orDefault(l.CredentialBurst, d.CredentialBurst)
	return l
}

func orDefault(have, otherwise int) int {
	if have > 0 {
		return have
	}
	return otherwise
}

// Spans of spec 04 §16. Those marked x are multiplied in low-bandwidth mode.
const (
	passInterval     = 5 * clock.Second // background pass, x5
	cleanInterval    = 30 * clock.Second
	configRefresh    = 60 * clock.Second // x64
	requestRetry     = 5 * clock.Second  // x5
	requestRetrySlow = 30 * clock.Second // after a minute of refusals
	requestRetrySoon = 1200 * clock.Millisecond
	requestPatience  = 60 * clock.Second
	silencePatience  = 600 * clock.Second // of a controller whose last word holds on
	likeInterval     = 60 * clock.Second
	likeLife         = 600 * clock.Second
	greetInterval    = 2 * clock.Second
	greetLow         = 300               // times as much in low-bandwidth mode: HELLOs come each minute
	gatherInterval   = 60 * clock.Second // x3
	askSpacing       = clock.Second      // between more of them, and while there are more members than were named
	queueLife        = 5 * clock.Second
	pushInterval     = 500 * clock.Second
	pushOnRequest    = clock.Second
	pushSpacing      = 1100 * clock.Millisecond
	refusalInterval  = clock.Second // between two ERROR 0x06 per network and peer
	unwantedInterval = 10 * clock.Second
	requestedWindow  = 60 * clock.Second // an ERROR 0x06 counts this long after we sent
	behindLife       = 1200 * clock.Second
	memberLife       = 2 * 7200 * clock.Second
	heldLife         = 5 * clock.Second
	assemblyLife     = 60 * clock.Second // of a configuration of which no more parts come
	purgeInterval    = clock.Second      // between two clearances of a full table of groups
)

// Numbers of spec 04 §16 and §12.
const (
	requestSoon     = 3 // requests without an answer that are repeated soon
	queuePerGroup   = 32
	maxGone         = 64 // members who left, for each group
	queueTotal      = 2048
	floodFanOut     = 32
	gatherTargets   = 16
	askBurst        = 8 // questions at once for members of a group without any
	maxFramePayload = 10000
	// maxEmptyGroups is how many groups without members the host may send to
	// within a minute or so: a program that sprays over all groups must not make
	// the service grow.
	maxEmptyGroups = 4096
)
