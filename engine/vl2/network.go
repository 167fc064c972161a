package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
)

// Status is the state of a network as shown to users (spec 04 §2.3).
type Status uint8

// The numbers are part of the local API.
const (
	StatusRequestingConfiguration Status = iota
	StatusOK
	StatusAccessDenied
	StatusNotFound
	StatusPortError
	StatusClientTooOld
	StatusAuthenticationRequired
)

// String returns the name used in the local API.
func (s Status) String() string {
	switch s {
	case StatusRequestingConfiguration:
		return "REQUESTING_CONFIGURATION"
	case StatusOK:
		return "OK"
	case StatusAccessDenied:
		return "ACCESS_DENIED"
	case StatusNotFound:
		return "NOT_FOUND"
	case StatusPortError:
		return "PORT_ERROR"
	case StatusClientTooOld:
		return "CLIENT_TOO_OLD"
	case StatusAuthenticationRequired:
		return "AUTHENTICATION_REQUIRED"
	}
	return "UNKNOWN"
}

// Authentication says where the user must sign in before the controller lets
// this node in (spec 04 §14.4). The texts come from the network: URLs are https
// or empty, but still not to be trusted.
type Authentication struct {
	// Version is 0 for a plain URL, 1 for an OpenID Connect flow.
	Version int
	// URL is the page to open, version 0.
	URL string
	// The rest is of version 1.
	Issuer, CentralURL, Nonce, State, ClientID, Provider string
}

// Network is one joined network. Its methods are for the owner of the [Switch];
// what they return that is a slice or pointer must not be changed.
type Network struct {
	id         identity.NetworkID
	mac        identity.MAC
	controller identity.Address // 0 on an ad-hoc network

	// config is nil until one is held. What follows is derived from it.
	config *netconf.Config
	// generation changes with every config and dates what is derived from it.
	generation uint32
	// lastConfig is when a config was last taken from the controller.
	lastConfig clock.Mono
	window     credential.Window
	local      rule.Local
	base       rule.Set
	own        []rule.Set // of our capabilities
	roles      roles
	custody    custody // of members' capabilities
	comBytes   []byte
	pushes     [][]byte // NETWORK_CREDENTIALS with our credentials
	pushing    bool     // a member has not had all of them yet

	failure   Status // StatusOK if none
	auth      Authentication
	portError int

	request   requestState
	assembler netconf.Assembler
	refused   refusals

	members  memberTable
	hosts    hostTable
	ours     groupSet    // subscriptions of the host
	behind   datedGroups // groups of hosts bridged in, last seen
	left     datedGroups // groups that the host has left
	lastLike clock.Mono  // full list to upstreams, controller and contacts
	// likePackets is what fullList last built, nil if it no longer holds.
	likePackets [][]byte

	ethernet bool   // the host port is an Ethernet device
	echoes   echoes // frames that entered there
	// loopMAC is the source of the last frame that came back, at loopAt.
	loopMAC identity.MAC
	loopAt  clock.Mono

	origins origins

	multicasts MulticastCount

	verifiedOnly bool
	trace        traceState
	// limit is what SetLimit set, clamped what Clamped counts.
	limit   int
	clamped uint64
	drops   [dropReasons]uint64
}

// roles is who does what on a network, from the specialists of its config.
type roles struct {
	bridges, replicators []identity.Address // in the config's order
	bridgeSet            []identity.Address // sorted
	// contacts are anchors and replicators: always told and asked about groups.
	contacts               []identity.Address
	amBridge, amReplicator bool
}

// ID is the network's ID.
func (nw *Network) ID() identity.NetworkID { return nw.id }

// MAC is our own MAC on the network.
func (nw *Network) MAC() identity.MAC { return nw.mac }

// Controller is the address of the controller, 0 on an ad-hoc network.
func (nw *Network) Controller() identity.Address { return nw.controller }

// Config is the configuration held, nil if none.
func (nw *Network) Config() *netconf.Config { return nw.config }

// Status is what the network is waiting for, or [StatusOK]. A failure does not
// drop the configuration: frames flow as long as peers accept them.
func (nw *Network) Status() Status {
	switch {
	case nw.portError != 0:
		return StatusPortError
	case nw.failure != StatusOK:
		return nw.failure
	case nw.config == nil:
		return StatusRequestingConfiguration
	}
	return StatusOK
}

// PortError is the code last given to [Switch.SetPortError], 0 if none.
func (nw *Network) PortError() int { return nw.portError }

// Authentication is meaningful under [StatusAuthenticationRequired].
func (nw *Network) Authentication() Authentication { return nw.auth }

// LastConfig is when a configuration was last taken, [clock.Never] if the one
// held is from the cache or there is none.
func (nw *Network) LastConfig() clock.Mono { return nw.lastConfig }

// Groups are the multicast groups subscribed by the host, in order.
func (nw *Network) Groups() []identity.MulticastGroup { return slices.Clone(nw.ours) }

// Bridge reports whether we may bridge other hosts into the network.
func (nw *Network) Bridge() bool { return nw.roles.amBridge }

// Members returns the addresses of the peers that have shown credentials or,
// on a public network, traffic, in order.
func (nw *Network) Members() []identity.Address {
	out := make([]identity.Address, 0, len(nw.members.order))
	for _, m := range nw.members.order {
		out = append(out, m.address)
	}
	return out
}

// Drops is how many frames were dropped for a reason.
func (nw *Network) Drops(r DropReason) uint64 { return nw.drops[r] }

// com is our certificate of membership, nil if we have none.
func (nw *Network) com() *credential.Membership {
	if nw.config == nil || nw.config.Membership.Empty() {
		return nil
	}
	return &nw.config.Membership
}
