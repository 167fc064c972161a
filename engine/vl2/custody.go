package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
)

// Limits on what is remembered of capabilities' chains of custody per network. A
// table that is full takes no more until old steps are cleaned away.
const (
	maxCustody  = 65536
	maxDisputes = 16
)

// Dispute is a capability that two members show as given to themselves. The
// signatures in it do not cover to whom it was given, so either the controller
// gave both the same within a millisecond, or one of them took the other's
// (spec 04 §17.1).
type Dispute struct {
	Capability uint32
	// First showed it to us before Second.
	First, Second identity.Address
}

// custodyKey is the beginning of a signature in a chain of custody. It is that
// of a signature that was verified, so nobody can choose it.
type custodyKey [16]byte

// custody remembers to whom each signed step of a capability went.
type custody struct {
	to       map[custodyKey]handed
	disputes []dispute
}

// dispute is a Dispute with the date of the newest capability it is about.
type dispute struct {
	Dispute
	at clock.Wall
}

// handed is a step that was seen.
type handed struct {
	to identity.Address
	at clock.Wall // of the capability
}

// contested returns the first other receiver of a step in the chain of c.
func (t *custody) contested(c *credential.Capability) (first identity.Address, yes bool) {
	for i := range c.Custody {
		if h, known := t.to[keyOf(&c.Custody[i])]; known && h.to != c.Custody[i].To {
			return h.to, true
		}
	}
	return 0, false
}

func keyOf(s *credential.Custody) custodyKey { return custodyKey(s.Signature[:16]) }

// note remembers the chain of a capability that verified, and reports whether
// there is a dispute about it that is new.
func (t *custody) note(c *credential.Capability) (fresh bool) {
	if first, yes := t.contested(c); yes {
		d := dispute{Dispute{c.ID, first, c.IssuedTo()}, c.Timestamp}
		for i := range t.disputes {
			if have := &t.disputes[i]; have.Dispute == d.Dispute {
				have.at = max(have.at, d.at)
				return false
			}
		}
		if len(t.disputes) == maxDisputes {
			t.disputes = slices.Delete(t.disputes, 0, 1)
		}
		t.disputes = append(t.disputes, d)
		return true
	}
	for i := range c.Custody {
		k := keyOf(&c.Custody[i])
		if _, known := t.to[k]; known || len(t.to) >= maxCustody {
			continue
		}
		if t.to == nil {
			t.to = make(map[custodyKey]handed)
		}
		t.to[k] = handed{c.Custody[i].To, c.Timestamp}
	}
	return false
}

// clean forgets the steps of capabilities that are of no use any more.
func (t *custody) clean(w credential.Window) {
	for k, h := range t.to {
		if !w.Contains(h.at) {
			delete(t.to, k)
		}
	}
	t.disputes = slices.DeleteFunc(t.disputes, func(d dispute) bool { return !w.Contains(d.at) })
}

// Disputes are the capabilities that two members claim, the oldest first.
func (nw *Network) Disputes() (all []Dispute) {
	for _, d := range nw.custody.disputes {
		all = append(all, d.Dispute)
	}
	return all
}

// addCapability offers a capability. It counts only from the member that has it:
// nobody else has a reason to bring it, but a thief would (spec 04 §17.1).
func (s *Switch) addCapability(at clock.Instant, c *credential.Capability, from identity.Address) (credential.Result, identity.Address) {
	nw := s.find(c.Network)
	if nw == nil || c.IssuedTo() != from {
		return credential.Rejected, 0
	}
	if _, yes := nw.custody.contested(c); yes && s.cfg.StrictCapabilities {
		if o, _ := c.Verify(s.link.Identity); o == credential.OK { // no tale of what anybody can invent
			nw.disputed(s, at, c)
		}
		return credential.Rejected, 0
	}
	result, missing := s.offer(at, c.Network, from, func(m *credential.Member) (credential.Result, identity.Address) {
		return m.AddCapability(c, s.link.Identity)
	})
	if result == credential.Added {
		nw.disputed(s, at, c)
	}
	return result, missing
}

// disputed notes the chain of a capability and tells of a new dispute about it.
func (nw *Network) disputed(s *Switch, at clock.Instant, c *credential.Capability) {
	if nw.custody.note(c) {
		s.sink.NetworkChanged(at, nw)
	}
}

// SetStrict refuses, or takes as the reference does, what members show that may
// not be theirs: capabilities that others have shown before, and derived IPv6
// addresses of others. What is held already stays until it is renewed.
func (s *Switch) SetStrict(on bool) {
	s.cfg.StrictCapabilities, s.cfg.StrictDerived = on, on
	for _, nw := range s.networks {
		nw.local.StrictDerived = on
	}
}
