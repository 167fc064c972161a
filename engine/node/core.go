package node

import (
	"encoding/binary"
	"log/slog"
	"maps"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/controller"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/trust"
	"orrery/engine/vl1"
	"orrery/engine/vl2"
	"orrery/engine/wire"
)

// The software version that is announced to peers and controllers: some
// deployments key behaviour on it, so it is the reference's (spec 02 §7).
const (
	VersionMajor    = 1
	VersionMinor    = 14
	VersionRevision = 1
)

// Config has all that the core would otherwise reach out for.
type Config struct {
	Secret *identity.Secret
	// Trust is owned by the core from now on.
	Trust *trust.Table
	// Controller serves this node's own networks; nil for none.
	Controller *controller.Controller
	// Random fills a slice from a cryptographic source.
	Random func([]byte)
	Log    *slog.Logger
	// PeerCache has the stored peer records, by address. It is kept up to date.
	PeerCache map[identity.Address][]byte
	// Buffers may be shared by cores that one caller owns.
	Buffers *vl1.Buffers
	// Platform is told to controllers, as "linux/x86_64".
	Platform string
	// EthernetDevices says that the system has virtual devices that carry Ethernet.
	EthernetDevices bool
}

// Core is one node. One caller owns it; it is not safe for concurrent use.
type Core struct {
	self    identity.Identity
	trust   *trust.Table
	wire    *vl1.Wire
	vl2     *vl2.Switch
	control *controller.Controller
	log     *slog.Logger
	// etherDevices is whether the system has Ethernet devices.
	etherDevices bool
	cache        cache

	ports  map[identity.NetworkID]*port
	sorted []*port // by network ID

	at     clock.Instant
	out    *Outbox
	online bool
	// contactChanges is that of VL2 which VL1 knows.
	contactChanges uint64
	inside         []netip.Prefix
	collided       bool
}

// maxCached bounds the peer records kept in memory. A root that restarts needs
// no proof of work of the peers that it has a record of.
const maxCached = 1 << 17

// New returns a core without roots and networks.
func New(cfg Config, at clock.Instant) *Core {
	c := &Core{
		self: cfg.Secret.Identity, trust: cfg.Trust, control: cfg.Controller, log: cfg.Log, cache: newCache(cfg.PeerCache, maxCached),
		etherDevices: cfg.EthernetDevices,
		ports:        make(map[identity.NetworkID]*port), at: at,
	}
	c.wire = vl1.New(vl1.Config{
		Secret: cfg.Secret, Trust: cfg.Trust, Upper: upper{c}, Random: cfg.Random, Log: cfg.Log,
		Major: VersionMajor, Minor: VersionMinor, Revision: VersionRevision, Buffers: cfg.Buffers,
	}, at)
	v2 := vl2.Config{
		Link: c.wire, Sink: sink{c}, Log: cfg.Log,
		RetryHeld: func(_ clock.Instant, a identity.Address) { c.wire.RetryHeld(a) },
		// By address: VL1 lets no other key than the recorded one in.
		Verified: cfg.Trust.VerifiedAddress,
		Metadata: netconf.OwnMetadata(cfg.Platform, VersionMajor, VersionMinor, VersionRevision),
	}
	if cfg.Controller != nil {
		v2.LocalController = local{c}
	}
	c.vl2 = vl2.New(v2)
	cfg.Trust.Keep(upper{c}.Serves)
	return c
}

// begin starts an event.
func (c *Core) begin(at clock.Instant, out *Outbox) {
	c.at, c.out = at, out
	c.wire.Begin(at, &out.Outbox)
}

// end drains what the event left behind in the parts.
func (c *Core) end() {
	if c.wire.Back() {
		c.vl2.Retry(c.at)
	}
	c.drainController()
	if n := c.vl2.ContactChanges(); n != c.contactChanges {
		c.contactChanges = n
		c.wire.ContactsChanged()
	}
	if changed := c.trust.Changes(); len(changed) > 0 {
		c.out.Trust = true
		c.wire.TrustChanged(c.at, changed)
		c.vl2.TrustChanged(c.at, changed)
		for _, a := range changed {
			if r, ok := c.trust.Get(a); ok && r.Conflict != nil && r.ConflictAt == c.at.Wall {
				c.out.Events = append(c.out.Events, Event{Kind: EventConflict, Peer: a})
			}
		}
	}
	if on := c.wire.Online(); on != c.online {
		c.online = on
		kind := EventOffline
		if on {
			kind = EventOnline
		}
		c.out.Events = append(c.out.Events, Event{Kind: kind})
	}
	for _, r := range c.out.Reach {
		c.out.Events = append(c.out.Events, Event{EventReach, r.Peer, r.Reason})
	}
	for i := range c.out.Store {
		s := &c.out.Store[i]
		if s.Kind == vl1.StorePlanet || s.Kind == vl1.StoreMoon {
			c.out.Events = append(c.out.Events, Event{Kind: EventWorld})
		}
		if s.Kind != vl1.StorePeer {
			continue
		}
		c.cache.put(identity.Address(s.ID), s.Data)
	}
}

