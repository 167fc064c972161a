package vl2

import (
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/netconf"
	"orrery/engine/rule"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// sinkhole is a Link and Sink that drops everything, at no cost.
type sinkhole struct {
	*fake
	sent, delivered int
}

func (h *sinkhole) Send(clock.Instant, identity.Address, wire.Verb, []byte, []byte, bool) uint64 {
	h.sent++
	return 1
}
func (h *sinkhole) Deliver(clock.Instant, *Network, identity.MAC, identity.MAC, uint16, []byte, bool) {
	h.delivered++
}

// busy is a switch on a private network with many members and the stock rules,
// which has exchanged credentials with one of them.
func busy(t testing.TB) (*sinkhole, *Switch, *Network, *vl1.Inbound) {
	t.Helper()
	l := newLab(t)
	k := newIssuer(l)
	k.shape = func(c *netconf.Config) {
		c.Rules = []rule.Rule{
			{Type: rule.MatchEtherType, Not: true, Value: 0x0800},
			{Type: rule.MatchEtherType, Not: true, Value: 0x0806},
			{Type: rule.MatchEtherType, Not: true, Value: 0x86dd},
			{Type: rule.ActionDrop},
			{Type: rule.MatchIPProtocol, Value: 6},
			{Type: rule.MatchDestinationPort, Start: 25, End: 25},
			{Type: rule.ActionDrop},
			{Type: rule.ActionAccept},
		}
	}
	a, b := l.add("self", false, nil), l.add("peerB", false, nil)
	na, nb := k.admit(a, "10.147.17.5/24"), k.admit(b, "10.147.17.9/24")
	l.run(20 * clock.Millisecond)
	a.sw.SendFrame(l.at, na, na.mac, nb.mac, 0x0800, make([]byte, 40))
	b.sw.SendFrame(l.at, nb, nb.mac, na.mac, 0x0800, make([]byte, 40))
	l.run(20 * clock.Millisecond)
	if len(a.host) == 0 || len(b.host) == 0 {
		t.Fatal("the members do not reach each other")
	}
	for i := range 1000 {
		na.members.open(l.at.Mono, identity.Address(0x1000000000+i))
	}
	h := &sinkhole{fake: newFake(a.secret.Identity)}
	a.sw.link, a.sw.sink = h, h
	a.sw.scratch.input.Random = random{h}
	frame := wire.Frame{Network: na.id, EtherType: 0x0800, Data: tcpSegment()}
	return h, a.sw, na, &vl1.Inbound{From: b.secret.Identity, ID: 1, Payload: frame.Append(nil)}
}

// tcpSegment is an IPv4 packet of 1400 bytes.
func tcpSegment() []byte {
	p := make([]byte, 1400)
	p[0], p[9] = 0x45, 6
	p[22], p[23] = 0x01, 0xbb
	return p
}

func BenchmarkSendFrame(b *testing.B) {
	h, s, nw, in := busy(b)
	payload := tcpSegment()
	dst := identity.MACOf(nw.id, in.From.Address)
	at := start.Add(clock.Second)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		s.SendFrame(at, nw, nw.mac, dst, 0x0800, payload)
	}
	if h.sent == 0 {
		b.Fatal("nothing was sent")
	}
}

func BenchmarkHandleFrame(b *testing.B) {
	h, s, _, in := busy(b)
	at := start.Add(clock.Second)
	b.SetBytes(int64(len(in.Payload)))
	b.ReportAllocs()
	for b.Loop() {
		s.Handle(at, wire.VerbFrame, in)
	}
	if h.delivered == 0 {
		b.Fatal("nothing was delivered")
	}
}

func BenchmarkMulticast(b *testing.B) {
	h, s, nw, in := busy(b)
	at := start.Add(clock.Second)
	g := identity.MulticastGroup{MAC: 0x01005e0000fb}
	for i := range 40 { // more than the limit
		s.learnLike(at, groupKey{nw.id, g}, in.From.Address+identity.Address(i), true)
	}
	payload := tcpSegment()
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		s.SendFrame(at, nw, nw.mac, g.MAC, 0x0800, payload)
	}
	if h.sent == 0 {
		b.Fatal("nothing was sent")
	}
}

// TestFramesDoNotAllocate keeps the data path free of garbage.
func TestFramesDoNotAllocate(t *testing.T) {
	h, s, nw, in := busy(t)
	payload := tcpSegment()
	dst := identity.MACOf(nw.id, in.From.Address)
	at := start.Add(clock.Second)
	ext := wire.ExtFrame{Network: nw.id, To: nw.mac, From: dst, EtherType: 0x0800, Data: payload}
	extIn := vl1.Inbound{From: in.From, ID: 2, Payload: ext.Append(nil)}
	for name, f := range map[string]func(){
		"SendFrame":          func() { s.SendFrame(at, nw, nw.mac, dst, 0x0800, payload) },
		"Handle(FRAME)":      func() { s.Handle(at, wire.VerbFrame, in) },
		"Handle(EXT_FRAME)":  func() { s.Handle(at, wire.VerbExtFrame, &extIn) },
		"Tick without cause": func() { s.Tick(at) },
	} {
		f()
		before := h.sent + h.delivered
		n := testing.AllocsPerRun(100, f)
		if name == "Tick without cause" {
			if n > 1 { // the list of networks
				t.Errorf("%s allocates %v times", name, n)
			}
			continue
		}
		if n != 0 || h.sent+h.delivered-before != 101 {
			t.Errorf("%s allocates %v times; %d frames passed", name, n, h.sent+h.delivered-before)
		}
	}
}
