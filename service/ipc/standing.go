package ipc

import "time"

// Standing is how a network's controller and this computer get along. It is part
// of [Network].
type Standing struct {
	// Advice says what can be done about Detail.
	Advice string `json:"advice,omitempty"`
	// Controller is the controller's address, empty for an ad-hoc network.
	Controller string `json:"controller,omitempty"`
	// RefreshedAt is when the controller last gave a configuration; zero if the one
	// in force, if any, is of an earlier run.
	RefreshedAt time.Time `json:"refreshedAt,omitzero"`
	// SilentSince is since when the controller does not answer, zero if it does.
	// The last configuration stays in force.
	SilentSince time.Time `json:"controllerSilentSince,omitzero"`
	// Login is nil on networks that want none.
	Login *Login `json:"login,omitempty"`
	// TraceTarget is whom the controller would like to have reports sent to; that
	// is done only with [NetworkSettings.RemoteTrace].
	TraceTarget string `json:"traceTarget,omitempty"`
	// Specialists are members with special roles.
	Specialists []Specialist `json:"specialists,omitempty"`
	// Refused are configurations that could not be taken, of the last hour.
	Refused []RefusedConfig `json:"refusedConfigs,omitempty"`
}

// Specialist is a member with roles that the controller gave it.
type Specialist struct {
	Address string `json:"address"`
	// Bridge says that it joins others to the network, Anchor that it is kept in
	// contact with, Replicator that it passes multicasts on.
	Bridge     bool `json:"bridge,omitempty"`
	Anchor     bool `json:"anchor,omitempty"`
	Replicator bool `json:"replicator,omitempty"`
}

// Login is what a network that wants its members to log in says of that.
type Login struct {
	// Required is true while the controller waits for it.
	Required bool `json:"required"`
	// URL is the page to open, https or empty. Observers do not get it. It comes
	// from the network.
	URL string `json:"url,omitempty"`
	// Expires is when a log-in must be repeated, zero if that is not known.
	Expires time.Time `json:"expires,omitzero"`
	// OpenID says that the log-in is one by OpenID Connect, with Provider.
	OpenID   bool   `json:"openId,omitempty"`
	Provider string `json:"provider,omitempty"`
}

// RefusedConfig is a configuration that changed nothing, or several of a kind.
type RefusedConfig struct {
	// Fault is "malformed", "oversized", "unsigned", "forged", "stale" or "foreign".
	Fault string `json:"fault"`
	// Text says it in a sentence.
	Text string `json:"text"`
	// From is the address of who sent it.
	From  string    `json:"from"`
	Count uint64    `json:"count"`
	Since time.Time `json:"since"`
	Last  time.Time `json:"last"`
}
