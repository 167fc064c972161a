package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/service/ipc"
)

// TestBadRoutes has a configuration with everything that makes no sense as an
// address or route, all of it allowed. What does make sense is applied, nothing
// else, and every one of the others says why.
func TestBadRoutes(t *testing.T) {
	t.Parallel()
	l := newLab(t, "root", "a", "controller") // which is away
	root, a, controller := l.boxes[0], l.boxes[1], l.boxes[2].secret
	prefix := netip.MustParsePrefix
	nwid := identity.NetworkID(uint64(controller.Address)<<24 | 0x66)
	now := clock.Wall(time.Now().UnixMilli())
	conf := netconf.Config{
		Network: nwid, Timestamp: now, MaxDelta: netconf.DefaultMaxDelta, Revision: 1, IssuedTo: a.secret.Address, MTU: netconf.DefaultMTU, Rules: netconf.AcceptRules(),
		Addresses: []netip.Prefix{
			prefix("10.147.66.5/24"), prefix("127.0.0.2/8"), prefix("224.0.0.9/4"), prefix("0.0.0.0/24"), prefix("10.97.0.2/32"), prefix("10.99.0.200/24"), prefix("::1/128"),
		},
		Routes: []netconf.Route{
			{Target: prefix("10.9.0.0/16"), Via: netip.MustParseAddr("10.147.66.9")},
			{Target: prefix("10.9.0.0/16"), Via: netip.MustParseAddr("10.147.66.8")},
			{Target: prefix("10.9.255.255/16")},
			{Target: prefix("127.0.0.0/8")}, {Target: prefix("224.0.0.0/4")}, {Target: prefix("169.254.0.0/16")}, {Target: prefix("0.0.0.0/8")}, {Target: prefix("0.0.0.0/1")},
			{Target: prefix("255.255.255.255/32")}, {Target: prefix("ff02::/16")}, {Target: prefix("::1/128")}, {Target: prefix("fe80::/64")},
			{Target: prefix("10.10.0.0/16"), Via: netip.MustParseAddr("8.8.8.8")},
			{Target: prefix("10.11.0.0/16"), Via: netip.MustParseAddr("127.0.0.1")},
			{Target: prefix("10.97.0.0/24")}, {Target: prefix("10.97.0.254/32")}, {Target: prefix("fd99::/64")},
		},
	}
	good := []string{"10.147.66.0/24", "10.9.0.0/16"}
	for i := len(conf.Routes); i < 1000; i++ { // of which the first 128 count
		target := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 30, byte(i), byte(i >> 8)}), 32)
		conf.Routes = append(conf.Routes, netconf.Route{Target: target, Via: netip.MustParseAddr("10.147.66.9")})
		if i < netconf.MaxRoutes {
			good = append(good, target.Addr().String())
		}
	}
	conf.Membership = credential.NewMembership(nwid, a.secret.Identity, now, netconf.DefaultMaxDelta)
	conf.Membership.Sign(controller)
	a.write("networks.d/"+nwid.String()+".conf", conf.Append(nil))
	a.write("networks.d/"+nwid.String()+".local.conf", []byte("allowManaged=1\nallowGlobal=1\nallowDefault=1\nallowDNS=0\n"))
	physical := must(t, "ip", "-n", a.ns, "route")
	l.startAll(root, a)
	n := a.network(nwid.String(), ipc.OK)
	var routes []struct{ Dst, Dev string }
	until(t, 10*time.Second, "routes", func() error {
		if err := json.Unmarshal([]byte(must(t, "ip", "-n", a.ns, "-j", "route", "show", "dev", n.Device)), &routes); err != nil {
			return err
		}
		var got []string
		for _, r := range routes {
			got = append(got, r.Dst)
		}
		slices.Sort(got)
		slices.Sort(good)
		if !slices.Equal(got, good) {
			return fmt.Errorf("%d routes, want %d: %v", len(got), len(good), got)
		}
		return nil
	})
	if out := must(t, "ip", "-n", a.ns, "-6", "route", "show", "dev", n.Device); strings.Count(out, "\n") > 1 || strings.Contains(out, "ff02") || strings.Contains(out, "fd99") {
		t.Errorf("IPv6 routes:\n%s", out)
	}
	if out := must(t, "ip", "-n", a.ns, "route", "get", "10.9.1.1"); !strings.Contains(out, "via 10.147.66.9") {
		t.Errorf("of several the first: %s", out)
	}
	if ls := a.links(); len(ls) != 1 || !slices.Equal(ls[0].addresses(), []string{"10.147.66.5/24"}) {
		t.Errorf("addresses %+v", ls)
	}
	until(t, 10*time.Second, "news of the routes", func() error {
		if n = a.network(nwid.String(), ipc.OK); len(n.Routes) != netconf.MaxRoutes {
			return fmt.Errorf("%d routes are shown", len(n.Routes))
		}
		for i, r := range n.Routes {
			switch bad := i > 0 && i < 17; {
			case bad && (r.State == ipc.RouteApplied || r.Reason == ""):
				return fmt.Errorf("%+v", r)
			case !bad && r.State != ipc.RouteApplied:
				return fmt.Errorf("%+v", r)
			}
		}
		if len(n.AddressStates) != 6 {
			return fmt.Errorf("%+v", n.AddressStates)
		}
		return nil
	})
	a.alert("network.route." + nwid.String())
	if err := a.client.Leave(ctx(t), nwid.String()); err != nil {
		t.Fatal(err)
	}
	until(t, 10*time.Second, "end of the routes", func() error {
		if out := must(t, "ip", "-n", a.ns, "route"); out != physical {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	a.stop()
	root.stop()
}