// Datagrams takes datagrams from the physical network. Their bytes are changed.
func (c *Core) Datagrams(at clock.Instant, batch []vl1.Datagram, out *Outbox) {
	c.begin(at, out)
	c.wire.Receive(at, batch)
	c.end()
}

// Done takes the result of work.
func (c *Core) Done(at clock.Instant, r vl1.WorkResult, out *Outbox) {
	c.begin(at, out)
	c.wire.Done(at, r)
	c.end()
}

// Tick does what is due. It may be called at any time.
func (c *Core) Tick(at clock.Instant, out *Outbox) {
	c.begin(at, out)
	c.wire.Tick(at)
	if !c.wire.LinkDown() {
		c.vl2.Tick(at)
	}
	for _, p := range c.sorted {
		p.tick(c, at)
	}
	if c.control != nil {
		c.control.Tick(at)
	}
	c.end()
}

// Deadline is when [Core.Tick] wants to be called at the latest.
func (c *Core) Deadline() clock.Mono {
	d := c.wire.Deadline()
	if !c.wire.LinkDown() {
		d = min(d, c.vl2.Deadline())
	}
	for _, p := range c.sorted {
		d = min(d, p.deadline())
	}
	if c.control != nil {
		if due, armed := c.control.Deadline(); armed {
			d = min(d, due)
		}
	}
	return d
}

// Recall says HELLO to the peers in the cache, at most limit of them, so that
// they hear at once of a restart instead of when their own timers run out.
func (c *Core) Recall(at clock.Instant, limit int, out *Outbox) {
	c.begin(at, out)
	defer c.end()
	known := slices.Sorted(maps.Keys(c.cache.records))
	for _, a := range known[:min(len(known), limit)] {
		c.wire.Recall(at, a)
	}
}

// SetLocal tells at which addresses our sockets can be reached, and which
// prefixes belong to our own virtual devices.
func (c *Core) SetLocal(at clock.Instant, addrs []netip.AddrPort, avoid []netip.Prefix) {
	c.wire.SetLocal(addrs, avoid)
}

// SetRelay tells whether datagrams can be sent by [vl1.RelaySocket], which is a
// TCP relay.
func (c *Core) SetRelay(at clock.Instant, active bool, out *Outbox) {
	c.begin(at, out)
	c.wire.SetRelay(at, active)
	c.end()
}

// HeardGlobal is when an authenticated packet last came by UDP straight from a
// peer at an address of global scope, [clock.Never] if none did.
func (c *Core) HeardGlobal() clock.Mono { return c.wire.HeardGlobal() }

// Join joins a network; cached is the stored configuration, nil if none.
func (c *Core) Join(at clock.Instant, nwid identity.NetworkID, s netconf.Settings, cached []byte, out *Outbox) {
	c.begin(at, out)
	if c.ports[nwid] == nil {
		p := newPort(c, nwid, s)
		c.ports[nwid] = p
		i, _ := slices.BinarySearchFunc(c.sorted, nwid, func(p *port, id identity.NetworkID) int {
			if p.nwid < id {
				return -1
			}
			return 1
		})
		c.sorted = slices.Insert(c.sorted, i, p)
	}
	nw := c.vl2.JoinWithToken(at, nwid, cached, s.Token)
	c.vl2.SetVerifiedOnly(at, nw, s.VerifiedOnly)
	nw.SetTrace(s.RemoteTrace)
	nw.SetEthernet(c.ports[nwid].ip == nil)
	c.ports[nwid].configure(c, at, nw)
	c.reckonInside()
	c.changed(nwid)
	c.end()
}

// Leave leaves a network and forgets its configuration.
func (c *Core) Leave(at clock.Instant, nwid identity.NetworkID, out *Outbox) {
	c.begin(at, out)
	c.vl2.Leave(at, nwid)
	delete(c.ports, nwid)
	c.sorted = slices.DeleteFunc(c.sorted, func(p *port) bool { return p.nwid == nwid })
	c.reckonInside()
	c.changed(nwid)
	c.end()
}

