package node

import (
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/hostport"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/vl2"
)

// port joins one network to its virtual device: an IP device with a virtual
// Ethernet host in between, or an Ethernet device as it is.
type port struct {
	nwid     identity.NetworkID
	mac      identity.MAC
	settings netconf.Settings
	ip       *hostport.Port // nil for an Ethernet device

	// addresses and routes are what the settings let through.
	addresses []netip.Prefix
	routes    []netconf.Route
	subnets   []netip.Prefix // of all managed addresses that the system does not refuse
	withheld  withheld
	observed  []netip.Prefix            // what the system has on the device
	survey    survey                    // what it has for an IP device
	listening []identity.MAC            // multicast MACs of an Ethernet device
	mtu       int                       // of the device
	largest   int                       // packet that others send: the network's MTU
	groups    []identity.MulticastGroup // subscribed, sorted
	version   uint32                    // of the IP port's groups that are subscribed

	// claims are those that others made of our addresses, on an Ethernet device.
	claims []hostport.Conflict

	// received and sent count frames to and from the host.
	received, sent uint64
	// oversize and strays count frames that an Ethernet device was spared: longer
	// than it takes, or for another host though we are no bridge.
	oversize, strays uint64

	out *portOutput
}

func newPort(c *Core, nwid identity.NetworkID, s netconf.Settings) *port {
	p := &port{nwid: nwid, mac: identity.MACOf(nwid, c.self.Address), settings: s, mtu: netconf.DefaultMTU, largest: netconf.DefaultMTU}
	p.out = &portOutput{core: c, port: p}
	p.kind()
	return p
}

// kind makes or drops the virtual Ethernet host.
func (p *port) kind() {
	switch {
	case p.settings.Ethernet(p.out.core.etherDevices):
		p.ip = nil
	case p.ip == nil:
		p.survey = survey{}
		p.ip = hostport.New(hostport.Config{MAC: p.mac, Network: p.nwid, MayClaim: p.mayClaim, Bridged: p.bridged})
	}
}

// mayClaim reports whether certificates of ownership let the holder of a MAC
// have an address.
func (p *port) mayClaim(mac identity.MAC, ip netip.Addr) bool {
	nw := p.out.core.vl2.Network(p.nwid)
	return nw == nil || nw.MayClaim(mac, ip)
}

// bridged reports whether a MAC is behind a bridge.
func (p *port) bridged(mac identity.MAC) bool {
	nw := p.out.core.vl2.Network(p.nwid)
	if nw == nil {
		return false
	}
	_, ok := nw.BridgeRoute(mac)
	return ok
}

// configure follows a change of the network's configuration or settings.
func (p *port) configure(c *Core, at clock.Instant, nw *vl2.Network) {
	p.addresses, p.routes, p.subnets = nil, nil, nil
	ndp := false
	if conf := nw.Config(); conf != nil {
		p.setMTU(nw, conf.MTU)
		ndp = conf.NDPEmulation()
		for _, a := range conf.Addresses {
			if slices.Contains(p.withheld.addresses, a) {
				continue
			}
			p.subnets = append(p.subnets, a.Masked())
			if p.settings.AllowsAddress(a) {
				p.addresses = append(p.addresses, a)
			}
		}
		for _, r := range conf.Routes {
			if p.settings.AllowsRoute(r.Target) && !slices.Contains(p.withheld.targets, r.Target.Masked()) {
				p.routes = append(p.routes, r)
			}
		}
	}
	if p.ip != nil {
		set := hostport.Settings{Assigned: p.addresses, Added: p.added(), MTU: p.mtu, NetworkMTU: p.largest, NDPEmulation: ndp, HostRoutes: p.survey.routes}
		set.AskLinkLocal = nw.Config() != nil && nw.Config().MulticastLimit == 0
		for _, r := range p.routes {
			set.Routes = append(set.Routes, hostport.Route{Prefix: r.Target, Via: r.Via, Metric: r.Metric})
		}
		p.ip.Configure(at, set)
	}
	p.subscribe(c, at, nw)
}

// setMTU takes the network's MTU and the user's cap of it. TCP connections keep
// below a cap; of other packets that others send, those over IP learn of it.
func (p *port) setMTU(nw *vl2.Network, mtu int) {
	p.largest = min(mtu, hostport.MaxMTU)
	p.mtu = p.largest
	limit := 0
	if c := p.settings.MTU; c > 0 && c < p.largest {
		p.mtu, limit = c, c
	}
	nw.SetLimit(limit)
}

