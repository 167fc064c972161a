package daemon

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"orrery/engine/clock"
	"orrery/engine/hostport"
	"orrery/engine/node"
	"orrery/engine/vl1"
	"orrery/engine/vl2"
	"orrery/engine/wire"
	"orrery/service/metrics"
)

const (
	// maxPeerSeries and maxNetworkSeries bound the series of a page: a root has a
	// hundred thousand peers, and whoever collects keeps every series for ever.
	maxPeerSeries    = 64
	maxNetworkSeries = 256
)

// measured is one look at the core.
type measured struct {
	online   bool
	stats    vl1.Stats
	sizes    vl1.Sizes
	peers    []vl1.PeerInfo
	networks []node.NetworkMeter
	nat      vl1.NATInfo
	hosted   int
	now      clock.Mono
}

// Metrics implements api.Meter: everything that is counted, in the text format of
// Prometheus (spec 06 §6). Names that begin with zt_ and controller_ are the
// reference's.
func (d *Daemon) Metrics(context.Context) ([]byte, error) {
	var m measured
	d.host.View(func(c *node.Core, at clock.Instant) {
		m = measured{
			online: c.Online(), stats: c.Stats(), sizes: c.Sizes(), peers: c.Peers(at.Mono), networks: c.NetworkMeters(), nat: c.NAT(at),
			hosted: len(d.controller.Networks()), now: at.Mono,
		}
	})
	p := new(metrics.Page)
	m.packets(p)
	d.transport(p)
	m.perNetwork(p)
	m.perPeer(p)
	m.node(p)
	d.surroundings(p)
	p.Family("orrery_build_info", metrics.Gauge, "Version of this software, as a label.")
	p.Count(1, "version", d.cfg.Version)
	p.Process(d.started)
	return p.Bytes(), nil
}

// verbName is the reference's name of a verb.
func verbName(v wire.Verb) string {
	if v == wire.VerbQOSMeasurement {
		return "qos"
	}
	return strings.ToLower(v.String())
}

// errorNames are the reference's names of errors.
var errorNames = map[wire.ErrorCode]string{
	wire.ErrorObjectNotFound: "obj_not_found", wire.ErrorUnsupportedOperation: "unsupported_operation", wire.ErrorIdentityCollision: "identity_collision",
	wire.ErrorNeedMembershipCertificate: "need_membership_certificate", wire.ErrorNetworkAccessDenied: "network_access_denied",
	wire.ErrorUnwantedMulticast: "unwanted_multicast", wire.ErrorNetworkAuthenticationRequired: "authentication_required",
}

// packets writes what the wire counted.
func (m *measured) packets(p *metrics.Page) {
	p.Family("zt_packet", metrics.Counter, "ZeroTier packet type counts")
	for v := range m.stats.In {
		if name := verbName(wire.Verb(v)); name != "unassigned" {
			p.Count(m.stats.In[v], "direction", "rx", "packet_type", name)
			p.Count(m.stats.Out[v], "direction", "tx", "packet_type", name)
		}
	}
	p.Family("zt_packet_error", metrics.Counter, "ZeroTier packet errors")
	for code := range m.stats.ErrorsIn {
		if name := errorNames[wire.ErrorCode(code)]; name != "" {
			p.Count(m.stats.ErrorsIn[code], "direction", "rx", "error_type", name)
			p.Count(m.stats.ErrorsOut[code], "direction", "tx", "error_type", name)
		}
	}
	p.Family("orrery_dropped_packets_total", metrics.Counter, "Packets and datagrams that came to nothing, by reason.")
	for r, n := range m.stats.Drops {
		p.Count(n, "reason", vl1.DropReason(r).String())
	}
	p.Single("orrery_relayed_packets_total", metrics.Counter, "Packets forwarded for other nodes.", m.stats.Relayed)
}

