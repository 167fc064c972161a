package vl2

import (
	"slices"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/rule"
)

// member is what is known of a peer on a network (spec 04 §8.1). Those that only
// we mentioned, by sending to them, have no credentials.
type member struct {
	address identity.Address
	mac     identity.MAC
	used    clock.Mono // last frame in or out; see memberTable.use
	sent    clock.Mono // last frame out
	heard   bool       // it has passed the gate
	pushed  clock.Mono // our credentials were sent
	likes   clock.Mono // our full list of groups was sent
	// pending is the next of our credential packets to send, due at pushNext.
	pending  int
	pushNext clock.Mono
	// denied counts what a network for verified peers did not carry, nil if
	// nothing was.
	denied *turnedAway

	// origins are the source addresses last seen in its frames that it may use, of
	// IPv4 and of IPv6.
	origins [2]origin

	// in is the list of memberships by their use that has this one, between older
	// and newer.
	in           *recency
	older, newer *member

	// proof has the peer's credentials.
	proof credential.Member
	// The gate's last answer on a private network, for the peer's identity and
	// the generation of our configuration; 0 asks again.
	gateOpen  bool
	gateFor   uint32
	gatedPeer identity.Identity
}

// side is what rules know of the member.
func (m *member) side(nw *Network) *rule.Side {
	if m == nil {
		return nil
	}
	return &m.proof.View(nw.window).Side
}

// capabilities are those that the member may use.
func (m *member) capabilities(nw *Network) []rule.Set { return m.proof.View(nw.window).Capabilities }

// memberTable has the memberships of a network, by address and in order of
// their addresses.
type memberTable struct {
	byAddress map[identity.Address]*member
	order     []*member
	network   identity.NetworkID
	limit     int
	// plain and revoked have all, by their last use.
	plain, revoked recency
}

// get returns the membership of a, nil if there is none.
func (t *memberTable) get(a identity.Address) *member { return t.byAddress[a] }

// open returns the membership of a, made if need be, and marks it as used.
func (t *memberTable) open(now clock.Mono, a identity.Address) *member {
	m := t.byAddress[a]
	if m == nil {
		m = t.insert(a)
	}
	t.use(now, m)
	return m
}

// insert makes a membership, at the expense of the longest unused if there are
// too many.
func (t *memberTable) insert(a identity.Address) *member {
	if len(t.order) >= t.limit {
		t.evict()
	}
	m := &member{
		address: a, mac: identity.MACOf(t.network, a),
		used: clock.Never, sent: clock.Never, pushed: clock.Never, likes: clock.Never,
		proof: credential.Member{Network: t.network, Address: a},
	}
	if t.byAddress == nil {
		t.byAddress = make(map[identity.Address]*member)
	}
	t.byAddress[a] = m
	t.plain.push(m)
	i, _ := t.position(a)
	t.order = slices.Insert(t.order, i, m)
	return m
}

func (t *memberTable) position(a identity.Address) (int, bool) {
	return slices.BinarySearchFunc(t.order, a, func(m *member, a identity.Address) int {
		switch {
		case m.address < a:
			return -1
		case m.address > a:
			return 1
		}
		return 0
	})
}

// evict removes the longest unused membership.
func (t *memberTable) evict() {
	m := t.longestUnused()
	if i, ok := t.position(m.address); ok {
		t.removeAt(i)
	}
}

func (t *memberTable) removeAt(i int) {
	m := t.order[i]
	m.in.remove(m)
	delete(t.byAddress, m.address)
	t.order = slices.Delete(t.order, i, i+1)
}

// clean drops credentials that can no longer be used and memberships that were
// not for long, except those whose revocation must be remembered.
func (t *memberTable) clean(now clock.Mono, nw *Network) {
	for i := len(t.order) - 1; i >= 0; i-- {
		m := t.order[i]
		keep := nw.config == nil || m.proof.Clean(nw.window)
		if !keep && now-m.used >= memberLife {
			t.removeAt(i)
		}
	}
}
