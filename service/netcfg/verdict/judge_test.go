package verdict

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"orrery/engine/identity"
	"orrery/engine/netconf"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func prefixes(s ...string) (out []netip.Prefix) {
	for _, p := range s {
		out = append(out, prefix(p))
	}
	return out
}

// home is a machine at 192.168.1.7 behind a router, with a bridge for containers.
func home() *Machine {
	return &Machine{
		Interfaces: []Interface{
			{Name: "eth0", Addresses: prefixes("192.168.1.7/24", "2001:db8:1::7/64", "fe80::7/64")},
			{Name: "docker0", Addresses: prefixes("172.17.0.1/16")},
			{Name: "ztown", Class: Own, Addresses: prefixes("10.147.17.5/24")},
		},
		Routes: []Route{
			{prefix("0.0.0.0/0"), "eth0"}, {prefix("::/0"), "eth0"}, {prefix("192.168.1.0/24"), "eth0"}, {prefix("2001:db8:1::/64"), "eth0"},
			{prefix("172.17.0.0/16"), "docker0"}, {prefix("fe80::/64"), "eth0"}, {prefix("10.50.0.0/16"), "eth0"},
		},
		Transport: Transport{Bound: true, Marked: true, Endpoints: []Endpoint{
			{netip.MustParseAddr("44.1.2.3"), "the root 1122334455", true, false}, {netip.MustParseAddr("44.9.9.9"), "the peer 6677889900", false, false},
		}},
	}
}

// member is a network that gives this computer an address of each family.
func member(routes ...string) Network {
	n := Network{
		ID: 0x1122334455000017, Name: "lab", Settings: netconf.Settings{AllowManaged: true}, Addresses: prefixes("10.147.17.5/24", "fd00:17::5/64"),
		LinkLocal: prefix("fe80::c0:ff:fe00:1/64"),
	}
	for _, r := range routes {
		target, via, _ := strings.Cut(r, " via ")
		o := netconf.Route{Target: prefix(target)}
		if via != "" {
			o.Via = netip.MustParseAddr(via)
		}
		n.Routes = append(n.Routes, o)
	}
	return n
}

// brief is a verdict in a few words.
func brief(v *Verdict) string {
	s := fmt.Sprintf("%v %s", v.Target, v.State)
	if v.Via.IsValid() {
		s += " via " + v.Via.String()
	}
	if len(v.Install) > 0 && (len(v.Install) > 1 || v.Install[0] != v.Target) {
		s += fmt.Sprintf(" as %v", v.Install)
	} else if len(v.Install) == 0 && (v.State == Applied || v.State == Narrowed) {
		s += " by its address"
	}
	if v.Split {
		s += " split"
	}
	if v.Alarm {
		s += " alarm"
	}
	if v.Reason != "" {
		s += ": " + v.Reason
	}
	if v.Advice != "" {
		s += " " + v.Advice
	}
	return s
}