// transport writes what the sockets and the TCP relay counted.
func (d *Daemon) transport(p *metrics.Page) {
	u := d.sockets.Stats()
	tcp := d.carrier.status()
	p.Family("zt_data", metrics.Counter, "number of bytes ZeroTier has transmitted or received")
	p.Count(u.ReceivedBytes, "direction", "rx", "protocol", "udp")
	p.Count(u.SentBytes, "direction", "tx", "protocol", "udp")
	p.Count(tcp.ReceivedBytes, "direction", "rx", "protocol", "tcp")
	p.Count(tcp.SentBytes, "direction", "tx", "protocol", "tcp")
	p.Family("orrery_datagrams_total", metrics.Counter, "Datagrams received and sent.")
	p.Count(u.ReceivedDatagrams, "direction", "rx", "protocol", "udp")
	p.Count(u.SentDatagrams, "direction", "tx", "protocol", "udp")
	p.Count(tcp.Received, "direction", "rx", "protocol", "tcp")
	p.Count(tcp.Sent, "direction", "tx", "protocol", "tcp")
	p.Family("orrery_udp_calls_total", metrics.Counter, "System calls that received or sent datagrams.")
	p.Count(u.ReceiveCalls, "direction", "rx")
	p.Count(u.SendCalls, "direction", "tx")
	p.Family("orrery_udp_failures_total", metrics.Counter, "Datagrams that the system refused to send, that no socket could carry, or that were longer than a buffer.")
	p.Count(u.SendErrors, "kind", "refused")
	p.Count(u.Unroutable, "kind", "unroutable")
	p.Count(u.Truncated, "kind", "truncated")
	type kind struct{ family, role string }
	open := make(map[kind]uint64)
	for _, s := range d.sockets.Status() {
		family := "ipv6"
		if s.Local.Addr().Unmap().Is4() {
			family = "ipv4"
		}
		open[kind{family, s.Role.String()}]++
	}
	p.Family("orrery_udp_sockets", metrics.Gauge, "Open UDP sockets.")
	for _, family := range [2]string{"ipv4", "ipv6"} {
		for _, role := range [4]string{"primary", "secondary", "tertiary", "burst"} {
			p.Count(open[kind{family, role}], "family", family, "role", role)
		}
	}
	p.Family("orrery_tcp_relay_active", metrics.Gauge, "Whether packets can go over a TCP relay, as where UDP is blocked.")
	p.Truth(tcp.Active)
	p.Single("orrery_tcp_relay_sessions_total", metrics.Counter, "Connections made to a TCP relay.", tcp.Sessions)
}

