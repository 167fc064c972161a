package vl2

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"net/netip"
	"slices"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/credential"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// lab wires switches back to back: every packet arrives a millisecond after it
// was sent, in order, unless lost says otherwise.
type lab struct {
	t        testing.TB
	at       clock.Instant
	stations map[identity.Address]*station
	order    []*station
	queue    []message
	nextID   uint64
	lost     func(m *message) bool
	// transcript is a hash over all that happened.
	transcript hash.Hash
}

// message is a packet between two stations.
type message struct {
	due      clock.Mono
	from, to identity.Address
	verb     wire.Verb // of what is answered in an OK or ERROR
	kind     byte      // 'p'acket, 'o'k, 'e'rror
	code     wire.ErrorCode
	id, inRe uint64
	payload  []byte
	until    clock.Mono // when a held packet is given up
}

// station is a node: a Link and a Sink.
type station struct {
	*lab
	secret *identity.Secret
	sw     *Switch
	known  map[identity.Address]identity.Identity
	root   bool
	seed   uint64
	host   []frameOut
	held   []message
	sentBy [wire.VerbCount]int
	errors int // ERROR NEED_MEMBERSHIP_CERTIFICATE sent
	stored map[identity.NetworkID][]byte
}

func newLab(t testing.TB) *lab {
	return &lab{t: t, at: start, stations: map[identity.Address]*station{}, transcript: sha256.New()}
}

// add makes a station of one of the vectors' identities.
func (l *lab) add(role string, root bool, c LocalController) *station {
	v := loadMulticast(l.t)
	i := slices.IndexFunc(v.Identities, func(p party) bool { return p.Role == role })
	secret, err := identity.ParseSecret(v.Identities[i].Secret)
	if err != nil {
		l.t.Fatal(err)
	}
	st := &station{
		lab: l, secret: secret, known: map[identity.Address]identity.Identity{}, root: root,
		seed: uint64(secret.Address), stored: map[identity.NetworkID][]byte{},
	}
	l.stations[secret.Address] = st
	l.order = append(l.order, st)
	st.sw = New(Config{Link: st, Sink: st, LocalController: c, RetryHeld: st.retryHeld})
	return st
}

func (st *station) Self() identity.Identity { return st.secret.Identity }
func (st *station) Identity(a identity.Address) (identity.Identity, bool) {
	id, ok := st.known[a]
	return id, ok
}
func (st *station) Whois(at clock.Instant, a identity.Address) {
	if _, exists := st.stations[a]; exists {
		st.post(at, message{from: a, to: st.secret.Address, kind: 'w'})
	}
}
func (st *station) Send(at clock.Instant, to identity.Address, v wire.Verb, head, body []byte, _ bool) uint64 {
	st.sentBy[v]++
	if _, exists := st.stations[to]; !exists {
		return 0
	}
	return st.post(at, message{from: st.secret.Address, to: to, verb: v, kind: 'p', payload: append(slices.Clone(head), body...)})
}
func (st *station) ReplyOK(at clock.Instant, in *vl1.Inbound, inRe wire.Verb, body []byte) {
	st.post(at, message{from: st.secret.Address, to: in.From.Address, verb: inRe, kind: 'o', inRe: in.ID, payload: slices.Clone(body)})
}
func (st *station) ReplyError(at clock.Instant, in *vl1.Inbound, inRe wire.Verb, code wire.ErrorCode, body []byte) {
	if code == wire.ErrorNeedMembershipCertificate {
		st.errors++
	}
	st.post(at, message{from: st.secret.Address, to: in.From.Address, verb: inRe, kind: 'e', code: code, inRe: in.ID, payload: slices.Clone(body)})
}
func (st *station) Upstreams(dst []identity.Address) []identity.Address {
	start := len(dst)
	for _, o := range st.order {
		if o.root {
			dst = append(dst, o.secret.Address)
		}
	}
	slices.Sort(dst[start:])
	return dst
}
func (st *station) BestUpstream() (identity.Address, bool) {
	if u := st.Upstreams(nil); len(u) > 0 && !st.root {
		return u[0], true
	}
	return 0, false
}
func (st *station) AmUpstream() bool { return st.root }
func (st *station) Random() uint64 {
	st.seed = st.seed*6364136223846793005 + 1442695040888963407
	return st.seed >> 11
}
func (st *station) Whole(identity.Address) int                   { return 0 }
func (st *station) DirectLatency(a identity.Address) (int, bool) { return 1, st.stations[a] != nil }

func (st *station) Deliver(_ clock.Instant, _ *Network, src, dst identity.MAC, etherType uint16, payload []byte, super bool) {
	fmt.Fprintln(st.transcript, "deliver", st.at.Mono, st.secret.Address, src, dst, etherType, payload, super)
	st.host = append(st.host, frameOut{src, dst, etherType, fmt.Sprintf("%x", payload), super})
}
func (st *station) NetworkChanged(clock.Instant, *Network)   {}
func (st *station) StoreRevoked(identity.NetworkID)          {}
func (st *station) Store(id identity.NetworkID, conf []byte) { st.stored[id] = conf }
func (st *station) retryHeld(at clock.Instant, a identity.Address) {
	held := st.held
	st.held = nil
	for _, m := range held {
		if m.from == a {
			st.receive(at, m)
		} else {
			st.held = append(st.held, m)
		}
	}
}

// takeHost returns the frames delivered to the host since the last call.
func (st *station) takeHost() []frameOut {
	h := st.host
	st.host = nil
	return h
}