// TestRoutes has one network with one route on the machine.
func TestRoutes(t *testing.T) {
	t.Parallel()
	const set = "orreryctl set 1122334455000017 "
	all := netconf.Settings{AllowManaged: true, AllowGlobal: true, AllowDefault: true}
	vpn := func(m *Machine, _ *Network) {
		m.Interfaces = append(m.Interfaces, Interface{Name: "wg0", Class: VPN, Addresses: prefixes("10.8.0.2/24")})
		m.Routes = append(m.Routes, Route{prefix("10.8.0.0/24"), "wg0"}, Route{prefix("10.0.0.0/8"), "wg0"}, Route{prefix("10.64.0.0/16"), "wg0"})
	}
	allow := func(_ *Machine, n *Network) { n.Settings = all }
	accept := func(p ...string) func(*Machine, *Network) {
		return func(_ *Machine, n *Network) { n.Settings.AcceptRoutes = prefixes(p...) }
	}
	strict := func(m *Machine, n *Network) { m.Interfaces[0].Strict, n.Settings = true, all }
	for _, c := range []struct {
		name, route, want string
		with              func(*Machine, *Network)
	}{
		{"nothing in the way", "10.9.0.0/16 via 10.147.17.9", "10.9.0.0/16 applied via 10.147.17.9", nil},
		{"on the link", "10.77.0.0/16", "10.77.0.0/16 applied", nil},
		{"IPv6", "fd00:9::/48 via fd00:17::9", "fd00:9::/48 applied via fd00:17::9", nil},
		{"link-local gateway", "fd00:9::/48 via fe80::9", "fd00:9::/48 applied via fe80::9", nil},
		{"host bits", "10.9.1.2/16 via 10.147.17.9", "10.9.0.0/16 applied via 10.147.17.9", nil},
		{"the subnet of the address", "10.147.17.0/24", "10.147.17.0/24 applied by its address", nil},
		{"we are the gateway", "192.168.1.0/24 via 10.147.17.5", "192.168.1.0/24 ignored via 10.147.17.5: This computer is the gateway of this route.", nil},
		{"we are the gateway, IPv6", "fd00:9::/48 via fe80::c0:ff:fe00:1", "fd00:9::/48 ignored via fe80::c0:ff:fe00:1: This computer is the gateway of this route.", nil},
		{"gateway of the other family", "10.9.0.0/16 via fd00:17::9", "10.9.0.0/16 applied", nil},
		{"gateway elsewhere", "10.9.0.0/16 via 8.8.8.8", "10.9.0.0/16 refused via 8.8.8.8: Its gateway 8.8.8.8 is in none of the network's own subnets. Whoever runs the network can correct it.", nil},
		{"no address", "fd00:9::/48", "fd00:9::/48 pending: This computer has no IPv6 address in the network.", func(_ *Machine, n *Network) { n.Addresses = n.Addresses[:1] }},

		{"without IPv6", "fd00:9::/48 via fd00:17::9", "fd00:9::/48 ignored via fd00:17::9: IPv6 is switched off on this computer.", func(m *Machine, _ *Network) { m.NoIPv6 = true }},
		{"without IPv6, IPv4", "10.9.0.0/16 via 10.147.17.9", "10.9.0.0/16 applied via 10.147.17.9", func(m *Machine, _ *Network) { m.NoIPv6 = true }},

		{"equal to the LAN", "192.168.1.0/24 via 10.147.17.9", "192.168.1.0/24 refused via 10.147.17.9 alarm: 192.168.1.0/24 is the network that eth0 is in; the route was not applied. " + set + "acceptRoutes=192.168.1.0/24 applies it all the same.", nil},
		{"in the LAN", "192.168.1.128/25", "192.168.1.128/25 refused alarm: 192.168.1.128/25 lies in 192.168.1.0/24, the network that eth0 is in; the route was not applied. " + set + "acceptRoutes=192.168.1.128/25 applies it all the same.", nil},
		{"the router itself", "192.168.1.1/32", "192.168.1.1/32 refused alarm: 192.168.1.1/32 lies in 192.168.1.0/24, the network that eth0 is in; the route was not applied. " + set + "acceptRoutes=192.168.1.1/32 applies it all the same.", nil},
		{"around the LAN", "192.168.0.0/16", "192.168.0.0/16 narrowed: It is applied but for 192.168.1.0/24, which is the network that eth0 is in.", nil},
		{"around several", "172.16.0.0/12 via 10.147.17.9", "172.16.0.0/12 narrowed via 10.147.17.9: It is applied but for 172.17.0.0/16, which is the network that docker0 is in.", nil},
		{"the LAN, IPv6", "2001:db8:1::/64", "2001:db8:1::/64 refused alarm: 2001:db8:1::/64 is the network that eth0 is in; the route was not applied. " + set + "acceptRoutes=2001:db8:1::/64 applies it all the same.", allow},
		{"a static route of the machine", "10.50.0.0/16", "10.50.0.0/16 refused alarm: 10.50.0.0/16 already goes to eth0; the route was not applied. " + set + "acceptRoutes=10.50.0.0/16 applies it all the same.", nil},
		{"a part of another VPN", "10.9.0.0/16", "10.9.0.0/16 applied: It is a part of 10.0.0.0/8, which goes to wg0 otherwise.", vpn},
		{"a route of another VPN", "10.64.0.0/16", "10.64.0.0/16 refused alarm: 10.64.0.0/16 already goes to wg0; the route was not applied. " + set + "acceptRoutes=10.64.0.0/16 applies it all the same.", vpn},
		{"the subnet of another VPN", "10.8.0.0/24", "10.8.0.0/24 refused alarm: 10.8.0.0/24 is the network that wg0 is in; the route was not applied. " + set + "acceptRoutes=10.8.0.0/24 applies it all the same.", vpn},
		{"around another VPN", "10.0.0.0/9", "10.0.0.0/9 narrowed: It is applied but for 10.50.0.0/16, which goes to eth0; 10.64.0.0/16, which goes to wg0; 10.8.0.0/24, which is the network that wg0 is in.", vpn},

		{"accepted", "192.168.1.0/24", "192.168.1.0/24 applied split: 192.168.1.0/24 is the network that eth0 is in. It is applied all the same, as acceptRoutes says.", accept("192.168.0.0/16")},
		{"accepted, in the LAN", "192.168.1.128/25", "192.168.1.128/25 applied: 192.168.1.128/25 lies in 192.168.1.0/24, the network that eth0 is in. It is applied all the same, as acceptRoutes says.", accept("192.168.1.128/25")},
		{"accepted for what is in no one's way", "10.9.0.0/16", "10.9.0.0/16 applied", accept("10.9.0.0/16")},
		{"accepted everything is the default route", "192.168.1.0/24", "192.168.1.0/24 refused alarm: 192.168.1.0/24 is the network that eth0 is in; the route was not applied. " + set + "acceptRoutes=192.168.1.0/24 applies it all the same.", accept("0.0.0.0/0")},
		{"accepted public", "8.8.8.0/24", "8.8.8.0/24 applied", accept("8.8.8.0/24")},
		{"ignored", "10.9.0.0/16", "10.9.0.0/16 ignored: ignoreRoutes in the settings of the network leaves it out.", func(_ *Machine, n *Network) {
			n.Settings.IgnoreRoutes, n.Settings.AcceptRoutes = prefixes("10.0.0.0/8"), prefixes("10.9.0.0/16")
		}},

		{"not managed", "10.9.0.0/16", "10.9.0.0/16 ignored: allowManaged is off for this network. " + set + "allowManaged=1", func(_ *Machine, n *Network) { n.Settings.AllowManaged = false }},
		{"not listed", "10.9.0.0/16", "10.9.0.0/16 ignored: It is not on the list of allowManaged.", func(_ *Machine, n *Network) { n.Settings.ManagedOnly = prefixes("10.147.0.0/16") }},
		{"public", "8.8.8.0/24", "8.8.8.0/24 ignored: It is public, and allowGlobal is off for this network. " + set + "allowGlobal=1", nil},
		{"public, allowed", "8.8.8.0/24", "8.8.8.0/24 applied", allow},
		{"most of the Internet", "128.0.0.0/1", "128.0.0.0/1 ignored: It takes in a large part of the Internet, which allowGlobal and allowDefault together permit.", func(_ *Machine, n *Network) { n.Settings.AllowGlobal = true }},
		{"loopback", "127.5.0.0/16", "127.5.0.0/16 refused: 127.5.0.0/16 is not for networks: its scope is loopback. Whoever runs the network can correct it.", allow},
		{"multicast", "224.0.0.0/8", "224.0.0.0/8 refused: 224.0.0.0/8 is not for networks: its scope is multicast. Whoever runs the network can correct it.", allow},
		{"link-local", "169.254.0.0/16", "169.254.0.0/16 refused: 169.254.0.0/16 is not for networks: its scope is link-local. Whoever runs the network can correct it.", allow},
		{"zero", "0.0.0.0/8", "0.0.0.0/8 refused: 0.0.0.0/8 is not for networks: its scope is none. Whoever runs the network can correct it.", allow},
		{"IPv4 in IPv6 form", "::ffff:10.9.0.0/112", "10.9.0.0/16 applied", nil},
		{"more than IPv4 in that form", "::ffff:0.0.0.0/90", "::ffff:0.0.0.0/90 refused: Its target is no network. Whoever runs the network can correct it.", allow},

		{"default route", "0.0.0.0/0 via 10.147.17.9", "0.0.0.0/0 applied via 10.147.17.9", allow},
		{"default route, IPv6", "::/0 via fd00:17::9", "::/0 applied via fd00:17::9", allow},
		{"default route, not allowed", "0.0.0.0/0 via 10.147.17.9", "0.0.0.0/0 ignored via 10.147.17.9: allowDefault is off for this network. " + set + "allowDefault=1", nil},
		{"default route, accepted", "0.0.0.0/0 via 10.147.17.9", "0.0.0.0/0 applied via 10.147.17.9", accept("0.0.0.0/0")},
		{"default route, offline", "0.0.0.0/0 via 10.147.17.9", "0.0.0.0/0 pending via 10.147.17.9: A default route waits until a root answers, for it must not make this computer unreachable.", func(_ *Machine, n *Network) {
			n.Settings, n.Waiting = all, true
		}},
		{"default route, offline since", "0.0.0.0/0 via 10.147.17.9", "0.0.0.0/0 applied via 10.147.17.9", func(_ *Machine, n *Network) {
			n.Settings, n.Waiting, n.Installed = all, true, func(netip.Prefix) bool { return true }
		}},
		{"another VPN has everything", "0.0.0.0/0 via 10.147.17.9", "0.0.0.0/0 refused via 10.147.17.9 alarm: Another VPN has the default route (wg0); the default route was not applied. " +
			"Disconnect the other VPN: the route is then applied by itself. To take it from the other VPN: " + set + "acceptRoutes=0.0.0.0/0", func(m *Machine, n *Network) {
			vpn(m, n)
			n.Settings = all
			m.Routes = append(m.Routes, Route{prefix("0.0.0.0/1"), "wg0"}, Route{prefix("128.0.0.0/1"), "wg0"})
		}},
		{"another VPN has the other family", "::/0", "::/0 applied", func(m *Machine, n *Network) {
			vpn(m, n)
			n.Settings = all
			m.Routes = append(m.Routes, Route{prefix("0.0.0.0/0"), "wg0"})
		}},
		{"a VPN that has less", "0.0.0.0/0", "0.0.0.0/0 applied", func(m *Machine, n *Network) { vpn(m, n); n.Settings = all }},
		{"the line is PPP", "0.0.0.0/0", "0.0.0.0/0 applied", func(m *Machine, n *Network) {
			m.Interfaces[0].Class, n.Settings = Dial, all
		}},
		{"a VPN by PPP", "0.0.0.0/0", "0.0.0.0/0 applied: Another VPN has the default route (ppp0). The route is applied all the same, as acceptRoutes says.", func(m *Machine, n *Network) {
			m.Interfaces = append(m.Interfaces, Interface{Name: "ppp0", Class: Dial})
			m.Routes = append(m.Routes, Route{prefix("0.0.0.0/0"), "ppp0"})
			n.Settings.AcceptRoutes = prefixes("0.0.0.0/0")
		}},
		{"strict filter", "0.0.0.0/0", "0.0.0.0/0 refused alarm: eth0 takes only packets whose answers leave by it (rp_filter is 1), so with this route nothing would come from roots and peers; " +
			"the default route was not applied. Allow other ways: sysctl -w net.ipv4.conf.eth0.rp_filter=2", strict},
		{"strict filter, IPv6", "::/0", "::/0 applied", strict},
		{"strict filter, where a root is", "44.0.0.0/8", "44.0.0.0/8 refused alarm: 44.0.0.0/8 has the address of the root 1122334455, and eth0 takes only packets whose answers leave by it " +
			"(rp_filter is 1; sysctl -w net.ipv4.conf.eth0.rp_filter=2 changes it); the route was not applied. " + set + "acceptRoutes=44.0.0.0/8 applies it all the same.", strict},
		{"strict filter, elsewhere", "45.0.0.0/8", "45.0.0.0/8 applied", strict},
		{"where a root is", "44.0.0.0/8", "44.0.0.0/8 applied", allow},
		{"free sockets, where a peer is", "44.9.0.0/16", "44.9.0.0/16 refused alarm: 44.9.0.0/16 has the address of the peer 6677889900: the network would carry its own packets; " +
			"the route was not applied. " + set + "acceptRoutes=44.9.0.0/16 applies it all the same.", func(m *Machine, n *Network) { n.Settings, m.Transport.Bound = all, false }},
		{"where the TCP relay is", "45.1.0.0/16", "45.1.0.0/16 refused alarm: 45.1.0.0/16 has the address of the TCP relay: the network would carry its own packets; " +
			"the route was not applied. " + set + "acceptRoutes=45.1.0.0/16 applies it all the same.", func(m *Machine, n *Network) {
			n.Settings = all
			m.Transport.Endpoints = append(m.Transport.Endpoints, Endpoint{Addr: netip.MustParseAddr("45.1.1.1"), Who: "the TCP relay", Loose: true})
		}},
		{"free sockets, and a nearer way there", "44.0.0.0/8", "44.0.0.0/8 narrowed: It is applied but for 44.1.0.0/16 and 44.9.0.0/16, which goes to eth0.", func(m *Machine, n *Network) {
			n.Settings, m.Transport.Bound = all, false
			m.Routes = append(m.Routes, Route{prefix("44.1.0.0/16"), "eth0"}, Route{prefix("44.9.0.0/16"), "eth0"})
		}},
		{"free sockets, default route by mark", "0.0.0.0/0", "0.0.0.0/0 applied", func(m *Machine, n *Network) { n.Settings, m.Transport.Bound = all, false }},
		{"free sockets without a mark", "0.0.0.0/0", "0.0.0.0/0 refused alarm: The service may bind its sockets neither to an interface nor mark their packets, so the network would carry its own packets; " +
			"the default route was not applied. Run the service as administrator, and without \"bind\" in local.conf.", func(m *Machine, n *Network) {
			n.Settings, m.Transport = all, Transport{}
		}},
	} {
		m, n := home(), member(c.route)
		if c.with != nil {
			c.with(m, &n)
		}
		r := Judge(m, []Network{n})[0]
		if got := brief(&r.Routes[0]); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
		if v := r.Routes[0]; len(v.Install) > 0 && v.Source.Is4() != v.Target.Addr().Is4() {
			t.Errorf("%s: source %v", c.name, v.Source)
		}
	}
}

