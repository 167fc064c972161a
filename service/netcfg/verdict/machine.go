package verdict

import (
	"net/netip"
	"strings"

	"orrery/engine/identity"
	"orrery/engine/netconf"
)

// Class says what an interface is.
type Class uint8

// The classes of interfaces.
const (
	// Local interfaces belong to the machine: cards, bridges, containers.
	Local Class = iota
	// VPN interfaces belong to other tunnels.
	VPN
	// Dial interfaces are PPP: the line to the Internet, or a VPN.
	Dial
	// Own interfaces are devices of our networks, and bridges that have one.
	Own
)

// Machine is what the machine has.
type Machine struct {
	// Interfaces are those that are up.
	Interfaces []Interface
	// Routes are the unicast routes in force, of all interfaces.
	Routes []Route
	// NoIPv6 is whether IPv6 is switched off for new interfaces.
	NoIPv6 bool
	// Transport is how our own packets travel.
	Transport Transport
}

// Interface is one interface.
type Interface struct {
	Name  string
	Class Class
	// Addresses have the lengths of their subnets.
	Addresses []netip.Prefix
	// Strict interfaces drop IPv4 packets whose answers would leave elsewhere
	// (rp_filter 1 on Linux).
	Strict bool
}

// Route is a route that the machine has.
type Route struct {
	Target    netip.Prefix
	Interface string
}

// Transport is how the packets travel that carry networks.
type Transport struct {
	// Bound is whether sockets are bound to interfaces, so that routes by other
	// interfaces are none for them.
	Bound bool
	// Marked is whether the default route of a network can be kept from them.
	Marked bool
	// Endpoints are where the other ends are.
	Endpoints []Endpoint
}

// Endpoint is a physical address of somebody.
type Endpoint struct {
	Addr netip.Addr
	// Who names its owner in a sentence, such as "the root 1122334455".
	Who string
	// Root is whether that is a root.
	Root bool
	// Loose is whether packets to it are bound to no interface, whatever
	// [Transport.Bound] says.
	Loose bool
}

// Network is a network that wants addresses and routes.
type Network struct {
	ID identity.NetworkID
	// Name is what people call it, "" for its ID.
	Name     string
	Settings netconf.Settings
	// Addresses and Routes are what the network's configuration says.
	Addresses []netip.Prefix
	Routes    []netconf.Route
	// LinkLocal is our link-local address, a prefix of 64 bits.
	LinkLocal netip.Prefix
	// Bridge is the bridge of the system that the network's device is a port of, ""
	// if of none. What is on it is on the same wire, so that it is no conflict.
	Bridge string
	// Waiting is whether default routes are not to be installed yet, since no
	// root answers. Installed tells which are there, and stay.
	Waiting   bool
	Installed func(target netip.Prefix) bool
}

// title is what a sentence calls the network.
func (n *Network) title() string {
	if n.Name == "" {
		return "network " + n.ID.String()
	}
	return "network " + n.Name + " (" + n.ID.String() + ")"
}

// vpnNames are how names of tunnels begin, on any system.
var vpnNames = []string{
	"wg", "tun", "tap", "tailscale", "zt", "feth", "utun", "ipsec", "gpd", "nordlynx", "nordtun", "proton", "mullvad", "wt", "nebula", "vpn", "cscotun",
}

// ClassOf guesses by its name what an interface is that is not ours.
func ClassOf(name string) Class {
	lower := strings.ToLower(name)
	if strings.HasPrefix(lower, "ppp") {
		return Dial
	}
	for _, p := range vpnNames {
		// What follows is a number, or one of our own kind of names.
		if rest, ok := strings.CutPrefix(lower, p); ok && (rest == "" || len(p) > 3 || p == "zt" || strings.ContainsAny(rest, "0123456789-")) {
			return VPN
		}
	}
	for _, w := range []string{"wireguard", "openvpn", "tailscale", "zerotier", "wintun", "anyconnect", "globalprotect", "nordlynx", "vpn"} {
		if strings.Contains(lower, w) {
			return VPN
		}
	}
	return Local
}
