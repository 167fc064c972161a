package daemon

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"orrery/engine/clock"
	"orrery/engine/netconf"
	"orrery/engine/node"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/service/ipc"
)

// networkView turns the engine's view of a network into the contract's.
func (d *Daemon) networkView(s *node.NetworkState) ipc.Network {
	device, failure := d.host.Device(s.ID)
	n := ipc.Network{
		ID: s.ID.String(), Status: ipc.NetworkStatus(s.Status.String()), Type: "PRIVATE", MAC: s.MAC.String(), MTU: s.MTU,
		Bridge: s.Bridge, Device: device, Settings: settingsView(s.Settings),
		Addresses: []string{}, Routes: []ipc.Route{}, Multicast: []string{},
	}
	n.Bridging = bridgingView(s, d.system.bridge(device))
	d.mu.Lock()
	n.JoinedAt = d.joined[s.ID]
	d.mu.Unlock()
	d.standing(&n, s, failure)
	for _, g := range s.Groups {
		n.Multicast = append(n.Multicast, fmt.Sprintf("%s/%08x", g.MAC, g.ADI))
	}
	n.AddressConflicts = conflictsView(s, d.host.Time)
	d.unverifiedView(&n, s)
	c := s.Config
	if c == nil {
		return n
	}
	n.Name, n.Revision, n.Broadcast = c.Name, c.Revision, c.Broadcast()
	if c.Public {
		n.Type = "PUBLIC"
	}
	for _, p := range s.Addresses {
		n.Addresses = append(n.Addresses, p.String())
	}
	for _, r := range c.Routes {
		n.Routes = append(n.Routes, routeView(r))
	}
	d.routesView(&n, s)
	n.DNS.Domain = c.DNS.Domain
	for _, a := range c.DNS.Servers {
		if a.IsValid() {
			n.DNS.Servers = append(n.DNS.Servers, a.String())
		}
	}
	dnsView(&n.DNS, d.system.nameServers(s.ID))
	return n
}

func routeView(r netconf.Route) ipc.Route {
	v := ipc.Route{Target: r.Target.String(), Flags: int(r.Flags), Metric: int(r.Metric)}
	if r.Via.IsValid() {
		v.Via = r.Via.String()
	}
	return v
}

// peerView turns the engine's view of a peer into the contract's.
func (d *Daemon) peerView(p *vl1.PeerInfo, r *trust.Record) ipc.Peer {
	v := ipc.Peer{
		Address: p.Identity.Address.String(), Identity: p.Identity.String(), LatencyMs: p.LatencyMs, Protocol: int(p.Protocol),
		LastReceive: d.host.Time(p.LastReceive), Trust: ipc.Seen, Paths: []ipc.Path{},
		Role: map[vl1.Role]string{vl1.Leaf: "LEAF", vl1.MoonRoot: "MOON", vl1.PlanetRoot: "PLANET"}[p.Role],
	}
	if p.Major|p.Minor != 0 || p.Revision != 0 {
		v.Version = fmt.Sprintf("%d.%d.%d", p.Major, p.Minor, p.Revision)
	}
	if r != nil {
		v.Name, v.Trust = r.Name, ipc.TrustState(r.State)
	}
	v.Direct, v.Tunnelled = p.Reason == vl1.ReasonNone, p.Reason == vl1.ReasonTunnelled
	if p.Reason != vl1.ReasonNone {
		v.Reason, v.ReasonText, v.Advice, v.Passing = p.Reason.String(), p.Reason.Sentence(), p.Reason.Hint(), p.Reason.Passing()
	}
	if p.Relay != 0 {
		v.Relay = p.Relay.String()
	}
	for _, x := range p.Paths {
		v.Paths = append(v.Paths, ipc.Path{
			Address: x.Remote.String(), LastSend: d.host.Time(x.LastSend), LastReceive: d.host.Time(x.LastReceive),
			LatencyMs: x.LatencyMs, Active: x.Active, Expired: x.Expired, Preferred: x.Preferred, LocalPort: d.sockets.LocalPort(x.Socket), TCPRelay: x.Socket == vl1.RelaySocket,
		})
	}
	return v
}

func wallTime(w clock.Wall) time.Time {
	if w == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(w)).UTC()
}

func trustView(r *trust.Record) ipc.TrustRecord {
	v := ipc.TrustRecord{
		Address: r.Identity.Address.String(), Identity: r.Identity.String(), State: ipc.TrustState(r.State),
		FirstSeen: wallTime(r.FirstSeen), Changed: wallTime(r.Changed), How: r.How, Name: r.Name, Note: r.Note,
	}
	if r.Conflict != nil {
		v.Conflict, v.ConflictAt, v.ConflictFrom = r.Conflict.String(), wallTime(r.ConflictAt), string(r.ConflictFrom)
	}
	return v
}

// oneLine is the text of several joined errors as one sentence has it, each once:
// people read it in a line, and terminals and windows show no line ends.
func oneLine(text string) string {
	var said []string
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return strings.Join(said, "; ")
}

func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}
