package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/service/ipc"
)

// traveller is a lab in which a is a member of networks of the root's, with b,
// and comes to places where their routes are in the way.
type traveller struct {
	*lab
	root, a, b *box
}

func newTraveller(t *testing.T) *traveller {
	t.Helper()
	l := newLab(t, "root", "a", "b")
	v := &traveller{lab: l, root: l.boxes[0], a: l.boxes[1], b: l.boxes[2]}
	l.startAll(l.boxes...)
	return v
}

// found makes a network in 10.147.N.0/24 and fd00:N::/64 with routes, a JSON
// list, and has a and b join it.
func (v *traveller) found(n int, routes string) (nwid string) {
	v.t.Helper()
	nwid = v.root.secret.Address.String() + fmt.Sprintf("%06x", n)
	v.root.control(http.MethodPost, "/"+nwid, fmt.Sprintf(`{"name":"net%d","private":true,"v4AssignMode":{"zt":true},"v6AssignMode":{"zt":true},
		"routes":[{"target":"10.147.%d.0/24"},{"target":"fd00:%d::/64"}%s]}`, n, n, n, routes))
	for i, x := range []*box{v.a, v.b} {
		v.root.control(http.MethodPost, "/"+nwid+"/member/"+x.secret.Address.String(),
			fmt.Sprintf(`{"authorized":true,"ipAssignments":["10.147.%d.%d","fd00:%d::%d"]}`, n, i+2, n, i+2))
		x.join(nwid, ipc.NetworkSettings{})
	}
	for _, x := range []*box{v.a, v.b} {
		x.network(nwid, ipc.OK)
	}
	return nwid
}

// set changes settings of a's membership.
func (v *traveller) set(nwid string, s ipc.NetworkSettings) {
	v.t.Helper()
	if _, err := v.a.client.SetNetwork(ctx(v.t), nwid, s); err != nil {
		v.t.Fatal(err)
	}
}

// route waits until a route of a network has a state on a, and returns it.
func (v *traveller) route(nwid, target string, state ipc.RouteState) (found ipc.Route) {
	v.t.Helper()
	until(v.t, 10*time.Second, fmt.Sprintf("%s of %s", state, target), func() error {
		n, err := v.a.client.Network(ctx(v.t), nwid)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(n.Routes, func(r ipc.Route) bool { return r.Target == target })
		if i < 0 || n.Routes[i].State != state {
			return fmt.Errorf("%+v", n.Routes)
		}
		found = n.Routes[i]
		return nil
	})
	return found
}

// way waits until a's kernel sends packets for an address by what text has.
func (v *traveller) way(to, text string) {
	v.t.Helper()
	until(v.t, 10*time.Second, fmt.Sprintf("way to %s by %q", to, text), func() error {
		out, err := v.a.run("ip", "route", "get", to)
		if err == nil && !strings.Contains(out, text) {
			all, _ := v.a.client.Networks(ctx(v.t))
			routes, _ := v.a.run("ip", "route")
			err = fmt.Errorf("%s\nroutes are\n%s", out, routes)
			for i := range all {
				err = fmt.Errorf("%w%s: %+v\n", err, all[i].ID, all[i].Routes)
			}
		}
		return err
	})
}

func (v *traveller) ip(args ...string) {
	v.t.Helper()
	must(v.t, append([]string{"ip", "-n", v.a.ns}, args...)...)
}

