package controller

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Controller is the controller of one node. Make one with [New].
type Controller struct {
	self   *identity.Secret
	random func([]byte)
	log    *slog.Logger
	limits Limits
	compat bool

	networks map[identity.NetworkID]*network
	order    []identity.NetworkID // ascending
	gate     gate

	changes []Change
	pushes  []Push

	configQueue []job
	revokeQueue []job
	repeats     []repeat // in the order in which they are due
	pumpedAt    clock.Mono
	budget      int   // members that may still be told before pumpedAt + PushGap
	expiring    []job // members that are in until their log-in runs out
	expiredAt   clock.Mono

	stats Stats
}

// New makes a controller without networks.
func New(cfg Config) *Controller {
	cfg.Limits.fill()
	return &Controller{
		self:      cfg.Self,
		random:    cfg.Random,
		log:       cfg.Log,
		limits:    cfg.Limits,
		compat:    cfg.Compat,
		networks:  make(map[identity.NetworkID]*network),
		gate:      newGate(cfg.Limits.Requesters),
		pumpedAt:  clock.Never,
		expiredAt: clock.Never,
	}
}

var (
	errFormat    = errors.New("record is of a newer format")
	errNoObject  = errors.New("record is not a JSON object")
	errNoNetwork = errors.New("record of a member without its network")
	errTwice     = errors.New("record was loaded already")
)

// Load takes the records of the store, or of an imported reference controller,
// as they are. A network's record must come before those of its members. What
// cannot be read is skipped and reported; it is not deleted. Load is called
// before anything else, once.
func (c *Controller) Load(at clock.Instant, records []Record) []Problem {
	var problems []Problem
	for i := range records {
		if err := c.load(&records[i]); err != nil {
			problems = append(problems, Problem{records[i].Network, records[i].Member, err})
		}
	}
	for _, id := range c.order {
		c.restoreRevocations(at, c.networks[id])
	}
	return problems
}

func (c *Controller) load(r *Record) error {
	if r.Format > RecordFormat {
		return errFormat
	}
	v, err := parseValue(r.Doc)
	if err != nil {
		return fmt.Errorf("parse record: %w", err)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return errNoObject
	}
	d, n := document(m), c.networks[r.Network]
	if r.Member == 0 {
		if n != nil {
			return errTwice
		}
		n = c.addNetwork(r.Network)
		n.put(d, encode(d))
		if n.view.sso && n.view.loginURL == "" {
			c.log.Warn("network wants members to log in but says not where, so they cannot join", "nwid", n.id)
		}
		return n.view.err
	}
	switch {
	case n == nil:
		return errNoNetwork
	case n.members[r.Member] != nil:
		return errTwice
	}
	one := newMember(r.Member)
	n.insert(one)
	n.putMember(one, d, encode(d))
	return nil
}

// StatusJSON is the document of GET /controller, with the reference's layout
// (spec 05 §2.3).
func (c *Controller) StatusJSON(at clock.Instant, ready bool) json.RawMessage {
	return fmt.Appendf(nil, "{\n\t\"controller\": true,\n\t\"apiVersion\": 4,\n\t\"clock\": %d,\n\t\"databaseReady\": %t\n}\n", at.Wall, ready)
}

// MemberRevision is one line of the member list (spec 05 §2.3).
type MemberRevision struct {
	Address  identity.Address
	Revision uint64
}

// MemberState is what is known of a member beyond its record, in memory only.
type MemberState struct {
	Online   bool           // asked within the last 120 s
	LastSeen clock.Mono     // last request; clock.Never if none since the start
	Remote   netip.AddrPort // where the last request came from; invalid if relayed or our own
}

// Stats counts what a controller holds and has done.
type Stats struct {
	Networks         int
	Members          int // without deleted ones
	Requests         uint64
	Configurations   uint64 // issued, pushes included
	Refusals         uint64
	Dropped          uint64 // requests not answered
	Authorisations   uint64
	Deauthorisations uint64
}

// NetworkName is what a network is called in a management request: an ID, or
// a wish for a new one.
type NetworkName struct {
	ID     identity.NetworkID
	Choose bool // ID is zero; the controller picks a free number
}