// TestAddresses has one network with one address.
func TestAddresses(t *testing.T) {
	t.Parallel()
	const set = "orreryctl set 1122334455000017 "
	for _, c := range []struct {
		name, address, want string
		with                func(*Machine, *Network)
	}{
		{"nothing in the way", "10.147.17.5/24", "10.147.17.5/24 applied", nil},
		{"single", "10.147.17.5/32", "10.147.17.5/32 applied", nil},
		{"in the LAN", "192.168.1.99/24", "192.168.1.99/24 refused alarm: 192.168.1.0/24 is the network that eth0 is in; the address was not applied. " + set + "acceptRoutes=192.168.1.0/24 applies it all the same.", nil},
		{"in the LAN, accepted", "192.168.1.99/24", "192.168.1.99/24 applied: It is applied all the same, as acceptRoutes says.", func(_ *Machine, n *Network) { n.Settings.AcceptRoutes = prefixes("192.168.1.0/24") }},
		{"in the LAN, larger subnet", "192.168.1.99/16", "192.168.1.99/16 refused alarm: 192.168.1.99 lies in 192.168.1.0/24, which is the network that eth0 is in; the address was not applied. " + set + "acceptRoutes=192.168.0.0/16 applies it all the same.", nil},
		{"around the LAN", "192.168.7.99/16", "192.168.7.99/16 narrowed: It is applied but for 192.168.1.0/24, which is the network that eth0 is in.", nil},
		{"ours elsewhere", "192.168.1.7/32", "192.168.1.7/32 refused alarm: 192.168.1.7 is already this computer's address on eth0; the address was not applied. Whoever runs the network can assign another address.", nil},
		{"where a root is", "44.7.7.7/8", "44.7.7.7/8 refused alarm: The root 1122334455 is at 44.1.2.3, which lies in 44.0.0.0/8: with this address it could not be reached any more. Whoever runs the network can assign addresses of another range.",
			func(_ *Machine, n *Network) { n.Settings.AllowGlobal = true }},
		{"everything", "10.1.1.1/0", "10.1.1.1/0 refused: It is no address with a subnet. Whoever runs the network can correct it.", func(_ *Machine, n *Network) {
			n.Settings.AllowGlobal, n.Settings.AllowDefault = true, true
		}},
		{"public", "8.8.8.8/24", "8.8.8.8/24 ignored: It is public, and allowGlobal is off for this network. " + set + "allowGlobal=1", nil},
		{"not managed", "10.147.17.5/24", "10.147.17.5/24 ignored: allowManaged is off for this network. " + set + "allowManaged=1", func(_ *Machine, n *Network) { n.Settings.AllowManaged = false }},
		{"without IPv6", "fd00:17::5/64", "fd00:17::5/64 ignored: IPv6 is switched off on this computer.", func(m *Machine, _ *Network) { m.NoIPv6 = true }},
		{"without its route", "10.147.17.5/24", "10.147.17.5/24 narrowed as [10.147.17.5/32]: ignoreRoutes leaves out the route to 10.147.17.0/24, so only the address itself is there.",
			func(_ *Machine, n *Network) { n.Settings.IgnoreRoutes = prefixes("10.147.17.0/24") }},
		{"IPv4 in IPv6 form", "::ffff:10.147.17.5/120", "10.147.17.5/24 applied", nil},
	} {
		m, n := home(), member()
		n.Addresses = prefixes(c.address)
		if c.with != nil {
			c.with(m, &n)
		}
		r := Judge(m, []Network{n})[0]
		if got := brief(&r.Addresses[0]); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
		if forced := len(r.Forced) > 0; forced != (c.name == "in the LAN, accepted") {
			t.Errorf("%s: forced %v", c.name, r.Forced)
		}
	}
}

