package credential

import (
	"cmp"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/rule"
)

// Limits on what is kept of one member. Every credential is signed by the
// network's controller, so only that could fill them.
const (
	maxHeldTags         = 128
	maxHeldCapabilities = 128
	maxHeldOwnerships   = 32
	maxRevocations      = 1024
)

// Result is what became of a credential that was offered to a [Member].
type Result uint8

const (
	// Rejected credentials are forged, outdated or revoked.
	Rejected Result = iota
	// Added credentials are new and now held.
	Added
	// Redundant credentials were known already.
	Redundant
	// Waiting credentials cannot be judged until a signer's identity is known.
	Waiting
)

// Accepted reports whether the credential proves a common network.
func (r Result) Accepted() bool { return r == Added || r == Redundant }

// String returns the result's name.
func (r Result) String() string {
	switch r {
	case Added:
		return "added"
	case Redundant:
		return "redundant"
	case Waiting:
		return "waiting"
	}
	return "rejected"
}

// Member is what a node keeps of the credentials of one other member of one
// network (spec 04 §8.1). It is created with Network and Address set, and
// rejects what names others. Nothing is kept that did not verify, so a caller
// may offer a credential to a fresh Member and drop that unless it was Added.
//
// A Member is not safe for concurrent use; the [View] it hands out is immutable.
type Member struct {
	Network identity.NetworkID
	Address identity.Address

	com       Membership
	threshold clock.Wall
	revoked   []revoked // ascending by (kind, id)
	tags      []Tag     // ascending by ID
	caps      []capability
	owned     []Ownership

	view   *View
	window Window
}

// revoked is the threshold of one tag, capability or ownership.
type revoked struct {
	kind  Type
	id    uint32
	until clock.Wall
}

// capability is a held capability with its rules compiled.
type capability struct {
	Capability
	set rule.Set
}

// View is the usable part of a member's credentials, as rules see it. It is
// immutable: a change gives another View, so pointers tell whether it changed.
type View struct {
	// Side has the tags and owned addresses.
	Side rule.Side
	// Capabilities are in ascending order of ID.
	Capabilities []rule.Set
}

// Threshold is the newest timestamp of a membership that is revoked, 0 if none.
func (m *Member) Threshold() clock.Wall { return m.threshold }

// Membership is the newest membership held, possibly empty or revoked. It is
// valid until the Member changes.
func (m *Member) Membership() *Membership { return &m.com }

// Allowed reports whether the member may talk to us on a private network: it
// has shown a membership that is not revoked and that ours agrees with. peer is
// its identity as VL1 knows it (spec 04 §8.3).
func (m *Member) Allowed(ours *Membership, peer identity.Identity) bool {
	return m.com.Timestamp() > m.threshold && ours.Agrees(&m.com, peer)
}

// AddMembership offers a membership. On Waiting, missing is whom to ask for.
func (m *Member) AddMembership(c *Membership, look Lookup) (r Result, missing identity.Address) {
	at := c.Timestamp()
	switch {
	case c.Network() != m.Network || c.IssuedTo() != m.Address:
		return Rejected, 0
	case at <= m.threshold || at < m.com.Timestamp():
		return Rejected, 0
	case *c == m.com:
		return Redundant, 0
	}
	if r, missing = judge(c.Verify(look)); r == Added {
		m.com = *c
	}
	return r, missing
}

// AddTag offers a tag.
func (m *Member) AddTag(t *Tag, look Lookup) (r Result, missing identity.Address) {
	if t.Network != m.Network || t.IssuedTo != m.Address {
		return Rejected, 0
	}
	return take(m, &m.tags, look, offer[Tag]{
		kind: TypeTag, id: t.ID, at: t.Timestamp, limit: maxHeldTags,
		same: func(h *Tag) bool { return *h == *t }, verify: t.Verify, made: func() Tag { return *t },
	})
}

// AddCapability offers a capability.
func (m *Member) AddCapability(c *Capability, look Lookup) (r Result, missing identity.Address) {
	if c.Network != m.Network || c.IssuedTo() != m.Address {
		return Rejected, 0
	}
	return take(m, &m.caps, look, offer[capability]{
		kind: TypeCapability, id: c.ID, at: c.Timestamp, limit: maxHeldCapabilities,
		same: func(h *capability) bool { return h.Equal(c) }, verify: c.Verify,
		made: func() capability { return capability{*c, m.compiled(c)} },
	})
}

// compiled are the rules of a capability, those of the one before if they are the
// same: members renew theirs every minute.
func (m *Member) compiled(c *Capability) rule.Set {
	for i := range m.caps {
		if h := &m.caps[i]; h.ID == c.ID && slices.Equal(h.Rules, c.Rules) {
			return h.set
		}
	}
	return rule.Compile(c.Rules)
}