// post puts a message on the wire.
func (l *lab) post(at clock.Instant, m message) uint64 {
	l.nextID++
	m.id, m.due = l.nextID, at.Mono+clock.Millisecond
	fmt.Fprintln(l.transcript, m.due, m.from, m.to, m.kind, m.verb, m.code, m.payload)
	if l.lost == nil || !l.lost(&m) {
		l.queue = append(l.queue, m)
	}
	return m.id
}

// receive gives a message to the station it is for.
func (st *station) receive(at clock.Instant, m message) {
	from := st.stations[m.from].secret.Identity
	_, known := st.known[m.from]
	st.known[m.from] = from
	if !known || m.kind == 'w' {
		st.sw.PeerLearned(at, from)
	}
	in := vl1.Inbound{From: from, ID: m.id, Payload: m.payload, InReID: m.inRe}
	d := vl1.Received
	switch m.kind {
	case 'p':
		d = st.sw.Handle(at, m.verb, &in)
	case 'o':
		d = st.sw.HandleOK(at, m.verb, &in)
	case 'e':
		d = st.sw.HandleError(at, m.verb, m.code, &in)
	}
	if d == vl1.Held {
		if m.until == 0 {
			m.until = at.Mono + 5*clock.Second
		}
		if at.Mono < m.until {
			st.held = append(st.held, m)
		}
	}
}

// run lets time pass.
func (l *lab) run(span clock.Mono) {
	for end := l.at.Mono + span; l.at.Mono < end; {
		l.at = l.at.Add(clock.Millisecond)
		for len(l.queue) > 0 && l.queue[0].due <= l.at.Mono {
			m := l.queue[0]
			l.queue = l.queue[1:]
			l.stations[m.to].receive(l.at, m)
		}
		if l.at.Mono%(500*clock.Millisecond) == 0 {
			for _, st := range l.order {
				st.sw.Tick(l.at)
				held := st.held
				st.held = nil
				for _, m := range held {
					st.receive(l.at, m)
				}
			}
		}
	}
}

// issuer is a network controller that admits whom it is told to.
type issuer struct {
	st       *station
	id       identity.NetworkID
	admitted map[identity.Address]netip.Prefix
	silent   bool
	update   uint64
	// shape may change a configuration before it is signed.
	shape func(c *netconf.Config)
}

// newIssuer adds a controller station with one private network.
func newIssuer(l *lab) *issuer {
	k := &issuer{admitted: map[identity.Address]netip.Prefix{}}
	k.st = l.add("controller", false, k)
	k.id = identity.NetworkID(k.st.secret.Address)<<24 | 0x1a2b3c
	return k
}

func (k *issuer) Authorized(clock.Instant, identity.NetworkID, identity.Address) bool { return false }

func (k *issuer) Request(at clock.Instant, from identity.Identity, nwid identity.NetworkID, _ wire.Dictionary, in *vl1.Inbound) {
	if k.silent || nwid != k.id {
		return
	}
	address, ok := k.admitted[from.Address]
	if !ok {
		if in == nil {
			k.st.sw.LocalError(at, nwid, wire.ErrorNetworkAccessDenied, nwid.Append(nil))
		} else {
			k.st.ReplyError(at, in, wire.VerbNetworkConfigRequest, wire.ErrorNetworkAccessDenied, nwid.Append(nil))
		}
		return
	}
	c := k.config(at, from, address)
	text := c.Append(nil)
	if in == nil {
		k.st.sw.LocalConfig(at, nwid, text)
		return
	}
	k.update++
	chunks, err := netconf.Chunks(nwid, text, k.update, netconf.MaxChunk, k.st.secret)
	if err != nil {
		k.st.t.Fatal(err)
	}
	for _, b := range chunks {
		k.st.ReplyOK(at, in, wire.VerbNetworkConfigRequest, b)
	}
}

func (k *issuer) config(at clock.Instant, to identity.Identity, address netip.Prefix) *netconf.Config {
	c := &netconf.Config{
		Network: k.id, Timestamp: at.Wall, MaxDelta: netconf.DefaultMaxDelta, Revision: 1, IssuedTo: to.Address,
		Flags: netconf.FlagBroadcast, MulticastLimit: 32, MTU: 2800, Name: "lab",
		Addresses: []netip.Prefix{address}, Rules: []rule.Rule{{Type: rule.ActionAccept}},
	}
	if k.shape != nil {
		k.shape(c)
	}
	if !c.Public {
		c.Membership = credential.NewMembership(k.id, to, at.Wall, c.MaxDelta)
		c.Membership.Sign(k.st.secret)
	}
	return c
}

// revoke revokes the membership of a and tells only the members named.
func (k *issuer) revoke(at clock.Instant, a identity.Address, tell ...*station) {
	v := credential.Revocation{
		ID: 7, Network: k.id, Threshold: at.Wall, Flags: credential.FastPropagate, Target: a, Type: credential.TypeMembership,
	}
	v.Sign(k.st.secret)
	b := credential.Bundle{Revocations: []credential.Revocation{v}}
	for _, st := range tell {
		k.st.Send(at, st.secret.Address, wire.VerbNetworkCredentials, b.Append(nil), nil, false)
	}
}

// admit lets a station into the network with an address and joins it.
func (k *issuer) admit(st *station, address string) *Network {
	p := netip.MustParsePrefix(address)
	k.admitted[st.secret.Address] = p
	nw := st.sw.Join(st.at, k.id, nil)
	st.sw.Subscribe(st.at, nw, identity.ResolutionGroup(p.Addr()))
	return nw
}