// TestRoutesAndPlaces has a member move between the networks that its managed
// routes lead to, beside another VPN, and with another network of ours.
func TestRoutesAndPlaces(t *testing.T) {
	t.Parallel()
	v := newTraveller(t)
	a, sw := v.a, v.name+"-switch"
	const lan = "10.97.0.0/24" // where a is at home
	one := v.found(0x17, `,{"target":"10.97.0.0/24","via":"10.147.23.3"},{"target":"172.29.0.0/16","via":"10.147.23.3"},{"target":"10.96.0.0/12"},
		{"target":"0.0.0.0/0","via":"10.147.23.3"},{"target":"::/0","via":"fd00:23::3"}`)
	device := a.network(one, ipc.OK).Device
	alertID := "network.route." + one
	const addrB = "10.147.23.3"
	yes, no := true, false
	step := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) { v.t, v.lab.t = t, t; f(t) })
		v.t, v.lab.t = t, t
	}
	home := func(t *testing.T) {
		t.Helper()
		r := v.route(one, lan, ipc.RouteRefused)
		if !strings.Contains(r.Reason, lan+" is the network that eth0 is in; the route was not applied.") || !strings.Contains(r.Advice, "orreryctl set "+one+" acceptRoutes="+lan) {
			t.Errorf("%+v", r)
		}
		if al := a.alert(alertID); !strings.Contains(al.Text, lan) {
			t.Errorf("%+v", al)
		}
		v.way("10.97.0.77", "dev eth0")
		if r := v.route(one, "10.96.0.0/12", ipc.RouteNarrowed); !strings.Contains(r.Reason, lan) {
			t.Errorf("%+v", r)
		}
		v.way("10.98.7.7", "dev "+device)
		v.way("172.29.1.1", "via "+addrB+" dev "+device)
		a.pings(10*time.Second, addrB)
	}
	step("at home", home)
	step("over the way of our own packets", func(t *testing.T) {
		// The route takes in where the root and b are. Sockets do not care, as long
		// as they are bound to interfaces.
		v.way(v.root.addr.String(), "dev "+device)
		until(t, 15*time.Second, "direct path by the card", func() error {
			_ = a.quick(addrB)
			p, err := a.client.Peer(ctx(t), v.b.secret.Address.String())
			if err == nil && (!p.Direct || !slices.ContainsFunc(p.Paths, func(x ipc.Path) bool { return x.Preferred && strings.HasPrefix(x.Address, v.b.addr.String()+":") })) {
				err = fmt.Errorf("%+v", p.Paths)
			}
			return err
		})
		a.online()
		a.write("local.conf", []byte(`{"settings":{"bind":["`+a.addr.String()+`"]}}`))
		if r := v.route(one, "10.96.0.0/12", ipc.RouteRefused); !strings.Contains(r.Reason, "the network would carry its own packets") {
			t.Errorf("%+v", r)
		}
		v.way(v.root.addr.String(), "dev eth0")
		a.pings(15*time.Second, addrB)
		a.write("local.conf", []byte(`{}`))
		v.route(one, "10.96.0.0/12", ipc.RouteNarrowed)
	})
	step("elsewhere", func(t *testing.T) {
		must(t, "ip", "-n", sw, "addr", "add", "10.93.0.254/24", "dev", "br0")
		v.ip("addr", "flush", "dev", "eth0", "scope", "global")
		v.ip("addr", "add", "10.93.0.9/24", "dev", "eth0")
		v.ip("route", "add", "default", "via", "10.93.0.254")
		begun := time.Now()
		v.way("10.97.0.77", "via "+addrB+" dev "+device)
		t.Logf("route there after %v", time.Since(begun))
		v.route(one, lan, ipc.RouteApplied)
		a.noAlert(alertID)
		a.pings(15*time.Second, addrB)
	})
	step("home again", func(t *testing.T) {
		v.ip("addr", "flush", "dev", "eth0", "scope", "global")
		v.ip("addr", "add", a.addr.String()+"/24", "dev", "eth0")
		v.ip("route", "add", "default", "via", "10.97.0.254")
		begun := time.Now()
		home(t)
		t.Logf("route gone after %v", time.Since(begun))
	})
	step("insisting", func(t *testing.T) {
		v.set(one, ipc.NetworkSettings{AcceptRoutes: []string{lan}})
		v.route(one, lan, ipc.RouteApplied)
		v.way("10.97.0.77", "via "+addrB+" dev "+device)
		a.noAlert(alertID)
		a.pings(15*time.Second, addrB) // by the gateway, which is in that network too
		v.set(one, ipc.NetworkSettings{AcceptRoutes: []string{}})
		home(t)
	})
	step("ignoring", func(t *testing.T) {
		v.set(one, ipc.NetworkSettings{IgnoreRoutes: []string{"172.29.0.0/16", lan}})
		v.route(one, "172.29.0.0/16", ipc.RouteIgnored)
		v.way("172.29.1.1", "dev eth0")
		a.noAlert(alertID)
		v.set(one, ipc.NetworkSettings{IgnoreRoutes: []string{}})
		v.way("172.29.1.1", "dev "+device)
	})
	step("removed by others", func(t *testing.T) {
		v.ip("route", "del", "172.29.0.0/16")
		v.way("172.29.1.1", "dev "+device)
		v.set(one, ipc.NetworkSettings{AllowDefault: &yes})
		v.way("192.0.2.1", "via "+addrB+" dev "+device)
		v.way("2001:db8::1", "via fd00:23::3 dev "+device)
		v.ip("rule", "del", "pref", "31001")
		v.way("192.0.2.1", "via "+addrB+" dev "+device)
		a.pings(15*time.Second, addrB)
		a.online()
	})
	step("another network", func(t *testing.T) { secondNetwork(t, v, one) })
	step("another VPN", func(t *testing.T) { otherVPN(t, v, one) })
	step("on the move with the default route", func(t *testing.T) {
		for _, place := range []string{"10.93.0", "10.97.0"} {
			v.ip("addr", "flush", "dev", "eth0", "scope", "global")
			v.ip("addr", "add", place+".2/24", "dev", "eth0")
			v.ip("route", "add", "default", "via", place+".254")
			t.Logf("traffic %v after the move to %s", a.pings(15*time.Second, addrB), place)
			v.way("192.0.2.1", "via "+addrB+" dev "+device)
			v.way("2001:db8::1", "via fd00:23::3 dev "+device)
			a.online()
		}
	})
	step("strict filter", func(t *testing.T) {
		v.set(one, ipc.NetworkSettings{AllowDefault: &no})
		v.route(one, "0.0.0.0/0", ipc.RouteIgnored)
		must(t, "ip", "netns", "exec", a.ns, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/eth0/rp_filter")
		v.set(one, ipc.NetworkSettings{AllowDefault: &yes})
		if r := v.route(one, "0.0.0.0/0", ipc.RouteRefused); !strings.Contains(r.Reason, "rp_filter") || !strings.Contains(r.Advice, "sysctl -w net.ipv4.conf.eth0.rp_filter=2") {
			t.Errorf("%+v", r)
		}
		v.route(one, "::/0", ipc.RouteApplied) // which has no such filter
		a.pings(15*time.Second, addrB)
		must(t, "ip", "netns", "exec", a.ns, "sh", "-c", "echo 2 >/proc/sys/net/ipv4/conf/eth0/rp_filter")
		v.route(one, "0.0.0.0/0", ipc.RouteApplied)
		v.way("192.0.2.1", "via "+addrB)
	})
	step("left", func(t *testing.T) {
		if err := a.client.Leave(ctx(t), one); err != nil {
			t.Fatal(err)
		}
		noStrayRules(t, a)
		a.noAlert(alertID)
	})
	for _, x := range v.boxes {
		x.stop()
	}
}

