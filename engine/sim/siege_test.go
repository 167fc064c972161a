package sim_test

import (
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/node"
	"orrery/engine/sim"
	"orrery/engine/wire"
)

// siege is ten thousand datagrams a second for some seconds, while A and B talk
// in packets of one and of two parts; per is what one of them does. It reports
// how much of the talk arrived, and what became of the victims' state.
func siege(t *testing.T, l *lan, seconds int, per func(i int)) {
	t.Helper()
	addr, _ := l.b.Address(l.nwid, true)
	victims := []*sim.Node{l.a, l.b, l.r}
	before := make([]vitals, len(victims))
	for i, v := range victims {
		before[i] = look(l, v)
	}
	var asked []uint16
	for i := range seconds * 10000 {
		per(i)
		if i%100 == 0 {
			asked = append(asked, l.sa.Ping(l.nwid, addr, 56+1900*(i/100%2)))
		}
		l.w.Run(ms / 10)
	}
	l.w.Run(2 * sec)
	got := 0
	for _, seq := range asked {
		if _, ok := l.sa.Took(seq); ok {
			got++
		}
	}
	if got*100 < len(asked)*99 {
		t.Errorf("%d of %d packets of an established flow arrived", got, len(asked))
	}
	for i, v := range victims {
		now, s := look(l, v), v.Core.Sizes()
		if now.peers > before[i].peers+2 || now.paths > before[i].paths+4 || now.held > 256 || now.queued > 32 || now.pending > 64 || now.whois > 256 ||
			s.Incomplete > 64 || s.Unproven > 1024 || s.Expected > 8192 {
			t.Errorf("%s: %+v, was %+v; %+v", v.Name, now, before[i], s)
		}
	}
}

// talking is the scene with a direct flow between A and B.
func talking(t *testing.T, seed uint64) *lan {
	l := newLAN(t, seed, sim.Link{Delay: 10 * ms}, noNAT, noNAT).up()
	l.talk(l.sa, l.b, 3*sec)
	l.directly(5 * sec)
	l.w.Run(5 * sec)
	return l
}

// What handling takes on a slow core, in microseconds; BenchmarkAgreement and
// BenchmarkReceive of package vl1 measure it.
const (
	costAgreement = 150
	costDatagram  = 4
)

// Scenario: 10,000 spoofed HELLOs a second from random sources, with and without
// right MACs. Nobody is learnt, the flow goes on, and a core is busy with it for
// less than a tenth of its time.
func TestSpoofedHellos(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := talking(t, 710)
		f := newFlooder(l.w, 3)
		real := make(map[*sim.Node][]byte)
		for _, v := range []*sim.Node{l.a, l.b, l.r} {
			real[v] = f.hello(v, true)
		}
		done := func(n *sim.Node) uint64 { return counter(n, "drop.authentication") + n.Validated }
		was := done(l.b)
		const seconds = 3
		siege(t, l, seconds, func(i int) {
			for _, v := range []*sim.Node{l.a, l.b, l.r} {
				data := real[v]
				if i%4 != 0 {
					data = f.hello(v, false)
				}
				f.from.Forge(f.source(), v.Root().Endpoints[0], data)
			}
		})
		agreements := done(l.b) - was
		busy := agreements*costAgreement + seconds*10000*costDatagram
		if busy > seconds*1e6/10 {
			t.Errorf("a core is busy for %d of %d µs: %d key agreements", busy, seconds*1000000, agreements)
		}
		t.Logf("%d key agreements, busy %d µs in %d s; %d validations", agreements, busy, seconds, l.b.Validated)
		return l.w
	})
}

// Scenario: 10,000 packets a second that say to come from strangers, from known
// peers without their keys, to be relayed, or as parts.
func TestGarbage(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := talking(t, 711)
		f := newFlooder(l.w, 4)
		siege(t, l, 2, func(i int) {
			for _, v := range []*sim.Node{l.a, l.b, l.r} {
				as := addressOf(l.a)
				if v == l.a {
					as = addressOf(l.b)
				}
				f.from.Forge(f.source(), v.Root().Endpoints[0], f.junk(v, as))
			}
		})
		// Eighty-four sources, each until it is given up after five seconds.
		if n := counter(l.a, "out.WHOIS"); n > 84*11 {
			t.Errorf("A asked %d times for made-up sources", n)
		}
		return l.w
	})
}

