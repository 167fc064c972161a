package vl1

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"orrery/engine/armor"
	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/trust"
	"orrery/engine/wire"
	"orrery/engine/world"
)

// receiveVectors is testdata/receive_cases.json: what a live reference node did
// with datagrams (spec 02 §20.1). Long payloads of its answers are given by
// their hash, and heads that never complete are cut short.
type receiveVectors struct {
	Identities      map[string]string `json:"identities_with_secrets"`
	Worlds          map[string]string
	HelloTruncation struct {
		Ranges []struct {
			PeerKnown bool `json:"peer_known"`
			Counted   bool `json:"counted_as_received"`
			Actions   []string
			From      int `json:"from_length"`
			To        int `json:"to_length"`
		}
	} `json:"hello_truncation"`
	Cases []receiveCase `json:"receive_cases"`
}

type receiveCase struct {
	Name  string
	Setup struct {
		Node        string
		Planet      string
		Preloaded   []string `json:"preloaded_peers"`
		Protocol    uint8    `json:"preloaded_peer_protocol"`
		HavePaths   bool     `json:"preloaded_peers_have_paths"`
		RootHasPath bool     `json:"root_has_path"`
		Network     string
		MoonFile    string `json:"moon_file"`
		TrustedPath string `json:"trusted_path"`
		Orbit       string
	}
	Colliding string `json:"colliding_identity"`
	Steps     []receiveStep
}

type receiveStep struct {
	AtMs      int64 `json:"at_ms"`
	From      string
	Note      string
	Datagram  string
	Cleartext string `json:"cleartext_packet"`
	Expects   string `json:"node_expects_reply_to"`
	Timer     bool   `json:"queue_timer"`
	Result    []receiveResult
	PeerKnown bool `json:"peer_known"`
	Counted   bool `json:"counted_as_received"`
}

type receiveResult struct {
	Kind    string
	To      string
	TTL     uint8
	Cipher  uint8
	Hops    uint8
	Dest    string
	Verb    uint8
	Payload string
	Sum     string `json:"payload_sha256"`
	Decrypt string
	// Of other kinds.
	Datagram string
	Data     string
	Origin   string
	Type     string
}

var loadVectors = sync.OnceValue(func() *receiveVectors {
	text, err := os.ReadFile("testdata/receive_cases.json")
	if err != nil {
		panic(err)
	}
	v := new(receiveVectors)
	if err := json.Unmarshal(text, v); err != nil {
		panic(err)
	}
	return v
})

