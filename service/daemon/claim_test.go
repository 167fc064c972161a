package daemon

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/hostport"
	"orrery/engine/identity"
	"orrery/engine/node"
)

// Who claims an address of ours is named: a member by its address, others by MAC.
func TestAddressConflictIsTold(t *testing.T) {
	t.Parallel()
	const nwid = identity.NetworkID(0xb10ca2393e1a2b3c)
	s := node.NetworkState{ID: nwid}
	at := func(clock.Mono) time.Time { return time.Unix(1, 0) }
	if _, ok := addressAlert(&s, conflictsView(&s, at)); ok {
		t.Error("an alert without a conflict")
	}
	s.Conflicts = []hostport.Conflict{
		{IP: netip.MustParseAddr("10.0.0.5"), MAC: identity.MACOf(nwid, 0xc872fe451a)},
		{IP: netip.MustParseAddr("fd00::5"), MAC: 0x00163eaabbcc},
	}
	list := conflictsView(&s, at)
	a, ok := addressAlert(&s, list)
	if !ok || a.ID != "network.address."+nwid.String() || list[0].Member != "c872fe451a" || list[1].Member != "" || !list[0].Last.Equal(time.Unix(1, 0)) {
		t.Fatalf("%+v %+v", a, list)
	}
	for _, want := range []string{"member c872fe451a says that it has 10.0.0.5", "MAC 00:16:3e:aa:bb:cc says that it has fd00::5"} {
		if !strings.Contains(a.Text, want) {
			t.Errorf("%q lacks %q", a.Text, want)
		}
	}
}
