// Package ipc is the local contract between orreryd and its clients: the types
// that cross the socket, a client, and the event stream. It knows nothing of
// the engine; addresses and keys are text here (10, 16 and 128 hex digits).
package ipc

import "time"

// Version is the version of this contract. Changes within a version only add.
const Version = 1

// Snapshot is everything a client shows, at one moment.
type Snapshot struct {
	// Seq grows by one with every event; the snapshot holds all up to Seq.
	Seq      uint64    `json:"seq"`
	Status   Status    `json:"status"`
	Networks []Network `json:"networks"`
	Peers    []Peer    `json:"peers"`
	// Trust has every trust record, also of peers that are not connected.
	Trust  []TrustRecord `json:"trust"`
	Alerts []Alert       `json:"alerts"`
}

// Status describes the node itself.
type Status struct {
	Address string `json:"address"`
	// Identity is the public identity as text: "address:0:public key".
	Identity string `json:"identity"`
	// Fingerprint is the 32-byte fingerprint of our identity in hex.
	Fingerprint string `json:"fingerprint"`
	Version     string `json:"version"`
	APIVersion  int    `json:"apiVersion"`
	// Online is true while a root answers.
	Online bool `json:"online"`
	// Role is what the caller of this connection may do.
	Role Role `json:"role"`
	// PlanetID and PlanetTime identify the planet in force.
	PlanetID   uint64    `json:"planetId"`
	PlanetTime time.Time `json:"planetTime"`
	// Controller is true when this node hosts networks.
	Controller bool `json:"controller"`
	// Port is the primary UDP port.
	Port      int       `json:"port"`
	StartedAt time.Time `json:"startedAt"`
	// Surface has the addresses at which others see us ("ip:port").
	Surface []string `json:"surface"`
	// Counters has packet counts by name; drops are "drop.<reason>".
	Counters map[string]uint64 `json:"counters,omitempty"`
}

// Role is what a caller may do, in ascending order of power.
type Role string

// The roles (design §3, decision 2).
const (
	Observer      Role = "observer"      // read
	Operator      Role = "operator"      // join, leave, settings, trust
	Administrator Role = "administrator" // roots, identity, controller, global settings
)

// NetworkStatus is the state of a joined network.
type NetworkStatus string

// The statuses, with the reference's names (spec 04 §2.3).
const (
	Requesting   NetworkStatus = "REQUESTING_CONFIGURATION"
	OK           NetworkStatus = "OK"
	AccessDenied NetworkStatus = "ACCESS_DENIED"
	NotFound     NetworkStatus = "NOT_FOUND"
	PortError    NetworkStatus = "PORT_ERROR"
	TooOld       NetworkStatus = "CLIENT_TOO_OLD"
	AuthRequired NetworkStatus = "AUTHENTICATION_REQUIRED"
)

// Network is a network that this node has joined.
type Network struct {
	ID     string        `json:"id"`
	Name   string        `json:"name"`
	Status NetworkStatus `json:"status"`
	// Detail is a sentence when Status alone does not say what is wrong.
	Detail string `json:"detail,omitempty"`
	Standing
	// Type is "PUBLIC" or "PRIVATE".
	Type      string    `json:"type"`
	MAC       string    `json:"mac"`
	MTU       int       `json:"mtu"`
	Broadcast bool      `json:"broadcastEnabled"`
	Bridge    bool      `json:"bridge"`             // the controller has made us an active bridge
	Bridging  *Bridging `json:"bridging,omitempty"` // nil on a network without bridges
	Device    string    `json:"device"`
	Revision  uint64    `json:"netconfRevision"`
	Addresses []string  `json:"addresses"` // "ip/bits"
	// AddressStates has the assigned addresses that are not plainly applied.
	AddressStates []AddressState  `json:"addressStates,omitempty"`
	Routes        []Route         `json:"routes"`
	DNS           DNS             `json:"dns"`
	Multicast     []string        `json:"multicast"` // "mac/adi", both hex
	Settings      NetworkSettings `json:"settings"`
	AuthURL       string          `json:"authUrl,omitempty"`
	// AddressConflicts are addresses of ours that others on the network claimed
	// within the last eleven minutes.
	AddressConflicts []AddressConflict `json:"addressConflicts,omitempty"`
	// JoinedAt is when the network was joined, or loaded at start.
	JoinedAt time.Time `json:"joinedAt"`
	// VerifiedOnly is whether frames of verified peers only are carried.
	// DroppedUnverified counts those that were dropped for that, UnverifiedCount
	// the members that are turned away, of which Unverified has the first 64.
	VerifiedOnly      bool         `json:"verifiedOnly,omitempty"`
	DroppedUnverified uint64       `json:"droppedUnverified,omitempty"`
	UnverifiedCount   int          `json:"unverifiedCount,omitempty"`
	Unverified        []Unverified `json:"unverified,omitempty"`
	// ControllerTrust is the state of the controller's trust record, [Verified] if
	// this node is the controller, empty while nobody has told its identity.
	ControllerTrust TrustState `json:"controllerTrust,omitempty"`
}

