package controller

import (
	"bytes"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/internal/loose"
)

// decodeDocument decodes a document of ours. It was valid when it was encoded.
func decodeDocument(doc []byte) document {
	v, err := parseValue(doc)
	if err != nil {
		panic("controller: own document is damaged: " + err.Error())
	}
	return v.(map[string]any)
}

func clone(b []byte) []byte { return bytes.Clone(b) }

// saveNetwork stores a record if anything but its revision differs from the
// stored one, with the next revision, and reports whether it did (spec 05
// §4.1).
func (c *Controller) saveNetwork(n *network, record document) bool {
	if !nextRevision(n.doc, n.revision, record) {
		return false
	}
	n.put(record, encode(record))
	c.changes = append(c.changes, Change{Record: Record{Network: n.id, Format: RecordFormat, Doc: n.doc}})
	return true
}

// saveMember is saveNetwork for a member.
func (c *Controller) saveMember(n *network, m *member, record document) bool {
	if !nextRevision(m.doc, m.revision, record) {
		return false
	}
	n.putMember(m, record, encode(record))
	c.changes = append(c.changes, Change{Record: Record{Network: n.id, Member: m.address, Format: RecordFormat, Doc: m.doc}})
	return true
}

// nextRevision compares a record with the stored document and, if they differ,
// gives it the next revision.
func nextRevision(doc []byte, revision uint64, record document) bool {
	if doc != nil && sameBut(decodeDocument(doc), record) {
		return false
	}
	record["revision"] = loose.Number(revision + 1)
	return true
}

// addNetwork makes room for a network.
func (c *Controller) addNetwork(id identity.NetworkID) *network {
	n := newNetwork(id)
	c.networks[id] = n
	i, _ := slices.BinarySearch(c.order, id)
	c.order = slices.Insert(c.order, i, id)
	return n
}

// dropMember takes a member out without a trace.
func (c *Controller) dropMember(n *network, m *member) {
	n.remove(m)
	c.changes = append(c.changes, Change{Record: Record{Network: n.id, Member: m.address}, Delete: true})
}

// memberChanged tells those whom a change by hand concerns: the member by a
// new configuration, everybody by a revocation (spec 05 §3.12).
func (c *Controller) memberChanged(at clock.Instant, n *network, m *member, before *memberView) {
	switch now := &m.view; {
	case now.authorized && !before.authorized:
		c.stats.Authorisations++
		c.queueConfig(n, m)
	case before.authorized && !now.authorized:
		c.stats.Deauthorisations++
		c.deauthorise(at, n, m)
	case now.authorized:
		c.queueConfig(n, m)
	}
	if !c.compat && before.role(false) != m.view.role(false) {
		c.pushNetwork(n) // who does not know of it drops what comes through it
	}
}
