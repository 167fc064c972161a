package vl1

import (
	"encoding/binary"
	"log/slog"
	"net/netip"
	"slices"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/trust"
	"orrery/engine/wire"
)

// Upper is what runs over the wire: VL2, and whoever must be asked whether a
// physical address may be used.
type Upper interface {
	// Handle takes an authenticated VL2 packet.
	Handle(at clock.Instant, v wire.Verb, in *Inbound) Disposition
	// HandleOK takes an expected answer to a packet of VL2.
	HandleOK(at clock.Instant, inRe wire.Verb, in *Inbound) Disposition
	// HandleError takes an ERROR, which need not answer anything of ours.
	HandleError(at clock.Instant, inRe wire.Verb, code wire.ErrorCode, in *Inbound) Disposition
	// PeerLearned tells that an identity was admitted.
	PeerLearned(at clock.Instant, id identity.Identity)
	// Greeted tells that a peer said HELLO, or answers again after a silence: it
	// may have restarted and forgotten what it was told.
	Greeted(at clock.Instant, id identity.Identity)
	// AlwaysContact appends the addresses to keep contact with.
	AlwaysContact(dst []identity.Address) []identity.Address
	// Inside reports whether ip belongs to a virtual network: the wire must
	// never run over itself.
	Inside(ip netip.Addr) bool
	// PeerCache returns the stored record of a peer that is not in memory.
	PeerCache(a identity.Address) []byte
	// Message takes a USER_MESSAGE; data is borrowed for the call.
	Message(at clock.Instant, from identity.Identity, kind uint64, data []byte)
	// Trace takes a text of a REMOTE_TRACE, which is borrowed for the call.
	Trace(at clock.Instant, from identity.Identity, text []byte)
	// Collision tells that a root holds another key for our own address.
	Collision(at clock.Instant, from identity.Identity)
	// Twin tells that another node has our identity, or that it gave no sign
	// for half an hour.
	Twin(at clock.Instant, present bool)
}

// Config has all that the wire would otherwise reach out for.
type Config struct {
	Secret *identity.Secret
	Trust  *trust.Table
	Upper  Upper
	// Random fills a slice from a cryptographic source.
	Random func([]byte)
	Log    *slog.Logger
	// Major, Minor and Revision are announced as our software version.
	Major, Minor uint8
	Revision     uint16
	// Buffers may be shared by nodes that one caller owns; nil makes new ones.
	Buffers *Buffers
}

// Limits of queues (spec 03 §7).
const (
	maxHeld = 256 // packets that wait for an identity or a credential
	heldFor = 5 * clock.Second
	// heldPerSource is how many of them may be of one source.
	heldPerSource = 64
	maxPending    = 64 // validations under way
	maxStrangers  = 48 // of them for HELLOs of strangers
	maxPeers      = 1 << 20
)

// Wire is VL1 of one node: peers, paths, roots. It is owned by one caller and
// not safe for concurrent use. Every exported method that takes an instant
// writes to the outbox of the last [Wire.Begin].
type Wire struct {
	self   identity.Identity
	secret *identity.Secret
	trust  *trust.Table
	upper  Upper
	log    *slog.Logger
	cfg    Config

	now   clock.Mono
	out   *Outbox
	peers map[identity.Address]*Peer
	// order has all peers: no decision follows map order.
	order  []*Peer
	alarms alarms
	// expanded are those whose key schedules are kept.
	expanded []*Peer
	guest    *Peer
	paths    map[pathKey]*path
	allPaths []*path
	sweepAt  int // in allPaths
	// contacts are those with whom VL2 wants contact, spare memory for another
	// list.
	contacts, spare []identity.Address
	top             topology

	bestRoot      *Peer
	lastRoot      *Peer // the last best one
	bestRootUntil clock.Mono

	expect  expected
	parts   reassembly
	queue   sendQueue
	held    []held
	whois   []asked
	pending []pending
	workSeq uint64
	punches []punch
	searches
	unites  unites
	sprays  sprays
	surface surface
	strange prefixGate
	agree   clock.Bucket
	// strangers limits questions about unknown sources of packets, validations those
	// of identities that strangers present, rendezvous and strangePush the
	// addresses that we are told to send to.
	strangers, validations, rendezvous, strangePush clock.Bucket
	replay                                          replay
	twin                                            twin
	unproven                                        recent[netip.AddrPort, account]
	hellos                                          recent[peerPath, clock.Bucket]
	// watched are the attempts at relayed peers, telling bounds what is told.
	watched    []*attempt
	telling    clock.Bucket
	nextReview clock.Mono

	reach      reach
	set        settings
	fits       []fitting
	rivals     []rival
	local      []netip.AddrPort
	avoid      []netip.Prefix
	online     bool
	nextPing   clock.Mono
	nextLook   clock.Mono // that of what ping does beside the roots
	nextQueue  clock.Mono
	nextClean  clock.Mono
	lastBeacon clock.Mono
	// tcpRelay is whether there is one, heardGlobal what HeardGlobal says.
	tcpRelay    bool
	heardGlobal clock.Mono

	random  randomSource
	shared  *Buffers
	scratch []byte
	in      Inbound
	hint    pathHint
	due     []identity.Address
	stats   Stats
}

