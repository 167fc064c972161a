package node

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/hostport"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/engine/vl2"
	"orrery/engine/wire"
)

// NetworkState is a joined network as people, and the operating system, need
// it.
type NetworkState struct {
	ID       identity.NetworkID
	MAC      identity.MAC
	Status   vl2.Status
	Auth     vl2.Authentication
	Settings netconf.Settings
	// Config is the configuration held, nil if none. It must not be changed.
	Config *netconf.Config
	// LinkLocal is our link-local address on an IP port.
	LinkLocal netip.Prefix
	// Addresses and Routes are what the user's settings let through.
	Addresses []netip.Prefix
	Routes    []netconf.Route
	MTU       int
	Groups    []identity.MulticastGroup
	Bridge    bool
	// Ethernet says that the port carries Ethernet frames, not IP packets.
	Ethernet  bool
	Bridging  vl2.Bridging
	PortError int
	// Disputes are capabilities that two members show as their own.
	Disputes []vl2.Dispute
	// DroppedUnverified counts frames that were not carried because a network for
	// verified peers is not for their sender or receiver, TurnedAway by whom.
	DroppedUnverified uint64
	TurnedAway        []TurnedAway
	// ControllerTrust is the state of the controller's trust record, verified if we
	// are the controller, empty if nothing is recorded or there is none.
	ControllerTrust trust.State
	// Conflicts are the addresses of ours that others claimed lately.
	Conflicts []hostport.Conflict
	// Controller is the controller's address, 0 of an ad-hoc network. Refreshed is
	// when it last gave a configuration, Silent since when it has not answered,
	// [clock.Never] if it has given none yet or does answer.
	Controller        identity.Address
	Refreshed, Silent clock.Mono
	// Refusals are configurations that could not be taken.
	Refusals []vl2.Refusal
}

// Network describes a joined network.
func (c *Core) Network(nwid identity.NetworkID) (NetworkState, bool) {
	p := c.ports[nwid]
	nw := c.vl2.Network(nwid)
	if p == nil || nw == nil {
		return NetworkState{}, false
	}
	s := NetworkState{
		ID: nwid, MAC: nw.MAC(), Status: nw.Status(), Auth: nw.Authentication(), Settings: p.settings, Config: nw.Config(),
		LinkLocal: netip.PrefixFrom(identity.LinkLocal(nw.MAC()), 64), MTU: p.mtu, Groups: nw.Groups(), Bridge: nw.Bridge(), Ethernet: p.ip == nil, Bridging: nw.Bridging(),
		PortError: nw.PortError(), Disputes: nw.Disputes(),
	}
	s.Addresses, s.Routes = p.addresses, p.routes
	s.Conflicts = p.conflicts(c.at.Mono)
	s.Controller, s.Refreshed, s.Silent, s.Refusals = nw.Controller(), nw.LastConfig(), clock.Never, nw.Refusals()
	if since, ok := nw.Silence(); ok {
		s.Silent = since
	}
	s.DroppedUnverified, s.TurnedAway = nw.Drops(vl2.DropNotVerified), c.turnedAway(nw)
	if a := nw.Controller(); a == c.self.Address {
		s.ControllerTrust = trust.Verified
	} else if r, known := c.trust.Get(a); known && a != 0 {
		s.ControllerTrust = r.State
	}
	return s, true
}

// BridgedHosts lists the hosts behind the bridges of a network, by MAC.
func (c *Core) BridgedHosts(at clock.Instant, nwid identity.NetworkID) []vl2.BridgedHost {
	nw := c.vl2.Network(nwid)
	if nw == nil {
		return nil
	}
	return nw.Hosts(at.Mono)
}

// TurnedAway is a member whose frames a network for verified peers does not carry,
// with the name that the user gave it.
type TurnedAway struct {
	vl2.TurnedAway
	Name string
}

// turnedAway lists them, but for those whom the user blocked, of whom nothing is
// expected.
func (c *Core) turnedAway(nw *vl2.Network) (list []TurnedAway) {
	for _, t := range nw.TurnedAway() {
		if r, _ := c.trust.Get(t.Peer); r.State != trust.Blocked {
			list = append(list, TurnedAway{t, r.Name})
		}
	}
	return list
}