// TestSeveral has networks that want the same.
func TestSeveral(t *testing.T) {
	t.Parallel()
	a, b := member("10.9.0.0/16", "0.0.0.0/0", "10.64.0.0/12"), member("10.9.0.0/16", "0.0.0.0/0", "10.147.17.128/25", "10.65.0.0/16", "10.0.0.0/8")
	a.Settings.AllowDefault, b.Settings.AllowDefault = true, true
	b.ID, b.Name, b.Addresses = identity.NetworkID(0x1122334455000018), "", prefixes("10.147.18.5/24")
	check := func(networks []Network, which int, want ...string) {
		t.Helper()
		r := Judge(home(), networks)[which]
		for i := range r.Routes {
			if got := brief(&r.Routes[i]); !strings.HasPrefix(got, want[i]) {
				t.Errorf("route %d: got  %s\nwant %s", i, got, want[i])
			}
		}
	}
	second := []string{
		"10.9.0.0/16 refused alarm: 10.9.0.0/16 already goes to network lab (1122334455000017)",
		"0.0.0.0/0 refused alarm: All traffic already goes into network lab (1122334455000017); the default route was not applied. Switch that off (orreryctl set 1122334455000017 allowDefault=0)",
		"10.147.17.128/25 refused alarm: 10.147.17.128/25 lies in 10.147.17.0/24, the range of network lab",
		"10.65.0.0/16 applied: It is a part of 10.64.0.0/12, which goes to network lab (1122334455000017) otherwise.",
		"10.0.0.0/8 narrowed: It is applied but for 10.50.0.0/16, which goes to eth0; 10.9.0.0/16 and 10.64.0.0/12, which goes to network lab (1122334455000017); 10.147.17.0/24, which is the range of network lab",
	}
	check([]Network{a, b}, 1, second...)
	check([]Network{a, b}, 0, "10.9.0.0/16 applied", "0.0.0.0/0 applied", "10.64.0.0/12 applied")
	// Alone, or first, the other has it all.
	check([]Network{b}, 0, "10.9.0.0/16 applied", "0.0.0.0/0 applied", "10.147.17.128/25 applied", "10.65.0.0/16 applied", "10.0.0.0/8 narrowed")
	// The default route stays with the first even if the second insists.
	b.Settings.AcceptRoutes = prefixes("0.0.0.0/0", "10.9.0.0/16")
	second[0] = "10.9.0.0/16 applied split: 10.9.0.0/16 already goes to network lab"
	check([]Network{a, b}, 1, second...)
	// The same address twice on one machine.
	b.Addresses = a.Addresses
	if v := Judge(home(), []Network{a, b})[1].Addresses[0]; v.State != Refused || !strings.Contains(v.Reason, "already this computer's address in network lab") {
		t.Errorf("%+v", v)
	}
}