// AddOwnership offers a certificate of ownership.
func (m *Member) AddOwnership(c *Ownership, look Lookup) (r Result, missing identity.Address) {
	if c.Network != m.Network || c.IssuedTo != m.Address {
		return Rejected, 0
	}
	return take(m, &m.owned, look, offer[Ownership]{
		kind: TypeOwnership, id: c.ID, at: c.Timestamp, limit: maxHeldOwnerships,
		same: func(h *Ownership) bool { return h.Equal(c) }, verify: c.Verify, made: func() Ownership { return *c },
	})
}

// held is a credential that a Member keeps by its ID.
type held interface {
	key() (id uint32, at clock.Wall)
}

func (t Tag) key() (uint32, clock.Wall)        { return t.ID, t.Timestamp }
func (c capability) key() (uint32, clock.Wall) { return c.ID, c.Timestamp }
func (c Ownership) key() (uint32, clock.Wall)  { return c.ID, c.Timestamp }

// offer is a credential that may become one of those held.
type offer[T held] struct {
	kind   Type
	id     uint32
	at     clock.Wall
	limit  int // of the list
	same   func(*T) bool
	verify func(Lookup) (Outcome, identity.Address)
	made   func() T
}

// take puts a credential into a list, in place of one with its ID that is not
// newer, unless it is revoked or does not verify (spec 04 §8.2).
func take[T held](m *Member, list *[]T, look Lookup, o offer[T]) (r Result, missing identity.Address) {
	i, known := slices.BinarySearchFunc(*list, o.id, func(h T, id uint32) int {
		have, _ := h.key()
		return cmp.Compare(have, id)
	})
	if known {
		if o.same(&(*list)[i]) {
			return Redundant, 0
		}
		if _, at := (*list)[i].key(); at > o.at {
			return Rejected, 0
		}
	}
	if m.isRevoked(o.kind, o.id, o.at) || !known && len(*list) >= o.limit {
		return Rejected, 0
	}
	if r, missing = judge(o.verify(look)); r == Added {
		*list = place(*list, i, known, o.made())
		m.view = nil
	}
	return r, missing
}

// AddRevocation offers a revocation. One that is Added and has FastPropagate is
// to be sent on to the other members. Revoking a tag, capability or ownership
// leaves the membership alone, unlike in the reference (spec 04 §18.1).
func (m *Member) AddRevocation(v *Revocation, look Lookup) (r Result, missing identity.Address) {
	if v.Network != m.Network || v.Target != m.Address {
		return Rejected, 0
	}
	if r, missing = judge(v.Verify(look)); r != Added {
		return r, missing
	}
	switch v.Type {
	case TypeMembership:
		if v.Threshold <= m.threshold {
			return Redundant, 0
		}
		m.threshold = v.Threshold
	case TypeCapability, TypeTag, TypeOwnership:
		return m.revoke(v.Type, v.CredentialID, v.Threshold), 0
	default:
		return Rejected, 0
	}
	return Added, 0
}

// revoke raises the threshold of a tag, capability or ownership.
func (m *Member) revoke(kind Type, id uint32, until clock.Wall) Result {
	i, held := m.findRevoked(kind, id)
	if held && until <= m.revoked[i].until {
		return Redundant
	}
	if !held && len(m.revoked) >= maxRevocations {
		return Rejected
	}
	m.revoked = place(m.revoked, i, held, revoked{kind, id, until})
	m.view = nil
	return Added
}

// judge turns the outcome of a verification into a result.
func judge(o Outcome, missing identity.Address) (Result, identity.Address) {
	switch o {
	case OK:
		return Added, 0
	case Wait:
		return Waiting, missing
	}
	return Rejected, 0
}

// place puts v at i of a sorted list, in place of what is there if held.
func place[T any](list []T, i int, held bool, v T) []T {
	if held {
		list[i] = v
		return list
	}
	return slices.Insert(list, i, v)
}

