package hostport

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

const (
	nwid = identity.NetworkID(0xb10ca2393e1a2b3c)
	self = identity.Address(0x803348d73a)
	peer = identity.Address(0xc872fe451a)
)

var (
	ownMAC   = identity.MACOf(nwid, self)
	peerMAC  = identity.MACOf(nwid, peer)
	thirdMAC = identity.MACOf(nwid, 0x1122334455)
)

func ip(s string) netip.Addr       { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func prefixes(s ...string) (all []netip.Prefix) {
	for _, p := range s {
		all = append(all, prefix(p))
	}
	return all
}

// bench drives a port through virtual time and notes what comes out of it, one
// line per frame or packet.
type bench struct {
	t   testing.TB
	p   *Port
	at  clock.Instant
	log []string
}

func newBench(t testing.TB, cfg Config, s Settings) *bench {
	cfg.MAC, cfg.Network = ownMAC, nwid
	b := &bench{t: t, p: New(cfg), at: clock.Instant{Mono: 1000 * clock.Second, Wall: 1_700_000_000_000}}
	if s.MTU == 0 {
		s.MTU = 2800
	}
	b.p.Configure(b.at, s)
	return b
}

// settled is a bench that has done with probes of its addresses and does not
// query the host.
func settled(t testing.TB, cfg Config, s Settings) *bench {
	b := newBench(t, cfg, s)
	b.p.SetHostGroups(nil)
	b.run(10 * clock.Second)
	b.log = nil
	return b
}

func (b *bench) ToNetwork(src, dst identity.MAC, etherType uint16, payload []byte) {
	if src != ownMAC {
		b.t.Errorf("a frame from %v", src)
	}
	b.log = append(b.log, fmt.Sprintf("net %s %s", name(dst), describe(etherType, payload)))
}

func (b *bench) ToHost(packet []byte) {
	etherType := ether.TypeIPv4
	if packet[0]>>4 == 6 {
		etherType = ether.TypeIPv6
	}
	b.log = append(b.log, "host "+describe(etherType, packet))
}

// run lets time pass, stopping at each deadline.
func (b *bench) run(d clock.Mono) {
	b.t.Helper()
	end := b.at.Mono + d
	for steps := 0; b.p.Deadline() <= end; steps++ {
		if steps > 10000 {
			b.t.Fatal("the deadline does not advance")
		}
		b.at = b.at.Add(max(0, b.p.Deadline()-b.at.Mono))
		b.p.Tick(b.at, b)
	}
	b.at = b.at.Add(end - b.at.Mono)
}

func (b *bench) host(packet []byte) { b.p.FromHost(b.at, packet, b) }

func (b *bench) net(src, dst identity.MAC, etherType uint16, payload []byte) {
	b.p.FromNetwork(b.at, src, dst, etherType, payload, false, b)
}

// expect compares what came out since the last call.
func (b *bench) expect(want ...string) {
	b.t.Helper()
	if !slices.Equal(b.log, want) {
		b.t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(b.log, "\n\t"), strings.Join(want, "\n\t"))
	}
	b.log = nil
}

func (b *bench) expectDrops(r DropReason, want uint64) {
	b.t.Helper()
	if got := b.p.Drops(r); got != want {
		b.t.Errorf("%d drops for %v, want %d", got, r, want)
	}
}

func name(m identity.MAC) string {
	switch m {
	case identity.Broadcast:
		return "all"
	case ownMAC:
		return "own"
	case peerMAC:
		return "peer"
	case thirdMAC:
		return "third"
	}
	return m.String()
}

func describe(etherType uint16, b []byte) string {
	switch etherType {
	case ether.TypeARP:
		a, err := ether.ParseARP(b)
		if err != nil {
			return err.Error()
		}
		if a.Op == ether.ARPRequest {
			return fmt.Sprintf("who-has %v tell %v", a.TargetIP, a.SenderIP)
		}
		return fmt.Sprintf("%v is-at %s to %v %s", a.SenderIP, name(a.SenderMAC), a.TargetIP, name(a.TargetMAC))
	case ether.TypeIPv4:
		p, err := ether.ParseIPv4(b)
		if err != nil {
			return err.Error()
		}
		s := fmt.Sprintf("%v>%v proto %d len %d", p.Src(), p.Dst(), p.Protocol(), len(p))
		if p.Protocol() == ether.ProtoICMP && p.Payload()[0] == 3 {
			s = fmt.Sprintf("%v>%v unreachable %d", p.Src(), p.Dst(), p.Payload()[1])
		}
		if p.Protocol() == ether.ProtoIGMP && p.Payload()[0] == 0x11 {
			s = "igmp-query"
		}
		return s
	case ether.TypeIPv6:
		p, err := ether.ParseIPv6(b)
		if err != nil {
			return err.Error()
		}
		proto, m, _ := p.Upper()
		if proto == ether.ProtoICMPv6 {
			switch m[0] {
			case ether.TypeNeighborSolicitation:
				n, err := ether.ParseNeighbor(p)
				return fmt.Sprintf("solicit %v from %v to %v, option %s %v", n.Target, n.Src, n.Dst, name(n.LinkLayer), err)
			case ether.TypeNeighborAdvertisement:
				n, err := ether.ParseNeighbor(p)
				return fmt.Sprintf("advertise %v at %s flags %x to %v %v", n.Target, name(n.LinkLayer), n.Flags, n.Dst, err)
			case ether.TypeMLDQuery:
				return "mld-query from " + p.Src().String()
			case 1, 2:
				return fmt.Sprintf("%v>%v error %d/%d", p.Src(), p.Dst(), m[0], m[1])
			}
		}
		return fmt.Sprintf("%v>%v proto %d len %d", p.Src(), p.Dst(), proto, len(p))
	}
	return fmt.Sprintf("%#x", etherType)
}