// secondNetwork joins a network that wants what the first one has.
func secondNetwork(t *testing.T, v *traveller, one string) {
	two := v.found(0x18, `,{"target":"172.29.0.0/16"},{"target":"0.0.0.0/0","via":"10.147.24.3"},{"target":"::/0","via":"fd00:24::3"}`)
	yes, no := true, false
	v.set(two, ipc.NetworkSettings{AllowDefault: &yes})
	for _, target := range []string{"172.29.0.0/16", "0.0.0.0/0", "::/0"} {
		if r := v.route(two, target, ipc.RouteRefused); !strings.Contains(r.Reason, "network net23 ("+one+")") {
			t.Errorf("%+v", r)
		}
	}
	v.a.pings(15*time.Second, "10.147.24.3")
	v.way("192.0.2.1", "via 10.147.23.3")
	// The first one gives way, and takes it back.
	v.set(one, ipc.NetworkSettings{AllowDefault: &no, IgnoreRoutes: []string{"172.29.0.0/16"}})
	v.way("192.0.2.1", "via 10.147.24.3")
	v.way("2001:db8::1", "via fd00:24::3")
	v.route(two, "172.29.0.0/16", ipc.RouteApplied)
	v.a.noAlert("network.route." + two)
	for _, to := range []string{"10.147.23.3", "10.147.24.3", "fd00:23::3", "fd00:24::3"} {
		v.a.pings(15*time.Second, to)
	}
	v.set(one, ipc.NetworkSettings{AllowDefault: &yes, IgnoreRoutes: []string{}})
	v.way("192.0.2.1", "via 10.147.23.3")
	for _, x := range []*box{v.a, v.b} {
		if err := x.client.Leave(ctx(t), two); err != nil {
			t.Fatal(err)
		}
	}
	v.way("192.0.2.1", "via 10.147.23.3")
	v.a.online()
}

