// Package diag finds out what is wrong with a node and its surroundings. Checks
// are functions of facts: each looks at what concerns it and says in plain
// sentences what it found and what to do. The daemon collects the facts; of a
// machine on which it does not run, [Machine] looks at what it can.
package diag

import (
	"net/netip"
	"time"

	"orrery/engine/vl1"
	"orrery/service/ipc"
	"orrery/service/portmap"
	"orrery/service/tcprelay"
	"orrery/service/udp"
)

// Facts is what the checks look at.
type Facts struct {
	Now, Started  time.Time
	Version, Home string
	Address       string
	// Offline is since when no root answers, the zero time while one does.
	Offline time.Time
	// IsRoot is whether this node is a root itself.
	IsRoot bool

	// Port is the primary UDP port, Sockets are the open ones.
	Port    int
	Sockets []udp.Status
	// Local are the addresses of this machine that others are told of, Surface
	// those at which others see it.
	Local, Surface []netip.AddrPort

	Roots []Root
	NAT   vl1.NATInfo
	// Mapping is nil if no port mapping is wanted.
	Mapping *portmap.Status
	// RelayAllowed and RelayForced are the settings of the TCP relay.
	RelayAllowed, RelayForced bool
	Relay                     tcprelay.ClientStatus
	LowBandwidth              bool

	Peers []ipc.Peer
	// Unknown are addresses whose identity no root tells.
	Unknown  []string
	Networks []Network
	Alerts   []ipc.Alert
	// PlanetTime is the revision of the planet: the present cannot be before.
	PlanetTime time.Time

	Machine Surroundings
}

// Root is a root of the planet or of a moon.
type Root struct {
	Peer ipc.Peer
	// Endpoints are what its planet or moon names.
	Endpoints []netip.AddrPort
	// V4 and V6 say whether it answers by UDP over the family.
	V4, V6 bool
}

// Network is a joined network with what only the core knows.
type Network struct {
	ipc.Network
	// Fetched is when the configuration was last had from the controller, Issued
	// the controller's clock in it; zero if it is from the disk.
	Fetched, Issued time.Time
	Multicasts      Multicast
}

// Surroundings is what can be seen of the machine without a node.
type Surroundings struct {
	// Home problems: why the home directory cannot be used, "" if it can.
	Home string
	// Identity is the address of the identity in the home directory, "" if there
	// is none.
	Identity string
	// Driver is why no virtual device can be made, "" if one can.
	Driver string
	// Privileged is whether this process may change the network.
	Privileged bool
	// Other has other programs of the kind that run here.
	Other []Other
	// PortTaken is whether another program has the UDP port.
	PortTaken bool
}

// Other is another program that speaks the protocol.
type Other struct {
	// Name is the program's, Process its ID.
	Name    string
	Process int
	// SameIdentity is whether its home has the same identity as ours.
	SameIdentity bool
}

// Examine runs every check.
func Examine(f *Facts) []ipc.Finding {
	var all []ipc.Finding
	for _, check := range []func(*Facts) []ipc.Finding{
		service, machine, sockets, reach, roots, address, mapping, relay, clocks, networks, routes, names, discovery, verified, peers, alerts,
	} {
		all = append(all, check(f)...)
	}
	return all
}

// found is a list of one finding.
func found(area, code string, l ipc.Level, text, advice string, details ...string) []ipc.Finding {
	return []ipc.Finding{{Area: area, Code: area + "." + code, Level: l, Text: text, Advice: advice, Details: details}}
}
