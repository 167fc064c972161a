package vl2

import (
	"cmp"
	"log/slog"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// Config has what a [Switch] is built from. Link and Sink are required.
type Config struct {
	Link Link
	Sink Sink
	// LocalController is nil on a node without a controller.
	LocalController LocalController
	// Log may be nil.
	Log    *slog.Logger
	Limits Limits
	// RetryHeld asks VL1 to offer again, at once, the packets of a that it holds
	// (spec 04 §8.3). It is called at the end of a call, never in the middle of
	// handling a packet, and may call [Switch.Handle]. It may be nil.
	RetryHeld func(at clock.Instant, a identity.Address)
	// Verified reports whether the user has verified a peer's identity; networks
	// set to verified peers only carry frames of no others. nil: nobody is.
	Verified func(a identity.Address) bool
	// Metadata describes this software to controllers.
	Metadata netconf.Metadata
	// StrictDerived makes rules count a derived IPv6 source as its sender's only
	// if it embeds the sender's address, which the reference does not check (spec
	// 04 §17.2).
	StrictDerived bool
	// StrictCapabilities refuses a capability that another member has shown as its
	// own before. The reference takes it; without it such a dispute is only told of
	// ([Network.Disputes], spec 04 §17.1).
	StrictCapabilities bool
	// LowBandwidth stretches timers and stops periodic announcements.
	LowBandwidth bool
}

// Switch is the state of all joined networks. See the package comment for who
// may call it.
type Switch struct {
	cfg    Config
	link   Link
	sink   Sink
	log    *slog.Logger
	limits Limits
	self   identity.Identity

	networks []*Network // sorted by ID
	groups   groupTable
	peers    peerTable
	refused  stamps // ERROR NEED_MEMBERSHIP_CERTIFICATE sent
	unwanted stamps // ERROR UNWANTED_MULTICAST sent
	greeted  stamps // lists sent to peers that may have restarted

	lastPass  clock.Mono
	lastClean clock.Mono
	// contactChanges is what ContactChanges says.
	contactChanges uint64
	// retry lists peers whose held packets may pass now.
	retry []identity.Address
	// waiting lists signers whose identity held packets wait for.
	waiting []waitingFor

	scratch scratch
}

// scratch is memory reused from packet to packet. Nothing in it outlives the
// call that filled it.
type scratch struct {
	head  [64]byte
	body  []byte
	addrs []identity.Address
	// hubs and contacts are in use while packets about groups are sent.
	hubs, contacts []identity.Address
	members        []byte
	input          rule.Input
	out            outgoing
	// clamped is the last frame that opens a TCP connection as it goes on, with the
	// payload in one of the other two.
	clamped               frame
	openingIn, openingOut []byte
}

// random draws from the link for rules that match at random.
type random struct{ link Link }

func (r random) Uint64() uint64 { return r.link.Random() }

// New returns a switch that has joined no network.
func New(cfg Config) *Switch {
	if cfg.Metadata.Version == 0 {
		cfg.Metadata = netconf.OwnMetadata(cfg.Metadata.Platform, 0, 0, 0)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Switch{
		cfg: cfg, link: cfg.Link, sink: cfg.Sink, log: cfg.Log,
		limits:   cfg.Limits.withDefaults(),
		self:     cfg.Link.Self(),
		lastPass: clock.Never, lastClean: clock.Never,
	}
	s.groups = newGroupTable(&s.limits)
	s.peers = newPeerTable(&s.limits)
	s.scratch.input.Random = random{cfg.Link}
	return s
}

// find returns the joined network with this ID, nil if there is none. There are
// few networks, so a search of the sorted list beats a map.
func (s *Switch) find(id identity.NetworkID) *Network {
	i, ok := s.position(id)
	if !ok {
		return nil
	}
	return s.networks[i]
}

func (s *Switch) position(id identity.NetworkID) (int, bool) {
	return slices.BinarySearchFunc(s.networks, id, func(nw *Network, id identity.NetworkID) int {
		return cmp.Compare(nw.id, id)
	})
}

// Network returns the joined network with this ID, nil if there is none.
func (s *Switch) Network(id identity.NetworkID) *Network { return s.find(id) }

// Networks returns the joined networks in order of their IDs.
func (s *Switch) Networks() []*Network { return slices.Clone(s.networks) }

// Handle processes a packet of one of the verbs FRAME, EXT_FRAME, MULTICAST_LIKE,
// MULTICAST_GATHER, MULTICAST_FRAME, NETWORK_CREDENTIALS, NETWORK_CONFIG_REQUEST
// and NETWORK_CONFIG. A packet for which it returns [vl1.Held] is to be offered
// again, with the same ID, about every 500 ms for 5 s and when RetryHeld names
// its sender.
func (s *Switch) Handle(at clock.Instant, v wire.Verb, in *vl1.Inbound) vl1.Disposition {
	var d vl1.Disposition
	switch v {
	case wire.VerbFrame:
		// Frames accept no credentials, so there is nothing to retry after them.
		return s.handleFrame(at, in)
	case wire.VerbExtFrame:
		d = s.handleExtFrame(at, in)
	case wire.VerbMulticastFrame:
		d = s.handleMulticastFrame(at, in)
	case wire.VerbMulticastLike:
		d = s.handleLike(at, in)
	case wire.VerbMulticastGather:
		d = s.handleGather(at, in)
	case wire.VerbNetworkCredentials:
		d = s.handleCredentials(at, in)
	case wire.VerbNetworkConfigRequest:
		d = s.handleConfigRequest(at, in)
	case wire.VerbNetworkConfig:
		d = s.handleConfig(at, in)
	default:
		return vl1.Received
	}
	s.retryHeld(at)
	return d
}

// HandleOK processes the answer to a packet of ours with verb inRe. VL1 has
// checked that we sent such a packet to this peer.
func (s *Switch) HandleOK(at clock.Instant, inRe wire.Verb, in *vl1.Inbound) vl1.Disposition {
	d := vl1.Received
	switch inRe {
	case wire.VerbNetworkConfigRequest:
		d = s.handleConfigReply(at, in)
	case wire.VerbMulticastGather:
		d = s.handleGatherReply(at, in)
	case wire.VerbMulticastFrame:
		d = s.handleMulticastReply(at, in)
	}
	s.retryHeld(at)
	return d
}

// retryHeld has VL1 retry the packets that credentials just accepted may let
// pass.
func (s *Switch) retryHeld(at clock.Instant) {
	for len(s.retry) > 0 {
		a := s.retry[len(s.retry)-1]
		s.retry = s.retry[:len(s.retry)-1]
		if s.cfg.RetryHeld != nil {
			s.cfg.RetryHeld(at, a)
		}
	}
}

// wantRetry notes that packets of a may pass now.
func (s *Switch) wantRetry(a identity.Address) {
	if !slices.Contains(s.retry, a) {
		s.retry = append(s.retry, a)
	}
}
