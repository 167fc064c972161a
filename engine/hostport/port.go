package hostport

import (
	"net/netip"

	"orrery/engine/clock"
	"orrery/engine/identity"
)

// Limits of a port's tables (spec 04 §15.1).
const (
	MaxAddresses  = 64
	MaxRoutes     = 512
	MaxNeighbors  = 4096
	MaxIncomplete = 512
	MaxGroups     = 1024
	// MaxQueue is the packets that wait for one neighbour; MaxQueued and
	// MaxQueuedBytes are for all of them together.
	MaxQueue       = 32
	MaxQueued      = 1024
	MaxQueuedBytes = 4 << 20
	// MaxMTU is the largest packet that always fits the virtual wire (spec 04
	// §11.5).
	MaxMTU = 9645
)

// Output takes what a port emits. Byte slices are borrowed for the length of the
// call. The methods must not call the port; what they cause is to be handed to
// it after the call that they are made from.
type Output interface {
	// ToNetwork sends a frame as spec 04 §11.2 does.
	ToNetwork(src, dst identity.MAC, etherType uint16, payload []byte)
	// ToHost writes an IP packet to the device.
	ToHost(packet []byte)
}

// Config is what a port is made for. Only MAC and Network are required.
type Config struct {
	// MAC is our own on the network, [identity.MACOf].
	MAC     identity.MAC
	Network identity.NetworkID
	// MayClaim reports whether the holder of mac may have the address ip. It lets
	// certificates of ownership guard the neighbour table; nil lets everyone.
	MayClaim func(mac identity.MAC, ip netip.Addr) bool
	// Bridged reports whether mac is known to be behind a remote bridge, which
	// may answer for others; nil says no.
	Bridged func(mac identity.MAC) bool
	// Capture is shown frames that rules copied here for other members; nil
	// drops them (spec 04 §15.5).
	Capture func(src, dst identity.MAC, etherType uint16, payload []byte)
}

// Port is the Ethernet host of one network. One caller owns it. Until the first
// [Port.Configure] it drops everything.
type Port struct {
	cfg  Config
	mac  identity.MAC
	self identity.Address

	set        Settings
	up         bool
	own        []netip.Prefix // addresses with their prefixes, assigned ones first
	broadcasts []netip.Addr   // of our own subnets
	routes     [2][]route     // managed, own and the host's, IPv4 and IPv6, best first

	neighbors  map[netip.Addr]*neighbor
	order      []*neighbor // the same, so that walks do not depend on the map
	known      [knownLen]knownHop
	generation uint32
	waiting    int // neighbours that are incomplete
	queued     int
	bytes      int

	groups       []identity.MulticastGroup // sorted
	groupVersion uint32
	listed       []netip.Addr
	hasList      bool
	snooped      []snooped // sorted by group

	announcing []announcement
	conflicts  []Conflict

	neighborDue, snoopDue, queryDue, sweepDue clock.Mono

	errorRate, tooBigRate, largeRate, answerRate rate
	peerRate                                     [peerRates]peerRate

	drops [dropReasons]uint64
	types []EtherTypeCount
	buf   []byte
}

// New returns a port that is down.
func New(cfg Config) *Port {
	p := &Port{
		cfg: cfg, mac: cfg.MAC, self: cfg.MAC.Address(cfg.Network),
		neighbors: make(map[netip.Addr]*neighbor), generation: 1,
		neighborDue: idle, snoopDue: idle, queryDue: idle, sweepDue: idle,
		errorRate: newRate(), tooBigRate: newRate(), largeRate: newRate(), answerRate: newRate(),
		buf: make([]byte, 0, 1280),
	}
	for i := range p.peerRate {
		p.peerRate[i].rate = newRate()
	}
	return p
}

// idle is the due time of what has nothing to do.
const idle clock.Mono = 1 << 62

// Deadline is when [Port.Tick] next has something to do, far in the future if
// never.
func (p *Port) Deadline() clock.Mono {
	due := min(p.neighborDue, p.snoopDue, p.queryDue, p.sweepDue)
	for i := range p.announcing {
		due = min(due, p.announcing[i].due)
	}
	return due
}

// Tick does what is due. It may be called at any time.
func (p *Port) Tick(at clock.Instant, out Output) {
	if !p.up {
		return
	}
	p.announce(at.Mono, out)
	if at.Mono >= p.neighborDue {
		p.tickNeighbors(at.Mono, out)
	}
	if at.Mono >= p.sweepDue {
		p.sweep(at.Mono)
	}
	if at.Mono >= p.snoopDue {
		p.expireSnooped(at.Mono)
	}
	if at.Mono >= p.queryDue {
		p.queryHost(at.Mono, out)
	}
}

// isOwn reports whether ip is one of our addresses.
func (p *Port) isOwn(ip netip.Addr) bool {
	for i := range p.own {
		if p.own[i].Addr() == ip {
			return true
		}
	}
	return false
}
