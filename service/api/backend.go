package api

import (
	"context"
	"encoding/json"
	"log/slog"

	"orrery/engine/identity"
	"orrery/engine/world"
	"orrery/service/ipc"
)

// Backend is what the daemon offers. Its methods are called from many
// goroutines at once, each with a context that ends with the request (at most
// 30 s); they must return soon after it ends.
//
// An error that is (or wraps) an *[ipc.Error] reaches the client as it is,
// with the HTTP status of its code; context errors become "timeout"; any other
// error is logged and becomes "internal" without its text.
//
// Whenever something that [Backend.Snapshot] would show has changed, the daemon
// calls [Server.Changed], which never blocks.
type Backend interface {
	// Snapshot returns everything a client shows. Seq, Status.Role and
	// Status.APIVersion are filled in by this package. The result and all that
	// it refers to is handed over: the daemon must not change it afterwards.
	// Order does not matter; lists are sorted here.
	Snapshot(ctx context.Context) (*ipc.Snapshot, error)

	// Join joins a network, or applies s to one that is joined already. Nil
	// fields of s leave a setting alone (for a new network: the default).
	Join(ctx context.Context, nwid identity.NetworkID, s ipc.NetworkSettings) (*ipc.Network, error)
	// SetNetwork changes the settings of a joined network; "not_found" if it
	// is not joined.
	SetNetwork(ctx context.Context, nwid identity.NetworkID, s ipc.NetworkSettings) (*ipc.Network, error)
	// Leave leaves a network; "not_found" if it is not joined.
	Leave(ctx context.Context, nwid identity.NetworkID) error

	// UpdateTrust changes, or with u.Identity makes, a trust record. It is
	// "conflict" if u.Identity is not the recorded one, "not_found" if there is
	// no record and no u.Identity, "bad_request" for an invalid identity.
	UpdateTrust(ctx context.Context, a identity.Address, u ipc.TrustUpdate) (*ipc.TrustRecord, error)
	// ForgetTrust removes a trust record; "not_found" if there is none.
	ForgetTrust(ctx context.Context, a identity.Address) error
	// Verification returns what to compare with the owner of an address. It
	// may ask the network for an identity that is not known yet (until ctx
	// ends); "not_found" if nobody knows it. Package verify makes the result.
	Verification(ctx context.Context, a identity.Address) (*ipc.Verification, error)

	// Planet returns the planet in force.
	Planet(ctx context.Context) (*ipc.World, error)
	// Moons returns the moons that are orbited, by ID. May be empty.
	Moons(ctx context.Context) ([]ipc.World, error)

	// Config returns the local configuration and what is in effect.
	Config(ctx context.Context) (*ipc.Config, error)
	// PutSettings sets members of local.conf's "settings" object; a JSON null
	// is stored as null. It is "bad_request" if the result would be invalid,
	// and then nothing changes.
	PutSettings(ctx context.Context, settings map[string]json.RawMessage) error

	// Controller returns the controller of this node, nil if there is none.
	Controller() Controller

	// Diagnostics returns a report for people: plain text, no keys or tokens.
	Diagnostics(ctx context.Context) (string, error)
}

// Controller is the management side of the node's network controller. Results
// are the reference's JSON objects (spec 05 §2), compact, keys in byte order.
// Unknown networks and members are "not_found"; a body that is not JSON is
// "bad_request".
type Controller interface {
	// Ready reports whether the database can be used.
	Ready() bool
	// Networks returns the networks in ascending order.
	Networks(ctx context.Context) ([]identity.NetworkID, error)
	// Network returns a network object.
	Network(ctx context.Context, nwid identity.NetworkID) (json.RawMessage, error)
	// NewNetwork creates a network under an unused random ID.
	NewNetwork(ctx context.Context, body []byte) (json.RawMessage, error)
	// PutNetwork creates or updates a network; "bad_request" if nwid is not
	// under this node's address.
	PutNetwork(ctx context.Context, nwid identity.NetworkID, body []byte) (json.RawMessage, error)
	// DeleteNetwork removes a network with its members and returns the object
	// as it was.
	DeleteNetwork(ctx context.Context, nwid identity.NetworkID) (json.RawMessage, error)
	// Members returns the revision of each member.
	Members(ctx context.Context, nwid identity.NetworkID) (map[identity.Address]uint64, error)
	// Member returns a member object.
	Member(ctx context.Context, nwid identity.NetworkID, a identity.Address) (json.RawMessage, error)
	// PutMember creates or updates a member of an existing network.
	PutMember(ctx context.Context, nwid identity.NetworkID, a identity.Address, body []byte) (json.RawMessage, error)
	// DeleteMember removes a member and returns the object as it was.
	DeleteMember(ctx context.Context, nwid identity.NetworkID, a identity.Address) (json.RawMessage, error)
}

// Meter is implemented by a [Backend] that measures.
type Meter interface {
	// Metrics returns measurements in the text format of Prometheus. They name
	// nodes and networks, but no physical address and no user.
	Metrics(ctx context.Context) ([]byte, error)
}

// Examiner is implemented by a [Backend] that can examine itself.
type Examiner interface {
	// Examine looks at everything that may be wrong. Physical addresses are in
	// the details of findings only.
	Examine(ctx context.Context) (*ipc.Examination, error)
}

// Chronicler is implemented by a [Backend] that keeps the last lines of its log.
type Chronicler interface {
	// Log returns the lines after the one with a number and at least of a level,
	// and waits for one until ctx ends if there is none.
	Log(ctx context.Context, after uint64, least slog.Level) (*ipc.Log, error)
}

// Orbiter is implemented by a [Backend] whose moons can be changed.
type Orbiter interface {
	// Orbit starts to use a moon: one whose file is in the home, else its seed is
	// asked. Without either it is "not_found".
	Orbit(ctx context.Context, want world.Wanted) (*ipc.World, error)
	// Deorbit stops to use a moon. It is no error if it was not used.
	Deorbit(ctx context.Context, id uint64) error
	// UseWorld takes a planet or moon in place of the one in use, signed by key
	// or, if that is nil, by its own; else it is a "conflict".
	UseWorld(ctx context.Context, w *world.World, key *identity.PublicKey) (*ipc.World, error)
}