// perNetwork writes what was counted for each network.
func (m *measured) perNetwork(p *metrics.Page) {
	p.Single("zt_num_networks", metrics.Gauge, "number of networks this instance is joined to", uint64(len(m.networks)))
	ns := m.networks[:min(len(m.networks), maxNetworkSeries)]
	each := func(f func(n *node.NetworkMeter, id string)) {
		for i := range ns {
			f(&ns[i], ns[i].ID.String())
		}
	}
	p.Family("zt_network_multicast_groups_subscribed", metrics.Gauge, "number of multicast groups networks are subscribed to")
	each(func(n *node.NetworkMeter, id string) { p.Count(uint64(n.Groups), "network_id", id) })
	p.Family("zt_network_packets", metrics.Counter, "number of incoming/outgoing packets per network")
	each(func(n *node.NetworkMeter, id string) {
		p.Count(n.Received, "accepted", "yes", "direction", "rx", "network_id", id)
		p.Count(n.Sent, "accepted", "yes", "direction", "tx", "network_id", id)
	})
	p.Family("orrery_network_dropped_frames_total", metrics.Counter, "Frames of a network that went no further, by reason.")
	each(func(n *node.NetworkMeter, id string) {
		for r, dropped := range n.Drops {
			if dropped > 0 {
				p.Count(dropped, "network_id", id, "reason", vl2.DropReason(r).String())
			}
		}
		if n.Oversize > 0 {
			p.Count(n.Oversize, "network_id", id, "reason", "oversize")
		}
		if n.Strays > 0 {
			p.Count(n.Strays, "network_id", id, "reason", "stray")
		}
	})
	p.Family("orrery_network_port_dropped_packets_total", metrics.Counter, "Packets that the virtual Ethernet host of a network stopped, by reason.")
	each(func(n *node.NetworkMeter, id string) {
		for r, dropped := range n.PortDrops {
			if dropped > 0 {
				p.Count(dropped, "network_id", id, "reason", hostport.DropReason(r).String())
			}
		}
	})
	p.Family("orrery_network_clamped_connections_total", metrics.Counter, "TCP connections whose segments were made to fit, each direction by itself.")
	each(func(n *node.NetworkMeter, id string) {
		if n.Clamped > 0 {
			p.Count(n.Clamped, "network_id", id)
		}
	})
	p.Family("orrery_network_multicast_frames_total", metrics.Counter, "Multicast and broadcast frames of a network, apart from questions who has an address: sent to groups, copies of them for members, those no member was found for, those that reached fewer members than there are because of the network's limit, and received ones.")
	each(func(n *node.NetworkMeter, id string) {
		c := &n.Multicasts
		for _, x := range []struct {
			kind string
			n    uint64
		}{{"sent", c.Sent}, {"copied", c.Copies}, {"unheard", c.Unheard}, {"short", c.Short}, {"received", c.Received}} {
			p.Count(x.n, "kind", x.kind, "network_id", id)
		}
	})
	p.Family("orrery_network_multicast_gathers_total", metrics.Counter, "Questions for the members of a network's multicast groups.")
	each(func(n *node.NetworkMeter, id string) { p.Count(n.Multicasts.Asked, "network_id", id) })
	p.Family("orrery_network_members", metrics.Gauge, "Peers that have proved membership of a network.")
	each(func(n *node.NetworkMeter, id string) { p.Count(uint64(n.Members), "network_id", id) })
	p.Family("orrery_network_unverified_members", metrics.Gauge, "Members that a network for verified peers turns away.")
	each(func(n *node.NetworkMeter, id string) { p.Count(uint64(n.Unverified), "network_id", id) })
	p.Family("orrery_network_status", metrics.Gauge, "The status of a network, as a label.")
	each(func(n *node.NetworkMeter, id string) { p.Count(1, "network_id", id, "status", n.Status.String()) })
	p.Single("controller_network_count", metrics.Gauge, "number of networks the controller is serving", uint64(m.hosted))
}

// perPeer writes how peers are reached: counts of all, and details of roots and of
// those that were heard last.
func (m *measured) perPeer(p *metrics.Page) {
	states := map[string]uint64{"direct": 0, "relayed": 0, "tunnelled": 0, "unreachable": 0, "idle": 0}
	var reasons [vl1.ReasonCount]uint64
	paths := map[string]uint64{"ipv4": 0, "ipv6": 0, "tcp": 0}
	for i := range m.peers {
		x := &m.peers[i]
		states[peerState(x)]++
		reasons[x.Reason]++
		for j := range x.Paths {
			if x.Paths[j].Active {
				paths[pathKind(&x.Paths[j])]++
			}
		}
	}
	p.Family("orrery_peers", metrics.Gauge, "Peers in memory, by how they are reached.")
	for _, s := range sortedKeys(states) {
		p.Count(states[s], "state", s)
	}
	p.Family("orrery_indirect_peers", metrics.Gauge, "Peers without a direct path, by reason.")
	for r, n := range reasons {
		if reason := vl1.Reason(r); reason != vl1.ReasonNone {
			p.Count(n, "reason", reason.String())
		}
	}
	p.Family("orrery_paths", metrics.Gauge, "Paths to peers that are not expired, by kind.")
	for _, k := range sortedKeys(paths) {
		p.Count(paths[k], "kind", k)
	}
	slices.SortStableFunc(m.peers, func(a, b vl1.PeerInfo) int {
		return cmp.Or(cmp.Compare(b.Role, a.Role), cmp.Compare(b.LastReceive, a.LastReceive), cmp.Compare(a.Identity.Address, b.Identity.Address))
	})
	some := m.peers[:min(len(m.peers), maxPeerSeries)]
	p.Family("zt_peer_path_count", metrics.Gauge, "number of paths to peer")
	for i := range some {
		alive, id := uint64(0), some[i].Identity.Address.String()
		for j := range some[i].Paths {
			if some[i].Paths[j].Active {
				alive++
			}
		}
		p.Count(alive, "node_id", id, "status", "alive")
		p.Count(uint64(len(some[i].Paths))-alive, "node_id", id, "status", "dead")
	}
	p.Family("orrery_peer_latency_seconds", metrics.Gauge, "Round trip to a peer, of roots and of the peers that were heard last.")
	for i := range some {
		if ms := some[i].LatencyMs; ms >= 0 {
			p.Value(float64(ms)/1000, "node_id", some[i].Identity.Address.String())
		}
	}
	var bounds []float64
	for _, ms := range vl1.RoundTripBounds {
		bounds = append(bounds, float64(ms)/1000)
	}
	trips := &m.stats.RoundTrips
	p.Distribution("orrery_round_trip_seconds", "Round trips measured on direct paths, of all peers.", bounds, trips.Counts[:], float64(trips.Sum)/1e9)
	p.Family("orrery_root_up", metrics.Gauge, "Whether a root is reached.")
	for i := range some {
		if some[i].Role != vl1.Leaf {
			up := some[i].Reason == vl1.ReasonNone || some[i].Reason == vl1.ReasonTunnelled
			p.Truth(up, "node_id", some[i].Identity.Address.String())
		}
	}
}