// TestTwice has a target several times.
func TestTwice(t *testing.T) {
	t.Parallel()
	n := member("10.9.0.0/16 via 10.147.17.8", "10.9.0.0/16 via 10.147.17.9", "10.9.1.1/16")
	n.Routes[1].Metric, n.Routes[0].Metric, n.Routes[2].Metric = 1, 2, 1
	r := Judge(home(), []Network{n})[0].Routes
	if r[0].State != Refused || r[1].State != Applied || r[2].State != Refused || r[0].Alarm || !strings.Contains(r[0].Reason, "via 10.147.17.9 counts") {
		t.Errorf("%s\n%s\n%s", brief(&r[0]), brief(&r[1]), brief(&r[2]))
	}
}

// TestSource takes the address that shares most with the target.
func TestSource(t *testing.T) {
	t.Parallel()
	n := member("10.9.0.0/16", "10.200.9.0/24")
	n.Addresses = prefixes("10.147.17.5/24", "10.8.0.1/24", "10.200.0.1/16")
	r := Judge(home(), []Network{n})[0].Routes
	if r[0].Source.String() != "10.8.0.1" || r[1].Source.String() != "10.200.0.1" {
		t.Errorf("%v, %v", r[0].Source, r[1].Source)
	}
}

// TestBridge: a network that is bridged to the LAN may have the LAN's subnet and
// addresses, which would be a conflict otherwise.
func TestBridge(t *testing.T) {
	t.Parallel()
	m := home()
	m.Interfaces[0].Name = "br0"
	for i := range m.Routes {
		if m.Routes[i].Interface == "eth0" {
			m.Routes[i].Interface = "br0"
		}
	}
	n := member("192.168.1.0/24", "172.17.0.0/16")
	n.Addresses = prefixes("192.168.1.7/24", "192.168.1.250/24")
	for _, bridge := range []string{"", "docker0", "br0"} {
		n.Bridge = bridge
		r := Judge(m, []Network{n})[0]
		for _, v := range r.Addresses {
			if applied := v.State == Applied; applied != (bridge == "br0") {
				t.Errorf("in bridge %q: %s: %s", bridge, brief(&v), v.Reason)
			}
		}
		for _, v := range r.Routes {
			want := bridge == "br0" && v.Target == prefix("192.168.1.0/24")
			if applied := len(v.Install) > 0 || v.State == Applied; applied != want && bridge != "docker0" {
				t.Errorf("in bridge %q: %s: %s", bridge, brief(&v), v.Reason)
			}
		}
	}
}

func TestClassOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Class{
		"eth0": Local, "wlan0": Local, "wlp2s0": Local, "enp3s0": Local, "br0": Local, "docker0": Local, "tunnelbr": Local, "en0": Local, "Wi-Fi": Local, "Ethernet 2": Local, "vethab12": Local,
		"wg0": VPN, "wg-home": VPN, "tun0": VPN, "utun4": VPN, "tailscale0": VPN, "ztabcdefgh": VPN, "feth1234": VPN, "nordlynx": VPN, "WireGuard Tunnel": VPN, "OpenVPN TAP-Windows6": VPN,
		"ppp0": Dial,
	} {
		if got := ClassOf(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// FuzzJudge checks that nothing that a network says is installed on the machine's
// own networks.
func FuzzJudge(f *testing.F) {
	f.Add("192.168.1.0/24", "10.147.17.9", "10.147.17.5/24", false)
	f.Add("192.168.0.0/16", "", "192.168.1.77/16", true)
	f.Add("::ffff:192.168.1.0/120", "fe80::1", "::ffff:192.168.1.9/96", true)
	f.Add("::/0", "::", "::1/0", true)
	f.Fuzz(func(t *testing.T, target, gateway, address string, all bool) {
		p, _ := netip.ParsePrefix(target)
		a, _ := netip.ParsePrefix(address)
		g, _ := netip.ParseAddr(gateway)
		n := member()
		n.Addresses = append(n.Addresses, a)
		n.Routes = []netconf.Route{{Target: p, Via: g}, {Target: p}, {Target: a, Via: g}}
		n.Settings.AllowGlobal, n.Settings.AllowDefault = all, all
		r := Judge(home(), []Network{n})[0]
		lan := prefix("192.168.1.0/24")
		for _, v := range append(r.Addresses, r.Routes...) {
			for _, i := range v.Install {
				if !i.IsValid() || i.Addr().Is4In6() || i.Masked() == lan || covers(lan, i) && i.Addr().Is4() || !n.Settings.AllowsAddress(v.Target) {
					t.Fatalf("%v is installed: %s", i, brief(&v))
				}
			}
			if v.State == "" || v.State != Applied && v.Reason == "" {
				t.Fatalf("no word about %s", brief(&v))
			}
		}
	})
}

func TestCommonBits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"10.0.0.0", "10.0.0.0", 32}, {"10.0.0.0", "10.0.0.1", 31}, {"10.0.0.0", "138.0.0.0", 0}, {"fd00::", "fd00::1", 127}} {
		if got := commonBits(netip.MustParseAddr(c.a), netip.MustParseAddr(c.b)); got != c.want {
			t.Errorf("%s and %s: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
