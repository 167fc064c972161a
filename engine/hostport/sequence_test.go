package hostport

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/ether"
	"orrery/engine/identity"
)

// player drives a port with steps that bytes choose, and checks its books and
// what it puts out after each.
type player struct {
	t    testing.TB
	p    *Port
	at   clock.Instant
	from bool // the step is a frame of the network
}

func (x *player) ToNetwork(src, dst identity.MAC, etherType uint16, payload []byte) {
	switch {
	case src != ownMAC || dst == 0 || dst == ownMAC:
		x.t.Errorf("a frame from %v to %v", src, dst)
	case etherType == ether.TypeARP:
		if _, err := ether.ParseARP(payload); err != nil {
			x.t.Error("malformed ARP sent:", err)
		}
	case etherType == ether.TypeIPv4:
		if p, err := ether.ParseIPv4(payload); err != nil || len(p) != len(payload) || len(p) > x.p.set.MTU {
			x.t.Errorf("malformed IPv4 sent: %d bytes, %v", len(payload), err)
		}
	case etherType == ether.TypeIPv6:
		if p, err := ether.ParseIPv6(payload); err != nil || len(p) != len(payload) || len(p) > x.p.set.MTU {
			x.t.Errorf("malformed IPv6 sent: %d bytes, %v", len(payload), err)
		}
	default:
		x.t.Errorf("a frame of type %x sent", etherType)
	}
}

func (x *player) ToHost(packet []byte) {
	src := netip.Addr{}
	if p, err := ether.ParseIPv4(packet); err == nil && len(p) == len(packet) {
		src = p.Src()
	} else if p, err := ether.ParseIPv6(packet); err == nil && len(p) == len(packet) {
		src = p.Src()
	} else {
		x.t.Errorf("not a packet: %x", packet)
	}
	if len(packet) > x.p.set.NetworkMTU {
		x.t.Errorf("%d bytes to the host", len(packet))
	}
	if x.from && x.p.isOwn(src) {
		x.t.Errorf("the network gave the host a packet from its own address %v", src)
	}
}

// check compares the port's books with what they are about.
func (x *player) check() {
	p := x.p
	waiting, queued, bytes := 0, 0, 0
	for i, n := range p.order {
		if n.place != i || p.neighbors[n.ip] != n {
			x.t.Fatalf("entry %d is out of place", i)
		}
		if n.state == incomplete {
			waiting++
		} else if len(n.queue) > 0 {
			x.t.Errorf("%v is not incomplete and has a queue", n.ip)
		}
		if n.state == resolved && (n.mac == 0 || n.mac.Multicast()) {
			x.t.Errorf("%v is at %v", n.ip, n.mac)
		}
		if p.isOwn(n.ip) {
			x.t.Errorf("our own address %v is a neighbour", n.ip)
		}
		if len(n.queue) > MaxQueue {
			x.t.Errorf("%d packets wait for %v", len(n.queue), n.ip)
		}
		for _, q := range n.queue {
			queued++
			bytes += len(q)
		}
	}
	if waiting != p.waiting || queued != p.queued || bytes != p.bytes {
		x.t.Errorf("books say %d, %d, %d; there are %d, %d, %d", p.waiting, p.queued, p.bytes, waiting, queued, bytes)
	}
	if len(p.order) != len(p.neighbors) || len(p.order) > MaxNeighbors || waiting > MaxIncomplete || queued > MaxQueued || bytes > MaxQueuedBytes ||
		len(p.groups) > MaxGroups || len(p.snooped) > MaxGroups || len(p.announcing) > MaxAddresses || len(p.conflicts) > MaxAddresses || len(p.types) > maxEtherTypes {
		x.t.Error("a table is over its limit")
	}
}

