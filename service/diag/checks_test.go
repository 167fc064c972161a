package diag

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"orrery/engine/vl1"
	"orrery/service/ipc"
	"orrery/service/portmap"
	"orrery/service/tcprelay"
	"orrery/service/udp"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// healthy is a node with nothing to complain of.
func healthy() *Facts {
	v4, v6 := netip.MustParseAddrPort("192.168.1.2:9993"), netip.MustParseAddrPort("[2001:db8:1::2]:9993")
	root := ipc.Peer{Address: "62f865ae71", Role: "PLANET", Direct: true, LatencyMs: 4, Paths: []ipc.Path{{Address: "198.51.100.1:9993", Preferred: true}}}
	return &Facts{
		Now: now, Started: now.Add(-3 * time.Hour), Version: "0.1.0", Home: "/var/lib/orrery", Address: "89e92ceee5", Port: 9993,
		Sockets: []udp.Status{{ID: 1, Local: v4, Role: udp.Primary, Device: "eth0"}, {ID: 2, Local: v6, Role: udp.Primary}},
		Local:   []netip.AddrPort{v4, v6}, Surface: []netip.AddrPort{netip.MustParseAddrPort("203.0.113.9:9993")},
		Roots: []Root{{Peer: root, V4: true, V6: true, Endpoints: []netip.AddrPort{
			netip.MustParseAddrPort("198.51.100.1:9993"), netip.MustParseAddrPort("[2001:db8::1]:9993"),
		}}},
		NAT: vl1.NATInfo{Kind: vl1.NATEasy}, RelayAllowed: true, PlanetTime: now.AddDate(-2, 0, 0),
		Mapping: &portmap.Status{Code: portmap.Mapped, Method: portmap.PCP, External: netip.MustParseAddrPort("203.0.113.9:9993")},
		Networks: []Network{{
			Network: ipc.Network{ID: "8056c2e21c000001", Name: "home", Status: ipc.OK, Type: "PRIVATE", Device: "ztabc", Addresses: []string{"10.1.1.2/24"}},
			Fetched: now.Add(-time.Minute), Issued: now.Add(-time.Minute - time.Second),
		}},
		Peers: []ipc.Peer{{Address: "1c0ffee111", Role: "LEAF", Direct: true}, {Address: "0123456789", Role: "LEAF", Reason: "idle", Passing: true}},
	}
}

// worst returns the findings that are not fine, as "level code".
func worst(all []ipc.Finding) []string {
	var codes []string
	for _, f := range all {
		if f.Level != ipc.Fine {
			codes = append(codes, string(f.Level)+" "+f.Code)
		}
	}
	return codes
}