// packet builds an IP packet of either version with a payload of n bytes.
func packet(src, dst string, proto uint8, payload ...byte) []byte {
	s, d := ip(src), ip(dst)
	if s.Is4() {
		total := 20 + len(payload)
		b := []byte{0x45, 0, byte(total >> 8), byte(total), 0, 0, 0x40, 0, 64, proto, 0, 0}
		b = append(b, s.AsSlice()...)
		b = append(b, d.AsSlice()...)
		return append(b, payload...)
	}
	b := []byte{0x60, 0, 0, 0, byte(len(payload) >> 8), byte(len(payload)), proto, 64}
	b = append(b, s.AsSlice()...)
	b = append(b, d.AsSlice()...)
	return append(b, payload...)
}

func udp(src, dst string) []byte { return packet(src, dst, 17, 1, 2, 3, 4) }

func arp(op uint16, mac identity.MAC, sender string, target string) []byte {
	return ether.ARP{Op: op, SenderMAC: mac, SenderIP: ip(sender), TargetMAC: ownMAC, TargetIP: ip(target)}.Append(nil)
}

// v4 is a port with one IPv4 address, v6 one with a private and a link-local
// IPv6 address.
var (
	v4 = Settings{Assigned: prefixes("10.0.0.5/24")}
	v6 = Settings{Assigned: prefixes("fd00::5/64"), Added: prefixes("fe80::5/64")}
)

// resolved makes 10.0.0.9 a reachable neighbour at peerMAC.
func resolved4(t testing.TB) *bench {
	b := settled(t, Config{}, v4)
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.net(peerMAC, ownMAC, ether.TypeARP, arp(ether.ARPReply, peerMAC, "10.0.0.9", "10.0.0.5"))
	b.expect("net all who-has 10.0.0.9 tell 10.0.0.5", "net peer 10.0.0.5>10.0.0.9 proto 17 len 24")
	return b
}

func TestDown(t *testing.T) {
	t.Parallel()
	b := &bench{t: t, p: New(Config{MAC: ownMAC, Network: nwid})}
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.net(peerMAC, ownMAC, ether.TypeIPv4, udp("10.0.0.9", "10.0.0.5"))
	b.p.Tick(b.at, b)
	b.expect()
	if b.p.Deadline() < clock.Hour || len(b.p.Groups()) != 0 {
		t.Errorf("deadline %v, groups %v", b.p.Deadline(), b.p.Groups())
	}
	b = resolved4(t)
	b.p.Configure(b.at, Settings{})
	b.host(udp("10.0.0.5", "10.0.0.9"))
	b.run(clock.Hour)
	b.expect()
	if len(b.p.Groups()) != 0 {
		t.Errorf("groups %v", b.p.Groups())
	}
}

// discard is an Output that keeps nothing.
type discard struct{}

func (discard) ToNetwork(_, _ identity.MAC, _ uint16, _ []byte) {}
func (discard) ToHost([]byte)                                   {}

// Nothing that either side sends may panic or break the books.
func FuzzPort(f *testing.F) {
	f.Add(uint8(0), udp("10.0.0.5", "10.0.0.9"))
	f.Add(uint8(1), udp("10.0.0.9", "10.0.0.5"))
	f.Add(uint8(2), arp(ether.ARPRequest, peerMAC, "10.0.0.9", "10.0.0.5"))
	f.Add(uint8(3), ether.AppendSolicitation(nil, ip("fd00::9"), ip("fd00::5"), ip("fd00::5"), peerMAC))
	f.Add(uint8(0x80), ether.AppendSolicitation(nil, ip("fd00::5"), ip("fd00::9"), ip("fd00::9"), ownMAC))
	f.Fuzz(func(t *testing.T, how uint8, data []byte) {
		p := New(Config{MAC: ownMAC, Network: nwid})
		at := clock.Instant{Mono: clock.Hour}
		p.Configure(at, Settings{
			Assigned: prefixes("10.0.0.5/24", "fd00::5/64"), Added: prefixes("fe80::5/64"), MTU: 1500,
			Inspect: how&0x10 != 0, RouterAdvertisements: how&0x20 != 0, SendReports: how&0x40 != 0,
		})
		for range 2 {
			p.FromHost(at, data, discard{})
			for _, dst := range []identity.MAC{ownMAC, identity.Broadcast, thirdMAC} {
				for _, typ := range []uint16{ether.TypeIPv4, ether.TypeIPv6, ether.TypeARP} {
					p.FromNetwork(at, peerMAC, dst, typ, data, how&1 != 0, discard{})
				}
			}
			for range 8 {
				at = at.Add(clock.Second)
				p.Tick(at, discard{})
			}
		}
		if p.queued != 0 || p.bytes != 0 || p.waiting != 0 {
			t.Errorf("left over: %d packets, %d bytes, %d incomplete", p.queued, p.bytes, p.waiting)
		}
	})
}