// peerState is how a peer is reached, in one word.
func peerState(p *vl1.PeerInfo) string {
	switch p.Reason {
	case vl1.ReasonNone:
		return "direct"
	case vl1.ReasonTunnelled:
		return "tunnelled"
	case vl1.ReasonIdle:
		return "idle"
	case vl1.ReasonBlocked, vl1.ReasonSilent, vl1.ReasonRootSilent, vl1.ReasonNoRoot, vl1.ReasonUnknown:
		return "unreachable"
	}
	return "relayed"
}

func pathKind(p *vl1.PathInfo) string {
	switch {
	case p.Socket == vl1.RelaySocket:
		return "tcp"
	case p.Remote.Addr().Unmap().Is4():
		return "ipv4"
	}
	return "ipv6"
}

// node writes the state of the core.
func (m *measured) node(p *metrics.Page) {
	p.Family("orrery_online", metrics.Gauge, "Whether a root answers.")
	p.Truth(m.online)
	p.Family("orrery_nat", metrics.Gauge, "The kind of NAT in front of this node, as a label.")
	p.Count(1, "kind", m.nat.Kind.String())
	p.Family("orrery_held", metrics.Gauge, "What the core holds: packets and questions that wait, and the sizes of tables.")
	s := &m.sizes
	for _, x := range []struct {
		what string
		n    int
	}{
		{"asked_addresses", s.Asked}, {"expected_answers", s.Expected}, {"incomplete_packets", s.Incomplete}, {"packets_waiting_to_be_handled", s.Held},
		{"packets_waiting_to_be_sent", s.Queued}, {"paths", s.Paths}, {"peers", s.Peers}, {"remembered_packets", s.Remembered},
		{"unproven_addresses", s.Unproven}, {"validations", s.Validating},
	} {
		p.Count(uint64(x.n), "what", x.what)
	}
}

// surroundings writes what is around the node: the gateway, and what users
// should know.
func (d *Daemon) surroundings(p *metrics.Page) {
	p.Family("orrery_port_mapping", metrics.Gauge, "The state of the port mapping on the gateway, as labels.")
	if s, ok := d.mapping.status(); ok {
		p.Count(1, "code", string(s.Code), "method", s.Method.String())
	} else {
		p.Count(1, "code", "off", "method", "none")
	}
	count := map[string]uint64{severityInfo: 0, severityWarning: 0, severityError: 0}
	for _, a := range d.alerts.list() {
		count[a.Severity]++
	}
	p.Family("orrery_alerts", metrics.Gauge, "Alerts that are raised.")
	for _, s := range sortedKeys(count) {
		p.Count(count[s], "severity", s)
	}
}
