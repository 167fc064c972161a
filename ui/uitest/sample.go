// Package uitest has what the tests of ui share: a sample of everything that
// the service can report, a service without a network behind it, and the
// comparison of views with golden pictures. Only tests import it.
package uitest

import (
	"strings"
	"time"

	"orrery/service/ipc"
)

// Addresses and networks of the sample.
const (
	Self      = "89e92ceee5"
	Alice     = "d3a1f0c2b7" // direct, verified
	Bob       = "1c0ffee111" // relayed, not verified
	Mallory   = "5ad5ad5ad5" // blocked
	Printer   = "778cde7190" // a key conflict
	Gone      = "0badc0de42" // verified, not here
	Planet    = "3a46f1bf30"
	Home      = "8056c2e21c000001"
	Work      = "d3a1f0c2b7beef01" // waits for permission
	Club      = "ff00160016000000" // ad-hoc
	ClosedNet = "1c0ffee111c0ffee" // port error
)

// Identity is a public identity in form, not in truth.
func Identity(address string) string {
	return address + ":0:" + strings.Repeat(address+"abcdef", 8)
}

// Time is the moment of the sample.
var Time = time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)

// Snapshot is a node with every kind of network and peer, for an operator.
func Snapshot() *ipc.Snapshot {
	yes := true
	return &ipc.Snapshot{
		Seq: 7,
		Status: ipc.Status{
			Address: Self, Identity: Identity(Self), Version: "0.1.0", APIVersion: ipc.Version, Online: true, Role: ipc.Operator, Port: 9993, StartedAt: Time,
		},
		Networks: []ipc.Network{
			{
				ID: Home, Name: "home", Status: ipc.OK, Type: "PRIVATE", MAC: "32:5a:1d:01:7e:9c", MTU: 2800, Broadcast: true, Device: "orr0", Revision: 12,
				Addresses: []string{"10.147.20.5/24", "fd80:56c2:e21c:0:199:9389:e92c:eee5/88"},
				Routes:    []ipc.Route{{Target: "10.147.20.0/24"}, {Target: "192.168.7.0/24", Via: "10.147.20.1"}},
				DNS:       ipc.DNS{Domain: "home.arpa", Servers: []string{"10.147.20.1"}},
				Settings:  ipc.NetworkSettings{AllowManaged: &yes, AllowDNS: &yes}, JoinedAt: Time, ControllerTrust: ipc.Verified,
			},
			{ID: Work, Name: "Workshop", Status: ipc.AccessDenied, Type: "PRIVATE", MAC: "5e:11:22:33:44:55", Device: "orr1", JoinedAt: Time},
		},
		Peers: []ipc.Peer{
			peer(Alice, "LEAF", "1.14.1", 12, true, "203.0.113.7:9993", ipc.Verified),
			relayed(peer(Bob, "LEAF", "0.1.0", 87, false, "", ipc.Seen)),
			peer(Mallory, "LEAF", "", -1, false, "", ipc.Blocked),
			peer(Printer, "LEAF", "1.12.2", 0, true, "192.168.1.40:9993", ipc.Seen),
			peer(Planet, "PLANET", "1.14.1", 31, true, "[2001:db8::53]:9993", ipc.Seen),
		},
		Trust: []ipc.TrustRecord{
			record(Alice, ipc.Verified, "safety number", "Alice’s laptop"),
			record(Bob, ipc.Seen, "first contact", ""),
			record(Mallory, ipc.Blocked, "mismatch", ""),
			record(Gone, ipc.Verified, "contact card", "Grandma"),
		},
	}
}

// WithTrouble is [Snapshot] with a network for verified peers that turns some away,
// whose routes and addresses do not all fit, and which has bridges.
func WithTrouble() *ipc.Snapshot {
	s := Snapshot()
	yes, mtu, token := true, 1400, "secret"
	n := &s.Networks[0]
	n.ControllerTrust, n.VerifiedOnly, n.DroppedUnverified, n.UnverifiedCount = ipc.Seen, true, 310, 8
	for _, a := range []string{Bob, "2222222222", "3333333333", "4444444444", "5555555555", "6666666666", "7777777777", "8888888888"} {
		n.Unverified = append(n.Unverified, ipc.Unverified{Address: a, From: 1, To: 40, Last: Time})
	}
	n.Unverified[0].Name, n.Unverified[0].From, n.Unverified[0].To = "Bob’s phone", 1, 0
	n.MTU, n.Settings.VerifiedOnly, n.Settings.MTU, n.Settings.Token, n.Settings.Port = 1400, &yes, &mtu, &token, "tap"
	n.Settings.IgnoreRoutes, n.Settings.AcceptRoutes = []string{"192.168.7.0/24"}, []string{"10.0.0.0/8"}
	n.Routes = []ipc.Route{
		{Target: "10.147.20.0/24", State: ipc.RouteApplied},
		{Target: "192.168.7.0/24", Via: "10.147.20.1", State: ipc.RouteIgnored, Reason: "Your settings leave it out."},
		{Target: "192.168.1.0/24", Via: "10.147.20.9", State: ipc.RouteRefused, Reason: "This computer's own network eth0 is 192.168.1.0/24", Advice: "Choose “Always use” to take it all the same"},
		{Target: "10.0.0.0/8", State: ipc.RouteNarrowed, Reason: "10.1.0.0/16 is this computer's own network"},
		{Target: "0.0.0.0/0", Via: "10.147.20.1", State: ipc.RoutePending, Reason: "It waits for the device"},
	}
	n.AddressStates = []ipc.AddressState{{Address: "fd80:56c2:e21c:0:199:9389:e92c:eee5/88", State: ipc.RouteRefused, Reason: "This computer has no IPv6"}}
	n.AddressConflicts = []ipc.AddressConflict{{IP: "10.147.20.5", MAC: "32:00:00:00:00:01", Member: Bob, Last: Time}}
	n.SilentSince, n.Login = Time.Add(-time.Hour), &ipc.Login{URL: "https://login.example.org/", Expires: Time.AddDate(0, 0, 7)}
	n.DNS.State, n.DNS.Reason, n.DNS.Advice = "unsupported", "Nothing on this computer can send queries for one domain elsewhere", "Install systemd-resolved"
	n.Bridging = &ipc.Bridging{Allowed: true, Active: true, Port: "br0", Local: 3, Bridges: []string{Self}}
	return s
}