// Each thing that can be wrong is found, and nothing else is.
func TestChecks(t *testing.T) {
	t.Parallel()
	network := func(f *Facts, s ipc.NetworkStatus) *Network { f.Networks[0].Status = s; return &f.Networks[0] }
	for name, c := range map[string]struct {
		spoil func(f *Facts)
		want  []string
	}{
		"healthy": {func(*Facts) {}, nil},
		"turned away": {func(f *Facts) {
			n := &f.Networks[0]
			n.VerifiedOnly, n.UnverifiedCount, n.ControllerTrust = true, 1, ipc.Verified
			n.Unverified = []ipc.Unverified{{Address: "1c0ffee111", Name: "Kim"}}
		}, []string{"warning verified.members"}},
		"unverified controller": {func(f *Facts) { f.Networks[0].VerifiedOnly, f.Networks[0].ControllerTrust = true, ipc.Seen }, []string{"warning verified.controller"}},
		"all are verified":      {func(f *Facts) { f.Networks[0].VerifiedOnly, f.Networks[0].ControllerTrust = true, ipc.Verified }, nil},
		"no sockets":            {func(f *Facts) { f.Sockets = nil }, []string{"problem sockets.none"}},
		"send errors":           {func(f *Facts) { f.Sockets[0].LastError, f.Sockets[0].Stats.SendErrors = "operation not permitted", 9 }, []string{"warning sockets.failing"}},
		"burst only":            {func(f *Facts) { f.Sockets = []udp.Status{{Role: udp.Burst}} }, []string{"problem sockets.none"}},
		"no root answers": {func(f *Facts) {
			f.Roots[0].V4, f.Roots[0].V6, f.Roots[0].Peer.Direct, f.Offline = false, false, false, now.Add(-time.Hour)
		}, []string{"problem udp.blocked", "problem roots.silent"}},
		"UDP blocked, TCP relay": {func(f *Facts) {
			f.Roots[0].V4, f.Roots[0].V6, f.Roots[0].Peer.Direct, f.Roots[0].Peer.Tunnelled = false, false, false, true
			f.Relay = tcprelay.ClientStatus{Active: true}
		}, []string{"problem udp.blocked", "warning tcp-relay.active"}},
		"relay unreachable too": {func(f *Facts) {
			f.Roots[0].V4, f.Roots[0].V6, f.Roots[0].Peer.Direct, f.Offline = false, false, false, now.Add(-time.Hour)
			f.Relay = tcprelay.ClientStatus{Problem: "connection refused"}
		}, []string{"problem udp.blocked", "problem roots.silent", "problem tcp-relay.down"}},
		"relay forced":      {func(f *Facts) { f.RelayForced, f.Relay.Active = true, true }, []string{"warning tcp-relay.forced"}},
		"relay forced, off": {func(f *Facts) { f.RelayForced = true }, []string{"problem tcp-relay.down"}},
		"IPv6 blocked":      {func(f *Facts) { f.Roots[0].V6 = false }, []string{"warning udp.ipv6-blocked"}},
		"no IPv6":           {func(f *Facts) { f.Roots[0].V6, f.Local = false, f.Local[:1] }, nil},
		"no roots":          {func(f *Facts) { f.Roots = nil }, []string{"problem udp.blocked", "problem roots.none"}},
		"a root itself":     {func(f *Facts) { f.Roots, f.IsRoot = nil, true }, nil},
		"some roots": {func(f *Facts) {
			f.Roots = append(f.Roots, Root{Peer: ipc.Peer{Address: "1111111111", Role: "MOON", Reason: "root-silent"}})
		}, []string{"warning roots.some"}},
		"hard NAT":         {func(f *Facts) { f.NAT.Kind, f.Mapping = vl1.NATHard, nil }, []string{"warning nat.hard"}},
		"hard NAT, mapped": {func(f *Facts) { f.NAT.Kind = vl1.NATHard }, nil},
		"hard NAT, refused": {func(f *Facts) {
			f.NAT.Kind, f.Mapping = vl1.NATSequential, &portmap.Status{Code: portmap.Refused, Text: "The gateway refuses."}
		}, []string{"warning nat.sequential", "warning mapping.refused"}},
		"NAT unknown": {func(f *Facts) { f.NAT.Kind = vl1.NATUnknown }, nil},
		"double NAT": {func(f *Facts) {
			f.Mapping.Code, f.Mapping.Text = portmap.DoubleNAT, "The gateway is behind another one."
		}, []string{"warning mapping.double_nat"}},
		"routes as they should be": {func(f *Facts) {
			f.Networks[0].Routes = []ipc.Route{{Target: "10.9.0.0/16", State: ipc.RouteApplied}, {Target: "10.0.0.0/8", State: ipc.RouteNarrowed, Reason: "A part."}, {Target: "0.0.0.0/0", State: ipc.RouteIgnored, Reason: "You said so."}}
		}, nil},
		"routes that do not fit": {func(f *Facts) {
			n := &f.Networks[0]
			n.Routes = []ipc.Route{{Target: "10.9.0.0/16", Via: "10.1.1.1", State: ipc.RouteRefused, Reason: "It is eth0's.", Advice: "Accept it."}, {Target: "0.0.0.0/0", State: ipc.RoutePending, Reason: "Not yet."}}
			n.AddressStates = []ipc.AddressState{{Address: "192.168.1.5/24", State: ipc.RouteRefused, Reason: "It is eth0's."}}
			f.Alerts = []ipc.Alert{{ID: "network.route." + n.ID, Severity: "warning"}}
		}, []string{"warning routes.refused", "warning routes.refused", "warning routes.pending"}},
		"clock ahead":    {func(f *Facts) { f.Networks[0].Issued = now.Add(-time.Hour) }, []string{"warning clock.skewed"}},
		"clock behind":   {func(f *Facts) { f.Networks[0].Issued = now.Add(time.Hour) }, []string{"warning clock.skewed"}},
		"before planet":  {func(f *Facts) { f.PlanetTime = now.AddDate(1, 0, 0) }, []string{"problem clock.behind"}},
		"battery empty":  {func(f *Facts) { f.Now, f.Started = time.Unix(1000, 0), time.Unix(0, 0); f.PlanetTime = time.Time{} }, []string{"problem clock.behind", "warning clock.skewed"}},
		"no driver":      {func(f *Facts) { f.Machine.Driver = "/dev/net/tun does not exist" }, []string{"problem device.missing"}},
		"other":          {func(f *Facts) { f.Machine.Other = []Other{{Name: "ZeroTier", Process: 7}} }, nil},
		"other, same ID": {func(f *Facts) { f.Machine.Other = []Other{{Name: "ZeroTier", Process: 7, SameIdentity: true}} }, []string{"problem other.same-identity"}},
		"denied":         {func(f *Facts) { network(f, ipc.AccessDenied) }, []string{"problem networks.access_denied"}},
		"not found":      {func(f *Facts) { network(f, ipc.NotFound) }, []string{"problem networks.not_found"}},
		"requesting":     {func(f *Facts) { network(f, ipc.Requesting).JoinedAt = now.Add(-time.Second) }, []string{"warning networks.requesting_configuration"}},
		"requesting for long": {func(f *Facts) { network(f, ipc.Requesting).JoinedAt = now.Add(-time.Hour) },
			[]string{"problem networks.requesting_configuration"}},
		"names": {func(f *Facts) {
			f.Networks[0].DNS = ipc.DNS{Domain: "corp.internal", State: "applied", By: "systemd-resolved"}
		}, nil},
		"names not allowed": {func(f *Facts) {
			f.Networks[0].DNS = ipc.DNS{Domain: "corp.internal", State: "ignored", Reason: "The network may not."}
		}, nil},
		"names refused": {func(f *Facts) {
			f.Networks[0].DNS = ipc.DNS{Domain: "com", State: "refused", Reason: "The domain is a public suffix."}
			f.Alerts = []ipc.Alert{{ID: "network.dns." + f.Networks[0].ID, Severity: "warning"}}
		}, []string{"warning dns.refused"}},
		"names unsupported": {func(f *Facts) {
			f.Networks[0].DNS = ipc.DNS{Domain: "corp.internal", State: "unsupported", Reason: "Nobody is in charge.", Advice: "Install one."}
		}, []string{"warning dns.unsupported"}},
		"relayed": {func(f *Facts) {
			r := vl1.ReasonPortsVary
			for _, a := range []string{"a", "b", "c", "d", "e", "f", "g"} {
				f.Peers = append(f.Peers, ipc.Peer{Address: a, Role: "LEAF", Reason: r.String(), ReasonText: r.Sentence(), Advice: r.Hint()})
			}
		}, []string{"warning peers.ports-vary"}},
		"unknown": {func(f *Facts) { f.Unknown = []string{"1234512345"} }, []string{"warning peers.unknown-identity"}},
		"alerts": {func(f *Facts) {
			f.Alerts = []ipc.Alert{{ID: "offline", Severity: "warning"}, {ID: "identity.twin", Severity: "warning", Title: "Twin"}, {ID: "port.other", Severity: "info"}}
		}, []string{"warning alert.identity.twin"}},
	} {
		f := healthy()
		c.spoil(f)
		all := Examine(f)
		got := worst(all)
		if name == "battery empty" { // a clock that wrong is told once
			c.want = c.want[:1]
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		for _, x := range all {
			if !strings.HasSuffix(x.Text, ".") && x.Area != "alert" || x.Level == ipc.Broken && x.Advice == "" || strings.Contains(x.Text, "%!") || strings.Contains(x.Advice, "%!") {
				t.Errorf("%s: %+v", name, x)
			}
			if strings.Contains(x.Text+x.Advice, "203.0.113.9") || strings.Contains(x.Text+x.Advice, "198.51.100.1") {
				t.Errorf("%s: a physical address outside of the details: %+v", name, x)
			}
		}
	}
}

// Of many peers with one reason some are named, the others counted.
func TestPeersAreGrouped(t *testing.T) {
	t.Parallel()
	f := &Facts{}
	for _, a := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		f.Peers = append(f.Peers, ipc.Peer{Address: a, Role: "LEAF", Reason: "silent", ReasonText: "Nothing comes.", Advice: "Wait."})
	}
	f.Peers[0].Name = "Bob"
	if all := peers(f); len(all) != 1 || all[0].Text != "a (Bob), b, c, d, e and 2 more: nothing comes." || all[0].Advice != "Wait." {
		t.Errorf("%+v", all)
	}
}