// Networks lists the joined networks in order.
func (c *Core) Networks() []identity.NetworkID {
	ids := make([]identity.NetworkID, 0, len(c.sorted))
	for _, p := range c.sorted {
		ids = append(ids, p.nwid)
	}
	return ids
}

// Peers describes all peers in memory.
func (c *Core) Peers(now clock.Mono) []vl1.PeerInfo { return c.wire.Peers(now) }

// Peer describes one peer.
func (c *Core) Peer(now clock.Mono, a identity.Address) (vl1.PeerInfo, bool) {
	return c.wire.PeerInfo(now, a)
}

// Identity returns the identity of a peer in memory.
func (c *Core) Identity(a identity.Address) (identity.Identity, bool) { return c.wire.Identity(a) }

// Ask asks a root for an identity that is not known yet; it turns up among the
// peers if somebody has it.
func (c *Core) Ask(at clock.Instant, a identity.Address, out *Outbox) {
	c.begin(at, out)
	c.wire.Whois(at, a)
	c.end()
}

// Self is our own identity.
func (c *Core) Self() identity.Identity { return c.self }

// Online reports whether a root answers, or we are one.
func (c *Core) Online() bool { return c.wire.Online() }

// Surface returns the addresses at which others see us.
func (c *Core) Surface(at clock.Instant) []netip.AddrPort { return c.wire.Surface(at.Mono) }

// Local returns the addresses of ours that others are told of.
func (c *Core) Local() []netip.AddrPort { return c.wire.Local() }

// Trust gives read access to the trust table.
func (c *Core) Trust() *trust.Table { return c.trust }

// ChangeTrust runs a change of trust records and applies it to the peers.
func (c *Core) ChangeTrust(at clock.Instant, out *Outbox, f func(*trust.Table) error) error {
	c.begin(at, out)
	defer c.end()
	return f(c.trust)
}

// Sizes is how much the wire holds of what others can make it hold.
func (c *Core) Sizes() vl1.Sizes { return c.wire.Sizes() }

// Counters returns packet counts by name, drops as "drop.<reason>".
func (c *Core) Counters() map[string]uint64 {
	s := c.wire.Stats()
	m := map[string]uint64{"relayed": s.Relayed, "fragments.lost": s.FragmentsLost, "payload.shrunk": s.Shrunk}
	for i, n := range s.Drops {
		if n > 0 {
			m["drop."+vl1.DropReason(i).String()] = n
		}
	}
	for v := range s.In {
		if n := s.In[v]; n > 0 {
			m["in."+wire.Verb(v).String()] = n
		}
		if n := s.Out[v]; n > 0 {
			m["out."+wire.Verb(v).String()] = n
		}
	}
	return m
}

// ExplainFrame says what the rules of a network make of a frame, see
// [vl2.Switch.Explain]; nil if there is no such network, or no configuration.
func (c *Core) ExplainFrame(nwid identity.NetworkID, q *vl2.Query) *vl2.Explanation {
	nw := c.vl2.Network(nwid)
	if nw == nil {
		return nil
	}
	return c.vl2.Explain(nw, q)
}

// Tags are the tags of a member that rules count now.
func (c *Core) Tags(nwid identity.NetworkID, a identity.Address) []rule.Tag {
	nw := c.vl2.Network(nwid)
	if nw == nil {
		return nil
	}
	return nw.Tags(a)
}

// Revoked are the credentials of a network's members that up to a time do not
// count; none if there is no such network.
func (c *Core) Revoked(nwid identity.NetworkID) []credential.Threshold {
	nw := c.vl2.Network(nwid)
	if nw == nil {
		return nil
	}
	return nw.Revoked()
}

// RestoreRevoked takes what an earlier run stored of a network that is joined.
func (c *Core) RestoreRevoked(at clock.Instant, nwid identity.NetworkID, list []credential.Threshold, out *Outbox) {
	c.begin(at, out)
	defer c.end()
	if nw := c.vl2.Network(nwid); nw != nil {
		c.vl2.RestoreRevoked(at, nw, list)
	}
}