// Buffers are large and used only within a call: many nodes of a simulation
// share them.
type Buffers struct {
	lz       wire.Compressor
	inflated [wire.MaxPacketLen]byte
}

// pathHint is the path of the last direct packet, for the next of its batch.
type pathHint struct {
	key  pathKey
	path *path
}

// New returns a wire without roots; give it some with [Wire.AddWorld].
func New(cfg Config, at clock.Instant) *Wire {
	w := &Wire{
		self: cfg.Secret.Identity, secret: cfg.Secret, trust: cfg.Trust, upper: cfg.Upper, log: cfg.Log, cfg: cfg,
		peers: make(map[identity.Address]*Peer), paths: make(map[pathKey]*path),
		expect:     newExpected(),
		random:     randomSource{fill: cfg.Random},
		shared:     cfg.Buffers,
		nextPing:   at.Mono,
		nextQueue:  at.Mono,
		nextClean:  at.Mono + 30*clock.Second,
		unproven:   newRecent[netip.AddrPort, account](maxUnproven),
		hellos:     newRecent[peerPath, clock.Bucket](maxHelloGates),
		lastBeacon: clock.Never, heardGlobal: clock.Never,
		reach: reach{resumed: at.Mono},
	}
	if w.shared == nil {
		w.shared = new(Buffers)
	}
	return w
}

// Begin starts an event: it sets the time and the outbox for what follows.
func (w *Wire) Begin(at clock.Instant, out *Outbox) { w.now, w.out = at.Mono, out }

// Self is our own identity.
func (w *Wire) Self() identity.Identity { return w.self }

// Identity returns the identity of a peer in memory.
func (w *Wire) Identity(a identity.Address) (identity.Identity, bool) {
	if a == w.self.Address {
		return w.self, true
	}
	if p := w.peers[a]; p != nil {
		return p.id, true
	}
	return identity.Identity{}, false
}

// Upstreams appends the addresses of all roots, ascending.
func (w *Wire) Upstreams(dst []identity.Address) []identity.Address {
	for i := range w.top.upstreams {
		dst = append(dst, w.top.upstreams[i].id.Address)
	}
	return dst
}

// BestUpstream is the root that answers best.
func (w *Wire) BestUpstream() (identity.Address, bool) {
	p := w.bestUpstream(w.now)
	if p == nil {
		return 0, false
	}
	return p.id.Address, true
}

// IsUpstream reports whether this very identity is a root's.
func (w *Wire) IsUpstream(id identity.Identity) bool {
	u := w.top.find(id.Address)
	return u != nil && u.id == id
}

// AmUpstream reports whether we are a root ourselves.
func (w *Wire) AmUpstream() bool { return w.top.amRoot }

// Random is for spreading load and sampling.
func (w *Wire) Random() uint64 { return w.random.uint64() }

