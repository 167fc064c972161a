package trust

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Records that stay do not make every newcomer cost a look at all the others.
func TestRoomIsLookedForRarely(t *testing.T) {
	t.Parallel()
	const limit, pinned, newcomers = 100, 50, 200
	table, looks := New(limit), 0
	table.Keep(func(identity.Address) bool { looks++; return false })
	for i := range identity.Address(pinned) {
		if err := table.Set(1, identity.Identity{Address: 1000 + i}, Verified, "test"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range identity.Address(newcomers) {
		table.Identify(clock.Wall(2+i), identity.Identity{Address: 2000 + i}, FromHello)
	}
	if n := len(table.All()); n < pinned+limit/2 || n > pinned+limit {
		t.Errorf("%d records", n)
	}
	if most := 12 * limit; looks > most { // one look at a hundred for each eighth that goes
		t.Errorf("%d records were looked at for %d newcomers", looks, newcomers)
	}
}