// otherVPN has another VPN take the default route, and give it back.
func otherVPN(t *testing.T, v *traveller, one string) {
	v.ip("tuntap", "add", "dev", "tun9", "mode", "tun")
	v.ip("addr", "add", "10.8.0.2/24", "dev", "tun9")
	v.ip("link", "set", "tun9", "up")
	v.ip("route", "add", "0.0.0.0/1", "dev", "tun9")
	v.ip("route", "add", "128.0.0.0/1", "dev", "tun9")
	r := v.route(one, "0.0.0.0/0", ipc.RouteRefused)
	if !strings.Contains(r.Reason, "Another VPN has the default route (tun9)") || !strings.Contains(r.Advice, "acceptRoutes=0.0.0.0/0") {
		t.Errorf("%+v", r)
	}
	v.way("192.0.2.1", "dev tun9")
	v.route(one, "::/0", ipc.RouteApplied)
	v.a.pings(15*time.Second, "10.147.23.3")
	if a := v.a.alert("network.route." + one); !strings.Contains(a.Text, "tun9") {
		t.Errorf("%+v", a)
	}
	v.ip("link", "del", "tun9")
	v.route(one, "0.0.0.0/0", ipc.RouteApplied)
	v.way("192.0.2.1", "via 10.147.23.3")
}

// TestRoutesWithoutIPv6 has IPv6 switched off on a computer, so that its parts of
// a network are left out, and then on the device alone, so that the system
// refuses them; and has them once it does not any more.
func TestRoutesWithoutIPv6(t *testing.T) {
	t.Parallel()
	v := newTraveller(t)
	off := func(value string, where ...string) {
		t.Helper()
		for _, f := range where {
			must(t, "ip", "netns", "exec", v.a.ns, "sh", "-c", "echo "+value+" >/proc/sys/net/ipv6/conf/"+f+"/disable_ipv6")
		}
	}
	off("1", "all", "default")
	nwid := v.found(0x19, `,{"target":"fd77::/48","via":"fd00:25::3"},{"target":"172.29.0.0/16","via":"10.147.25.3"}`)
	v.a.pings(15*time.Second, "10.147.25.3")
	v.way("172.29.1.1", "via 10.147.25.3")
	if r := v.route(nwid, "fd77::/48", ipc.RouteIgnored); !strings.Contains(r.Reason, "IPv6 is switched off") {
		t.Errorf("%+v", r)
	}
	v.a.noAlert("network.")
	off("0", "all", "default")
	v.a.pings(45*time.Second, "fd00:25::3")
	v.way("fd77::1", "via fd00:25::3")

	device := v.a.network(nwid, ipc.OK).Device
	off("1", device) // which takes away what is there
	if a := v.a.alert("network.route." + nwid); !strings.Contains(a.Text, "The system refused it") {
		t.Errorf("%+v", a)
	}
	v.route(nwid, "fd77::/48", ipc.RoutePending)
	v.a.pings(15*time.Second, "10.147.25.3")
	v.way("172.29.1.1", "via 10.147.25.3")
	off("0", device)
	v.a.pings(75*time.Second, "fd00:25::3")
	v.way("fd77::1", "via fd00:25::3")
	v.a.noAlert("network.route.")
	for _, x := range v.boxes {
		x.stop()
	}
}