// step takes a step from four bytes and a tail of raw ones.
func (x *player) step(op, a, b, c byte, raw []byte) {
	macs := []identity.MAC{peerMAC, thirdMAC, 0x00163e000001, ownMAC, identity.Broadcast, 0x333300000001, 0x3333ff000005, 0, 0x01005e0000fb}
	v4 := []string{"10.0.0.5", "10.0.0.9", "10.0.0.255", "10.0.0.1", "0.0.0.0", "192.168.1.1", "224.0.0.251", "255.255.255.255", "127.0.0.1"}
	v6 := []string{"fd00::5", "fd00::9", "fe80::5", "fe80::9", "::", "::1", "ff02::1", "2001:db8::1", identity.LinkLocal(peerMAC).String()}
	pick := func(list []string, n byte) string { return list[int(n)%len(list)] }
	mac := macs[int(a)%len(macs)]
	x.from = op%16 >= 4
	defer func() { x.from = false }()
	net := func(etherType uint16, payload []byte) {
		x.p.FromNetwork(x.at, mac, macs[int(a>>4)%len(macs)], etherType, payload, op&0x80 != 0, x)
	}
	size := int(op&0x70) * 26
	switch op % 16 {
	case 0:
		x.p.FromHost(x.at, packet(pick(v4, b), pick(v4, c), 17, make([]byte, size)...), x)
	case 1:
		x.p.FromHost(x.at, packet(pick(v6, b), pick(v6, c), 17, make([]byte, size)...), x)
	case 2:
		x.p.FromHost(x.at, raw, x)
	case 3:
		x.p.FromHost(x.at, ether.AppendSolicitation(nil, ip(pick(v6, b)), ether.SolicitedNode(ip(pick(v6, c))), ip(pick(v6, c)), mac), x)
	case 4:
		net(ether.TypeARP, arp(ether.ARPRequest, mac, pick(v4, b), pick(v4, c)))
	case 5:
		net(ether.TypeARP, arp(ether.ARPReply, mac, pick(v4, b), pick(v4, c)))
	case 6:
		net(ether.TypeIPv6, ether.AppendSolicitation(nil, ip(pick(v6, b)), ether.SolicitedNode(ip(pick(v6, c))), ip(pick(v6, c)), mac))
	case 7:
		net(ether.TypeIPv6, ether.AppendAdvertisement(nil, ip(pick(v6, b)), ip("fd00::5"), ip(pick(v6, c)), mac, b&0xe0))
	case 8:
		net(ether.TypeIPv4, packet(pick(v4, b), pick(v4, c), 17, make([]byte, size)...))
	case 9:
		net(ether.TypeIPv6, packet(pick(v6, b), pick(v6, c), 17, make([]byte, size)...))
	case 10:
		net([]uint16{ether.TypeIPv4, ether.TypeIPv6, ether.TypeARP, 0x8100, uint16(b)<<8 | uint16(c)}[int(b)%5], raw)
	case 11:
		x.from = false
		x.p.FromHost(x.at, report(pick(v4, b)), x)
	case 12:
		x.from = false
		x.pass(clock.Mono(b) * clock.Second / 8)
	case 13:
		x.from = false
		x.pass(clock.Mono(b) * 4 * clock.Second)
	case 14:
		x.from = false
		x.configure(b)
	case 15:
		x.from = false
		x.p.SetHostGroups([]netip.Addr{ip("239.0.0.1"), ip("ff02::fb")}[:b%3])
	}
}

func (x *player) pass(d clock.Mono) {
	for end := x.at.Mono + d; ; {
		next := min(end, max(x.p.Deadline(), x.at.Mono))
		x.at = x.at.Add(next - x.at.Mono)
		x.p.Tick(x.at, x)
		if x.p.Deadline() <= x.at.Mono {
			x.t.Fatal("the deadline does not advance")
		}
		if next == end {
			return
		}
	}
}

func (x *player) configure(how byte) {
	s := Settings{Assigned: prefixes("10.0.0.5/24", "fd00::5/64"), Added: prefixes("fe80::5/64"), MTU: 1400, NetworkMTU: 2800}
	switch how % 5 {
	case 1:
		s.Assigned = prefixes("10.0.0.6/24")
	case 2:
		s.Routes = []Route{{Prefix: prefix("192.168.0.0/16"), Via: ip("10.0.0.9")}}
	case 3:
		s.HostRoutes = []Route{{Prefix: prefix("0.0.0.0/0"), Via: ip("10.0.0.1")}, {Prefix: prefix("::/0"), Via: ip("fe80::9")}}
		s.NDPEmulation, s.Inspect = true, true
	case 4:
		s = Settings{}
	}
	x.p.Configure(x.at, s)
}

func newPlayer(t testing.TB) *player {
	x := &player{t: t, at: clock.Instant{Mono: clock.Hour}, p: New(Config{
		MAC: ownMAC, Network: nwid, Bridged: func(m identity.MAC) bool { return m == 0x00163e000001 },
	})}
	x.configure(0)
	return x
}

func (x *player) play(script []byte) {
	for len(script) >= 4 {
		x.step(script[0], script[1], script[2], script[3], script[4:min(len(script), 4+80)])
		script = script[4:]
		x.check()
	}
	if !x.p.up {
		return
	}
	x.pass(20 * clock.Second)
	if x.p.queued != 0 || x.p.waiting != 0 {
		x.t.Errorf("left over: %d packets, %d incomplete", x.p.queued, x.p.waiting)
	}
}

// FuzzSequence plays any sequence of packets, frames, settings and time.
func FuzzSequence(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0, 1, 12, 0, 9, 0})
	f.Add([]byte{1, 0, 0, 1, 7, 0, 1, 1, 9, 0, 1, 0, 13, 0, 80, 0, 1, 0, 0, 1})
	f.Add([]byte{5, 1, 0, 0, 13, 0, 200, 0, 14, 0, 3, 0, 0, 0, 0, 5, 14, 0, 4, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		newPlayer(t).play(script[:min(len(script), 512)])
	})
}

// TestRandomSequences plays long ones.
func TestRandomSequences(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		script := make([]byte, 8192)
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		newPlayer(t).play(script)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
