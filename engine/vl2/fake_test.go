package vl2

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// sent is a packet that left through a fake link.
type sent struct {
	To       identity.Address
	Verb     wire.Verb
	Payload  string // hex
	compress bool
}

func (p sent) String() string { return fmt.Sprintf("%s %v %s", p.To, p.Verb, p.Payload) }

// frameOut is a frame that was delivered to a fake host.
type frameOut struct {
	src, dst  identity.MAC
	etherType uint16
	payload   string
	super     bool
}

// fake is a Link and a Sink that record.
type fake struct {
	self      identity.Identity
	known     map[identity.Address]identity.Identity
	upstreams []identity.Address
	best      identity.Address
	root      bool
	latency   map[identity.Address]int
	seed      uint64
	// whole is what Whole says of everybody.
	whole int

	sends     []sent
	replies   []sent
	delivered []frameOut
	asked     []identity.Address
	stored    map[identity.NetworkID][]byte
	changes   []Status
	retried   []identity.Address
	revoked   int // how often thresholds were to be stored
	// answer is called with each frame delivered.
	answer func(at clock.Instant, nw *Network, payload []byte)
}

func newFake(self identity.Identity, known ...identity.Identity) *fake {
	f := &fake{self: self, known: map[identity.Address]identity.Identity{}, stored: map[identity.NetworkID][]byte{}}
	for _, id := range append(known, self) {
		f.known[id.Address] = id
	}
	return f
}

func (f *fake) Self() identity.Identity { return f.self }
func (f *fake) Identity(a identity.Address) (identity.Identity, bool) {
	id, ok := f.known[a]
	return id, ok
}
func (f *fake) Whois(_ clock.Instant, a identity.Address) { f.asked = append(f.asked, a) }
func (f *fake) Send(_ clock.Instant, to identity.Address, v wire.Verb, head, body []byte, compress bool) uint64 {
	f.sends = append(f.sends, sent{to, v, hex.EncodeToString(head) + hex.EncodeToString(body), compress})
	return uint64(len(f.sends))
}
func (f *fake) ReplyOK(_ clock.Instant, in *vl1.Inbound, inRe wire.Verb, body []byte) {
	b := append(wire.AppendOK(nil, inRe, in.ID), body...)
	f.replies = append(f.replies, sent{To: in.From.Address, Verb: wire.VerbOK, Payload: hex.EncodeToString(b)})
}
func (f *fake) ReplyError(_ clock.Instant, in *vl1.Inbound, inRe wire.Verb, code wire.ErrorCode, body []byte) {
	b := append(wire.AppendError(nil, inRe, in.ID, code), body...)
	f.replies = append(f.replies, sent{To: in.From.Address, Verb: wire.VerbError, Payload: hex.EncodeToString(b)})
}
func (f *fake) Upstreams(dst []identity.Address) []identity.Address {
	return append(dst, f.upstreams...)
}
func (f *fake) BestUpstream() (identity.Address, bool) { return f.best, f.best != 0 }
func (f *fake) AmUpstream() bool                       { return f.root }
func (f *fake) Random() uint64 {
	f.seed = f.seed*6364136223846793005 + 1442695040888963407
	return f.seed >> 11
}
func (f *fake) Whole(identity.Address) int                   { return f.whole }
func (f *fake) DirectLatency(a identity.Address) (int, bool) { ms, ok := f.latency[a]; return ms, ok }

func (f *fake) Deliver(at clock.Instant, nw *Network, src, dst identity.MAC, etherType uint16, payload []byte, super bool) {
	if f.answer != nil {
		f.answer(at, nw, payload)
	}
	f.delivered = append(f.delivered, frameOut{src, dst, etherType, hex.EncodeToString(payload), super})
}
func (f *fake) NetworkChanged(_ clock.Instant, nw *Network) {
	f.changes = append(f.changes, nw.Status())
}
func (f *fake) StoreRevoked(identity.NetworkID)          { f.revoked++ }
func (f *fake) Store(id identity.NetworkID, conf []byte) { f.stored[id] = conf }

// take returns the packets sent since the last call.
func (f *fake) take() []sent {
	s := f.sends
	f.sends = nil
	return s
}

func (f *fake) takeReplies() []sent {
	s := f.replies
	f.replies = nil
	return s
}

func (f *fake) takeDelivered() []frameOut {
	d := f.delivered
	f.delivered = nil
	return d
}

// start is when vectors and scenarios begin; the monotonic clock has run for a
// while.
var start = clock.Instant{Mono: 1000 * clock.Second, Wall: 1700000000000}

func after(ms clock.Mono) clock.Instant { return start.Add(ms * clock.Millisecond) }

// party is an identity of the vectors.
type party struct {
	Role    string
	Address identity.Address
	Public  string
	Secret  string
}

func (p *party) identity(t testing.TB) identity.Identity {
	t.Helper()
	id, err := identity.Parse(p.Public)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func loadVectors(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
