package vl2

import "orrery/engine/identity"

// routeTable remembers behind which remote bridge a MAC was seen (spec 04 §11.4).
type routeTable struct {
	via   map[identity.MAC]identity.Address
	limit int
}

// learn notes that mac is behind bridge. In a full table the bridge with the
// most routes loses all of them, since it is the one that fills it.
func (t *routeTable) learn(mac identity.MAC, bridge identity.Address) {
	if old, known := t.via[mac]; known {
		if old != bridge {
			t.via[mac] = bridge
		}
		return
	}
	if t.via == nil {
		t.via = make(map[identity.MAC]identity.Address)
	}
	if len(t.via) >= t.limit {
		t.purgeLargest()
	}
	t.via[mac] = bridge
}

// purgeLargest removes the routes of the bridge with the most, of equals that
// with the lowest address.
func (t *routeTable) purgeLargest() {
	counts := make(map[identity.Address]int)
	for _, a := range t.via {
		counts[a]++
	}
	var worst identity.Address
	most := 0
	for a, n := range counts {
		if n > most || n == most && a < worst {
			worst, most = a, n
		}
	}
	for m, a := range t.via {
		if a == worst {
			delete(t.via, m)
		}
	}
}

// lookup returns the bridge behind which mac was last seen.
func (t *routeTable) lookup(mac identity.MAC) (identity.Address, bool) {
	a, ok := t.via[mac]
	return a, ok
}
