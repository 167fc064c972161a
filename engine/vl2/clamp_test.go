package vl2

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"orrery/engine/clock"
	"orrery/engine/identity"
	"orrery/engine/vl1"
	"orrery/engine/wire"
)

// opening is an IPv4 packet that opens a TCP connection with a maximum segment
// size.
func opening(mss uint16) []byte {
	p := make([]byte, 44)
	p[0], p[3], p[9] = 0x45, 44, 6
	p[22], p[23] = 0x01, 0xbb
	p[32], p[33] = 6<<4, 2
	p[40], p[41] = 2, 4
	binary.BigEndian.PutUint16(p[42:], mss)
	return p
}

// segmentIn is the maximum segment size in a hex payload that ends with an
// opening.
func segmentIn(t *testing.T, payload string) int {
	t.Helper()
	b, err := hex.DecodeString(payload)
	if err != nil || len(b) < 2 {
		t.Fatal(payload, err)
	}
	return int(binary.BigEndian.Uint16(b[len(b)-2:]))
}

// What opens a TCP connection is clamped on its way out and in, for the member
// that it goes to or comes from, and nobody's memory is written to.
func TestClamp(t *testing.T) {
	h, s, nw, in := busy(t)
	s.link, s.sink = h.fake, h.fake
	dst := identity.MACOf(nw.id, in.From.Address)
	at := start.Add(clock.Second)
	out := func(src, dst identity.MAC) int {
		t.Helper()
		p := opening(2760)
		s.SendFrame(at, nw, src, dst, 0x0800, p)
		if string(p) != string(opening(2760)) {
			t.Error("the host's packet was changed")
		}
		sent := h.take()
		if len(sent) == 0 {
			t.Fatal("nothing was sent")
		}
		return segmentIn(t, sent[len(sent)-1].Payload)
	}
	into := func() int {
		t.Helper()
		f := wire.Frame{Network: nw.id, EtherType: 0x0800, Data: opening(2760)}
		p := f.Append(nil)
		s.Handle(at, wire.VerbFrame, &vl1.Inbound{From: in.From, ID: 7, Payload: p})
		if string(p) != string(f.Append(nil)) {
			t.Error("the packet was changed")
		}
		d := h.takeDelivered()
		if len(d) != 1 {
			t.Fatal("nothing was delivered")
		}
		return segmentIn(t, d[0].payload)
	}
	for _, c := range []struct{ whole, limit, want int }{
		{0, 0, 2760}, {1292, 0, 1292 - 38 - 40}, {1432, 0, 1432 - 38 - 40}, {0, 1500, 1460}, {1432, 1300, 1260}, {1292, 1500, 1214}, {20, 0, 2760}, {9000, 0, 2760},
	} {
		h.whole = c.whole
		nw.SetLimit(c.limit)
		if a, b := out(nw.mac, dst), into(); a != c.want || b != c.want {
			t.Errorf("%+v: segments of %d bytes out, %d in", c, a, b)
		}
	}
	if nw.Clamped() != 10 {
		t.Errorf("%d counted", nw.Clamped())
	}
	// A frame of a host behind a bridge has a longer head.
	h.whole = 1292
	nw.SetLimit(0)
	nw.roles.amBridge = true
	if a := out(0x00163eaabbcc, dst); a != 1292-51-40 {
		t.Errorf("segments of %d bytes from behind us", a)
	}
	nw.roles.bridges = []identity.Address{in.From.Address}
	if a := out(nw.mac, 0x00163eaabbcc); a != 1292-51-40 {
		t.Errorf("segments of %d bytes to behind a bridge", a)
	}
	p := opening(2760)
	f := wire.Frame{Network: nw.id, EtherType: 0x0800, Data: p}
	syn := vl1.Inbound{From: in.From, ID: 8, Payload: f.Append(nil)}
	hole := &sinkhole{fake: h.fake}
	s.link, s.sink = hole, hole
	if n := testing.AllocsPerRun(100, func() {
		s.SendFrame(at, nw, nw.mac, dst, 0x0800, p)
		s.Handle(at, wire.VerbFrame, &syn)
	}); n != 0 || hole.sent+hole.delivered != 202 {
		t.Errorf("%v allocations, %d frames", n, hole.sent+hole.delivered)
	}
}
