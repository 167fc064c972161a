package node

import (
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/identity"
	"orrery/engine/netconf"
)

// TestWithhold has the system refuse a network's address and a route of it: the
// network has neither for us, and paths may lead where they are, until the system
// has them.
func TestWithhold(t *testing.T) {
	t.Parallel()
	const nwid identity.NetworkID = 0xaaaaaaaaaa000001
	prefix := netip.MustParsePrefix
	c, at := lone(t)
	var out Outbox
	conf := &netconf.Config{
		Network: nwid, IssuedTo: c.Self().Address, Timestamp: at.Wall, Revision: 1, MTU: 2800, Public: true,
		Addresses: []netip.Prefix{prefix("192.168.1.9/24"), prefix("10.1.17.9/24")},
		Routes:    []netconf.Route{{Target: prefix("10.7.0.0/16")}, {Target: prefix("10.8.3.4/16")}, {Target: prefix("10.9.0.0/16")}},
	}
	s := netconf.DefaultSettings()
	s.IgnoreRoutes = []netip.Prefix{prefix("10.9.0.0/16")}
	c.Join(at, nwid, s, conf.Append(nil), &out)
	look := func(addresses []netip.Prefix, targets []netip.Prefix, inside bool) {
		t.Helper()
		state, _ := c.Network(nwid)
		var got []netip.Prefix
		for _, r := range state.Routes {
			got = append(got, r.Target)
		}
		if !slices.Equal(state.Addresses, addresses) || !slices.Equal(got, targets) {
			t.Errorf("addresses %v, routes %v", state.Addresses, got)
		}
		if is := slices.Contains(c.inside, prefix("192.168.1.0/24")); is != inside {
			t.Errorf("inside the network: %v", c.inside)
		}
	}
	look(conf.Addresses, []netip.Prefix{prefix("10.7.0.0/16"), prefix("10.8.3.4/16")}, true)
	c.Withhold(at, nwid, conf.Addresses[:1], []netip.Prefix{prefix("10.8.0.0/16")}, &out)
	look(conf.Addresses[1:], []netip.Prefix{prefix("10.7.0.0/16")}, false)
	c.Withhold(at, nwid, nil, nil, &out)
	look(conf.Addresses, []netip.Prefix{prefix("10.7.0.0/16"), prefix("10.8.3.4/16")}, true)
	c.Withhold(at, nwid+1, nil, nil, &out) // not joined
}
