package ipc

import (
	"encoding/json"
	"time"
)

// Who says how the service sees the caller (GET /v1/whoami).
type Who struct {
	Role Role `json:"role"`
	// User is the account: a user name, or "uid 1000" if it has none; on
	// Windows "DOMAIN\name".
	User string `json:"user"`
	// Why says in a sentence what led to Role.
	Why string `json:"why"`
	// Group is the group whose members are operators.
	Group string `json:"group"`
}

// World is a planet or a moon: a signed set of roots.
type World struct {
	// Kind is "planet" or "moon".
	Kind string `json:"kind"`
	ID   uint64 `json:"id"`
	// Timestamp orders updates of one world. It is the time of signing.
	Timestamp time.Time `json:"timestamp"`
	// UpdateKey is the key that must sign updates, 128 hex digits.
	UpdateKey string `json:"updateKey"`
	// Signature has 192 hex digits.
	Signature string      `json:"signature"`
	Roots     []WorldRoot `json:"roots"`
	// Waiting is true for a moon that did not come yet: ID, Seed, SignedBy and
	// Problem are known.
	Waiting bool `json:"waiting,omitempty"`
	// Seed is the root that is asked for it, SignedBy the key that must have signed
	// it if the user gave one, Problem why it is not there yet, and Refused whether
	// it was offered and refused.
	Seed     string `json:"seed,omitempty"`
	SignedBy string `json:"signedBy,omitempty"`
	Problem  string `json:"problem,omitempty"`
	Refused  bool   `json:"refused,omitempty"`
}

// Orbit asks for a moon (POST /v1/moons/ID).
type Orbit struct {
	// Seed is the address of a root of the moon, to be asked for it; "" if its
	// file is in moons.d.
	Seed string `json:"seed,omitempty"`
	// Key must have signed it, 128 hex digits; "" if its own signature will do.
	Key string `json:"key,omitempty"`
}

// UseWorld takes a planet or moon from a file (POST /v1/worlds).
type UseWorld struct {
	// World is the content of the file.
	World []byte `json:"world"`
	// Key must have signed it, 128 hex digits; "" if its own signature will do.
	Key string `json:"key,omitempty"`
}

// RootHealth is how a root does.
type RootHealth struct {
	// Answers is whether it answered lately, InUse whether it is the one that
	// finds and relays for us.
	Answers bool `json:"answers"`
	InUse   bool `json:"inUse,omitempty"`
	// Refused is whether it is not talked to, because another key is recorded for
	// its address.
	Refused    bool       `json:"refused,omitempty"`
	LastAnswer *time.Time `json:"lastAnswer,omitempty"`
	LatencyMs  int        `json:"latencyMs"` // -1 while unknown
}

// WorldRoot is one root of a [World].
type WorldRoot struct {
	// Identity is the public identity as text.
	Identity string `json:"identity"`
	// Endpoints has "ip/port" texts, the reference's form.
	Endpoints []string `json:"endpoints"`
	// Health is how it does, nil if that is not known: of ourselves, and of files.
	Health *RootHealth `json:"health,omitempty"`
}

// Config is the local configuration and what is in effect of it
// (spec 06 §4, §5.4).
type Config struct {
	// LocalConf is local.conf as loaded: an object, "{}" if there is none.
	LocalConf json.RawMessage `json:"localConf"`
	// Error says why the last change of local.conf was not taken over.
	Error   string `json:"error,omitempty"`
	HomeDir string `json:"homeDir"`
	// ListeningOn has the bound UDP sockets, "ip/port", in binding order.
	ListeningOn       []string `json:"listeningOn"`
	PrimaryPort       int      `json:"primaryPort"`
	SecondaryPort     int      `json:"secondaryPort"`
	TertiaryPort      int      `json:"tertiaryPort"`
	PortMapping       bool     `json:"portMappingEnabled"`
	AllowTCPFallback  bool     `json:"allowTcpFallbackRelay"`
	ForceTCPRelay     bool     `json:"forceTcpRelay"`
	TCPFallbackActive bool     `json:"tcpFallbackActive"`
	// Mapping and TCPRelay tell what has become of these settings.
	Mapping       *PortMapping `json:"mapping,omitempty"`
	TCPRelay      *TCPRelay    `json:"tcpRelay,omitempty"`
	CompatAPI     bool         `json:"compatApi"`
	OperatorGroup string       `json:"operatorGroup"`
}
