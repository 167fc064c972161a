package node

import (
	"maps"
	"slices"

	"orrery/engine/identity"
)

// cache has the stored records of peers, up to a limit: then the one that came
// first gives way, since strangers can fill it.
type cache struct {
	records map[identity.Address][]byte
	limit   int
	// order has the addresses in the order in which they came, and some that are
	// gone.
	order []identity.Address
}

// newCache takes over records, which may be nil.
func newCache(records map[identity.Address][]byte, limit int) cache {
	if records == nil {
		records = make(map[identity.Address][]byte)
	}
	return cache{records: records, limit: limit, order: slices.Sorted(maps.Keys(records))}
}

// put keeps a record, or forgets that of an address if it is nil.
func (c *cache) put(a identity.Address, record []byte) {
	if record == nil {
		delete(c.records, a)
		return
	}
	_, known := c.records[a]
	c.records[a] = record
	if known {
		return
	}
	if len(c.order) >= 2*c.limit {
		c.tidy()
	}
	c.order = append(c.order, a)
	for len(c.records) > c.limit {
		delete(c.records, c.order[0])
		c.order = c.order[1:]
	}
}

// tidy forgets in the order who is gone.
func (c *cache) tidy() {
	seen := make(map[identity.Address]bool, len(c.records))
	kept := make([]identity.Address, 0, 2*c.limit)
	for _, a := range c.order {
		if _, known := c.records[a]; known && !seen[a] {
			seen[a] = true
			kept = append(kept, a)
		}
	}
	c.order = kept
}