// added is every other address on the device: our link-local one, and what the
// user added.
func (p *port) added() []netip.Prefix {
	added := []netip.Prefix{netip.PrefixFrom(identity.LinkLocal(p.mac), 64)}
	for _, a := range p.observed {
		same := func(o netip.Prefix) bool { return o.Addr() == a.Addr() }
		if !slices.ContainsFunc(p.addresses, same) && !slices.ContainsFunc(added, same) {
			added = append(added, a)
		}
	}
	return added
}

// subscribe makes VL2's groups those that the device wants.
func (p *port) subscribe(c *Core, at clock.Instant, nw *vl2.Network) {
	var want []identity.MulticastGroup
	if p.ip != nil {
		want, p.version = slices.Clone(p.ip.Groups()), p.ip.GroupVersion()
	} else {
		// First those without which nobody finds us: there is a limit.
		for _, a := range slices.Concat(p.addresses, p.added()) {
			want = append(want, identity.ResolutionGroup(a.Addr()))
		}
		for _, m := range p.listening {
			if len(want) < hostport.MaxGroups {
				want = append(want, identity.MulticastGroup{MAC: m})
			}
		}
	}
	slices.SortFunc(want, identity.MulticastGroup.Compare)
	want = slices.Compact(want)
	if slices.Equal(want, p.groups) {
		return
	}
	for _, g := range p.groups {
		if _, ok := slices.BinarySearchFunc(want, g, identity.MulticastGroup.Compare); !ok {
			c.vl2.Unsubscribe(at, nw, g)
		}
	}
	for _, g := range want {
		if _, ok := slices.BinarySearchFunc(p.groups, g, identity.MulticastGroup.Compare); !ok {
			c.vl2.Subscribe(at, nw, g)
		}
	}
	p.groups = want
}

// fromNetwork brings a frame to the device.
func (p *port) fromNetwork(c *Core, at clock.Instant, src, dst identity.MAC, etherType uint16, payload []byte, super bool) {
	p.received++
	if p.ip != nil {
		p.out.deliver(at, frame{src, dst, etherType, payload, super})
		return
	}
	p.watchClaims(at, src, etherType, payload)
	if !p.takes(c, dst, etherType, payload, super) {
		return
	}
	b := c.out.Alloc(Headroom + ether.HeaderLen + len(payload))
	ether.AppendHeader(b[Headroom:Headroom], dst, src, etherType)
	copy(b[Headroom+ether.HeaderLen:], payload)
	c.out.Deliver = append(c.out.Deliver, Delivery{p.nwid, b})
}

func (p *port) tick(c *Core, at clock.Instant) {
	if p.ip == nil || p.ip.Deadline() > at.Mono {
		return
	}
	if nw := c.vl2.Network(p.nwid); nw != nil {
		p.out.enter(at, nw)
		p.ip.Tick(at, p.out)
		p.out.leave()
		p.follow(c, at, nw)
	}
}

// follow subscribes to what the host joined meanwhile.
func (p *port) follow(c *Core, at clock.Instant, nw *vl2.Network) {
	if p.ip.GroupVersion() != p.version {
		p.subscribe(c, at, nw)
	}
}

func (p *port) deadline() clock.Mono {
	if p.ip == nil {
		return 1<<63 - 1
	}
	return p.ip.Deadline()
}

// portOutput takes what the virtual Ethernet host puts out. A frame that comes
// back while the port is at work, as an answer that VL2 gives itself does,
// waits until the port is done.
type portOutput struct {
	core *Core
	port *port
	nw   *vl2.Network
	at   clock.Instant
	busy bool
	wait []frame
}

// frame is an Ethernet frame from the network.
type frame struct {
	src, dst  identity.MAC
	etherType uint16
	payload   []byte
	super     bool
}

func (o *portOutput) enter(at clock.Instant, nw *vl2.Network) { o.at, o.nw, o.busy = at, nw, true }

func (o *portOutput) leave() {
	for len(o.wait) > 0 {
		f := o.wait[0]
		o.wait = slices.Delete(o.wait, 0, 1)
		o.port.ip.FromNetwork(o.at, f.src, f.dst, f.etherType, f.payload, f.super, o)
	}
	o.busy = false
}