// AddressConflict is an address of this computer that another one claims.
type AddressConflict struct {
	IP  string `json:"ip"`
	MAC string `json:"mac"` // the other's
	// Member is the other's address, empty if it is behind a bridge.
	Member string    `json:"member,omitempty"`
	Last   time.Time `json:"last"`
}

// Route is a managed route. Via is empty for an on-link route.
type Route struct {
	Target string `json:"target"` // "ip/bits"
	Via    string `json:"via,omitempty"`
	Flags  int    `json:"flags"`
	Metric int    `json:"metric"`
	// State is what became of it on this computer. Reason says why, in a sentence,
	// where it is not plainly applied, and Advice what can be done.
	State  RouteState `json:"state,omitempty"`
	Reason string     `json:"reason,omitempty"`
	Advice string     `json:"advice,omitempty"`
}

// RouteState is what becomes of a managed route or address.
type RouteState string

// The states of routes and addresses.
const (
	RouteApplied  RouteState = "applied"
	RouteIgnored  RouteState = "ignored"  // the user's settings leave it out, or this computer is the gateway
	RouteRefused  RouteState = "refused"  // it does not fit into this computer's networks, or makes no sense
	RouteNarrowed RouteState = "narrowed" // a part of it is this computer's own network and stays that
	RoutePending  RouteState = "pending"  // it waits, or the system refused it and it is tried again
)

// AddressState says why an assigned address is not plainly applied.
type AddressState struct {
	Address string     `json:"address"` // "ip/bits"
	State   RouteState `json:"state"`
	Reason  string     `json:"reason"`
	Advice  string     `json:"advice,omitempty"`
}

// DNS is what the network's configuration says of name servers, and what
// became of it on this computer.
type DNS struct {
	Domain  string   `json:"domain,omitempty"`
	Servers []string `json:"servers,omitempty"`
	// State is empty if the network names none, else "pending", "applied",
	// "ignored" (the user has not allowed it), "refused" (it must not be done),
	// "unsupported" (nothing here can do it), or "failed" (it is tried again).
	State string `json:"state,omitempty"`
	// By is what resolves names here and was told, such as "systemd-resolved".
	By string `json:"by,omitempty"`
	// All is true if all queries go to the servers, not only those for Domain.
	All bool `json:"all,omitempty"`
	// Reason and Advice are sentences: why it is so, or which servers were left
	// out, and what can be done.
	Reason string `json:"reason,omitempty"`
	Advice string `json:"advice,omitempty"`
}