// DirectLatency is the round trip to a peer with a live direct path, in ms.
func (w *Wire) DirectLatency(a identity.Address) (int, bool) {
	p := w.peers[a]
	if p == nil {
		return 0, false
	}
	b := p.direct(w.now)
	if b == nil || !b.alive(w.now) || b.latency == unknownLatency {
		return 0, false
	}
	return int(b.latency), true
}

// Online reports whether a root answers, or we are one.
func (w *Wire) Online() bool { return w.online }

// SetLocal tells at which addresses our sockets can be reached, for
// PUSH_DIRECT_PATHS, and which prefixes are on our own devices.
func (w *Wire) SetLocal(addrs []netip.AddrPort, avoid []netip.Prefix) {
	w.local, w.avoid = slices.Clone(addrs), slices.Clone(avoid)
}

// admit makes a peer of an identity that the trust table accepts.
func (w *Wire) admit(at clock.Instant, id identity.Identity, from trust.Source) (*Peer, error) {
	return w.admitAgreed(at, id, from, nil)
}

// admitAgreed is admit with the key that was agreed on, nil if none was yet. It
// is the only place where a peer comes to be.
func (w *Wire) admitAgreed(at clock.Instant, id identity.Identity, from trust.Source, key *[identity.SharedKeyLen]byte) (*Peer, error) {
	if id.Address == w.self.Address || id.Address.Reserved() {
		return nil, errSelf
	}
	if len(w.peers) >= maxPeers {
		w.drop(DropQueueFull)
		return nil, errFull
	}
	if !w.trust.Identify(at.Wall, id, from) {
		w.drop(DropConflict)
		return nil, trust.ErrConflict
	}
	if key == nil {
		agreed, err := w.secret.Agree(id.Public)
		if err != nil {
			return nil, err
		}
		key = &agreed
	}
	return w.join(newPeer(id, key)), nil
}

// peer finds a peer in memory, else in the cache.
func (w *Wire) peer(at clock.Instant, a identity.Address) *Peer {
	if p := w.peers[a]; p != nil {
		return p
	}
	return w.recall(at, a)
}

// TrustChanged applies a change of trust records: peers with another key than
// the recorded one are dropped, blocked ones silenced (spec 03 §11.2, row 6).
// A forgotten peer is forgotten here too, in memory and in the cache: whoever
// holds the address then is met anew.
func (w *Wire) TrustChanged(at clock.Instant, changed []identity.Address) {
	for _, a := range changed {
		p := w.peers[a]
		if p == nil {
			continue
		}
		if r, ok := w.trust.Get(a); !ok || r.Identity != p.id {
			w.forget(p)
			w.out.Store = append(w.out.Store, Store{Kind: StorePeer, ID: uint64(a)})
			if u := w.top.find(a); u != nil {
				w.admitRoot(at, u.id)
			}
			continue
		}
		p.blocked = w.trust.Blocked(a)
	}
}

// usable reports whether a physical address may be used for a peer (spec 03
// §9.4). An IPv4 address in IPv6 form is none: it would be sent to by IPv4, past
// everything that is said of that. Our own addresses are nobody else's.
func (w *Wire) usable(a identity.Address, remote netip.AddrPort) bool {
	ip := remote.Addr()
	if ip.Is4In6() || slices.Contains(w.local, remote) {
		return false
	}
	if remote.Port() == 0 || !wire.UsableForPath(ip) || w.top.prohibited(a, ip) || w.upper.Inside(ip) || w.set.forbids(a, ip) {
		return false
	}
	return !slices.ContainsFunc(w.avoid, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// randomSource draws from the cryptographic source in blocks: each packet
// needs eight bytes.
type randomSource struct {
	fill func([]byte)
	buf  [512]byte
	left int
}

func (r *randomSource) uint64() uint64 {
	if r.left < 8 {
		r.fill(r.buf[:])
		r.left = len(r.buf)
	}
	v := binary.BigEndian.Uint64(r.buf[r.left-8:])
	clear(r.buf[r.left-8 : r.left])
	r.left -= 8
	return v
}