// deliver gives the port a frame, now or after what it does.
func (o *portOutput) deliver(at clock.Instant, f frame) {
	if o.busy {
		if len(o.wait) < maxWaiting {
			f.payload = slices.Clone(f.payload)
			o.wait = append(o.wait, f)
		}
		return
	}
	o.enter(at, o.core.vl2.Network(o.port.nwid))
	o.port.ip.FromNetwork(at, f.src, f.dst, f.etherType, f.payload, f.super, o)
	o.leave()
}

// maxWaiting bounds the frames that one batch of packets brings back.
const maxWaiting = 256

// ToNetwork sends a frame.
func (o *portOutput) ToNetwork(src, dst identity.MAC, etherType uint16, payload []byte) {
	o.port.sent++
	o.core.vl2.SendFrame(o.at, o.nw, src, dst, etherType, payload)
}

// ToHost delivers an IP packet to the device.
func (o *portOutput) ToHost(packet []byte) {
	b := o.core.out.Alloc(Headroom + len(packet))
	copy(b[Headroom:], packet)
	o.core.out.Deliver = append(o.core.out.Deliver, Delivery{o.port.nwid, b})
}

// Packets takes IP packets from a network's device.
func (c *Core) Packets(at clock.Instant, nwid identity.NetworkID, packets [][]byte, out *Outbox) {
	c.begin(at, out)
	defer c.end()
	p, nw := c.ports[nwid], c.vl2.Network(nwid)
	if p == nil || nw == nil || p.ip == nil {
		return
	}
	p.out.enter(at, nw)
	for _, b := range packets {
		p.ip.FromHost(at, b, p.out)
	}
	p.out.leave()
	p.follow(c, at, nw)
}

// Frames takes Ethernet frames from a network's device.
func (c *Core) Frames(at clock.Instant, nwid identity.NetworkID, frames [][]byte, out *Outbox) {
	c.begin(at, out)
	defer c.end()
	p, nw := c.ports[nwid], c.vl2.Network(nwid)
	if p == nil || nw == nil || p.ip != nil {
		return
	}
	for _, f := range frames {
		if e, err := ether.ParseFrame(f); err == nil {
			p.sent++
			p.overhear(c, at, nw, e)
			c.vl2.SendFrame(at, nw, e.Src, e.Dst, e.Type, e.Payload)
		}
	}
}

// SetSettings changes what the user allows a network to do.
func (c *Core) SetSettings(at clock.Instant, nwid identity.NetworkID, s netconf.Settings, out *Outbox) {
	c.begin(at, out)
	defer c.end()
	p, nw := c.ports[nwid], c.vl2.Network(nwid)
	if p == nil || nw == nil {
		return
	}
	p.settings = s
	c.vl2.SetVerifiedOnly(at, nw, s.VerifiedOnly)
	c.vl2.SetToken(at, nw, s.Token)
	nw.SetTrace(s.RemoteTrace)
	p.kind()
	nw.SetEthernet(p.ip == nil)
	p.configure(c, at, nw)
	c.reckonInside()
	c.changed(nwid)
}

// SetPortError tells whether the system has a device for the network: 0 if it
// does, another number shows as PORT_ERROR.
func (c *Core) SetPortError(at clock.Instant, nwid identity.NetworkID, code int, out *Outbox) {
	c.begin(at, out)
	defer c.end()
	if nw := c.vl2.Network(nwid); nw != nil && nw.PortError() != code {
		c.vl2.SetPortError(at, nw, code)
	}
}

// Observed tells what the system has on a network's device: all addresses, and
// for an Ethernet device the multicast MACs that are listened to.
func (c *Core) Observed(at clock.Instant, nwid identity.NetworkID, addresses []netip.Prefix, groups []identity.MAC, out *Outbox) {
	c.begin(at, out)
	defer c.end()
	p, nw := c.ports[nwid], c.vl2.Network(nwid)
	if p == nil || nw == nil || slices.Equal(p.observed, addresses) && slices.Equal(p.listening, groups) {
		return
	}
	p.observed, p.listening = slices.Clone(addresses), slices.Clone(groups)
	slices.Sort(p.listening)
	p.configure(c, at, nw)
}