// NetworkSettings are the user's own settings of a network (spec 04 §14.5).
// A nil field leaves the setting as it is when sent to the service.
type NetworkSettings struct {
	AllowManaged *bool    `json:"allowManaged,omitempty"`
	ManagedOnly  []string `json:"allowManagedPrefixes,omitempty"` // "ip/bits"
	AllowGlobal  *bool    `json:"allowGlobal,omitempty"`
	AllowDefault *bool    `json:"allowDefault,omitempty"`
	AllowDNS     *bool    `json:"allowDNS,omitempty"`
	// DNSDefault has, with AllowDNS, every query go to the network's servers, not
	// only those for its domain.
	DNSDefault *bool `json:"dnsDefault,omitempty"`
	// Port is "tun" (default) or "tap" (Linux).
	Port string `json:"port,omitempty"`
	// VerifiedOnly lets only peers through that the user has verified.
	VerifiedOnly *bool `json:"verifiedOnly,omitempty"`
	// LANDiscovery lets programs that look for others on a local network find
	// those of this network.
	LANDiscovery *bool `json:"lanDiscovery,omitempty"`
	// RemoteTrace lets the controller have reports about what is dropped here, if it
	// wants them.
	RemoteTrace *bool `json:"remoteTrace,omitempty"`
	// MTU is 1280 to 10000, a cap of the network's own; 0 for none.
	MTU *int `json:"mtu,omitempty"`
	// AcceptRoutes are targets ("ip/bits") of routes that are applied even where
	// AllowGlobal, AllowDefault or a conflict would refuse them; IgnoreRoutes are
	// never applied. Sent to the service, nil leaves a list as it is and an empty
	// one clears it.
	AcceptRoutes []string `json:"acceptRoutes,omitzero"`
	IgnoreRoutes []string `json:"ignoreRoutes,omitzero"`
	// Token is a join token of at most 256 bytes, with which the controller may
	// admit this computer unasked. Observers do not get it.
	Token *string `json:"token,omitempty"`
}

// Peer is a node that this node knows.
type Peer struct {
	Address  string `json:"address"`
	Identity string `json:"identity"`
	// Name is what the user calls the peer, from its trust record.
	Name string `json:"name,omitempty"`
	// Role is "LEAF", "MOON" or "PLANET".
	Role string `json:"role"`
	// Version is "major.minor.revision", empty while unknown.
	Version  string `json:"version,omitempty"`
	Protocol int    `json:"protocol,omitempty"`
	// LatencyMs is the round trip in ms, -1 while unknown.
	LatencyMs int    `json:"latencyMs"`
	Paths     []Path `json:"paths"`
	// Direct is false while traffic goes through a root.
	Direct bool `json:"direct"`
	// Reason is the code of why the peer has no direct path ("ports-vary",
	// "firewalled", …), empty if it has one. ReasonText says the same in a
	// sentence, Advice what can be done about it.
	Reason     string `json:"reason,omitempty"`
	ReasonText string `json:"reasonText,omitempty"`
	Advice     string `json:"advice,omitempty"`
	// Passing is true for a reason that goes away by itself or concerns nobody.
	Passing bool `json:"passing,omitempty"`
	// Relay is the address of the root that packets go through, empty if none
	// does. Tunnelled is true if they go over a TCP relay.
	Relay     string `json:"relay,omitempty"`
	Tunnelled bool   `json:"tunnelled,omitempty"`
	// LastReceive is when the peer was last heard.
	LastReceive time.Time `json:"lastReceive"`
	// Trust is the state of the peer's trust record.
	Trust TrustState `json:"trust"`
}

// Path is a physical way to a peer.
type Path struct {
	Address     string    `json:"address"` // "ip:port"
	LastSend    time.Time `json:"lastSend"`
	LastReceive time.Time `json:"lastReceive"`
	LatencyMs   int       `json:"latencyMs"` // -1 while unknown
	Active      bool      `json:"active"`
	Expired     bool      `json:"expired"`
	Preferred   bool      `json:"preferred"`
	LocalPort   int       `json:"localPort"`
	// TCPRelay is set if the path goes through a TCP relay.
	TCPRelay bool `json:"tcpRelay,omitempty"`
}

// TrustState is the state of a trust record (design §4).
type TrustState string

// The trust states.
const (
	Seen     TrustState = "seen"
	Verified TrustState = "verified"
	Blocked  TrustState = "blocked"
)