// findRevoked returns where the threshold of a credential is, or would be.
func (m *Member) findRevoked(kind Type, id uint32) (int, bool) {
	return slices.BinarySearchFunc(m.revoked, revoked{kind: kind, id: id}, func(a, b revoked) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
}

// isRevoked reports whether a credential of this timestamp is revoked.
func (m *Member) isRevoked(kind Type, id uint32, at clock.Wall) bool {
	i, ok := m.findRevoked(kind, id)
	return ok && at <= m.revoked[i].until
}

// usable reports whether a held credential counts (spec 04 §8.2).
func (m *Member) usable(kind Type, id uint32, at clock.Wall, w Window) bool {
	return w.Contains(at) && !m.isRevoked(kind, id, at)
}

// spent reports whether a held credential can never count again. One that is too
// new counts once our own configuration is: after a long sleep that comes later.
func (m *Member) spent(kind Type, id uint32, at clock.Wall, w Window) bool {
	return at <= w.Center && !w.Contains(at) || m.isRevoked(kind, id, at)
}

// View returns what is usable within w. It is rebuilt only after a change of
// the member or of w, so calling it for every frame is cheap.
func (m *Member) View(w Window) *View {
	if m.view != nil && m.window == w {
		return m.view
	}
	v := new(View)
	for i := range m.tags {
		if t := &m.tags[i]; m.usable(TypeTag, t.ID, t.Timestamp, w) {
			v.Side.Tags = append(v.Side.Tags, rule.Tag{ID: t.ID, Value: t.Value})
		}
	}
	for i := range m.caps {
		if c := &m.caps[i]; m.usable(TypeCapability, c.ID, c.Timestamp, w) {
			v.Capabilities = append(v.Capabilities, c.set)
		}
	}
	for i := range m.owned {
		if c := &m.owned[i]; m.usable(TypeOwnership, c.ID, c.Timestamp, w) {
			AddOwned(&v.Side, c)
		}
	}
	m.view, m.window = v, w
	return v
}

// Capabilities are the capabilities that are usable within w, in the order of
// [View.Capabilities]. They must not be changed.
func (m *Member) Capabilities(w Window) []*Capability {
	var out []*Capability
	for i := range m.caps {
		if c := &m.caps[i]; m.usable(TypeCapability, c.ID, c.Timestamp, w) {
			out = append(out, &c.Capability)
		}
	}
	return out
}

// OwnsIP reports whether a certificate that counts within w gives the member ip.
func (m *Member) OwnsIP(ip netip.Addr, w Window) bool {
	for i := range m.owned {
		if c := &m.owned[i]; c.OwnsIP(ip) && m.usable(TypeOwnership, c.ID, c.Timestamp, w) {
			return true
		}
	}
	return false
}

// AddOwned adds the addresses that a certificate names to a side that is being
// built.
func AddOwned(s *rule.Side, c *Ownership) {
	for i := range c.Things {
		if ip, ok := c.Things[i].IP(); ok {
			s.IPs = append(s.IPs, ip)
		} else if mac, ok := c.Things[i].MAC(); ok {
			s.MACs = append(s.MACs, mac)
		}
	}
}

// Clean drops what is not usable within w and can no longer become so, and
// reports whether anything is left that must outlive the member's absence: a
// threshold without which a revoked member could return with its old
// membership. Thresholds are kept for twice the window (spec 04 §8.6).
func (m *Member) Clean(w Window) (keep bool) {
	m.tags = slices.DeleteFunc(m.tags, func(t Tag) bool { return m.spent(TypeTag, t.ID, t.Timestamp, w) })
	m.caps = slices.DeleteFunc(m.caps, func(c capability) bool { return m.spent(TypeCapability, c.ID, c.Timestamp, w) })
	m.owned = slices.DeleteFunc(m.owned, func(c Ownership) bool { return m.spent(TypeOwnership, c.ID, c.Timestamp, w) })
	m.revoked = slices.DeleteFunc(m.revoked, func(r revoked) bool { return expired(r.until, w) })
	m.view = nil
	return len(m.revoked) > 0 || m.threshold != 0 && !expired(m.threshold, w)
}

// Rewind forgets what is dated after everything that can count within w, as after
// the controller's clock was set back: what it issues from then on is older, and
// would have to wait until the clock is there again. Thresholds stay, lest what was
// revoked comes back.
func (m *Member) Rewind(w Window) {
	late := func(at clock.Wall) bool { return at > w.Center && !w.Contains(at) }
	if late(m.com.Timestamp()) {
		m.com = Membership{}
	}
	m.tags = slices.DeleteFunc(m.tags, func(t Tag) bool { return late(t.Timestamp) })
	m.caps = slices.DeleteFunc(m.caps, func(c capability) bool { return late(c.Timestamp) })
	m.owned = slices.DeleteFunc(m.owned, func(c Ownership) bool { return late(c.Timestamp) })
	m.view = nil
}

// expired reports whether a threshold lies further back than any credential
// that it revokes could still count.
func expired(until clock.Wall, w Window) bool {
	return until < w.Center && uint64(w.Center)-uint64(until) > 2*min(w.MaxDelta, 1<<62)
}
