package sim_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"orrery/engine/armor"
	"orrery/engine/identity"
	"orrery/engine/sim"
	"orrery/engine/wire"
)

// flooder makes datagrams as an attacker would who knows the protocol, but not
// the victims' keys.
type flooder struct {
	r      *rand.Rand
	w      *sim.World
	from   *sim.Stranger
	secret *identity.Secret
}

func newFlooder(w *sim.World, seed uint64) *flooder {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	f := &flooder{r: rand.New(rand.NewChaCha8(key)), w: w, secret: w.NewSecret(70)}
	w.Distrust(f.secret.Identity)
	f.from = w.NewStranger(ipPort("5.0.66.1:4444"))
	return f
}

func (f *flooder) source() netip.AddrPort {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], f.r.Uint32())
	a[0] = 11 + a[0]%100
	return netip.AddrPortFrom(netip.AddrFrom4(a), uint16(1024+f.r.Uint32N(60000)))
}

func (f *flooder) fill(b []byte) []byte {
	for i := range b {
		b[i] = byte(f.r.Uint32())
	}
	return b
}

// hello is a HELLO to a node. Its identity is random, or for real an
// identity that can compute a right MAC but that the memory-hard hash refuses.
func (f *flooder) hello(to *sim.Node, real bool) []byte {
	id := f.secret.Identity
	if !real {
		id.Address = identity.AddressFrom(f.fill(make([]byte, 5))) | 1
		f.fill(id.Public[:])
	}
	if id.Address.Reserved() {
		id.Address = 0x1111111111
	}
	h := wire.Hello{Protocol: 12, Major: 1, Minor: 14, Identity: id, SentTo: to.Root().Endpoints[0], Time: 1}
	b := wire.AppendHeader(nil, f.r.Uint64(), addressOf(to), id.Address, wire.VerbHello)
	b = h.Append(b)
	if real {
		key, err := f.secret.Agree(to.Identity().Public)
		if err != nil {
			panic(err)
		}
		k := armor.NewKeys(&key)
		k.CryptHelloTail(b[:8], b[wire.HeaderLen+h.TailOffset():])
		k.Seal(b, armor.Poly1305None)
	}
	return b
}

// junk is a datagram of a random kind.
func (f *flooder) junk(to *sim.Node, as identity.Address) []byte {
	switch f.r.Uint32N(6) {
	case 0:
		return f.fill(make([]byte, f.r.Uint32N(1500)))
	case 1: // a packet that claims to come from a known or an unknown peer
		if f.r.Uint32N(2) == 0 {
			as = identity.Address(f.r.Uint64()&0x7fffffffff) | 1
		}
		b := wire.AppendHeader(nil, f.r.Uint64(), addressOf(to), as, wire.VerbFrame)
		b = append(b, f.fill(make([]byte, 100))...)
		b[18] = byte(f.r.Uint32N(4)) << 3
		return b
	case 2: // a fragment
		b := wire.AppendFragmentHeader(nil, f.r.Uint64(), addressOf(to), 2+int(f.r.Uint32N(6)), 1)
		return append(b, f.fill(make([]byte, 1400))...)
	case 3: // a head without fragments
		b := wire.AppendHeader(nil, f.r.Uint64(), addressOf(to), as, wire.VerbFrame)
		b = append(b, f.fill(make([]byte, 1400))...)
		wire.Packet(b).SetFragmented(true)
		return b
	case 4: // to be relayed to nowhere
		b := wire.AppendHeader(nil, f.r.Uint64(), identity.Address(f.r.Uint64()&0x7fffffffff)|1, as, wire.VerbFrame)
		return append(b, f.fill(make([]byte, 100))...)
	default:
		return f.hello(to, false)
	}
}

// Ten thousand junk datagrams and forged HELLOs from everywhere, at a leaf and at
// the root: state stays bounded, nobody is learnt, few answers leave, and an
// established flow does not lose a packet.
func TestFlood(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 700, sim.Link{Delay: 10 * ms}, noNAT, noNAT).up()
		l.talk(l.sa, l.b, 3*sec)
		l.directly(5 * sec)
		l.w.Run(5 * sec)
		f := newFlooder(l.w, 1)
		victims := []*sim.Node{l.a, l.r}
		before := make([]vitals, len(victims))
		for i, v := range victims {
			before[i] = look(l, v)
		}
		answers := 0
		l.w.Watch = func(from, to netip.AddrPort, _ []byte) bool {
			if to.Addr().As4()[0] >= 11 {
				answers++
			}
			return true
		}
		addr, _ := l.b.Address(l.nwid, true)
		var asked []uint16
		for i := range 10000 {
			for _, v := range victims {
				data := f.junk(v, addressOf(l.b))
				if i%10 == 0 {
					data = f.hello(v, true)
				}
				f.from.Forge(f.source(), v.Root().Endpoints[0], data)
			}
			if i%100 == 0 {
				asked = append(asked, l.sa.Ping(l.nwid, addr, 56))
			}
			l.w.Run(ms)
		}
		l.w.Run(2 * sec)
		lost := 0
		for _, seq := range asked {
			if _, ok := l.sa.Took(seq); !ok {
				lost++
			}
		}
		if lost != 0 {
			t.Errorf("%d of %d pings were lost in the flood", lost, len(asked))
		}
		for i, v := range victims {
			now := look(l, v)
			t.Logf("%s: %+v, then %+v", v.Name, before[i], now)
			if now.peers != before[i].peers {
				t.Errorf("%s has %d peers, had %d", v.Name, now.peers, before[i].peers)
			}
			if now.paths > before[i].paths+4 {
				t.Errorf("%s has %d paths, had %d", v.Name, now.paths, before[i].paths)
			}
			if now.held > 64 || now.queued > 32 || now.pending > 64 || now.whois > 200 {
				t.Errorf("%s holds too much: %+v", v.Name, now)
			}
		}
		if answers > 20 {
			t.Errorf("%d datagrams went to the attacker's addresses", answers)
		}
		t.Logf("%d validations at A, %d at the root", l.a.Validated, l.r.Validated)
		return l.w
	})
}

// A flood from one /24 does not keep a newcomer elsewhere from the root, and
// soon not even one in the same /24.
func TestNewcomerInAFlood(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := newLAN(t, 701, sim.Link{Delay: 10 * ms}, noNAT, noNAT)
		l.online()
		f := newFlooder(l.w, 2)
		for i := range 4000 {
			f.from.Send(l.r.Root().Endpoints[0], f.hello(l.r, i%2 == 0))
			l.w.Run(ms)
		}
		elsewhere, _ := l.add("N", 40, "5.0.40.1")
		took, ok := l.w.Until(5*sec, 10*ms, func() bool {
			f.from.Send(l.r.Root().Endpoints[0], f.hello(l.r, true))
			return elsewhere.Core.Online()
		})
		if !ok {
			t.Errorf("a newcomer from another network is not online after %d ms", took/ms)
		}
		near, _ := l.add("M", 41, "5.0.66.77")
		took, ok = l.w.Until(60*sec, 100*ms, near.Core.Online)
		if !ok {
			t.Errorf("a newcomer from the attacker's network is not online %d ms after the flood", took/ms)
		}
		t.Logf("online in the attacker's network %d ms after the flood", took/ms)
		return l.w
	})
}

// vitals is what a flood could make grow.
type vitals struct{ peers, paths, held, queued, pending, whois int }

func look(l *lan, n *sim.Node) vitals {
	s := n.Core.Sizes()
	return vitals{len(n.Core.Peers(l.w.Now().Mono)), s.Paths, s.Held, s.Queued, s.Validating, s.Asked}
}