// TrustRecord is what this node remembers of an identity.
type TrustRecord struct {
	Address   string     `json:"address"`
	Identity  string     `json:"identity"`
	State     TrustState `json:"state"`
	FirstSeen time.Time  `json:"firstSeen"`
	Changed   time.Time  `json:"changed"`
	// How says what led to State: "first contact", "safety number", …
	How  string `json:"how"`
	Name string `json:"name,omitempty"`
	Note string `json:"note,omitempty"`
	// Conflict is the refused identity when another key turned up for the
	// address, empty otherwise.
	Conflict   string    `json:"conflict,omitempty"`
	ConflictAt time.Time `json:"conflictAt,omitzero"`
	// ConflictFrom says where the refused key came from.
	ConflictFrom string `json:"conflictFrom,omitempty"`
}

// TrustUpdate changes a trust record. Empty fields stay as they are.
type TrustUpdate struct {
	// Identity is the full identity the user compared or pasted; the change is
	// refused if it is not the recorded one. It may pin a peer never met.
	Identity string     `json:"identity,omitempty"`
	State    TrustState `json:"state,omitempty"`
	How      string     `json:"how,omitempty"`
	Name     *string    `json:"name,omitempty"`
	Note     *string    `json:"note,omitempty"`
	// SettleConflict clears a conflict, keeping the recorded key.
	SettleConflict bool `json:"settleConflict,omitempty"`
}

// Verification is what two people compare out of band (design §4).
type Verification struct {
	Address  string `json:"address"`
	Identity string `json:"identity"`
	// Groups has 12 groups of 5 digits.
	Groups []string `json:"groups"`
	// Words has 12 words.
	Words []string `json:"words"`
	// QR is the text that the QR picture carries.
	QR    string     `json:"qr"`
	State TrustState `json:"state"`
}

// Alert is something the user should know and mostly settle.
type Alert struct {
	ID string `json:"id"` // stable, "trust.conflict.<address>"
	// Severity is "info", "warning" or "error".
	Severity string    `json:"severity"`
	Title    string    `json:"title"`
	Text     string    `json:"text"` // what happened
	Advice   string    `json:"advice"`
	Since    time.Time `json:"since"`
}

// Event is one message of the event stream. Exactly one of the pointers is
// set, by Kind: a whole "snapshot", or the one thing that changed.
type Event struct {
	Seq     uint64       `json:"seq"`
	Kind    EventKind    `json:"kind"`
	All     *Snapshot    `json:"snapshot,omitempty"`
	Status  *Status      `json:"status,omitempty"`
	Network *Network     `json:"network,omitempty"`
	Peer    *Peer        `json:"peer,omitempty"`
	Trust   *TrustRecord `json:"trust,omitempty"`
	Alert   *Alert       `json:"alert,omitempty"`
	// Gone names what was removed, with the "…-gone" kinds.
	Gone string `json:"gone,omitempty"`
}

// EventKind says what an event carries.
type EventKind string

// The kinds of event. The first event of a stream is EventSnapshot.
const (
	EventSnapshot    EventKind = "snapshot"
	EventStatus      EventKind = "status"
	EventNetwork     EventKind = "network"
	EventNetworkGone EventKind = "network-gone"
	EventPeer        EventKind = "peer"
	EventPeerGone    EventKind = "peer-gone"
	EventTrust       EventKind = "trust"
	EventTrustGone   EventKind = "trust-gone"
	EventAlert       EventKind = "alert"
	EventAlertGone   EventKind = "alert-gone"
)

// Error is the body of every answer that is not 2xx.
type Error struct {
	// Code is stable and not translated: "bad_request", "not_found",
	// "forbidden", "conflict", "internal", …
	Code string `json:"code"`
	// Message says what happened, Advice what to do next.
	Message string `json:"message"`
	Advice  string `json:"advice,omitempty"`
	// Need is the role a forbidden call asks for.
	Need Role `json:"need,omitempty"`
	// Command is an orreryctl line that would do it.
	Command string `json:"command,omitempty"`
	Status  int    `json:"-"`
}

func (e *Error) Error() string {
	if e.Advice != "" {
		return e.Message + ". " + e.Advice
	}
	return e.Message
}
