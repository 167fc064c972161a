package controller

import (
	"bytes"
	"encoding/json"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/internal/loose"
)

// Networks returns the IDs of all networks, ascending, never nil.
func (c *Controller) Networks() []identity.NetworkID {
	return append([]identity.NetworkID{}, c.order...)
}

// NetworkJSON returns a network's object (spec 05 §2.4), or [ErrNotFound].
func (c *Controller) NetworkJSON(id identity.NetworkID) (json.RawMessage, error) {
	n := c.networks[id]
	if n == nil {
		return nil, ErrNotFound
	}
	return clone(n.doc), nil
}

// DeleteNetwork removes a network with all its members and returns its object
// as it was, or [ErrNotFound]. Members that are online hear that the others'
// certificates are revoked, because they would otherwise go on without us
// (spec 05 §2.8).
func (c *Controller) DeleteNetwork(at clock.Instant, id identity.NetworkID) (json.RawMessage, error) {
	n := c.networks[id]
	if n == nil {
		return nil, ErrNotFound
	}
	c.disband(at, n)
	delete(c.networks, id)
	if i, found := slices.BinarySearch(c.order, id); found {
		c.order = slices.Delete(c.order, i, i+1)
	}
	c.changes = append(c.changes, Change{Record: Record{Network: id}, Delete: true})
	c.pump(at)
	return n.doc, nil
}

// Members returns the members of a network, ascending, or [ErrNotFound].
func (c *Controller) Members(id identity.NetworkID) ([]MemberRevision, error) {
	n := c.networks[id]
	if n == nil {
		return nil, ErrNotFound
	}
	out := make([]MemberRevision, 0, len(n.order))
	for _, m := range n.order {
		if !m.view.tombstone {
			out = append(out, MemberRevision{Address: m.address, Revision: m.revision})
		}
	}
	return out, nil
}

// MemberJSON returns a member's object (spec 05 §2.6), or [ErrNotFound].
func (c *Controller) MemberJSON(id identity.NetworkID, a identity.Address) (json.RawMessage, error) {
	_, m := c.lookup(id, a)
	if m == nil {
		return nil, ErrNotFound
	}
	return clone(m.doc), nil
}

// DeleteMember removes a member and returns its object as it was, or
// [ErrNotFound]. The record stays, hidden, so that the member is refused when
// it asks again instead of turning up as a new one; [Controller.PutMember]
// takes it in again (spec 05 §8.1).
func (c *Controller) DeleteMember(at clock.Instant, id identity.NetworkID, a identity.Address) (json.RawMessage, error) {
	n, m := c.lookup(id, a)
	if m == nil {
		return nil, ErrNotFound
	}
	doc, before := m.doc, m.view
	if c.compat {
		c.dropMember(n, m)
	} else {
		c.bury(at, n, m)
	}
	if before.authorized {
		c.stats.Deauthorisations++
		c.deauthorise(at, n, m)
	}
	c.pump(at)
	return doc, nil
}

// bury replaces a record by its tombstone.
func (c *Controller) bury(at clock.Instant, n *network, m *member) {
	stone := document{
		"id": m.address.String(), "address": m.address.String(), "nwid": n.id.String(), "objtype": "member",
		"tombstone": true, "lastDeauthorizedTime": loose.Number(m.view.lastDeauth),
	}
	if m.view.authorized {
		stone["lastDeauthorizedTime"] = loose.Number(uint64(at.Wall))
	}
	c.saveMember(n, m, stone)
}

// lookup finds a member that is not deleted.
func (c *Controller) lookup(id identity.NetworkID, a identity.Address) (*network, *member) {
	n := c.networks[id]
	if n == nil {
		return nil, nil
	}
	m := n.members[a]
	if m == nil || m.view.tombstone {
		return n, nil
	}
	return n, m
}

// NetworksUnstableJSON lists all networks with their sizes: the object of
// GET /unstable/controller/network (spec 05 §2.3).
func (c *Controller) NetworksUnstableJSON() json.RawMessage {
	data := make([]any, 0, len(c.order))
	for _, id := range c.order {
		n := c.networks[id]
		d := decodeDocument(n.doc)
		total, authorised := n.count()
		d["meta"] = map[string]any{"totalMemberCount": loose.Number(uint64(total)), "authorizedMemberCount": loose.Number(uint64(authorised))}
		data = append(data, d)
	}
	return encode(map[string]any{"data": data, "meta": map[string]any{"networkCount": loose.Number(uint64(len(data)))}})
}

// MembersUnstableJSON lists a network's members: the object of
// GET /unstable/controller/network/<id>/member, or [ErrNotFound].
func (c *Controller) MembersUnstableJSON(id identity.NetworkID) (json.RawMessage, error) {
	n := c.networks[id]
	if n == nil {
		return nil, ErrNotFound
	}
	var b bytes.Buffer
	b.WriteString(`{"data":[`)
	first := true
	for _, m := range n.order {
		if m.view.tombstone {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.Write(m.doc)
	}
	total, authorised := n.count()
	b.WriteString(`],"meta":`)
	b.Write(encode(map[string]any{"totalCount": loose.Number(uint64(total)), "authorizedCount": loose.Number(uint64(authorised))}))
	b.WriteByte('}')
	return b.Bytes(), nil
}

// MemberState returns what is known of a member since the start, or
// [ErrNotFound].
func (c *Controller) MemberState(at clock.Instant, id identity.NetworkID, a identity.Address) (MemberState, error) {
	_, m := c.lookup(id, a)
	if m == nil {
		return MemberState{}, ErrNotFound
	}
	return MemberState{Online: m.online(at.Mono), LastSeen: m.seenAt, Remote: m.remote}, nil
}

// Authorized reports whether this controller gave a member its configuration
// within the last 180 s. Such members may use this node for the multicast of
// their network although it may not be a member itself (spec 05 §3.10).
func (c *Controller) Authorized(at clock.Instant, id identity.NetworkID, a identity.Address) bool {
	_, m := c.lookup(id, a)
	return m != nil && m.view.authorized && at.Mono-m.issuedAt < authorisedFor
}

// Stats returns counters and sizes.
func (c *Controller) Stats() Stats {
	s := c.stats
	s.Networks = len(c.order)
	for _, n := range c.networks {
		total, _ := n.count()
		s.Members += total
	}
	return s
}