// WithConflict is [Snapshot] with a refused key that somebody has to settle.
func WithConflict() *ipc.Snapshot {
	s := Snapshot()
	r := record(Printer, ipc.Seen, "first contact", "Printer")
	r.Conflict, r.ConflictAt, r.ConflictFrom = Identity(Printer), Time, "OK(WHOIS)"
	s.Trust = append(s.Trust, r)
	s.Alerts = []ipc.Alert{
		{ID: "trust.conflict." + Printer, Severity: "error", Title: "Key conflict", Text: "Another key.", Since: Time},
		{ID: "udp.port", Severity: "warning", Title: "Port 9993 is in use", Text: "Another program has the port, so a random one is used.", Advice: "Stop the other program, or choose a port.", Since: Time},
	}
	return s
}

// WithLongTexts is [Snapshot] with names and lists of a size that hardly fits.
func WithLongTexts() *ipc.Snapshot {
	s := Snapshot()
	const long = "A name that somebody has made much longer than anybody needs, here"
	n := &s.Networks[0]
	n.Name, n.Device = long, "a-long-device-name0"
	n.Addresses = append(n.Addresses, "2001:db8:1234:5678:9abc:def0:1234:5678/128", "192.168.100.200/24")
	n.DNS = ipc.DNS{Domain: "a.long.domain.example.org", Servers: []string{"2001:db8::1", "2001:db8::2", "10.147.20.1", "10.147.20.2"}}
	n.Routes = append(n.Routes, ipc.Route{Target: "2001:db8:1234::/48", Via: "fd80:56c2:e21c:0:199:9389:e92c:eee5"})
	p := &s.Peers[0]
	p.Paths[0].Address, p.LatencyMs, p.Version = "[2001:db8:1234:5678:9abc:def0:1234:5678]:65535", 12345, "100.200.300"
	s.Trust[0].Name, s.Trust[0].Note = long, "A note: "+long
	s.Trust[0].Conflict = Identity(Alice)
	s.Status.Version = "1.22.333-rc.4+0123456789"
	return s
}

func peer(address, role, version string, latency int, direct bool, path string, trust ipc.TrustState) ipc.Peer {
	p := ipc.Peer{Address: address, Identity: Identity(address), Role: role, Version: version, LatencyMs: latency, Direct: direct, LastReceive: Time, Trust: trust}
	if path != "" {
		p.Paths = []ipc.Path{{Address: path, Active: true, Preferred: true, LatencyMs: latency}}
	}
	return p
}

// relayed gives a peer a reason why it is not direct.
func relayed(p ipc.Peer) ipc.Peer {
	p.Relay, p.Reason = Planet, "ports-vary"
	p.ReasonText = "Both sides are behind routers that give every connection another port, so neither can be found by the other."
	p.Advice = "Forward a UDP port to one of the computers."
	return p
}

func record(address string, state ipc.TrustState, how, name string) ipc.TrustRecord {
	return ipc.TrustRecord{
		Address: address, Identity: Identity(address), State: state, FirstSeen: Time.AddDate(0, -1, 0), Changed: Time.AddDate(0, 0, -3), How: how, Name: name,
	}
}

// Verification is what the service says about comparing with an address.
func Verification(address string) *ipc.Verification {
	return &ipc.Verification{
		Address: address, Identity: Identity(address),
		Groups: []string{"04829", "55120", "91733", "00418", "26650", "73391", "18264", "60907", "35512", "88046", "12975", "49380"},
		Words:  []string{"orbit", "copper", "lantern", "virtual", "gravity", "museum", "planet", "border", "whisper", "clock", "silver", "umbrella"},
		QR:     "orrery://contact/" + Identity(Self), State: ipc.Seen,
	}
}