// Without a service the home and the port are looked at.
func TestMachine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if s := Look(filepath.Join(dir, "none"), 0); s.Identity != "" || !strings.Contains(s.Home, "does not exist yet") {
		t.Errorf("%+v", s)
	}
	if s := Look(dir, 0); s.Identity != "" || s.Home != "" {
		t.Errorf("an empty home: %+v", s)
	}
	file := filepath.Join(dir, "identity.public")
	for content, want := range map[string]string{"89e92ceee5:0:abcd\n": "89e92ceee5", "garbage": ""} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if s := Look(dir, 0); s.Identity != want || (s.Home == "") != (want != "") {
			t.Errorf("%q: %+v", content, s)
		}
	}
	if s := Look(file, 0); !strings.Contains(s.Home, "is not a directory") {
		t.Errorf("%+v", s)
	}
	for name, c := range map[string]struct {
		s    Surroundings
		want []string
	}{
		"new":   {Surroundings{Home: "the home directory x does not exist yet"}, []string{"problem service.down", "warning home.unusable"}},
		"ready": {Surroundings{Identity: "89e92ceee5"}, []string{"problem service.down"}},
		"taken": {Surroundings{PortTaken: true, Driver: "no"}, []string{"problem service.down", "warning sockets.taken", "problem device.missing"}},
	} {
		if got := worst(Machine("there is no socket", c.s, 9993, "orreryd start")); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