// Scenario: all that passes is recorded and sent again ten times, from where it
// came, from elsewhere, and back to its sender. Nothing is delivered twice,
// nobody is led astray, and the victims of forged addresses get no more than was
// sent in their name.
func TestReplayAndReflection(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := talking(t, 712)
		f := newFlooder(l.w, 5)
		type heard struct {
			from, to netip.AddrPort
			data     []byte
		}
		var log []heard
		record := true
		in, out := map[netip.AddrPort]int{}, map[netip.AddrPort]int{}
		l.w.Watch = func(from, to netip.AddrPort, data []byte) bool {
			if record && len(log) < 400 && len(data) > 28 {
				log = append(log, heard{from, to, append([]byte(nil), data...)})
			}
			if to.Addr().As4()[0] == 7 {
				out[to] += len(data)
			}
			return true
		}
		l.count(l.sa, l.b, 50, 20*ms, 1956)
		record = false
		frames, got := counter(l.b, "in.FRAME"), l.sb.Received
		for round := range byte(10) {
			for i, h := range log {
				elsewhere := netip.AddrPortFrom(netip.AddrFrom4([4]byte{7, 7, round, byte(i)}), 4444)
				in[elsewhere] += len(h.data)
				f.from.Forge(h.from, h.to, h.data)
				f.from.Forge(elsewhere, h.to, h.data)
				f.from.Forge(h.to, h.from, h.data) // reflected
				l.w.Run(ms)
			}
		}
		l.w.Run(3 * sec)
		if now := l.sb.Received; now != got {
			t.Errorf("B's host got %d packets from replays", now-got)
		}
		if now := counter(l.b, "in.FRAME"); now != frames {
			t.Errorf("%d replayed frames were taken", now-frames)
		}
		if counter(l.b, "drop.replay") < 100 {
			t.Errorf("only %d replays were dropped", counter(l.b, "drop.replay"))
		}
		for a, n := range out {
			if n > in[a] {
				t.Errorf("%d bytes went to %v, in whose name %d were sent", n, a, in[a])
			}
		}
		if got := l.count(l.sa, l.b, 20, 50*ms, 56); got != 20 {
			t.Errorf("%d of 20 pings after it", got)
		}
		return l.w
	})
}

// Scenario: strangers send parts with random IDs and, seeing every packet, forged
// parts of each packet of the flow, from their own addresses: the flow's packets
// are joined nevertheless.
func TestForgedFragments(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := talking(t, 713)
		f := newFlooder(l.w, 6)
		busy := false
		l.w.Watch = func(_, to netip.AddrPort, data []byte) bool {
			if busy || to != l.b.Root().Endpoints[0] {
				return true
			}
			busy = true
			defer func() { busy = false }()
			if wire.Classify(data) == wire.KindPacket && wire.Packet(data).Fragmented() {
				for n := 1; n < 3; n++ {
					part := wire.AppendFragmentHeader(nil, wire.Packet(data).ID(), addressOf(l.b), 2+n%2, n)
					f.from.Forge(f.source(), to, f.fill(append(part, make([]byte, 700)...)))
				}
			}
			return true
		}
		siege(t, l, 1, func(int) {
			part := wire.AppendFragmentHeader(nil, f.r.Uint64(), addressOf(l.b), 2+int(f.r.Uint32N(6)), 1)
			f.from.Forge(f.source(), l.b.Root().Endpoints[0], append(part, make([]byte, 900)...))
		})
		return l.w
	})
}

// An attacker who holds a valid identity of his own, known to all, sends in its
// name from addresses of others: what they get is no more than what he sent.
func TestAmplificationByAPeer(t *testing.T) {
	scenario(t, func(t *testing.T) *sim.World {
		l := talking(t, 714)
		evil, se := l.add("E", 66, "5.0.66.1")
		evil.Join(l.nwid)
		l.ready(3*sec, evil)
		l.talk(se, l.b, 5*sec)
		in, out := map[netip.AddrPort]int{}, map[netip.AddrPort]int{}
		n := 0
		// What E sends is carried on in the name of others.
		mirror := l.w.NewStranger(ipPort("5.0.66.2:1"))
		busy := false
		l.w.Watch = func(from, to netip.AddrPort, data []byte) bool {
			if to.Addr().As4()[0] == 7 {
				out[to] += len(data)
				return false
			}
			if busy || from.Addr() != ip("5.0.66.1") {
				return true
			}
			busy = true
			victim := netip.AddrPortFrom(netip.AddrFrom4([4]byte{7, 1, byte(n >> 8), byte(n)}), 5)
			n++
			in[victim] += len(data)
			mirror.Forge(victim, to, data)
			busy = false
			return false
		}
		for i := range 200 {
			addr, _ := l.b.Address(l.nwid, true)
			se.Ping(l.nwid, addr, 56+i%3*1300)
			evil.Do(func(c *node.Core, at clock.Instant, out *node.Outbox) {
				c.Ask(at, identity.Address(0x1234567800+i), out)
			})
			l.w.Run(50 * ms)
		}
		for a, n := range out {
			if n > in[a] {
				t.Errorf("%d bytes went to %v, in whose name %d were sent", n, a, in[a])
			}
		}
		if n < 100 || len(out) == 0 {
			t.Errorf("%d datagrams were sent in others' names, %d of them heard of it", n, len(out))
		}
		return l.w
	})
}