func (v *receiveVectors) secret(name string) *identity.Secret {
	s, err := identity.ParseSecret(v.Identities[name])
	if err != nil {
		panic(name + ": " + err.Error())
	}
	return s
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// vectorEndpoints are where the vectors' nodes are unless said otherwise.
var vectorEndpoints = map[string]string{
	"alice": "198.51.100.10:9993", "carol": "203.0.113.30:9993", "root": "198.51.100.1:9993",
	"controller": "203.0.113.40:9993", "moonroot": "198.51.100.77:9993",
}

// vectorNode is a wire in the place of the reference.
type vectorNode struct {
	t     *testing.T
	v     *receiveVectors
	w     *Wire
	out   Outbox
	start clock.Instant
	now   clock.Instant
	keys  map[identity.Address]*armor.Keys // of those it may write to
	known map[identity.Address]string
	parts reassembly
	// asked is the ID of its last WHOIS.
	asked uint64
	// did is what it did in a step.
	did []string
}

// Handle and the other methods are those of [Upper]. Frames and the other
// business of networks have their own tests: here they are received.
func (n *vectorNode) Handle(clock.Instant, wire.Verb, *Inbound) Disposition   { return Received }
func (n *vectorNode) HandleOK(clock.Instant, wire.Verb, *Inbound) Disposition { return Received }
func (n *vectorNode) HandleError(clock.Instant, wire.Verb, wire.ErrorCode, *Inbound) Disposition {
	return Received
}
func (n *vectorNode) Greeted(clock.Instant, identity.Identity)                {}
func (n *vectorNode) PeerLearned(clock.Instant, identity.Identity)            {}
func (n *vectorNode) AlwaysContact(dst []identity.Address) []identity.Address { return dst }
func (n *vectorNode) Inside(netip.Addr) bool                                  { return false }
func (n *vectorNode) PeerCache(identity.Address) []byte                       { return nil }
func (n *vectorNode) Collision(clock.Instant, identity.Identity)              { n.did = append(n.did, "collision") }

func (n *vectorNode) Message(_ clock.Instant, from identity.Identity, kind uint64, data []byte) {
	n.did = append(n.did, fmt.Sprintf("message %v %016x %x", from.Address, kind, data))
}

func (n *vectorNode) Twin(clock.Instant, bool) {}

func (n *vectorNode) Trace(_ clock.Instant, _ identity.Identity, text []byte) {
	n.did = append(n.did, "trace "+string(text))
}

// validated remembers what the memory-hard hash said.
var validated sync.Map

func validate(id identity.Identity) bool {
	if ok, known := validated.Load(id); known {
		return ok.(bool)
	}
	ok := id.Validate()
	validated.Store(id, ok)
	return ok
}

const vectorEpoch clock.Wall = 1700000000000

// newVectorNode sets up a case.
func newVectorNode(t *testing.T, c *receiveCase) *vectorNode {
	v := loadVectors()
	n := &vectorNode{
		t: t, v: v, start: clock.Instant{Mono: clock.Hour, Wall: vectorEpoch},
		keys: make(map[identity.Address]*armor.Keys), known: make(map[identity.Address]string),
	}
	n.now = n.start
	secret := v.secret(c.Setup.Node)
	r := rand.New(rand.NewPCG(1, 2))
	n.w = New(Config{
		Secret: secret, Trust: trust.New(1000), Upper: n, Log: slog.New(slog.DiscardHandler), Major: 1, Minor: 14, Revision: 1,
		Random: func(b []byte) {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		},
	}, n.now)
	for name := range v.Identities {
		if name != c.Setup.Node {
			n.mayWriteTo(secret, name, v.secret(name).Identity)
		}
	}
	if c.Colliding != "" {
		id, err := identity.Parse(c.Colliding)
		if err != nil {
			t.Fatal(err)
		}
		n.mayWriteTo(secret, "collider", id)
	}
	var trusted uint64
	var prefix string
	if _, err := fmt.Sscanf(c.Setup.TrustedPath, "%s id %x", &prefix, &trusted); err == nil {
		n.do(func() {
			n.w.SetPhysical(n.now, Settings{Physical: []Physical{{Prefix: netip.MustParsePrefix(prefix), TrustedPathID: trusted}}})
		})
	}
	n.do(func() {
		n.addWorld(c.Setup.Planet)
		if c.Setup.MoonFile != "" {
			n.addWorld(c.Setup.MoonFile)
		}
		for _, name := range c.Setup.Preloaded {
			n.preload(name, c.Setup.Protocol, c.Setup.HavePaths)
		}
		if root := n.w.peers[v.secret("root").Address]; root != nil {
			n.preload("root", 12, c.Setup.RootHasPath)
		}
	})
	var moon uint64
	var seed identity.Address
	if _, err := fmt.Sscanf(c.Setup.Orbit, "moon id %x seed %x", &moon, &seed); err == nil {
		n.do(func() {
			if err := n.w.Orbit(n.now, world.Wanted{ID: moon, Seed: seed}); err != nil {
				t.Fatal(err)
			}
		})
	}
	n.did = nil
	n.w.nextPing = n.start.Mono + clock.Hour // the reference's pings were not run
	return n
}

func (n *vectorNode) mayWriteTo(self *identity.Secret, name string, id identity.Identity) {
	key, err := self.Agree(id.Public)
	if err != nil {
		n.t.Fatal(err)
	}
	if name == "collider" {
		n.known[0], n.keys[0] = name, armor.NewKeys(&key)
		return
	}
	n.keys[id.Address], n.known[id.Address] = armor.NewKeys(&key), name
}

func (n *vectorNode) addWorld(name string) {
	w, _, err := world.Parse(unhex(n.v.Worlds[name]))
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.w.AddWorld(n.now, &w); err != nil {
		n.t.Fatal(err)
	}
}

// preload makes a peer known, last heard a second ago.
func (n *vectorNode) preload(name string, protocol uint8, path bool) {
	id := n.v.secret(name).Identity
	p := n.w.peers[id.Address]
	if p == nil {
		var err error
		if p, err = n.w.admit(n.now, id, trust.FromCache); err != nil {
			n.t.Fatal(err)
		}
	}
	if protocol > 0 {
		n.w.setVersion(p, protocol, 1, 14, 1)
	}
	p.lastReceive = n.now.Mono - clock.Second
	if path {
		x := n.w.pathTo(pathKey{netip.MustParseAddrPort(vectorEndpoints[name]), 1})
		x.lastIn, x.latency = n.now.Mono-clock.Second, 10
		x.users++
		p.slots = append(p.slots, slot{path: x, seen: n.now.Mono - clock.Second, priority: 1})
	}
}

// do runs f in the wire and notes what it did.
func (n *vectorNode) do(f func()) {
	n.w.Begin(n.now, &n.out)
	f()
	work := append([]Work(nil), n.out.Work...)
	for _, d := range n.out.Send {
		n.sent(d)
	}
	for _, s := range n.out.Store {
		switch s.Kind {
		case StorePlanet:
			n.did = append(n.did, "planet "+hex.EncodeToString(s.Data))
		case StoreMoon:
			if s.Data == nil {
				n.did = append(n.did, fmt.Sprintf("moon deleted %016x", s.ID))
				continue
			}
			n.did = append(n.did, "moon "+hex.EncodeToString(s.Data))
		}
	}
	n.out.Reset()
	for _, w := range work {
		n.do(func() { n.w.Done(n.now, WorkResult{w.ID, validate(w.Identity)}) })
	}
}

// sent decodes a datagram, if need be joined with those before.
func (n *vectorNode) sent(d Datagram) {
	to := strings.Replace(d.Remote.String(), ":"+fmt.Sprint(d.Remote.Port()), "/"+fmt.Sprint(d.Remote.Port()), 1)
	to = strings.Trim(strings.ReplaceAll(to, "]", ""), "[")
	data := append([]byte(nil), d.Data...)
	switch wire.Classify(data) {
	case wire.KindFragment:
		f := wire.Fragment(data)
		if n.keys[f.Destination()] == nil || f.Hops() > 0 {
			n.did = append(n.did, fmt.Sprintf("%s fragment %x", to, data))
			return
		}
		whole, _ := n.parts.add(n.now.Mono, f.PacketID(), f.Number(), f.Total(), f.Payload(), pathKey{}, false)
		if whole == nil {
			return
		}
		data = whole
	case wire.KindPacket:
		if p := wire.Packet(data); p.Fragmented() {
			n.parts.add(n.now.Mono, p.ID(), 0, 0, data, pathKey{}, false)
			return
		}
	default:
		n.did = append(n.did, fmt.Sprintf("%s junk %d ttl %d", to, len(data), d.TTL))
		return
	}
	p := wire.Packet(data)
	cipher, hops := p.Cipher(), p.Hops()
	keys, who := n.keys[p.Destination()], n.known[p.Destination()]
	if p.Source() != n.w.self.Address {
		// Relayed: whoever sent it agreed a key with the destination.
		n.did = append(n.did, fmt.Sprintf("%s relayed to %s cipher %d hops %d", to, who, cipher, hops))
		return
	}
	if !keys.Open(data) {
		data = append([]byte(nil), d.Data...)
		p = data
		if n.keys[0] == nil || !n.keys[0].Open(data) {
			n.did = append(n.did, to+" unreadable")
			return
		}
		who = n.known[0]
	}
	payload := p.Payload()
	if p.Verb() == wire.VerbHello {
		if _, tail, err := wire.ParseHello(payload); err == nil && tail < len(payload) {
			keys.CryptHelloTail(data[:8], payload[tail:])
		}
	}
	if p.Verb() == wire.VerbWhois {
		n.asked = wire.Packet(d.Data).ID()
	}
	n.did = append(n.did, describeSent(to, who, uint8(cipher), hops, p.Verb(), hex.EncodeToString(payload)))
}

func describeSent(to, who string, cipher, hops uint8, v wire.Verb, payload string) string {
	if len(payload) > 600 && v != wire.VerbHello {
		sum := sha256.Sum256(unhex(payload))
		payload = "sha256:" + hex.EncodeToString(sum[:])
	}
	return fmt.Sprintf("%s %v for %s cipher %d hops %d %s", to, v, who, cipher, hops, payload)
}