// Message sends a peer a message outside all networks (USER_MESSAGE, spec 02
// §10.20). Kinds up to 65535 are reserved. It may get lost.
func (c *Core) Message(at clock.Instant, to identity.Address, kind uint64, data []byte, out *Outbox) {
	c.begin(at, out)
	c.wire.Send(at, to, wire.VerbUserMessage, binary.BigEndian.AppendUint64(nil, kind), data, true)
	c.end()
}

// Shutdown stores what would be lost.
func (c *Core) Shutdown(at clock.Instant, out *Outbox) {
	c.begin(at, out)
	c.wire.SaveAll(at)
	c.end()
}

func (c *Core) changed(nwid identity.NetworkID) {
	if !slices.Contains(c.out.Networks, nwid) {
		c.out.Networks = append(c.out.Networks, nwid)
	}
}

// upper is the core as VL1 sees it.
type upper struct{ *Core }

func (u upper) Handle(at clock.Instant, v wire.Verb, in *vl1.Inbound) vl1.Disposition {
	return u.vl2.Handle(at, v, in)
}

func (u upper) HandleOK(at clock.Instant, inRe wire.Verb, in *vl1.Inbound) vl1.Disposition {
	return u.vl2.HandleOK(at, inRe, in)
}

func (u upper) HandleError(at clock.Instant, inRe wire.Verb, code wire.ErrorCode, in *vl1.Inbound) vl1.Disposition {
	return u.vl2.HandleError(at, inRe, code, in)
}

func (u upper) PeerLearned(at clock.Instant, id identity.Identity) { u.vl2.PeerLearned(at, id) }

func (u upper) Greeted(at clock.Instant, id identity.Identity) { u.vl2.Greeted(at, id.Address) }

func (u upper) AlwaysContact(dst []identity.Address) []identity.Address {
	return u.vl2.AlwaysContact(dst)
}

func (u upper) Inside(ip netip.Addr) bool {
	return slices.ContainsFunc(u.inside, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// Serves reports whether a node is the controller of a joined network.
func (u upper) Serves(a identity.Address) bool {
	return slices.ContainsFunc(u.sorted, func(p *port) bool { return p.nwid.Controller() == a && !p.nwid.AdHoc() })
}

func (u upper) PeerCache(a identity.Address) []byte { return u.cache.records[a] }

func (u upper) Message(_ clock.Instant, from identity.Identity, kind uint64, data []byte) {
	u.out.Messages = append(u.out.Messages, Message{from, kind, slices.Clone(data)})
}

func (u upper) Trace(_ clock.Instant, from identity.Identity, text []byte) {
	if len(u.out.Traces) < maxTraces {
		u.out.Traces = append(u.out.Traces, Trace{from, slices.Clone(text)})
	}
}

func (u upper) Twin(_ clock.Instant, present bool) {
	kind := EventTwinGone
	if present {
		kind = EventTwin
	}
	u.out.Events = append(u.out.Events, Event{Kind: kind, Peer: u.self.Address})
}

func (u upper) Collision(_ clock.Instant, from identity.Identity) {
	if !u.collided {
		u.collided = true
		u.out.Events = append(u.out.Events, Event{Kind: EventCollision, Peer: from.Address})
	}
}

// sink is the core as VL2 sees it.
type sink struct{ *Core }

func (s sink) Deliver(at clock.Instant, nw *vl2.Network, src, dst identity.MAC, etherType uint16, payload []byte, super bool) {
	if p := s.ports[nw.ID()]; p != nil {
		p.fromNetwork(s.Core, at, src, dst, etherType, payload, super)
	}
}

func (s sink) NetworkChanged(at clock.Instant, nw *vl2.Network) {
	if p := s.ports[nw.ID()]; p != nil {
		p.configure(s.Core, at, nw)
	}
	s.reckonInside()
	s.changed(nw.ID())
}

func (s sink) Store(nwid identity.NetworkID, conf []byte) {
	s.out.Files = append(s.out.Files, NetworkFile{nwid, conf})
}

func (s sink) StoreRevoked(nwid identity.NetworkID) {
	if !slices.Contains(s.out.Revoked, nwid) {
		s.out.Revoked = append(s.out.Revoked, nwid)
	}
}

// reckonInside collects the prefixes of all networks, over which the wire must
// not run (spec 03 §9.4).
func (c *Core) reckonInside() {
	c.inside = c.inside[:0]
	for _, p := range c.sorted {
		c.inside = append(c.inside, p.subnets...)
	}
}
