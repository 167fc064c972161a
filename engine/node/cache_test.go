package node

import (
	"testing"

	"orrery/engine/identity"
)

// Strangers can fill the cache, and yet newcomers get in, the oldest go first, and
// what is there can be changed.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 8
	c := newCache(map[identity.Address][]byte{3: {3}, 1: {1}, 2: {2}}, limit)
	for a := range identity.Address(limit - 3) {
		c.put(10+a, []byte{byte(a)})
	}
	c.put(1, []byte{99})
	if len(c.records) != limit || c.records[1][0] != 99 {
		t.Fatalf("%d records, that of 1 is %v", len(c.records), c.records[1])
	}
	c.put(20, []byte{20})
	if c.records[20] == nil || c.records[1] != nil || c.records[2] == nil || len(c.records) != limit {
		t.Errorf("after one more: %v", c.records)
	}
	c.put(2, nil)
	c.put(21, []byte{21})
	if len(c.records) != limit || c.records[3] == nil {
		t.Errorf("one went though there was room: %v", c.records)
	}
	for i := range 1000 {
		a := identity.Address(100 + i)
		c.put(a, []byte{1})
		c.put(a, nil)
		c.put(a, []byte{1})
		c.put(1, []byte{1}) // comes and goes all the time
		c.put(1, nil)
		if len(c.records) > limit || len(c.order) > 2*limit {
			t.Fatalf("%d records, %d in the order", len(c.records), len(c.order))
		}
		if c.records[a] == nil {
			t.Fatalf("the %d-th was not kept", i)
		}
	}
}
